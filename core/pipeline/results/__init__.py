"""The current result of a workspace, the records of its runs, and what is displayed of them."""
