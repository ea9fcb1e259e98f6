"""Parts of the land-cover Models page."""
