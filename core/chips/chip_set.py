"""The chips of all scenes as one sequence of rows, read from disk on demand, and their bands."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd

from core.artifacts.formats import plain_table
from core.chips.chip_table import join_properties
from core.chips.scaling import Scaling, fit_scaling
from core.errors import BandError
from core.types import AnyArray, BoolArray, ByteArray, FloatArray

# Number of chips that the scaling for display is fitted to.
DISPLAY_SAMPLE = 500


@dataclass(frozen=True)
class SceneChips:
    """The chips of one scene, in arrays and tables of the same length.

    Attributes
    ----------
    key : str
        Key of the artifact.
    pixels : array, (n, bands, size, size)
        Native dtype, memory-mapped.
    mask : uint8 array, (n, size, size)
        1 where a pixel is masked, memory-mapped.
    facts : DataFrame, n rows
        See `core.chips.chip_table.chip_facts`.
    properties : DataFrame, n rows
        Attributes of the annotations.
    """

    key: str
    scene: str
    pixels: AnyArray
    mask: ByteArray
    facts: pd.DataFrame
    properties: pd.DataFrame

    def __post_init__(self) -> None:
        lengths = {len(self.pixels), len(self.mask), len(self.facts), len(self.properties)}
        if len(lengths) > 1:
            raise BandError(f"its tables differ in length: {sorted(lengths)}", where=self.scene)

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Outline:
    """The values that identify a set of chips in keys, without its tables and pixels.

    `keys` are the artifact keys of the parts, in order; `bands` are those that encoders receive;
    `size` is the side of a chip in pixels.
    """

    keys: tuple[str, ...]
    bands: tuple[str, ...]
    size: int
    dtypes: tuple[str, ...]


@dataclass(frozen=True)
class ChipSet:
    """The chips of all scenes, in the order of the scenes' names.

    The notes tell the user how the scenes were combined and what was left out. Encoders do not
    receive the `constant_bands`, which have a single value in each scene.
    """

    parts: tuple[SceneChips, ...]
    bands: tuple[str, ...]
    notes: tuple[str, ...] = ()
    constant_bands: tuple[str, ...] = ()

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    @property
    def size(self) -> int:
        """Side of a chip in pixels."""
        return int(self.parts[0].pixels.shape[-1])

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The native dtypes of the parts, sorted."""
        return tuple(sorted({part.pixels.dtype.name for part in self.parts}))

    @property
    def keys(self) -> tuple[str, ...]:
        """Artifact keys of the parts."""
        return tuple(part.key for part in self.parts)

    @property
    def varying_bands(self) -> tuple[str, ...]:
        """The bands that encoders receive."""
        return tuple(band for band in self.bands if band not in self.constant_bands)

    @property
    def outline(self) -> Outline:
        """The values that identify the chips in keys."""
        return Outline(self.keys, self.varying_bands, self.size, self.dtypes)

    @cached_property
    def facts(self) -> pd.DataFrame:
        """Facts of all chips; see `core.chips.chip_table.chip_facts`."""
        return pd.concat([part.facts for part in self.parts], ignore_index=True)

    @cached_property
    def varying_facts(self) -> frozenset[str]:
        """Names of the facts that have more than one value."""
        columns = {str(name): self.facts[name].dropna() for name in self.facts}
        return frozenset(n for n, c in columns.items() if len(c) and (c != c.iloc[0]).any())

    @cached_property
    def properties(self) -> pd.DataFrame:
        """Attributes of the annotations, NaN where a scene's file lacks an attribute.

        A column with numbers in one file and text in another becomes text for all scenes.
        """
        return plain_table(pd.concat([part.properties for part in self.parts], ignore_index=True))

    @cached_property
    def table(self) -> pd.DataFrame:
        """Facts and attributes in one table."""
        return join_properties(self.facts, self.properties)

    @cached_property
    def display_scalings(self) -> Mapping[str, Scaling]:
        """Scaling of each dtype for display, fitted to a sample."""
        return self.fit_scalings(DISPLAY_SAMPLE)

    @cached_property
    def row_by_id(self) -> Mapping[str, int]:
        """The row number of each chip, by its id."""
        return {chip_id: row for row, chip_id in enumerate(self.facts["chip_id"].tolist())}

    def sample_rows(self, n: int) -> AnyArray:
        """Return up to n row numbers, evenly spaced over all chips."""
        return np.unique(np.linspace(0, len(self) - 1, min(n, len(self))).round().astype(np.int64))

    def fit_scalings(self, n: int) -> dict[str, Scaling]:
        """Fit one scaling per dtype, each to at most n chips."""
        scalings = {}
        for dtype in self.dtypes:
            parts = tuple(part for part in self.parts if part.pixels.dtype.name == dtype)
            subset = ChipSet(parts, self.bands)
            scalings[dtype] = fit_scaling(*subset.read(subset.sample_rows(n)))
        return scalings

    def without_constant_bands(self) -> "ChipSet":
        """Return the chips as encoders receive them."""
        bands = self.varying_bands
        if bands == self.bands:
            return self
        positions = [self.bands.index(band) for band in bands]
        parts = tuple(
            replace(part, pixels=cast(AnyArray, BandSelection(part.pixels, positions)))
            for part in self.parts
        )
        return replace(self, parts=parts, bands=bands, constant_bands=())

    def with_attribute(self, name: str, values: Mapping[str, str]) -> "ChipSet":
        """Return the chips with one more attribute, given by chip id; other chips lack a value."""
        parts = []
        for part in self.parts:
            column = part.facts["chip_id"].map(values).astype(object)
            properties = part.properties.assign(**{name: column.where(column.notna(), None)})
            parts.append(replace(part, properties=properties))
        return replace(self, parts=tuple(parts))

    def read(self, rows: Sequence[int] | AnyArray) -> tuple[AnyArray, BoolArray]:
        """Read native pixels (n, bands, size, size) and masks (n, size, size) of these rows.

        Raises BandError if the rows come from scenes with different dtypes, which only
        `read_scaled` can combine.
        """
        chips = self.locate(rows)
        pixels = [part.pixels[row] for part, row in chips]
        if len({values.dtype for values in pixels}) > 1:
            raise BandError(f"the chips have different dtypes: {', '.join(self.dtypes)}")
        return np.stack(pixels), np.stack([part.mask[row] for part, row in chips]) != 0

    def read_scaled(
        self, rows: Sequence[int] | AnyArray, scalings: Mapping[str, Scaling]
    ) -> FloatArray:
        """Read the pixels of these rows, scaled to 0..1 by their dtype; masked pixels are 0."""
        chips = []
        for part, row in self.locate(rows):
            scaled = scalings[part.pixels.dtype.name].apply(part.pixels[row][None])[0]
            chips.append(scaled * (part.mask[row] == 0))
        return np.stack(chips)

    def read_masks(self, rows: Sequence[int] | AnyArray) -> BoolArray:
        """Read the masks of these rows, (n, size, size), True where masked."""
        return np.asarray(np.stack([part.mask[row] for part, row in self.locate(rows)]) != 0)

    def locate(self, rows: Sequence[int] | AnyArray) -> list[tuple[SceneChips, int]]:
        """Return the part that holds each row, and the row's number within it."""
        starts = np.cumsum([0, *map(len, self.parts)])
        numbers = np.asarray(rows, np.int64)
        parts = np.searchsorted(starts[1:], numbers, side="right")
        return [(self.parts[p], int(r - starts[p])) for p, r in zip(parts, numbers, strict=True)]


