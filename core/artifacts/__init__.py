"""Keys, formats and the store: each stage's result under a key of all that made it."""
