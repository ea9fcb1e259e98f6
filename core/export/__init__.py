"""Export of results to formats that other programs read."""
