"""The procedural land-cover patches, in FLAIR #2's layout."""
