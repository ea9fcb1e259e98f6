"""The pixel table: what is known of each pixel, one row a pixel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import SceneError
from core.flair.data.dataset import Problem
from core.types import AnyArray, ByteArray, FloatArray, IntArray

SIDE = 512
"""Pixels along one side of a patch."""
UNLABELLED = 0
"""The label of a pixel whose value in the mask is no class; scores leave it out and count it."""
AERIAL = ("red", "green", "blue", "nir", "elevation")
SENTINEL = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")


@dataclass(frozen=True)
class PixelTable:
    """Pixels of one or many patches.

    Attributes
    ----------
    aerial : float32 array, (n, 5)
        Red, green, blue, near infrared and elevation as coded, 0..255.
    sentinel : float32 array, (n, 10), or None
        Mean over the kept monthly means, reflectance 0..1 (clouds may lie above), bands as in
        SENTINEL; one row is repeated over each block of 50 x 50 pixels. None without fusion.
    labels : uint8 array, (n,)
        The value in the mask, 1..19 (1..13 reduced), 0 where it is no class.
    patch : int32 array, (n,)
        Index into the data set's patches.
    column, row : int16 arrays, (n,)
        The pixel in its patch, 0..511.
    texture : float32 array, (n,), or None
        Standard deviation of the pixel's surroundings (see `texture_of`), where asked for.
    problems : tuple of Problem
        What was wrong with the files that it was read from.
    """

    aerial: FloatArray
    sentinel: FloatArray | None
    labels: ByteArray
    patch: IntArray
    column: AnyArray
    row: AnyArray
    texture: FloatArray | None = None
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.labels)
        wanted = [
            ("aerial", self.aerial, np.float32, (n, len(AERIAL))),
            ("sentinel", self.sentinel, np.float32, (n, len(SENTINEL))),
            ("labels", self.labels, np.uint8, (n,)),
            ("patch", self.patch, np.int32, (n,)),
            ("column", self.column, np.int16, (n,)),
            ("row", self.row, np.int16, (n,)),
            ("texture", self.texture, np.float32, (n,)),
        ]
        for name, values, dtype, shape in wanted:
            if values is not None and (values.dtype != dtype or values.shape != shape):
                raise SceneError(
                    f"{name} is {values.dtype} {values.shape}, not {np.dtype(dtype)} {shape}",
                    where="pixel table",
                )
        if n and int(self.labels.max()) > 19:
            raise SceneError(f"a label is {int(self.labels.max())}, above 19", where="pixel table")
        for name, values in (("sentinel", self.sentinel), ("texture", self.texture)):
            if values is not None and not np.isfinite(values).all():
                raise SceneError(f"{name} is not finite everywhere", where="pixel table")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: AnyArray) -> "PixelTable":
        """The rows of an index or a boolean array."""
        return PixelTable(
            self.aerial[rows],
            None if self.sentinel is None else self.sentinel[rows],
            self.labels[rows],
            self.patch[rows],
            self.column[rows],
            self.row[rows],
            None if self.texture is None else self.texture[rows],
            self.problems,
        )


def stack(tables: Sequence[PixelTable], problems: tuple[Problem, ...] = ()) -> PixelTable:
    """Tables below one another; all of them with Sentinel and texture, or none.

    The problems given come first, then those of each table.

    Raises
    ------
    SceneError
        If there is no table, or only some of them have Sentinel or texture.
    """
    if not tables:
        raise SceneError("no patch gave any pixels", where="pixel table")

    def joined(name: str) -> AnyArray | None:
        parts = [getattr(table, name) for table in tables]
        missing = sum(part is None for part in parts)
        if missing not in (0, len(parts)):
            raise SceneError(f"{missing} of {len(parts)} parts lack {name}", where="pixel table")
        return None if missing else np.concatenate(parts)

    told = (*problems, *(problem for table in tables for problem in table.problems))
    return PixelTable(
        np.concatenate([table.aerial for table in tables]),
        joined("sentinel"),
        np.concatenate([table.labels for table in tables]),
        np.concatenate([table.patch for table in tables]),
        np.concatenate([table.column for table in tables]),
        np.concatenate([table.row for table in tables]),
        joined("texture"),
        told,
    )
