"""Chips that may not be worth looking at: flagged with the reason, never deleted.

Nothing is left out by itself: `ScreenSettings.leave_out` names the flags whose chips the user does
not want in the clusters.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.fft import dctn
from scipy.ndimage import laplace

from core.chips.chip_set import ChipSet
from core.errors import SettingsError
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

BLANK, NODATA, SATURATED = "blank", "mostly nodata", "saturated"
BLURRED, CUT, DUPLICATE = "blurred", "cut off", "near-duplicate"
FLAGS = (BLANK, NODATA, SATURATED, BLURRED, CUT, DUPLICATE)

# Spread of grey below which nothing can be seen, in shares of the range from black to white.
LEAST_SPREAD = 0.01
LEAST_VALID = 0.5
# Share of valid pixels at either end of the range.
MOST_SATURATED = 0.5
# Sharpness below this share of the set's median, and below what any sharp picture has.
BLUR_SHARE = 0.1
BLUR_CEILING = 0.02
# A perceptual hash by the cosine transform (Zauner, 2010, Implementation and benchmarking of
# perceptual image hash functions): signs of the 8 x 8 slowest waves of a 32 x 32 picture.
HASH_SIDE, HASH_WAVES = 32, 8
# Bits of 63 that near-duplicates may differ in.
MOST_BITS = 3
# Mean difference of grey, in shares of the range, that they may have besides.
MOST_DIFFERENCE = 0.03
BLOCK = 512


def screen(chips: ChipSet) -> pd.DataFrame:
    """Flags of every chip.

    Parameters
    ----------
    chips : ChipSet

    Returns
    -------
    DataFrame
        One row a chip: chip_id; a boolean column for each of `FLAGS`; `reason`, the flags in words
        with the measured values, empty where there is none; `duplicate_of`, the chip_id of the
        first chip that it looks like; `spread`, `saturated_share`, `sharpness`, shares of the
        range from black to white.
    """
    facts = chips.facts
    found = [_measured(chips, start) for start in range(0, len(chips), BLOCK)]
    spread, saturated, sharpness = (np.concatenate(part) for part in list(zip(*found))[:3])  # noqa: B905
    small, bits = (np.concatenate(part) for part in list(zip(*found))[3:])  # noqa: B905
    valid = facts["valid_fraction"].to_numpy(float)
    blank, empty = spread < LEAST_SPREAD, valid < LEAST_VALID
    seen = ~(blank | empty)
    typical = float(np.median(sharpness[seen])) if seen.any() else 0.0
    blurred = seen & (sharpness < min(BLUR_SHARE * typical, BLUR_CEILING))
    first = near_duplicates(bits, small, seen)
    ids = facts["chip_id"].to_numpy(object)
    table = pd.DataFrame(
        {
            "chip_id": ids,
            BLANK: blank & ~empty,
            NODATA: empty,
            SATURATED: seen & (saturated > MOST_SATURATED),
            BLURRED: blurred,
            CUT: facts["cut_by_edge"].to_numpy(bool),
            DUPLICATE: first >= 0,
            "duplicate_of": np.where(first >= 0, ids[np.maximum(first, 0)], ""),
            "spread": spread,
            "saturated_share": saturated,
            "sharpness": sharpness,
            "valid_fraction": valid,
        }
    )
    table["reason"] = [_reason(row) for row in table.to_dict("records")]
    return table


def kept(table: pd.DataFrame, leave_out: tuple[str, ...]) -> BoolArray:
    """Which chips stay, (n,): all that have none of the flags named.

    Raises
    ------
    SettingsError
        For a flag that does not exist.
    """
    for name in leave_out:
        if name not in FLAGS:
            raise SettingsError(
                f"{name!r} is not a flag", where="screen.leave_out", remedy=f"{', '.join(FLAGS)}."
            )
    stays: BoolArray = np.asarray(~table[list(leave_out)].to_numpy(bool).any(axis=1))
    return stays


def near_duplicates(bits: AnyArray, small: FloatArray, seen: BoolArray) -> AnyArray:
    """For each chip the first earlier one that looks like it, -1 where none does.

    Parameters
    ----------
    bits : uint64 array, (n,)
        Perceptual hashes.
    small : float32 array, (n, k)
        The pictures, small, that a match of hashes is checked on.
    seen : bool array, (n,)
        Chips with anything to compare.
    """
    first = np.full(len(bits), -1)
    rows = np.flatnonzero(seen)
    # Of the four quarters of two hashes that differ in three bits, one is equal.
    for shift in (0, 16, 32, 48):
        quarter = (bits[rows] >> np.uint64(shift)) & np.uint64(0xFFFF)
        order = np.argsort(quarter, kind="stable")
        for group in np.split(rows[order], np.flatnonzero(np.diff(quarter[order])) + 1):
            _match(group, bits, small, first)
    return first


def hashes(grey: DoubleArray) -> AnyArray:
    """Perceptual hashes of pictures (n, 32, 32) as uint64; the mean grey has no part in them."""
    waves = dctn(grey, axes=(1, 2), norm="ortho")[:, :HASH_WAVES, :HASH_WAVES].reshape(-1, 64)
    middle = np.median(waves[:, 1:], axis=1, keepdims=True)
    signs = waves > middle
    signs[:, 0] = False
    packed: AnyArray = np.packbits(signs, axis=1).view(">u8").astype(np.uint64).ravel()
    return packed


def _match(group: AnyArray, bits: AnyArray, small: FloatArray, first: AnyArray) -> None:
    """Note, within a group in order, the earliest chip that each one looks like."""
    for place, row in enumerate(group[1:], 1):
        before = group[:place]
        near = before[np.bitwise_count(bits[before] ^ bits[row]) <= MOST_BITS]
        alike = near[np.abs(small[near] - small[row]).mean(axis=1) <= MOST_DIFFERENCE]
        if len(alike):
            found = alike.min()
            first[row] = found if first[row] < 0 else min(first[row], found)


def _measured(chips: ChipSet, start: int) -> tuple[AnyArray, ...]:
    """Spread, saturated share, sharpness, small pictures and hashes of one block of chips."""
    rows = np.arange(start, min(start + BLOCK, len(chips)))
    unit, mask = chips.unit(rows, chips.display), chips.masked(rows)
    grey = unit.mean(axis=1).astype(np.float64)
    grey[mask] = np.nan
    hidden = mask.all(axis=(1, 2))
    grey[hidden] = 0
    middle = np.nanmean(grey, axis=(1, 2))
    filled = np.where(np.isnan(grey), middle[:, None, None], grey)
    valid = np.maximum((~mask).sum(axis=(1, 2)), 1)
    ends = ((unit <= 0) | (unit >= 1)).all(axis=1) & ~mask
    edges = np.array([laplace(picture) for picture in filled])
    inner = ~mask & ~_beside(mask)
    sharp = np.sqrt((edges**2 * inner).sum(axis=(1, 2)) / np.maximum(inner.sum(axis=(1, 2)), 1))
    pictures = _shrunk(filled, HASH_SIDE)
    small = _shrunk(pictures, 8).reshape(len(rows), -1).astype(np.float32)
    return filled.std(axis=(1, 2)), ends.sum(axis=(1, 2)) / valid, sharp, small, hashes(pictures)


def _beside(mask: BoolArray) -> BoolArray:
    """Pixels with a masked one beside them."""
    near = mask.copy()
    near[:, 1:] |= mask[:, :-1]
    near[:, :-1] |= mask[:, 1:]
    near[..., 1:] |= mask[..., :-1]
    near[..., :-1] |= mask[..., 1:]
    return near


def _shrunk(pictures: DoubleArray, side: int) -> DoubleArray:
    """Pictures (n, s, s) at another size, by means over areas."""
    edges = np.linspace(0, pictures.shape[1], side + 1)
    at = np.arange(pictures.shape[1])
    overlap = np.clip(
        np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at), 0, None
    )
    weights = overlap / overlap.sum(axis=1, keepdims=True)
    shrunk: DoubleArray = weights @ pictures @ weights.T
    return shrunk


def _reason(row: dict[Any, Any]) -> str:
    """The flags of one chip in words."""
    words = {
        BLANK: f"blank: grey varies by {row['spread']:.2%} of the range",
        NODATA: f"mostly nodata: {row['valid_fraction']:.0%} valid",
        SATURATED: f"saturated: {row['saturated_share']:.0%} black or white",
        BLURRED: f"blurred: sharpness {row['sharpness']:.4f}",
        CUT: "cut off by the scene's edge",
        DUPLICATE: f"near-duplicate of {row['duplicate_of']}",
    }
    return "; ".join(text for flag, text in words.items() if row[flag])