class BandSelection:
    """Some bands of pixels on disk, (n, bands, size, size), which are read when indexed by rows."""

    def __init__(self, pixels: AnyArray, positions: list[int]) -> None:
        self._pixels, self._positions = pixels, positions
        self.dtype = pixels.dtype
        self.shape = (len(pixels), len(positions), *pixels.shape[2:])

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, rows: int | slice) -> AnyArray:
        values = self._pixels[rows]
        return values[..., self._positions, :, :]


def constant_band_names(
    bands: Sequence[str], constant: Sequence[Collection[str]]
) -> tuple[str, ...]:
    """Return the bands that are constant in every scene; none if no other band would remain.

    `constant` lists the constant bands of each scene.
    """
    names = tuple(band for band in bands if all(band in scene for scene in constant))
    return names if len(names) < len(bands) else ()


def shared_band_names(
    scenes: Mapping[str, tuple[str, ...]], selection: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the names of the bands that every scene has, in the first scene's order.

    `scenes` maps each file name to its band names. `selection` lists the bands to use, in order; if
    it is empty, all shared bands are used. Raises BandError if a scene lacks a selected band, or if
    the scenes share no band name.
    """
    if not scenes:
        return ()
    first_bands = next(iter(scenes.values()))
    common = [band for band in first_bands if all(band in bands for bands in scenes.values())]
    for name in selection:
        scenes_without = [scene for scene, bands in scenes.items() if name not in bands]
        if scenes_without:
            raise BandError(
                f"band {name!r} is missing",
                where=_abridge(scenes_without),
                remedy=f"Bands common to all scenes: {', '.join(common) or 'none'}.",
            )
    if not (selection or common):
        listing = [f"{scene} has {', '.join(bands)}" for scene, bands in scenes.items()]
        raise BandError(
            f"the scenes share no band: {_abridge(listing, '; ')}",
            remedy="Give matching bands the same name (band description), or keep only one kind of "
            "scene in raw/.",
        )
    return selection or tuple(common)


def _abridge(items: Sequence[str], separator: str = ", ", limit: int = 3) -> str:
    """Join the first few items and add the number of remaining ones."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return separator.join(items[:limit]) + more
