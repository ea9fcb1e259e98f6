"""Your own images and labels as a land-cover data set."""
