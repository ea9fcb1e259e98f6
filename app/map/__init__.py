"""Parts of the Map page, and the routes that serve its tiles."""
