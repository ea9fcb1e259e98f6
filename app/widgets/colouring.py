"""What each chip's colour stands for: clusters, a category or a number; data only."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.widgets import palette
from app.widgets.markup import number
from core.types import IntArray

# As many as the palette tells apart; the rest are one grey group, named and counted.
CATEGORIES_AT_MOST = len(palette.COLOURS)
MISSING = "(none)"
CLUSTER = "Cluster"
Stops = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Colouring:
    """A colour and a text for each chip.

    Attributes
    ----------
    title : str
    values : list of float, one a chip
        Read through `stops` between `low` and `high`.
    stops : tuple of (float, str)
    low, high : float
    texts : list of str, one a chip
        What the chip is under this colouring, as plain text.
    entries : tuple of (colour, name, count)
        The legend; empty where the colours stand for numbers.
    faint : bool array, one a chip
        Chips that step back: noise, missing values.
    symbols : list of str, one a chip; empty where all are circles
    """

    title: str
    values: Sequence[float]
    stops: Stops
    low: float
    high: float
    texts: Sequence[str]
    entries: tuple[tuple[str, str, str], ...]
    faint: np.ndarray
    symbols: Sequence[str] = ()

    @property
    def numeric(self) -> bool:
        """True if the colours stand for numbers and need a scale instead of a legend."""
        return not self.entries

    def colours(self) -> list[str]:
        """The colour of each chip, for what can't read a colour scale."""
        return [_read(self, value) for value in self.values]


def by_cluster(ids: IntArray, look: palette.Look | None = None) -> Colouring:
    """Colours by cluster id, -1 being noise and -2 what the user excluded."""
    look = look or palette.Look()
    present = in_order(ids)
    counts = {i: int((ids == i).sum()) for i in present}
    symbols = [palette.symbol(int(i)) for i in ids] if max(present, default=0) >= 24 else []
    return _discrete(
        CLUSTER,
        codes=_codes(ids, present),
        names=[look.name(i) for i in present],
        colours=[look.colour(i) for i in present],
        counts=[counts[i] for i in present],
        faint=ids < 0,
        symbols=symbols,
    )


def in_order(ids: IntArray) -> list[int]:
    """The clusters that occur: by id, then noise, then what is excluded."""
    found = {int(i) for i in np.unique(ids)}
    return sorted(i for i in found if i >= 0) + sorted((i for i in found if i < 0), reverse=True)


def by_property(values: pd.Series, title: str) -> Colouring:
    """Colours by a column: numbers on a scale, anything else by category."""
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return by_category(values, title)
    return by_number(values, title)


def in_words(values: pd.Series) -> pd.Series:
    """What people read for each value of a property; `MISSING` where there is none."""
    texts = values.astype(object).map(_in_words).astype(object)
    return texts.where(values.notna(), MISSING)


def _in_words(value: object) -> str:
    # Whole numbers become fractions where a column has gaps; nobody wrote them so.
    if isinstance(value, float | np.floating) and value.is_integer():
        return str(int(value))
    return str(value) if str(value).strip() else MISSING


def by_category(values: pd.Series, title: str) -> Colouring:
    """Colours by category, the most frequent first, rare ones beyond the palette together."""
    texts = in_words(values).to_numpy(dtype=object)
    missing = texts == MISSING
    counts = pd.Series(texts[~missing]).value_counts()
    order = sorted(counts.index, key=lambda name: (-int(counts[name]), name))
    kept = order if len(order) <= CATEGORIES_AT_MOST else order[: CATEGORIES_AT_MOST - 1]
    code_of = {name: code for code, name in enumerate(kept)}
    names, colours = list(kept), [palette.colour(code) for code in range(len(kept))]
    sizes = [int(counts[name]) for name in kept]
    if rest := order[len(kept) :]:
        code_of |= dict.fromkeys(rest, len(names))
        names.append(f"{len(rest)} rarer ones")
        colours.append(palette.MISSING_COLOUR)
        sizes.append(int(counts[rest].sum()))
    if missing.any():
        names.append(MISSING)
        colours.append(palette.MISSING_COLOUR)
        sizes.append(int(missing.sum()))
    codes = [
        len(names) - 1 if gone else code_of[text] for gone, text in zip(missing, texts, strict=True)
    ]
    return _discrete(
        title,
        codes=codes,
        names=names,
        colours=colours,
        counts=sizes,
        faint=missing,
        texts=[str(text) for text in texts],
    )


def by_number(values: pd.Series, title: str) -> Colouring:
    """Colours by a number, the scale between its 2nd and 98th percentile."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(numbers)
    low, high = np.percentile(numbers[known], (2, 98)) if known.any() else (0.0, 1.0)
    span = float(high - low) or 1.0
    return Colouring(
        title=title,
        values=[float(v) for v in np.where(known, numbers, low).round(6)],
        stops=palette.SEQUENTIAL,
        low=float(low),
        high=float(low) + span,
        texts=[number(float(v)) for v in np.where(known, numbers, np.nan)],
        entries=(),
        faint=~known,
    )


def some_of(colouring: Colouring, rows: IntArray) -> Colouring:
    """The colouring of some of the chips."""
    return dataclasses.replace(
        colouring,
        values=[colouring.values[row] for row in rows],
        texts=[colouring.texts[row] for row in rows],
        faint=colouring.faint[rows],
        symbols=[colouring.symbols[row] for row in rows] if colouring.symbols else (),
    )


def _codes(ids: IntArray, present: list[int]) -> list[int]:
    place = {cluster: code for code, cluster in enumerate(present)}
    return [place[int(i)] for i in ids]


def _discrete(
    title: str,
    *,
    codes: Sequence[int],
    names: Sequence[str],
    colours: Sequence[str],
    counts: Sequence[int],
    faint: np.ndarray,
    texts: Sequence[str] = (),
    symbols: Sequence[str] = (),
) -> Colouring:
    n = max(1, len(names))
    stops = [(edge / n, colour) for code, colour in enumerate(colours) for edge in (code, code + 1)]
    return Colouring(
        title=title,
        values=[float(code) for code in codes],
        stops=tuple(stops) or ((0.0, palette.MISSING_COLOUR), (1.0, palette.MISSING_COLOUR)),
        low=-0.5,
        high=n - 0.5,
        texts=texts or [names[code] for code in codes],
        entries=tuple(
            (colour, name, number(count))
            for colour, name, count in zip(colours, names, counts, strict=True)
        ),
        faint=faint,
        symbols=symbols,
    )


def _read(colouring: Colouring, value: float) -> str:
    """The colour at a value: the stop at or below it."""
    share = (value - colouring.low) / (colouring.high - colouring.low)
    below = [colour for at, colour in colouring.stops if at <= share + 1e-9]
    return below[-1] if below else colouring.stops[0][1]
