"""Features of the surroundings of a pixel, computed from the bands of an image."""
