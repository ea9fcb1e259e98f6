"""Scenes, annotations and windows: the only place where pixels and vectors are read."""
