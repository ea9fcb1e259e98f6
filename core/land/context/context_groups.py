"""The groups of features of a pixel's surroundings, and their computation for an image."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import SettingsError
from core.land.context import local_statistics as statistics
from core.land.context.image_bands import ImageBands, Surroundings
from core.land.context.local_patterns import PATTERN_RADIUS, PATTERN_WINDOW, pattern_planes
from core.land.context.morphological_profiles import RELIEF_RADII, relief_planes
from core.types import FloatArray

NamedPlanes = tuple[FloatArray, tuple[str, ...]]
"""Planes of features, float32 (f, h, w), and the name of each."""
# Gaussians are cut off at 4 standard deviations.
_GAUSSIAN_REACH = 4


@dataclass(frozen=True)
class ContextGroup:
    """A group of features: its name, its title, and how it is computed.

    Attributes
    ----------
    planes : callable
        Yields the planes of an image; the name of a plane is that of the group, or starts with it,
        a colon and a space.
    reach : int
        Pixels farther away than this have no influence.
    """

    name: str
    title: str
    planes: Callable[[Surroundings], statistics.Planes]
    reach: int


CONTEXT_GROUPS: Mapping[str, ContextGroup] = {
    group.name: group
    for group in (
        ContextGroup(
            "texture", "texture (9 px)", statistics.texture_planes, statistics.TEXTURE_WINDOW // 2
        ),
        ContextGroup(
            "means", "local means", statistics.mean_planes, max(statistics.MEAN_WINDOWS) // 2
        ),
        ContextGroup(
            "deviations",
            "local deviations",
            statistics.deviation_planes,
            max(statistics.DEVIATION_WINDOWS) // 2,
        ),
        ContextGroup(
            "gradients",
            "gradients",
            statistics.gradient_planes,
            # Twice the Gaussian's reach: pixels without data copy pixels as far away again.
            max(statistics.GRADIENT_WINDOWS) // 2 + 2 * _GAUSSIAN_REACH,
        ),
        ContextGroup(
            "patterns",
            "local binary patterns",
            pattern_planes,
            PATTERN_WINDOW // 2 + 2 * (2 * PATTERN_RADIUS + _GAUSSIAN_REACH),
        ),
        ContextGroup("relief", "relief", relief_planes, 2 * max(RELIEF_RADII)),
    )
}
"""The groups by name, in the order of their columns."""

CONTEXT = ("means", "deviations", "gradients", "patterns", "relief")
"""The recommended groups, which `--features context` selects."""


def compute_context(image: ImageBands, groups: Sequence[str]) -> NamedPlanes:
    """Compute some groups of features for all pixels of an image, in the order of CONTEXT_GROUPS.

    All values are finite. Raises SettingsError if a group does not exist.
    """
    _require_groups(groups)
    planes: list[FloatArray] = []
    names: list[str] = []
    surroundings = Surroundings(image) if groups else None
    for group in CONTEXT_GROUPS.values():
        if surroundings is not None and group.name in groups:
            for name, values in group.planes(surroundings):
                names.append(name)
                planes.append(np.asarray(values, np.float32))
    return np.stack(planes) if planes else np.zeros((0, *image.shape), np.float32), tuple(names)


def context_reach(groups: Sequence[str]) -> int:
    """Return the distance in pixels beyond which nothing influences a pixel's features."""
    _require_groups(groups)
    return max((CONTEXT_GROUPS[group].reach for group in groups), default=0)


def stream_context(
    image: ImageBands, groups: Sequence[str], side: int = 512
) -> Iterator[tuple[slice, slice, NamedPlanes]]:
    """Compute the features block by block, so that memory is bounded by the block and its margin.

    The bands may be memory-mapped. Each block of `side` x `side` pixels is computed with a margin
    of `context_reach`, so that blocks show no seams. Yields rows, columns, and the features of the
    block's pixels.
    """
    margin, (height, width) = context_reach(groups), image.shape
    for top in range(0, height, side):
        for left in range(0, width, side):
            rows = slice(top, min(top + side, height))
            columns = slice(left, min(left + side, width))
            outer_rows, outer_columns = (
                slice(max(0, part.start - margin), part.stop + margin) for part in (rows, columns)
            )
            planes, names = compute_context(image.crop(outer_rows, outer_columns), groups)
            inner = (
                slice(part.start - outer.start, part.stop - outer.start)
                for part, outer in ((rows, outer_rows), (columns, outer_columns))
            )
            yield rows, columns, (np.ascontiguousarray(planes[:, *inner]), names)


def pixel_context(image: ImageBands, groups: Sequence[str], row: int, column: int) -> NamedPlanes:
    """Compute the features of a single pixel, (f, 1, 1), from its surroundings only."""
    reach = context_reach(groups)
    first_row, first_column = max(0, row - reach), max(0, column - reach)
    window = image.crop(slice(first_row, row + reach + 1), slice(first_column, column + reach + 1))
    planes, names = compute_context(window, groups)
    row, column = row - first_row, column - first_column
    return planes[:, row : row + 1, column : column + 1], names


def is_in_groups(name: str, groups: Sequence[str]) -> bool:
    """Return True if a column belongs to one of some groups."""
    return name.split(": ", maxsplit=1)[0] in groups


def _require_groups(groups: Sequence[str]) -> None:
    for group in groups:
        if group not in CONTEXT_GROUPS:
            raise SettingsError(
                f"{group!r} is not one of {', '.join(CONTEXT_GROUPS)}", where="extras"
            )
