"""Labels of the chips of a workspace: their file, and the tasks of labelling."""
