"""Parts of the land-cover Data page."""
