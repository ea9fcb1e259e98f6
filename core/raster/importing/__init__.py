"""Importing a user's files: checks, safe names, and replacing existing files."""
