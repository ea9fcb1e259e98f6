"""The groups of features of a pixel's surroundings, and their computation for an image."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.ndimage import uniform_filter

from core.errors import SettingsError
from core.land.context.image_bands import ImageBands
from core.types import AnyArray, FloatArray

TEXTURE_WINDOW = 9
"""Pixels along one side of the window in which texture is measured."""

NamedPlanes = tuple[FloatArray, tuple[str, ...]]
"""Planes of features, float32 (f, h, w), and the name of each."""


def local_texture(visible: AnyArray) -> FloatArray:
    """Compute the standard deviation of brightness (mean visible band) in 9 x 9 windows.

    The visible bands are (b, h, w), the texture is float32 (h, w), in the unit of the bands.
    """
    grey = visible.mean(axis=0, dtype=np.float64)
    mean = uniform_filter(grey, TEXTURE_WINDOW, mode="reflect")
    mean_square = uniform_filter(grey * grey, TEXTURE_WINDOW, mode="reflect")
    return np.asarray(np.sqrt(np.maximum(mean_square - mean * mean, 0)), np.float32)


def _texture(image: ImageBands) -> NamedPlanes:
    texture = local_texture(image.brightness_bands()) / np.float32(image.scale)
    return texture[None], ("texture",)


CONTEXT_GROUPS: Mapping[str, Callable[[ImageBands], NamedPlanes]] = {"texture": _texture}
"""The function that computes each group, in the order of the columns.

The name of a plane is the name of its group, or starts with it and a colon.
"""


def compute_context(image: ImageBands, groups: Sequence[str]) -> NamedPlanes:
    """Compute some groups of features for all pixels of an image, in the order of CONTEXT_GROUPS.

    All values are finite. Raises SettingsError if a group does not exist.
    """
    for group in groups:
        if group not in CONTEXT_GROUPS:
            raise SettingsError(
                f"{group!r} is not one of {', '.join(CONTEXT_GROUPS)}", where="extras"
            )
    parts = [compute(image) for name, compute in CONTEXT_GROUPS.items() if name in groups]
    names = tuple(name for _, part_names in parts for name in part_names)
    empty = np.zeros((0, *image.bands.shape[1:]), np.float32)
    return np.concatenate([empty, *(planes for planes, _ in parts)]), names


def is_in_groups(name: str, groups: Sequence[str]) -> bool:
    """Return True if a column belongs to one of some groups."""
    return name.split(":", maxsplit=1)[0] in groups
