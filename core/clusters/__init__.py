"""Labellings of the chips: mixtures, density, and how they are judged."""
