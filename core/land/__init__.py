"""FLAIR #2: labelled land-cover pixels, their classification and its evaluation."""
