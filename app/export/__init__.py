"""The panel that writes results for other programs, on the pages that display clusters."""
