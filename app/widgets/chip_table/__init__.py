"""The table of chips."""
