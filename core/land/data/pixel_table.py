"""The pixel table: bands, label and position of each pixel, one row per pixel."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.errors import SceneError
from core.land.data.bands import FLAIR_BANDS, SENTINEL_BANDS, Bands
from core.land.data.dataset import SIDE, Problem
from core.land.season.season_columns import Season, season_column_names
from core.types import AnyArray, ByteArray, FloatArray, IntArray

UNLABELLED = 0
"""The label of a pixel whose mask value is not a class; such pixels are counted but not scored."""
# The columns of a pixel table that do not depend on its bands: name and dtype.
_COLUMNS: tuple[tuple[Any, ...], ...] = (
    ("labels", "uint8"),
    ("patch", "int32"),
    ("column", "int16"),
    ("row", "int16"),
)


@dataclass(frozen=True)
class PixelTable:
    """Pixels of one or several patches.

    Attributes
    ----------
    aerial : float32 array, (n, b)
        The bands of the image as stored. FLAIR: red, green, blue, near infrared and elevation,
        0..255.
    sentinel : float32 array, (n, s), or None
        What `season` selects from the time series. FLAIR's mean of the monthly means: reflectance
        0..1 (clouds may exceed 1), bands as in SENTINEL. Without interpolation, the same for all
        pixels of a block of 50 x 50. None without fusion.
    labels : uint8 array, (n,)
        The class, FLAIR's 1..19 (reduced: 1..13); 0 where the pixel has none.
    patch : int32 array, (n,)
        Index of the patch in the data set.
    column, row : int16 arrays, (n,)
        Position of the pixel in its patch, 0..511.
    context : float32 array, (n, c), or None
        Features of the surroundings of each pixel, in the unit of the features; see
        `core.land.context`. None if not required.
    context_names : tuple of str, (c,)
        The name of each column of `context`.
    bands : Bands
        The names and the roles of the bands in `aerial`.
    season : {"mean", "months", "indices"}
        What the columns of `sentinel` are; see `sentinel_names`.
    series_bands : Bands
        The names and the roles of the bands of the time series.
    filled_months : tuple of int
        Of the Sentinel pixels of the patches: number of months without a clear observation, which
        were interpolated, and number of all months. 0 for the mean, which skips such months.
    """

    aerial: FloatArray
    sentinel: FloatArray | None
    labels: ByteArray
    patch: IntArray
    column: AnyArray
    row: AnyArray
    context: FloatArray | None = None
    context_names: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    bands: Bands = FLAIR_BANDS
    season: Season = "mean"
    series_bands: Bands = SENTINEL_BANDS
    filled_months: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        n = len(self.labels)
        aerial = ("aerial", "float32", len(self.bands))
        sentinel = ("sentinel", "float32", len(self.sentinel_names))
        context = ("context", "float32", len(self.context_names))
        for name, dtype, *width in (aerial, sentinel, *_COLUMNS, context):
            values, shape = getattr(self, name), (n, *width)
            if values is not None and (values.dtype != dtype or values.shape != shape):
                raise SceneError(
                    f"{name} is {values.dtype} {values.shape}, not {dtype} {shape}",
                    where="pixel table",
                )
        for name, values in (("sentinel", self.sentinel), ("context", self.context)):
            if values is not None and not np.isfinite(values).all():
                raise SceneError(f"{name} contains values that are not finite", where="pixel table")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sentinel_names(self) -> tuple[str, ...]:
        """The names of the columns of `sentinel`; those of your own series start with "series"."""
        names = season_column_names(self.series_bands.names, self.season)
        # A series may have bands of the same names as the image.
        is_sentinel = self.series_bands == SENTINEL_BANDS
        return names if is_sentinel else tuple(f"series {name}" for name in names)

    def band(self, name: str) -> FloatArray:
        """Return a band of the image, or a column of the time series, (n,).

        Raises SceneError if there is none of that name.
        """
        if name in self.bands.names:
            return self.aerial[:, self.bands.names.index(name)]
        if name not in self.sentinel_names or self.sentinel is None:
            raise SceneError(f"there is no band {name!r}", where="pixel table")
        return self.sentinel[:, self.sentinel_names.index(name)]

    def take(self, rows: AnyArray) -> "PixelTable":
        """Return the rows selected by an index array or a boolean mask."""
        columns: dict[str, Any] = {
            name: values[rows]
            for name, values in vars(self).items()
            if isinstance(values, np.ndarray)
        }
        return replace(self, **columns)

    def pixel_numbers(self) -> AnyArray:
        """Return the number of each pixel, which is unique within the data set, int64 (n,)."""
        return (self.patch.astype(np.int64) * SIDE + self.row) * SIDE + self.column


def stack_tables(tables: Sequence[PixelTable], problems: tuple[Problem, ...] = ()) -> PixelTable:
    """Concatenate pixel tables; `problems` come first, then those of each table.

    Raises SceneError if there is no table, only some tables have Sentinel, or their columns of
    context differ.
    """
    if not tables:
        raise SceneError("no patch could be read", where="pixel table")

    columns: dict[str, Any] = {}
    names = tables[0].context_names
    if any(table.context_names != names for table in tables):
        raise SceneError("the tables have different columns of context", where="pixel table")
    for name in ("aerial", "sentinel", *(name for name, _ in _COLUMNS), "context"):
        parts = [getattr(table, name) for table in tables]
        n_missing = sum(part is None for part in parts)
        if n_missing not in (0, len(parts)):
            raise SceneError(f"{n_missing} of {len(parts)} tables lack {name}", where="pixel table")
        columns[name] = None if n_missing else np.concatenate(parts)
    problems += tuple(problem for table in tables for problem in table.problems)
    filled, total = (sum(table.filled_months[i] for table in tables) for i in (0, 1))
    return replace(tables[0], **columns, problems=problems, filled_months=(filled, total))
