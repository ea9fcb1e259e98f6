"""The projections of the page: those that exist, how well they keep neighbours, the growing one."""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import wait
from functools import partial

import numpy as np
import streamlit as st

from app.session import cache, jobs
from app.session.state import widget_key
from app.session.views import requested_settings, requested_view, reset_settings
from app.widgets.images import data_uri
from app.widgets.markup import escape_markdown
from app.widgets.setting_labels import describe_setting
from app.widgets.stage_forms import projection_form, run_button
from core.pipeline.cluster_stages import reduction_key
from core.pipeline.projections.kept_projections import (
    KeptProjection,
    describe_scores,
    list_projections,
    projection_scores,
)
from core.pipeline.projections.live_layout import read_live_layout
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.types import ByteArray, FloatArray

_REFRESH_SECONDS = 1.0
_PATIENCE_SECONDS = 0.6
# Sides of the live picture and of a chip in it, in pixels.
_SIDE, _DOT = 320, 2
_PAPER, _INK = np.array([238, 240, 243]), np.array([11, 110, 110])


def offer_projection(workspace: Workspace, view: View | None) -> None:
    """Draw the button that creates the first projection, if there is none."""
    if view is None:
        st.markdown("There is no plot yet. It is computed from the embeddings of your chips.")
        label, title = "Create the projection", "Creating the projection"
        run_button(workspace, "projection", label, title, width="content")
        live_layout(workspace)


def projection_panel(view: View) -> None:
    """Draw what belongs below the plot: how good the projection is, other ones, and settings."""
    projection_caption(view)
    with st.expander("Settings of the projection"):
        projection_choice(view)
        projection_form(view.workspace)
        run_button(view.workspace, "projection", "Compute again", "Projecting to two dimensions")
    # After the form, which would close if a picture appeared before it.
    live_layout(view.workspace)


def projection_caption(view: View) -> None:
    """Draw the sentence that states how well the projection keeps neighbours."""
    key = view.key("projection", name="projection scores")
    scores = cache.run_in_background(key, partial(projection_scores, view))
    # Scores are stored with the projection, except by earlier versions.
    if not wait([scores], _PATIENCE_SECONDS).done:
        st.caption("Trustworthiness and neighbour recall are being measured.")
    elif (result := scores.result()) is not None:
        st.caption(escape_markdown(describe_scores(result)))


def projection_choice(view: View) -> None:
    """Draw the selector of the projections that exist; drawn only if there are several.

    It is not drawn either if the requested reduction is not the displayed one.
    """
    workspace = view.workspace
    requested_reduction = requested_view(workspace).artifacts.get("reduction", ())
    if not requested_reduction or requested_reduction[0].key != reduction_key(view):
        return
    projections = list_projections(view)
    settings = [projection.settings for projection in projections]
    current = requested_settings(workspace).projection
    if len(projections) < 2 or current not in settings:
        return
    position = st.selectbox(
        "Projections computed so far",
        range(len(projections)),
        format_func=label_projections(projections).__getitem__,
        key=widget_key(workspace, "projection choice", settings.index(current)),
        help="Switching is immediate; nothing is computed again.",
    )
    if settings[position] != current:
        requested = requested_settings(workspace)
        reset_settings(workspace, dataclasses.replace(requested, projection=settings[position]))
        st.rerun()


def live_layout(workspace: Workspace) -> None:
    """Show a running t-SNE while it grows; draws nothing if no job is running."""
    if jobs.running_job(workspace) is not None:
        _show_layout(workspace)


@st.fragment(run_every=_REFRESH_SECONDS)
def _show_layout(workspace: Workspace) -> None:
    layout = read_live_layout(workspace.store)
    if layout is not None:
        uri = data_uri(draw_layout(layout))
        text = f"The layout of {len(layout)} chips while it is computed"
        st.html(f'<img src="{uri}" alt="{text}" width="{_SIDE}" height="{_SIDE}">')
        st.caption("The layout of the current iteration.")


def draw_layout(layout: FloatArray) -> ByteArray:
    """Return a picture of positions, (n, 2), as uint8 (height, width, 3); darker where denser."""
    low, high = layout.min(axis=0), layout.max(axis=0)
    scale = (_SIDE - 4 * _DOT) / max(float((high - low).max()), 1e-9)
    centred = (layout - (low + high) / 2) * scale + _SIDE / 2
    columns, rows = centred[:, 0].astype(int), (_SIDE - centred[:, 1]).astype(int)
    counts = np.zeros((_SIDE, _SIDE))
    for dx in range(-(_DOT // 2), _DOT - _DOT // 2):
        for dy in range(-(_DOT // 2), _DOT - _DOT // 2):
            inside = (np.clip(rows + dy, 0, _SIDE - 1), np.clip(columns + dx, 0, _SIDE - 1))
            np.add.at(counts, inside, 1)
    strength = (1 - 0.4**counts)[..., None]
    return np.round(_PAPER * (1 - strength) + _INK * strength).astype(np.uint8)


def label_projections(projections: Sequence[KeptProjection]) -> list[str]:
    """Return a label for each projection: perplexity, the settings that differ, and scores."""
    names = ("exaggeration", "metric", "initialisation", "n_iter", "seed")
    values = [{name: getattr(p.settings, name) for name in names} for p in projections]
    differing = [name for name in names if len({row[name] for row in values}) > 1]
    labels = []
    for projection, row in zip(projections, values, strict=True):
        parts = [f"perplexity {projection.perplexity:g}"]
        parts += [describe_setting("projection", name, row[name]) for name in differing]
        parts.append(f"KL {projection.kl_divergence:.2f}")
        if scores := projection.scores:
            parts.append(f"trustworthiness {scores.trustworthiness:.3f}")
            parts.append(f"recall {scores.neighbour_recall:.0%}")
        labels.append(", ".join(parts))
    return labels
