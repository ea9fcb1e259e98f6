"""Chips of scenes that were added after the clusters were computed: a cluster for each of them."""

import dataclasses
from functools import partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.session import cache, jobs
from app.session.views import find_view
from app.widgets.charts import base_layout, show_chart
from app.widgets.job_status import estimate_line
from app.widgets.markup import count_noun, escape_hover, escape_markdown
from app.widgets.palette import NOISE_COLOUR, Look
from app.widgets.theme import chart_colours
from core.artifacts.keys import make_key
from core.clusters.assignment import UNKNOWN
from core.errors import ChipscapeError
from core.pipeline.assignment.assigned_scenes import (
    ASSIGNMENTS,
    AssignedScenes,
    NewScenes,
    Reference,
    open_reference,
    unassigned_scenes,
)
from core.pipeline.cluster_stages import open_projection
from core.pipeline.estimates.fit_estimate import estimate_added_chips
from core.pipeline.results.curation import curation_to_document
from core.pipeline.results.current_file import CurrentResult, load_readable
from core.pipeline.workspace import Workspace

UNKNOWN_NAME = "Unknown"
_MOST_NAMES = 3
_HEIGHT = 360
_ASSIGN_HELP = (
    "Each new chip gets the cluster of the chips that it resembles. Clusters, names and the plot "
    "stay as they are; a chip that resembles none is unknown."
)


def assignment_button(workspace: Workspace) -> None:
    """Draw the button that assigns the chips of added scenes to the existing clusters.

    Draws nothing if all scenes are part of the current result, or if the chips are assigned.
    """
    new = _new_scenes(workspace)
    if new is None or ASSIGNMENTS.find(workspace.store, new) is not None:
        return
    is_busy = jobs.running_job(workspace) is not None
    label = "Assign the new chips to the existing clusters"
    if st.button(label, key="cs.assign", disabled=is_busy, help=_ASSIGN_HELP):
        jobs.start_assignment(workspace)
        st.rerun()
    if not is_busy:
        n = sum(scene.report.annotations for scene in new.scenes)
        view = new.reference.view
        estimate_line(workspace, lambda model: estimate_added_chips(view, model, n))


def assignment_panel(workspace: Workspace, *, is_open: bool = True) -> None:
    """Show the clusters of the chips of added scenes, if they are assigned.

    The panel is folded unless `is_open`, so that it does not push a picked chip off the screen.
    """
    new = _new_scenes(workspace)
    assigned = None if new is None else ASSIGNMENTS.read(workspace.store, new)
    if new is not None and assigned is not None:
        with st.expander(_headline(new), expanded=is_open):
            _show_assignment(new.reference, assigned)


def _headline(new: NewScenes) -> str:
    names = [scene.report.path for scene in new.scenes]
    listed = ", ".join(names[:_MOST_NAMES])
    if len(names) > _MOST_NAMES:
        listed += f" and {len(names) - _MOST_NAMES} more"
    verb = "was" if len(names) == 1 else "were"
    return (
        f"**{count_noun(len(names), 'scene')} {verb} added after these clusters were computed:** "
        f"{escape_markdown(listed)}."
    )


def _new_scenes(workspace: Workspace) -> NewScenes | None:
    """Return the scenes that are not part of the current result; None if there are none."""
    current = load_readable(workspace)
    if current.settings is None:
        return None
    survey = find_view(workspace, current.settings).survey
    known = set(current.keys.get("scenes", ()))
    if all(scene.artifact.key in known for scene in survey.usable):
        return None
    reference = current_reference(workspace)
    return None if reference is None else unassigned_scenes(reference, survey)


def current_reference(workspace: Workspace) -> Reference | None:
    """Return the current result as it is displayed; None if there is none, or it was deleted."""
    current = load_readable(workspace)
    if current.settings is None:
        return None
    try:
        key = _reference_key(workspace, current)
        return cache.cached_result(key, partial(open_reference, workspace))
    except ChipscapeError:
        # The stored result was deleted; the page says so.
        return None


def _reference_key(workspace: Workspace, current: CurrentResult) -> str:
    content = {
        "root": str(workspace.root),
        "keys": dict(current.keys),
        "settings": dataclasses.asdict(current.settings) if current.settings else None,
        "curation": curation_to_document(current.curation),
    }
    return make_key("reference", 1, content)


def _show_assignment(reference: Reference, assigned: AssignedScenes) -> None:
    look = Look(reference.edited.names, reference.edited.colours)
    st.markdown(escape_markdown(assigned.drift))
    for reason in assigned.refused.values():
        st.warning(escape_markdown(f"Not used: {reason}"))
    counts = pd.DataFrame(
        [
            {
                "Scene": share.scene,
                "Chips": share.n_chips,
                "Assigned": share.n_assigned,
                "Noise": share.n_noise,
                "Unknown": share.n_unknown,
                "Unknown (%)": round(100 * share.unknown_fraction, 1),
            }
            for share in assigned.shares
        ]
    )
    st.dataframe(counts, hide_index=True, width="content")
    with st.expander("New chips in the plot"):
        show_chart(_chart(reference, assigned, look), key="cs.assigned plot")
        st.caption(
            escape_markdown(
                "Chips of the result are grey; new chips have the colour of their cluster. Unknown "
                f"chips are crosses, next to the least dissimilar chips. {assigned.threshold}"
            )
        )
    names = assigned.table["cluster"].map(partial(_name, look))
    st.download_button(
        "Download the table",
        assigned.table.assign(name=names).to_csv(index=False),
        "assigned_chips.csv",
        "text/csv",
        key="cs.assigned table",
    )


def _name(look: Look, cluster: int) -> str:
    return UNKNOWN_NAME if cluster == UNKNOWN else look.name(cluster)


def _chart(reference: Reference, assigned: AssignedScenes, look: Look) -> go.Figure:
    """Return a plot of the result's chips in grey and the new chips in the clusters' colours."""
    figure, ink = go.Figure(), chart_colours().ink
    projection = open_projection(reference.view)
    if projection is not None:
        marker = {"color": NOISE_COLOUR, "size": 4, "opacity": 0.5}
        x, y = np.round(projection.coordinates.astype(float), 3).T
        options = {"mode": "markers", "hoverinfo": "skip", "name": "Chips of the result"}
        figure.add_trace(go.Scattergl(x=x, y=y, marker=marker, **options))
    for cluster, rows in assigned.table.groupby("cluster"):
        number = int(str(cluster))
        is_unknown = number == UNKNOWN
        marker = {
            "color": ink if is_unknown else look.colour(number),
            "symbol": "x-thin-open" if is_unknown else "circle",
            "size": 8,
            "line": {"width": 1, "color": ink},
        }
        name = escape_hover(_name(look, number))
        texts = [escape_hover(chip) for chip in rows["chip_id"]]
        trace = go.Scattergl(x=rows["x"], y=rows["y"], marker=marker, mode="markers", name=name)
        figure.add_trace(trace.update(text=texts, hoverinfo="text+name"))
    legend = {"orientation": "h", "y": 0, "yanchor": "top"}
    figure.update_layout(base_layout(_HEIGHT), dragmode="pan", legend=legend)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure
