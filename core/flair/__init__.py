"""FLAIR #2: labelled land cover as a table of pixels, which is classified and evaluated."""
