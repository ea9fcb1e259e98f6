"""Changes between two scenes of a view that cover the same ground."""
