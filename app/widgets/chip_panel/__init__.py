"""The panel of the picked chip."""
