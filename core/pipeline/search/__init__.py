"""The search for chips similar to examples: the examples of a workspace, and ranked chips."""
