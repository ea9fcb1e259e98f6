"""Chips: cutting them from scenes, their table, common bands, scaling and screening."""
