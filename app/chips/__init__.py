"""Parts of the Chips page."""
