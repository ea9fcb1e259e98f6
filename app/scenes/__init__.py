"""Parts of the Scenes page."""
