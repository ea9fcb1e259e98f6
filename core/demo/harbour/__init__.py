"""The procedural harbour: scenes of boats and buildings with annotations."""
