"""The parts of the page that finds more objects in scenes."""
