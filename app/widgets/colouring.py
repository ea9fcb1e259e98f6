"""The colour of each chip and what it stands for: a cluster, a category or a number."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.widgets import palette
from app.widgets.markup import format_number
from core.types import AnyArray, BoolArray, DoubleArray, IntArray

# One category per colour of the palette; rarer categories form one grey group.
CATEGORIES_AT_MOST = len(palette.COLOURS)
MISSING = "(none)"
CLUSTER = "Cluster"
Counts = list[tuple[str, str, int]]
"""Colour, name and number of chips of each group."""


@dataclass(frozen=True)
class Colouring:
    """A colour and a text for each of n chips.

    The values from `low` to `high` are mapped onto `stops`, a colour scale over 0..1. Each text
    names the cluster, category or number of a chip. The entries are the legend: colour, name and
    count; they are empty if the colours stand for numbers. `faint` is True for noise and missing
    values, which are drawn fainter. `symbols` is empty if all markers are circles.
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
        """Return the colour of each chip: the colour of the last stop at or below its value."""
        positions = (np.asarray(self.values) - self.low) / (self.high - self.low)
        stops = np.searchsorted([stop for stop, _ in self.stops], positions + 1e-9, side="right")
        return [self.stops[max(0, stop - 1)][1] for stop in stops.tolist()]


def interpolate_colours(stops: Sequence[tuple[float, str]], positions: AnyArray) -> DoubleArray:
    """Return red, green and blue (..., 3) of positions (...) on a colour scale over 0..1."""
    colours = np.array([list(bytes.fromhex(colour[1:])) for _, colour in stops], float)
    fractions = [stop for stop, _ in stops]
    return np.stack([np.interp(positions, fractions, band) for band in colours.T], axis=-1)


def colour_by_cluster(ids: IntArray, look: palette.Look | None = None) -> Colouring:
    """Colour chips by cluster id; -1 is noise and -2 an excluded chip."""
    look = look or palette.Look()
    order = displayed_order(ids)
    present, positions = np.unique(ids, return_inverse=True)
    code_by_id = {cluster: code for code, cluster in enumerate(order)}
    codes = np.array([code_by_id[cluster] for cluster in present.tolist()], np.intp)[positions]
    colouring = _colour_groups(CLUSTER, codes, cluster_counts(ids, look), ids < 0)
    if max(order, default=0) < len(palette.COLOURS):
        return colouring
    symbols = [palette.cluster_symbol(int(cluster)) for cluster in ids]
    return dataclasses.replace(colouring, symbols=symbols)


def cluster_counts(ids: IntArray, look: palette.Look) -> Counts:
    """Return the colour, name and size of each cluster, then of noise and excluded chips."""
    return [(look.colour(i), look.name(i), int((ids == i).sum())) for i in displayed_order(ids)]


def displayed_order(ids: IntArray) -> list[int]:
    """Return the ids that occur: clusters in increasing order, then noise, then excluded chips."""
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
    counts = Counter(texts[~missing])
    groups = group_counts(counts)
    # The group of rare categories comes after the named ones.
    rare_code = len(groups) - (len(counts) > len(groups))
    code_by_name = {name: code for code, (_, name, _) in enumerate(groups[:rare_code])}
    if missing.any():
        code_by_name[MISSING] = len(groups)
        groups.append((palette.MISSING_COLOUR, MISSING, int(missing.sum())))
    codes = np.array([code_by_name.get(text, rare_code) for text in texts], np.intp)
    return _colour_groups(title, codes, groups, missing, texts=[str(text) for text in texts])


def group_counts(counts: Mapping[str, int], noun: str = "values") -> Counts:
    """Return colour, name and count of each category, the most frequent first.

    Categories for which the palette has no colour left are counted together as rarer values.
    """
    names = sorted(counts, key=lambda name: (-counts[name], name))
    n_named = len(names) if len(names) <= CATEGORIES_AT_MOST else CATEGORIES_AT_MOST - 1
    named = enumerate(names[:n_named])
    groups = [(palette.cluster_colour(i), name, counts[name]) for i, name in named]
    if rare := names[n_named:]:
        count = sum(counts[name] for name in rare)
        groups.append((palette.MISSING_COLOUR, f"{len(rare)} rarer {noun}", count))
    return groups


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
    title: str, codes: AnyArray, groups: Counts, faint: BoolArray, texts: Sequence[str] = ()
) -> Colouring:
    """Return the colouring of chips by the code of their group, int (n,)."""
    n = max(1, len(groups))
    names = np.array([name for _, name, _ in groups], object)
    colours = [colour for colour, _, _ in groups] or [palette.MISSING_COLOUR]
    return Colouring(
        title=title,
        values=codes.astype(float).tolist(),
        # Two stops per colour, so that the scale has steps.
        stops=tuple((edge / n, c) for code, c in enumerate(colours) for edge in (code, code + 1)),
        low=-0.5,
        high=n - 0.5,
        texts=texts or names[codes].tolist(),
        entries=tuple((colour, name, format_number(count)) for colour, name, count in groups),
        faint=faint,
    )
