"""The colour of each chip and what it stands for: a cluster, a category or a number."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.widgets import palette
from app.widgets.markup import format_number
from core.types import BoolArray, IntArray

# As many as the palette has colours; rarer categories form one grey group.
CATEGORIES_AT_MOST = len(palette.COLOURS)
MISSING = "(none)"
CLUSTER = "Cluster"
Counts = list[tuple[str, str, int]]
"""Colour, name and number of chips of each group."""


@dataclass(frozen=True)
class Colouring:
    """A colour and a text for each chip.

    Attributes
    ----------
    title : str
    values : sequence of float, n
        Looked up in `stops`, between `low` and `high`.
    stops : tuple of (float, str)
        A colour scale over 0..1.
    low, high : float
    texts : sequence of str, n
        What each chip is under this colouring, as plain text.
    entries : tuple of (colour, name, count)
        The legend; empty if the colours stand for numbers.
    faint : bool array, (n,)
        Chips to draw fainter: noise and missing values.
    symbols : sequence of str, n, or empty if all markers are circles
    """

    title: str
    values: Sequence[float]
    stops: tuple[tuple[float, str], ...]
    low: float
    high: float
    texts: Sequence[str]
    entries: tuple[tuple[str, str, str], ...]
    faint: BoolArray
    symbols: Sequence[str] = ()

    @property
    def numeric(self) -> bool:
        """True if the colours stand for numbers and need a scale instead of a legend."""
        return not self.entries

    def colours(self) -> list[str]:
        """Return the colour of each chip, for pictures without a colour scale."""
        return [self._colour_at(value) for value in self.values]

    def _colour_at(self, value: float) -> str:
        """Return the colour of the last stop that is not above a value."""
        position = (value - self.low) / (self.high - self.low)
        passed = [colour for stop, colour in self.stops if stop <= position + 1e-9]
        return passed[-1] if passed else self.stops[0][1]


def colour_by_cluster(ids: IntArray, look: palette.Look | None = None) -> Colouring:
    """Colour chips by cluster id; -1 is noise and -2 an excluded chip."""
    look = look or palette.Look()
    order = displayed_order(ids)
    code_by_id = {cluster: code for code, cluster in enumerate(order)}
    codes = [code_by_id[int(cluster)] for cluster in ids]
    many = max(order, default=0) >= len(palette.COLOURS)
    symbols = [palette.cluster_symbol(int(cluster)) for cluster in ids] if many else []
    return _colour_groups(CLUSTER, codes, cluster_counts(ids, look), ids < 0, symbols=symbols)


def cluster_counts(ids: IntArray, look: palette.Look) -> Counts:
    """Return the colour, name and size of each cluster, then of noise and excluded chips."""
    return [(look.colour(i), look.name(i), int((ids == i).sum())) for i in displayed_order(ids)]


def displayed_order(ids: IntArray) -> list[int]:
    """Return the clusters that occur by id, then noise, then excluded chips."""
    return sorted(np.unique(ids).tolist(), key=lambda i: (i < 0, abs(i)))


def colour_by_property(values: pd.Series, title: str) -> Colouring:
    """Colour chips by a column: numbers on a scale, anything else by category."""
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return colour_by_category(values, title)
    return colour_by_number(values, title)


def value_labels(values: pd.Series) -> pd.Series:
    """Return the label of each value of an attribute; `MISSING` if there is no value."""
    labels = values.astype(object).map(_value_label).astype(object)
    return labels.where(values.notna(), MISSING)


def _value_label(value: object) -> str:
    # A column of whole numbers becomes float if values are missing.
    if isinstance(value, float | np.floating) and value.is_integer():
        return str(int(value))
    return str(value) if str(value).strip() else MISSING


def colour_by_category(values: pd.Series, title: str) -> Colouring:
    """Colour chips by category, the most frequent first; rare categories form one group."""
    texts = value_labels(values).to_numpy(dtype=object)
    missing = texts == MISSING
    counts = pd.Series(texts[~missing]).value_counts()
    order = sorted(counts.index, key=lambda name: (-int(counts[name]), name))
    frequent = order if len(order) <= CATEGORIES_AT_MOST else order[: CATEGORIES_AT_MOST - 1]
    rare = order[len(frequent) :]
    groups = [
        (palette.cluster_colour(code), name, int(counts[name]))
        for code, name in enumerate(frequent)
    ]
    code_by_name = {name: code for code, name in enumerate(frequent)}
    if rare:
        code_by_name |= dict.fromkeys(rare, len(groups))
        rare_count = int(counts[rare].sum())
        groups.append((palette.MISSING_COLOUR, f"{len(rare)} rarer values", rare_count))
    if missing.any():
        code_by_name[MISSING] = len(groups)
        groups.append((palette.MISSING_COLOUR, MISSING, int(missing.sum())))
    codes = [code_by_name[text] for text in texts]
    return _colour_groups(title, codes, groups, missing, texts=[str(text) for text in texts])


def colour_by_number(values: pd.Series, title: str) -> Colouring:
    """Colour chips by a number, on a scale between its 2nd and 98th percentile."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = np.isfinite(numbers)
    low, high = np.percentile(numbers[finite], (2, 98)) if finite.any() else (0.0, 1.0)
    return Colouring(
        title=title,
        values=np.where(finite, numbers, low).round(6).tolist(),
        stops=palette.SEQUENTIAL,
        low=float(low),
        high=float(low) + (float(high - low) or 1.0),
        texts=[format_number(value) for value in np.where(finite, numbers, np.nan).tolist()],
        entries=(),
        faint=~finite,
    )


def select_colours(colouring: Colouring, rows: IntArray) -> Colouring:
    """Return the colouring of some of the chips."""
    return dataclasses.replace(
        colouring,
        values=[colouring.values[row] for row in rows],
        texts=[colouring.texts[row] for row in rows],
        faint=colouring.faint[rows],
        symbols=[colouring.symbols[row] for row in rows] if colouring.symbols else (),
    )


def _colour_groups(
    title: str,
    codes: Sequence[int],
    groups: Counts,
    faint: BoolArray,
    texts: Sequence[str] = (),
    symbols: Sequence[str] = (),
) -> Colouring:
    """Return the colouring of chips by the code of their group."""
    n = max(1, len(groups))
    colours = [colour for colour, _, _ in groups] or [palette.MISSING_COLOUR]
    return Colouring(
        title=title,
        values=[float(code) for code in codes],
        # Two stops per colour, so that the scale has steps.
        stops=tuple((edge / n, c) for code, c in enumerate(colours) for edge in (code, code + 1)),
        low=-0.5,
        high=n - 0.5,
        texts=texts or [groups[code][1] for code in codes],
        entries=tuple((colour, name, format_number(count)) for colour, name, count in groups),
        faint=faint,
        symbols=symbols,
    )
