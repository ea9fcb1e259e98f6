"""The pages of the app; each draws a title, controls, results and explanations."""
