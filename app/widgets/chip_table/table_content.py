"""The content of the table of chips: its columns, its order, and its rows as CSV."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.session.displayed_clusters import Clusters
from app.widgets import colouring, palette
from app.widgets.chip_tables import CHIP, Rows, attribute_labels, column_values
from app.widgets.setting_labels import FACTS, fact_label
from core.chips.chip_set import ChipSet
from core.types import IntArray

# Rows that are turned into text at once.
CHUNK_ROWS = 5000


@dataclass(frozen=True)
class TableClusters:
    """What a table states of clusters: the id of each chip, (n,), and the names."""

    ids: IntArray
    look: palette.Look


def table_columns(
    chips: ChipSet, rows: Rows = slice(None), clusters: TableClusters | Clusters | None = None
) -> Iterator[tuple[str, pd.Series]]:
    """Yield label and values of each column of the table of some chips; labels include units."""
    yield CHIP, chips.facts["chip_id"].iloc[rows]
    if clusters is not None:
        names = {
            cluster: clusters.look.name(cluster) for cluster in np.unique(clusters.ids).tolist()
        }
        texts = [names[cluster] for cluster in clusters.ids[rows].tolist()]
        yield colouring.CLUSTER, pd.Series(texts, chips.facts.index[rows], object)
    for label, name in attribute_labels(chips).items():
        yield label, column_values(chips, "property", name, rows)
    for name in FACTS:
        if name in chips.facts and not chips.facts[name].isna().all():
            yield fact_label(name), column_values(chips, "fact", name, rows)


def display_table(
    chips: ChipSet,
    rows: Sequence[int] | None = None,
    clusters: TableClusters | Clusters | None = None,
) -> pd.DataFrame:
    """Return attributes and facts of some chips, by default all; column labels include units."""
    return pd.DataFrame(dict(table_columns(chips, _positions(rows), clusters)))


def write_chip_csv(
    chips: ChipSet,
    rows: Sequence[int] | None = None,
    clusters: TableClusters | Clusters | None = None,
) -> Iterator[bytes]:
    """Yield the table of some chips, by default all, as CSV, some thousands of rows at a time."""
    rows = range(len(chips)) if rows is None else rows
    for start in range(0, max(1, len(rows)), CHUNK_ROWS):
        table = display_table(chips, rows[start : start + CHUNK_ROWS], clusters)
        yield table.to_csv(index=False, header=not start).encode()


def sort_rows(
    chips: ChipSet,
    rows: Sequence[int] | None,
    clusters: TableClusters | Clusters | None,
    column: str,
    *,
    descending: bool = False,
) -> list[int]:
    """Return rows, by default all, in the order of a column of their table; missing values last.

    Rows with equal values keep their order. Clusters are in the order of the legend.
    """
    positions = (
        np.arange(len(chips), dtype=np.int32) if rows is None else np.asarray(rows, np.int32)
    )
    if column == colouring.CLUSTER and clusters is not None:
        order = colouring.displayed_order(clusters.ids)
        codes = {cluster: code for code, cluster in enumerate(order)}
        values = pd.Series([codes[cluster] for cluster in clusters.ids[positions].tolist()])
    else:
        values = dict(table_columns(chips, positions, clusters))[column].reset_index(drop=True)
        if not pd.api.types.is_numeric_dtype(values):
            values = colouring.value_labels(values).where(values.notna())
    ordered = values.sort_values(ascending=not descending, kind="stable", na_position="last")
    return [int(row) for row in positions[ordered.index]]


def _positions(rows: Sequence[int] | None) -> Rows:
    return slice(None) if rows is None else np.asarray(rows, np.int32)
