"""Colours as red, green and blue in 0..1: palettes, random variation and blending."""

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from core.types import AnyArray, DoubleArray, FloatArray

Colour = tuple[float, ...]

WHITE: Colour = (0.86, 0.87, 0.86)
GLASS: Colour = (0.13, 0.16, 0.19)
TEAK: Colour = (0.58, 0.45, 0.33)


def palette(percentages: str) -> tuple[Colour, ...]:
    """Return colours from percentages of red, green and blue such as "42 33 25, 33 26 21"."""
    return tuple(tuple(int(n) / 100 for n in colour.split()) for colour in percentages.split(","))


def pick_colour(rng: Generator, colours: tuple[Colour, ...], spread: float = 0.05) -> DoubleArray:
    """Pick one of the colours and vary its brightness (by `spread`, a share) and its hue."""
    base = np.asarray(colours[int(rng.integers(len(colours)))])
    colour = base * (1 + rng.normal(0, spread)) + rng.normal(0, spread / 8, 3)
    return np.clip(colour, 0.02, 0.97)


def blend_colour(rgb: FloatArray, weight: AnyArray, colour: ArrayLike) -> None:
    """Blend a colour over `rgb`, (..., 3), in place; `weight`, (...,), is its opacity in 0..1."""
    rgb += weight[..., None] * (np.asarray(colour, np.float32) - rgb)
