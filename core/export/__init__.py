"""Export of results to the formats that other programs read."""
