"""Parts of the land-cover Confusion page."""
