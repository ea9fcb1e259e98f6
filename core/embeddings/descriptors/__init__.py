"""Encoders that use the pixels alone and need no weights."""
