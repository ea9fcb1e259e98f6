"""Estimates of the time, memory and disk space that jobs need, before they start."""
