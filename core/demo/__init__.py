"""Procedural demonstration data: synthetic, reproducible from a seed and free of any licence."""
