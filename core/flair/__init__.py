"""FLAIR #2: labelled land cover as a table of pixels, classified and judged."""
