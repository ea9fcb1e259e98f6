"""The chips of all scenes as one sequence of rows, read from where they lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from core.artifacts.formats import plain_table
from core.chips.chip_table import joined
from core.chips.scaling import Scaling, fit_scaling
from core.errors import BandError
from core.types import AnyArray, BoolArray, ByteArray, FloatArray

# Chips that the scaling for display is fitted on.
DISPLAY_SAMPLE = 500


@dataclass(frozen=True)
class SceneChips:
    """The chips of one scene.

    Attributes
    ----------
    key : str
        The artifact's key.
    scene : str
    pixels : array, (n, bands, size, size), native dtype, mapped from disk
    mask : uint8 array, (n, size, size), 1 where masked, mapped from disk
    facts : DataFrame, n rows
    properties : DataFrame, n rows
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
            raise BandError(f"parts of different lengths {sorted(lengths)}", where=self.scene)

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Outline:
    """What keys are made of: a set of chips without its tables and pixels.

    Attributes
    ----------
    keys : tuple of str
        The artifact keys of the parts, in their order.
    bands, dtypes : tuple of str
    size : int
        Pixels along one side of a chip.
    """

    keys: tuple[str, ...]
    bands: tuple[str, ...]
    size: int
    dtypes: tuple[str, ...]


@dataclass(frozen=True)
class ChipSet:
    """The chips of all scenes, in the order of the scenes' names.

    Attributes
    ----------
    parts : tuple of SceneChips
    bands : tuple of str
    notes : tuple of str
        What was brought together, or left out, in words.
    """

    parts: tuple[SceneChips, ...]
    bands: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    @property
    def size(self) -> int:
        """Pixels along one side of a chip."""
        return int(self.parts[0].pixels.shape[-1])

    @property
    def keys(self) -> tuple[str, ...]:
        """The artifact keys of the parts."""
        return tuple(part.key for part in self.parts)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The native dtypes that occur."""
        return tuple(sorted({part.pixels.dtype.name for part in self.parts}))

    @property
    def outline(self) -> Outline:
        """What keys are made of."""
        return Outline(self.keys, self.bands, self.size, self.dtypes)

    @cached_property
    def facts(self) -> pd.DataFrame:
        """Facts of all chips; see `core.chips.chip_table.facts`."""
        return pd.concat([part.facts for part in self.parts], ignore_index=True)

    @cached_property
    def properties(self) -> pd.DataFrame:
        """The user's own columns, NaN where a scene's file lacks one.

        A column that is a number in one file and a text in another is text in all.
        """
        return plain_table(pd.concat([part.properties for part in self.parts], ignore_index=True))

    @cached_property
    def table(self) -> pd.DataFrame:
        """Facts and properties in one."""
        return joined(self.facts, self.properties)

    @cached_property
    def display(self) -> Mapping[str, Scaling]:
        """The scaling shown to the eye, one a dtype, fitted on a sample."""
        return self.fit_scalings(DISPLAY_SAMPLE)

    def spread(self, n: int) -> AnyArray:
        """Up to n rows, evenly spread over all chips."""
        return np.unique(np.linspace(0, len(self) - 1, min(n, len(self))).round().astype(np.int64))

    def fit_scalings(self, n: int) -> dict[str, Scaling]:
        """One scaling a dtype, fitted on up to n chips of each."""
        scalings = {}
        for dtype in self.dtypes:
            parts = [part for part in self.parts if part.pixels.dtype.name == dtype]
            some = ChipSet(tuple(parts), self.bands)
            pixels, mask = some.read(some.spread(n))
            scalings[dtype] = fit_scaling(pixels, mask)
        return scalings

    def read(self, rows: Sequence[int] | AnyArray) -> tuple[AnyArray, BoolArray]:
        """Native pixels (n, bands, size, size) and masks (n, size, size) of some rows.

        Raises
        ------
        BandError
            If the rows come from scenes of different dtypes; `unit` brings those together.
        """
        pixels: list[AnyArray] = []
        masks: list[AnyArray] = []
        for part, row in self._locate(rows):
            pixels.append(part.pixels[row])
            masks.append(part.mask[row])
        if len({p.dtype for p in pixels}) > 1:
            raise BandError(f"chips of different dtypes: {', '.join(self.dtypes)}")
        return np.stack(pixels), np.stack(masks) != 0

    def unit(self, rows: Sequence[int] | AnyArray, scalings: Mapping[str, Scaling]) -> FloatArray:
        """Pixels of some rows brought to 0..1 by the scaling of their dtype, 0 where masked."""
        chips = []
        for part, row in self._locate(rows):
            scaled = scalings[part.pixels.dtype.name].apply(part.pixels[row][None])[0]
            chips.append(scaled * (part.mask[row] == 0))
        return np.stack(chips)

    def masked(self, rows: Sequence[int] | AnyArray) -> BoolArray:
        """Masks of some rows, (n, size, size)."""
        masks: BoolArray = np.stack([part.mask[row] for part, row in self._locate(rows)]) != 0
        return masks

    def _locate(self, rows: Sequence[int] | AnyArray) -> list[tuple[SceneChips, int]]:
        ends = np.cumsum([len(part) for part in self.parts])
        wanted = np.asarray(rows, np.int64)
        which = np.searchsorted(ends, wanted, side="right")
        starts = np.concatenate([[0], ends[:-1]])
        return [(self.parts[p], int(r - starts[p])) for p, r in zip(which, wanted, strict=True)]
