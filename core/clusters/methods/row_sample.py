"""The chips that a method is fitted to, if there are too many for all of them."""

import numpy as np

from core.types import AnyArray


def random_rows(n: int, size: int) -> AnyArray:
    """Return `size` of n rows in ascending order, drawn at random; always the same ones."""
    return np.sort(np.random.default_rng(0).choice(n, size, replace=False))
