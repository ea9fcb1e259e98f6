"""The projections of a reduction: those that exist, and the one that is being computed."""
