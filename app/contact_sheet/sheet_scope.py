"""Which chips a contact sheet displays, and in which order."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from app.session import cache, cluster_results
from app.session.displayed_clusters import Clusters
from app.session.state import keep_choice, page_choice, pop_choice, selected_rows, widget_key
from app.widgets.palette import EXCLUDED, NOISE
from core.chips.chip_dates import chip_dates
from core.chips.chip_set import ChipSet
from core.clusters.editing.explanation import relative_distances
from core.pipeline.workspace import Workspace
from core.types import AnyArray

PAGE = "../pages/contact_sheet.py"
ALL, SELECTION, UNAPPROVED = "all", "selection", "unapproved"
Scope = int | str
"""The id of a cluster, -1 for noise, -2 for excluded chips, or the name of another set."""

TYPICAL, UNCERTAIN, LARGEST, OLDEST, NEWEST = "typical", "uncertain", "largest", "oldest", "newest"
ORDERS = {
    TYPICAL: "Typical first",
    UNCERTAIN: "Uncertain first",
    LARGEST: "Largest first",
    OLDEST: "Oldest first",
    NEWEST: "Newest first",
}
PAGE_SIZES = (50, 100, 200)


@dataclass(frozen=True)
class SheetRows:
    """The rows of the chips of a contact sheet, in order, and a title; fixed until sorted again."""

    rows: tuple[int, ...]
    title: str
    page_size: int


def request_sheet(workspace: Workspace, scope: Scope, *, at_next_run: bool = False) -> None:
    """Let the contact sheet display a set of chips the next time that it is drawn.

    A callback cannot open another page; with `at_next_run`, `open_requested_sheet` opens it.
    """
    keep_choice(workspace, "sheet requested", at_next_run)
    keep_choice(workspace, "sheet scope", scope)
    keep_choice(workspace, "sheet rows", None)
    keep_choice(workspace, "sheet page", 1)


def open_requested_sheet(workspace: Workspace) -> None:
    """Open the contact sheet if a callback has requested it for this run of the script."""
    if pop_choice(workspace, "sheet requested", False):
        st.switch_page(PAGE)


def sheet_button(workspace: Workspace, scope: Scope, key: str) -> None:
    """Draw a button that opens the contact sheet of a set of chips."""
    if st.button(
        "Sheet", key=key, icon=":material/grid_view:", help="Name these chips in the contact sheet"
    ):
        request_sheet(workspace, scope)
        st.switch_page(PAGE)


def choose_rows(clusters: Clusters, chips: ChipSet) -> SheetRows:
    """Draw the choices of chips, order and page size; return the rows in this order.

    The rows stay the same while chips are edited, so that no chip moves under the cursor.
    """
    workspace, scopes = clusters.view.workspace, _scopes(clusters, chips)
    saved = page_choice(workspace, "sheet rows", None)
    scope = page_choice(workspace, "sheet scope", ALL)
    if scope not in scopes and saved and saved[0][:2] == (scope, _labelling_key(clusters)):
        # All of its chips have been moved or excluded; they stay displayed.
        scopes[scope] = f"{clusters.look.name(scope)} · 0"
    columns = st.columns([4, 3, 2, 2], vertical_alignment="bottom")
    scope = scope if scope in scopes else ALL
    with columns[0]:
        key = widget_key(workspace, f"sheet scope {list(scopes.items())}", scope)
        titles = scopes.__getitem__
        chosen = st.selectbox("Chips", list(scopes), key=key, format_func=titles)
    if chosen != scope:
        request_sheet(workspace, chosen)
    orders = _orders(chips)
    with columns[1]:
        last = page_choice(workspace, "sheet order", TYPICAL)
        start = last if last in orders else TYPICAL
        key = widget_key(workspace, f"sheet order {orders}", start)
        order = st.selectbox("Order", orders, key=key, format_func=ORDERS.__getitem__)
    keep_choice(workspace, "sheet order", order)
    with columns[2]:
        size = page_choice(workspace, "sheet size", PAGE_SIZES[1])
        key = widget_key(workspace, "sheet size", size)
        size = keep_choice(
            workspace, "sheet size", st.selectbox("Chips per page", PAGE_SIZES, key=key)
        )
    forget = ("sheet rows", None)
    columns[3].button(
        "Sort again",
        key="cs.sort sheet",
        on_click=keep_choice,
        args=(workspace, *forget),
        help="Chips keep their places while you edit them. This puts them in order again, and "
        "leaves out those that are no longer among these chips.",
    )
    rows = _fixed_rows(clusters, chips, chosen, order)
    return SheetRows(rows, scopes[chosen], size)


def _scopes(clusters: Clusters, chips: ChipSet) -> dict[Scope, str]:
    """Return the sets of chips that can be displayed, with their titles."""
    present, counts = np.unique(clusters.ids, return_counts=True)
    sizes = dict(zip(present.tolist(), counts.tolist(), strict=True))
    scopes: dict[Scope, str] = {}
    if selected := len(selected_rows(clusters.view.workspace, chips)):
        scopes[SELECTION] = f"The selection · {selected}"
    scopes[ALL] = f"All chips · {len(chips)}"
    scopes[UNAPPROVED] = "Chips that are not approved"
    for cluster in sorted(sizes, key=lambda cluster: (cluster < 0, cluster)):
        scopes[cluster] = f"{clusters.look.name(cluster)} · {sizes[cluster]}"
    return scopes


def _orders(chips: ChipSet) -> list[str]:
    has_dates = chip_dates(chips.facts, chips.properties) is not None
    return [order for order in ORDERS if has_dates or order not in (OLDEST, NEWEST)]


def _fixed_rows(clusters: Clusters, chips: ChipSet, scope: Scope, order: str) -> tuple[int, ...]:
    """Return the rows in order; the same ones until the scope, the order or the chips change."""
    workspace = clusters.view.workspace
    key = (
        scope,
        _labelling_key(clusters),
        order,
        selected_rows(workspace, chips) if scope == SELECTION else (),
    )
    saved = page_choice(workspace, "sheet rows", None)
    if saved is None or saved[0] != key:
        rows = np.flatnonzero(_members(clusters, chips, scope))
        values = _values(clusters, chips, order, rows)
        ordered = rows[np.argsort(values, kind="stable")]
        keep_choice(
            workspace, "sheet page", 1 if saved else page_choice(workspace, "sheet page", 1)
        )
        saved = keep_choice(workspace, "sheet rows", (key, tuple(ordered.tolist())))
    rows_in_order: tuple[int, ...] = saved[1]
    return rows_in_order


def _labelling_key(clusters: Clusters) -> str:
    return cache.labelling_key(clusters.view, "sheet", "noise")


def _members(clusters: Clusters, chips: ChipSet, scope: Scope) -> AnyArray:
    """Return True for the chips of a scope, (n,)."""
    selected = np.zeros(len(chips), np.bool_)
    if scope == SELECTION:
        selected[list(selected_rows(clusters.view.workspace, chips))] = True
        return selected
    if scope == ALL:
        return ~selected
    if scope == UNAPPROVED:
        return np.asarray(~clusters.edited.approved_chips & (clusters.ids != EXCLUDED))
    return np.asarray(clusters.ids == scope, np.bool_)


def _values(clusters: Clusters, chips: ChipSet, order: str, rows: AnyArray) -> AnyArray:
    """Return the value of each row, by which the rows are sorted in ascending order."""
    if order == LARGEST:
        return np.asarray(-chips.facts["area"].fillna(0.0).to_numpy()[rows])
    dates = chip_dates(chips.facts, chips.properties) if order in (OLDEST, NEWEST) else None
    if dates is not None:
        seconds = dates[rows].astype("datetime64[s]").astype(np.int64)
        unknown = np.isnat(dates[rows])
        ages = seconds if order == OLDEST else -seconds
        return np.asarray(np.where(unknown, np.iinfo(np.int64).max, ages))
    if order == UNCERTAIN:
        values = cluster_results.confidence(clusters)[rows]
        return np.where(clusters.ids[rows] == NOISE, 0.0, values)
    points = cluster_results.clustered_space(clusters)
    if points is None:
        return np.arange(len(rows))
    return relative_distances(points[rows], clusters.ids[rows])
