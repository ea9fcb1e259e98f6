"""Procedural demonstrations: what they show is made up, seeded and free of any licence."""
