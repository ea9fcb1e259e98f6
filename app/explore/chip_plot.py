"""The landscape on the page: drawn by the picker, and what was picked remembered."""

import numpy as np
import streamlit as st

from app.session import cluster_ids, state
from app.session.shown_clusters import Clusters
from app.widgets import charts, chip_panels
from app.widgets.colouring import CLUSTER, Colouring, by_cluster, by_property, some_of
from app.widgets.markup import counted, legend, number, plain
from app.widgets.plot_picker import MARKERS_AT_MOST, pick, picked_before
from core.chips.chip_set import ChipSet
from core.pipeline.plan import Plan
from core.pipeline.workspace import Workspace
from core.reduction.tsne import Projection
from core.types import IntArray


def colour_by(place: Workspace, chips: ChipSet) -> str:
    """What colours the points, as the user chose."""
    options = [CLUSTER, *chip_panels.colourable(chips)]
    kept = state.value(place, "colour", CLUSTER)
    key = state.widget(place, "colour", kept if kept in options else CLUSTER)
    chosen: str = state.keep(place, "colour", st.selectbox("Colour by", options, key=key))
    return chosen


def paint(chips: ChipSet, by: str, clusters: Clusters | None) -> Colouring:
    """The colour of each chip; by scene where clusters are asked for and there are none."""
    if by == CLUSTER and clusters is not None:
        return by_cluster(clusters.ids, clusters.look)
    source, name = chip_panels.colourable(chips).get(by, ("fact", "scene"))
    return by_property(chip_panels.column(chips, source, name), "Scene" if by == CLUSTER else by)


def answer(place: Workspace, ready: Plan, n: int) -> None:
    """Take a click or a selection before anything is drawn: the page is drawn once, not twice."""
    key = ready.keys["projection"]
    try:
        told = state.present(f"landscape:{key}")
    except KeyError:
        return
    _taken(place, ready, n, picked_before(told))


def _drawn(n: int) -> IntArray:
    """The rows that are drawn of n."""
    return np.unique(np.linspace(0, n - 1, min(n, MARKERS_AT_MOST)).astype(np.int32))


def _taken(place: Workspace, ready: Plan, n: int, points: tuple[int, ...]) -> bool:
    """Remember what was picked, if it is news."""
    news = state.is_news(place, ready.keys["projection"], points)
    if news:
        rows = _drawn(n)
        state.take(place, ready.keys["chips"], tuple(int(rows[point]) for point in points))
    return news


def draw(
    place: Workspace, ready: Plan, chips: ChipSet, projection: Projection, painted: Colouring
) -> None:
    """Draw the landscape; a click or a selection is remembered and the page drawn again."""
    key, n = ready.keys["projection"], len(chips)
    rows = _drawn(n)
    row = state.picked(place, ready.keys["chips"])
    marked = int(np.searchsorted(rows, row)) if row is not None and row in rows else None
    picture = charts.landscape(
        projection.coordinates[rows],
        some_of(painted, rows),
        chip_panels.names_of(chips, rows),
        marked,
        key,
    )
    points = pick(picture, f"landscape:{key}")
    if _taken(place, ready, n, points):
        st.rerun()
    if len(rows) < n:
        st.caption(plain(f"{number(len(rows))} of {number(n)} chips are drawn, evenly spread."))


def about(projection: Projection, n: int, clusters: Clusters | None, painted: Colouring) -> None:
    """What the picture is, and the legend."""
    found = f"{cluster_ids.summary(clusters)} · " if clusters else ""
    st.caption(plain(
        f"{found}{counted(n, 'chip')} · t-SNE, perplexity {projection.perplexity:g}, "
        f"KL divergence {projection.kl_divergence:.2f}. Near is alike; far says little."
    ))  # fmt: skip
    st.html(legend(painted.entries))
