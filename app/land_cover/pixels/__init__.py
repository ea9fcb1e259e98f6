"""Parts of the land-cover Pixels page."""
