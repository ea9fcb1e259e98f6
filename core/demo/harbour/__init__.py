"""The procedural harbour: aerial scenes of boats and buildings with their annotations."""
