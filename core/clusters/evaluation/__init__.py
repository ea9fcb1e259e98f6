"""How good a labelling is: quality, stability, agreement, confounders, sweeps."""
