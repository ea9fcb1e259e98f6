"""Square blocks of ground that hold chips out of a vote together with their surroundings."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.types import DoubleArray, IntArray

# The blocks are as large as possible, but so many that intervals over blocks are meaningful.
_MIN_BLOCKS = 20
# Smallest side of a block in chips; in smaller blocks most chips touch another block.
_MIN_CHIPS = 2.0
_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
# Mean radius in metres (IUGG). On the ellipsoid, the sides of a block differ by up to 0.6 %.
_EARTH_RADIUS = 6_371_008.8


@dataclass(frozen=True)
class ChipBlocks:
    """The block of each chip, (n,) numbered from 0, and the side of a block.

    `unit` is "m", or "px" if a scene has no CRS: the blocks then lie in the pixels of each scene.
    """

    codes: IntArray
    side: float
    unit: str

    def describe_side(self) -> str:
        """Return the side of a block in words, such as "50 m"."""
        if self.unit == "m" and self.side >= 1000:
            return f"{self.side / 1000:g} km"
        return f"{self.side:g} {self.unit}"


def divide_into_blocks(facts: pd.DataFrame) -> ChipBlocks:
    """Assign chips to blocks by their centres.

    The side of a block is the largest of 1, 1.5, 2, 3, 5, 7, 10 ... metres (or pixels) that gives
    at least 20 blocks with chips, but at least twice the median side of a chip. With a CRS, the
    grid covers the Earth, so that scenes of the same ground share blocks.

    Parameters
    ----------
    facts : DataFrame, at least one row
        See `core.chips.chip_table.chip_facts`.
    """
    has_crs = bool(facts["longitude"].notna().all())
    side = facts["side"] if has_crs else facts[["columns", "rows"]].max(axis=1)
    smallest = _MIN_CHIPS * float(side.median())
    first = int(np.floor(np.log10(max(smallest, 1e-3))))
    steps = np.multiply.outer(10.0 ** np.arange(first, 8), _STEPS).ravel()
    sides = [round(float(step), 6) for step in steps if step >= smallest]
    codes = _block_codes(facts, sides[0], has_crs=has_crs)
    chosen = sides[0]
    for candidate in reversed(sides[1:]):
        blocks = _block_codes(facts, candidate, has_crs=has_crs)
        if blocks.max() + 1 >= _MIN_BLOCKS:
            codes, chosen = blocks, candidate
            break
    return ChipBlocks(codes, chosen, "m" if has_crs else "px")


def _block_codes(facts: pd.DataFrame, side: float, *, has_crs: bool) -> IntArray:
    """Return the block of each chip, numbered from 0."""
    if has_crs:
        latitude = np.radians(facts["latitude"].to_numpy(np.float64))
        longitude = np.radians(facts["longitude"].to_numpy(np.float64))
        rows = np.floor(latitude * _EARTH_RADIUS / side)
        # All blocks of a row are as wide as they are at its middle latitude.
        parallel = _EARTH_RADIUS * np.cos((rows + 0.5) * side / _EARTH_RADIUS)
        cells = np.column_stack([rows, np.floor(longitude * parallel / side)])
    else:
        scenes = pd.factorize(facts["scene"])[0].astype(np.float64)
        places: DoubleArray = facts[["row", "column"]].to_numpy(np.float64)
        cells = np.column_stack([scenes, np.floor(places / side)])
    return np.unique(cells, axis=0, return_inverse=True)[1].ravel().astype(np.int32)
