"""Changes between two scenes of the same ground."""
