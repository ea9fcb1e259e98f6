"""Screening: chips that may not be worth keeping are flagged with the reason, never deleted.

No chip is left out unless `ScreenSettings.leave_out` names its flag.
"""

from typing import Any

import numpy as np
import pandas as pd

from core.chips.chip_measures import MeasureFiles, measure_chips
from core.chips.chip_set import ChipSet
from core.errors import SettingsError
from core.progress import Progress, silent
from core.types import AnyArray, BoolArray, FloatArray

BLANK, NODATA, SATURATED = "blank", "mostly nodata", "saturated"
BLURRED, CUT, DUPLICATE = "blurred", "cut off", "near-duplicate"
FLAGS = (BLANK, NODATA, SATURATED, BLURRED, CUT, DUPLICATE)

# Standard deviation of grey below which nothing is visible, as a fraction of the full range.
MIN_SPREAD = 0.01
MIN_VALID = 0.5
# Largest fraction of the valid pixels that may be black or white in every band.
MAX_SATURATED = 0.5
# The sharpness of a blurred chip is below this fraction of the median, and below a limit that every
# sharp picture exceeds.
BLUR_FRACTION = 0.1
BLUR_CEILING = 0.02
# Near-duplicates differ in at most this many of the 63 bits ...
MAX_BITS = 3
# ... and on average by at most this much in grey, as a fraction of black to white.
MAX_DIFFERENCE = 0.03


def flag_chips(
    chips: ChipSet, files: MeasureFiles | None = None, report: Progress = silent
) -> pd.DataFrame:
    """Return the flags of every chip, one row per chip; `files` are those of `measure_chips`.

    The columns are chip_id; a boolean column for each of `FLAGS`; `duplicate_of`, the chip_id of
    the first chip that it resembles; `spread`, `saturated_share`, `sharpness`, as fractions of the
    range from black to white, and `valid_fraction`; `reason`, the flags in words with the measured
    values, empty if there are none.
    """
    facts = chips.facts
    measures = measure_chips(chips, files, report)
    names = ("spread", "saturated_share", "sharpness")
    spread, saturated, sharpness = (measures[name] for name in names)
    valid = facts["valid_fraction"].to_numpy(float)
    blank, empty = spread < MIN_SPREAD, valid < MIN_VALID
    visible = ~(blank | empty)
    typical = float(np.median(sharpness[visible])) if visible.any() else 0.0
    first = near_duplicates(measures["hash"].copy(), measures["thumbnail"].copy(), visible)
    ids = facts["chip_id"].to_numpy(object)
    table = pd.DataFrame(
        {
            "chip_id": ids,
            BLANK: blank & ~empty,
            NODATA: empty,
            SATURATED: visible & (saturated > MAX_SATURATED),
            BLURRED: visible & (sharpness < min(BLUR_FRACTION * typical, BLUR_CEILING)),
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


def unflagged_chips(table: pd.DataFrame, leave_out: tuple[str, ...]) -> BoolArray:
    """Return a boolean array (n,), True for chips that have none of the flags in `leave_out`.

    Raises SettingsError if a flag does not exist.
    """
    for name in leave_out:
        if name not in FLAGS:
            remedy = f"The flags are: {', '.join(FLAGS)}."
            raise SettingsError(f"{name!r} is not a flag", where="screen.leave_out", remedy=remedy)
    return np.asarray(~table[list(leave_out)].to_numpy(bool).any(axis=1))


def near_duplicate_groups(table: pd.DataFrame) -> list[list[int]]:
    """Return groups of near-duplicate chips, as row numbers of a table from `flag_chips`.

    Each group is a list that starts with the first of its chips.
    """
    row_by_id = {chip_id: row for row, chip_id in enumerate(table["chip_id"])}
    first_rows = list(range(len(table)))
    groups: dict[int, list[int]] = {}
    for row, earlier_id in enumerate(table["duplicate_of"]):
        if earlier_id:
            # A chip may resemble one that itself resembles an earlier chip.
            first = first_rows[row] = first_rows[row_by_id[earlier_id]]
            groups.setdefault(first, [first]).append(row)
    return [groups[first] for first in sorted(groups)]


def near_duplicates(hashes: AnyArray, thumbnails: FloatArray, visible: BoolArray) -> AnyArray:
    """Return the row of the first earlier chip that each chip resembles, (n,); -1 if there is none.

    Matches of the perceptual hashes, uint64 (n,), are verified on the thumbnails, float32 (n, k):
    small grey pictures in 0..1. Chips that are False in `visible`, (n,), have no content to
    compare.
    """
    no_match = len(hashes)
    first = np.full(len(hashes), no_match)
    rows = np.flatnonzero(visible)
    # If two hashes differ in at most three bits, at least one of their four quarters is equal.
    for shift in (0, 16, 32, 48):
        quarters = (hashes[rows] >> np.uint64(shift)) & np.uint64(0xFFFF)
        order = np.argsort(quarters, kind="stable")
        for group in np.split(rows[order], np.flatnonzero(np.diff(quarters[order])) + 1):
            for position, row in enumerate(group[1:], 1):
                earlier = group[:position]
                close = earlier[np.bitwise_count(hashes[earlier] ^ hashes[row]) <= MAX_BITS]
                difference = np.abs(thumbnails[close] - thumbnails[row]).mean(axis=1)
                matches = close[difference <= MAX_DIFFERENCE]
                if len(matches):
                    first[row] = min(first[row], matches[0])
    return np.where(first == no_match, -1, first)


def _reason(row: dict[Any, Any]) -> str:
    """Return the flags of one chip in words."""
    reasons = {
        BLANK: f"blank: grey varies by {row['spread']:.2%} of the range",
        NODATA: f"mostly nodata: {row['valid_fraction']:.0%} valid",
        SATURATED: f"saturated: {row['saturated_share']:.0%} black or white",
        BLURRED: f"blurred: sharpness {row['sharpness']:.4f}",
        CUT: "cut off by the scene's edge",
        DUPLICATE: f"near-duplicate of {row['duplicate_of']}",
    }
    return "; ".join(text for flag, text in reasons.items() if row[flag])
