"""Encoders computed from the pixels alone, without weights."""
