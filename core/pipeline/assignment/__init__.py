"""Assignment of the chips of new scenes to the clusters of an existing result."""
