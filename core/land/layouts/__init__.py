"""Published data sets in other layouts than FLAIR #2's: FLAIR-HUB, and archives by domain."""
