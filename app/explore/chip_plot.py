"""The t-SNE plot on the page, its legend, and the effect of what the user does in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import shapely
import streamlit as st

from app.clusters.cluster_editor import make_edit
from app.contact_sheet.sheet_scope import open_requested_sheet, request_sheet
from app.explore.plot_companion import PlotContent, draw_companion
from app.explore.point_shelf import PointDetails, details_address
from app.session import cache
from app.session.chip_search import signed_rows
from app.session.displayed_clusters import Clusters
from app.session.state import (
    clear_chips,
    keep_choice,
    mark_chips,
    page_choice,
    pick_chip,
    picked_row,
    select_chips,
    selected_rows,
)
from app.widgets.charts import projection_chart
from app.widgets.chip_tables import class_attribute
from app.widgets.colouring import CLUSTER, Colouring, displayed_order
from app.widgets.markup import count_noun, escape_markdown
from app.widgets.plot_picker import MARKERS_AT_MOST, draw_picture
from app.widgets.sliders.cluster_sliders import describe_clusters
from core.chips.chip_set import ChipSet
from core.clusters.editing import edits
from core.pipeline.view import View
from core.reduction.tsne import Projection
from core.types import AnyArray, BoolArray

# A lasso has fewer corners; anything longer does not come from the plot.
CORNERS_AT_MOST = 20_000

KL_HELP = (
    "The Kullback-Leibler divergence measures how much the neighbourhoods in the plot differ from "
    "those of the embeddings; 0 would be a perfect plot. Compare it only between plots of the same "
    "chips with the same perplexity."
)


def draw_chip_plot(
    view: View,
    chips: ChipSet,
    projection: Projection,
    colouring: Colouring,
    clusters: Clusters | None,
) -> None:
    """Draw the plot, its legend and its caption; events take effect at the next run."""
    workspace = view.workspace
    open_requested_sheet(workspace)
    groups = _Groups(colouring, clusters)
    hidden = frozenset(
        code
        for code, group in enumerate(groups.ids)
        if group in page_choice(workspace, groups.choice, ())
    )
    content = PlotContent(
        key=f"projection:{view.key('projection')}",
        points=projection.coordinates,
        colouring=colouring,
        hidden=hidden,
        renamable=groups.renamable,
        selected=selected_rows(workspace, chips),
        picked=picked_row(workspace, chips),
        details=_details(view, chips, colouring),
        signs=signed_rows(workspace, chips),
    )
    draws_points = len(chips) > MARKERS_AT_MOST
    with st.container(key="cs_plot"):
        if not draws_points:
            picture = projection_chart(
                content.points,
                colouring,
                content.key,
                _hidden_points(colouring, hidden),
                content.selected,
                content.picked,
                content.signs,
            )
            draw_picture(picture, content.key)
        apply = partial(_apply_event, view, chips, content, groups)
        draw_companion(content, apply, draws_points=draws_points)
    if hidden:
        names = ", ".join(colouring.entries[code][1] for code in sorted(hidden)[:6])
        more = f" and {len(hidden) - 6} more" if len(hidden) > 6 else ""
        st.caption(escape_markdown(f"Hidden and not selected by box or lasso: {names}{more}."))
    _caption(projection, len(chips), clusters)


def _caption(projection: Projection, n_chips: int, clusters: Clusters | None) -> None:
    summary = f"{describe_clusters(clusters)} · " if clusters else ""
    st.caption(
        escape_markdown(
            f"{summary}{count_noun(n_chips, 'chip')} · t-SNE, perplexity "
            f"{projection.perplexity:.3g}, KL divergence {projection.kl_divergence:.2f}. "
            "Nearby points are similar; large distances are not meaningful."
        ),
        help=KL_HELP,
    )


@dataclass(frozen=True)
class _Groups:
    """The groups of a colouring, under ids that stay the same when their codes change."""

    colouring: Colouring
    clusters: Clusters | None

    @property
    def ids(self) -> Sequence[int | str]:
        """The id of each code: the cluster's id, or the category's name."""
        if self.colouring.title == CLUSTER and self.clusters is not None:
            return displayed_order(self.clusters.ids)
        return [name for _, name, _ in self.colouring.entries]

    @property
    def renamable(self) -> frozenset[int]:
        """The codes of the groups that are clusters."""
        return frozenset(
            code for code, group in enumerate(self.ids) if isinstance(group, int) and group >= 0
        )

    @property
    def choice(self) -> str:
        """The name under which the session remembers the hidden groups."""
        return f"hidden {self.colouring.title}"


def _apply_event(
    view: View, chips: ChipSet, content: PlotContent, groups: _Groups, event: Mapping[str, Any]
) -> None:
    """Apply what the user did in the plot; events that are not valid are ignored."""
    workspace, kind = view.workspace, event.get("kind")
    chip_ids, n_groups = chips.facts["chip_id"], len(groups.ids)
    if kind == "clear":
        clear_chips(workspace)
    elif kind == "point" and _is_index(event.get("point"), len(chips)):
        pick_chip(workspace, str(chip_ids.iloc[event["point"]]))
    elif kind == "polygon":
        visible = ~_hidden_points(content.colouring, content.hidden)
        rows = rows_inside(content.points, event.get("polygon"), visible)
        select_chips(workspace, chip_ids.iloc[rows].tolist())
    elif kind == "mark":
        added, removed = (_list_rows(event.get(name), len(chips)) for name in ("add", "remove"))
        mark_chips(workspace, chip_ids.iloc[added].tolist(), chip_ids.iloc[removed].tolist())
    elif kind == "group" and _is_index(event.get("group"), n_groups):
        members = np.asarray(content.colouring.values) == event["group"]
        select_chips(workspace, chip_ids[members].tolist())
    elif kind in ("isolate", "hide") and _is_index(event.get("group"), n_groups):
        change = isolate_group if kind == "isolate" else toggle_group
        hidden = change(content.hidden, event["group"], n_groups)
        keep_choice(workspace, groups.choice, tuple(groups.ids[code] for code in hidden))
    elif kind == "sheet" and event.get("group") in groups.renamable:
        request_sheet(workspace, groups.ids[event["group"]], at_next_run=True)
    elif kind == "rename" and groups.clusters and event.get("group") in groups.renamable:
        name = str(event.get("name", "")).strip()
        rename = partial(edits.rename_cluster, cluster=groups.ids[event["group"]], name=name)
        make_edit(groups.clusters, rename)


def rows_inside(points: AnyArray, polygon: Any, visible: BoolArray) -> AnyArray:
    """Return the rows of the visible points, of (n, 2), inside a polygon, (k, 2).

    Where a lasso crosses itself, the even-odd rule applies. A polygon that is not valid contains no
    point.
    """
    try:
        corners = np.asarray(polygon, float)
    except (TypeError, ValueError):
        corners = np.empty((0, 2))
    is_polygon = corners.ndim == 2 and corners.shape[1] == 2
    if not (is_polygon and 3 <= len(corners) <= CORNERS_AT_MOST and np.isfinite(corners).all()):
        return np.empty(0, np.int64)
    in_box = (points >= corners.min(axis=0)) & (points <= corners.max(axis=0))
    rows = np.flatnonzero(in_box.all(axis=1) & visible)
    area = shapely.Polygon(corners)
    shapely.prepare(area)
    inside = shapely.contains_xy(area, points[rows].astype(float))
    return np.asarray(rows[inside])


def isolate_group(hidden: frozenset[int], group: int, n_groups: int) -> frozenset[int]:
    """Return the hidden groups after a click on a name: all others, or none if they already are."""
    other_groups = frozenset(range(n_groups)) - {group}
    return frozenset() if hidden == other_groups else other_groups


def toggle_group(hidden: frozenset[int], group: int, n_groups: int) -> frozenset[int]:
    """Return the hidden groups after a click on an eye; all are displayed rather than none."""
    toggled = hidden ^ {group}
    return frozenset() if len(toggled) == n_groups else toggled


def _hidden_points(colouring: Colouring, hidden: frozenset[int]) -> BoolArray:
    """Return True for the points, (n,), of hidden groups."""
    codes = np.asarray(colouring.values)
    return np.isin(codes, list(hidden)) if hidden else np.zeros(len(codes), np.bool_)


def _list_rows(points: Any, n: int) -> list[int]:
    """Return the points that are rows of n chips; none if it is not a list."""
    return [point for point in points if _is_index(point, n)] if isinstance(points, list) else []


def _is_index(value: object, n: int) -> bool:
    return isinstance(value, int) and 0 <= value < n


def _details(view: View, chips: ChipSet, colouring: Colouring) -> str:
    """Return the URL of the chips' descriptions, from which the tooltips are made."""
    attribute = class_attribute(chips)
    draw = cache.thumbnail_reader(view.workspace, chips)
    details = PointDetails(
        colouring.texts,
        chips.properties[attribute] if attribute else None,
        chips.facts["chip_id"],
        draw,
    )
    groups = [name for _, name, _ in colouring.entries]
    values = sha256(np.asarray(colouring.values, float).tobytes()).hexdigest()
    inputs = (chips.keys, attribute, colouring.title, groups, values, draw.keywords)
    return details_address(repr(inputs), details)
