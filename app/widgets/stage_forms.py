"""Forms for the settings of stages. A change is requested at once; a button computes the stage."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import cast

import streamlit as st

from app.session import cache, jobs
from app.session.state import widget_key
from app.session.views import request_settings, requested_settings, requested_view
from app.widgets.choices import setting_number
from app.widgets.setting_labels import choice_label, setting_label
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.types import Covariance

SPACE_HELP = "Principal components kept from the embeddings."
COVARIANCE_HELP = "Automatic uses the richest covariance that this number of chips supports."
TREE_SPACE_HELP = (
    "Principal components for HDBSCAN, which needs few of them: points in many dimensions have no "
    "dense regions."
)
MIN_SAMPLES_HELP = (
    "Neighbours, not counting the chip itself, that define its density. A higher number gives "
    "fewer and more stable clusters, and more noise."
)


def class_form(workspace: Workspace, attributes: Sequence[str], guess: str) -> None:
    """Draw the choice of the class attribute; no chip is cut again for it."""
    scenes = requested_settings(workspace).scenes
    attribute = st.selectbox(
        setting_label("scenes", "class_property"),
        list(dict.fromkeys(["", *attributes, scenes.class_property])),
        format_func=lambda name: name or f"{guess or 'none'} (guessed)",
        key=widget_key(workspace, "class property", scenes.class_property),
        help="The default for counts, captions, colours and scores. It applies to all scenes.",
    )
    if attribute != scenes.class_property:
        scenes = dataclasses.replace(scenes, class_property=attribute)
        request_settings(workspace, scenes=scenes)
        st.rerun()


def space_form(workspace: Workspace) -> None:
    """Draw the form on the space that is clustered."""
    requested = requested_settings(workspace)
    reduction, tree, gmm = requested.reduction, requested.tree, requested.gmm
    number, dims = partial(setting_number, workspace), (1, 2000)
    n_dims = number("reduction", "n_dims", reduction.n_dims, dims, 1, SPACE_HELP)
    covariance = st.selectbox(
        "Covariance of the mixture",
        ("auto", "full", "tied", "diag", "spherical"),
        format_func=choice_label,
        key=widget_key(workspace, "covariance", gmm.covariance),
        help=COVARIANCE_HELP,
    )
    tree_dims = number("tree", "n_dims", tree.n_dims, dims, 1, TREE_SPACE_HELP)
    min_samples = number("tree", "min_samples", tree.min_samples, (1, 1000), 1, MIN_SAMPLES_HELP)
    weights = {}
    with st.expander("Add coordinates and size"):
        st.caption("Off by default. Adding coordinates makes clusters follow location.")
        for name in ("longitude", "latitude", "width", "height"):
            weight = getattr(reduction, name)
            label, key = setting_label("reduction", name), f"weight {name}"
            key = widget_key(workspace, key, weight)
            weights[name] = st.slider(label, 0.0, max(3.0, weight), step=0.1, key=key)
    request_settings(
        workspace,
        reduction=dataclasses.replace(reduction, n_dims=n_dims, **weights),
        tree=dataclasses.replace(tree, n_dims=tree_dims, min_samples=min_samples),
        gmm=dataclasses.replace(gmm, covariance=cast(Covariance, covariance)),
    )


def projection_form(workspace: Workspace) -> None:
    """Draw the form on how chips are projected to two dimensions."""
    current = requested_settings(workspace).projection
    number = partial(setting_number, workspace, "projection")
    is_automatic = st.toggle(
        "Choose the perplexity from the number of chips",
        key=widget_key(workspace, "perplexity auto", current.perplexity == 0),
    )
    perplexity = 0.0
    if not is_automatic:
        perplexity = number("perplexity", current.perplexity or 30.0, (2.0, 10_000.0), 5.0)
    projection = dataclasses.replace(
        current,
        perplexity=perplexity,
        n_iter=number("n_iter", current.n_iter, (50, 10_000), 50),
        exaggeration=number("exaggeration", current.exaggeration, (1.0, 50.0), 0.5),
        seed=number("seed", current.seed, (0, 2**31 - 1), 1),
    )
    request_settings(workspace, projection=projection)


def run_button(
    workspace: Workspace, until: str, label: str, title: str, *, wide: bool = True
) -> None:
    """Draw the button that computes a stage; disabled if it is up to date or a job is running."""
    view = requested_view(workspace)
    if explain_missing_scenes(view):
        return
    is_ready = cache.is_ready(view, until)
    if st.button(
        "Up to date" if is_ready else label,
        key=f"cs.run:{until}",
        type="primary",
        disabled=is_ready or jobs.running_job(workspace) is not None,
        width="stretch" if wide else "content",
    ):
        jobs.start_run(workspace, view.settings, until, title)
        st.rerun()


def explain_missing_scenes(view: View) -> bool:
    """Write which input is missing, if none can be used; return True if it is missing."""
    survey = view.survey
    if survey.usable:
        return False
    if not survey.reports:
        text = "There are no scenes in this workspace yet."
    elif not any(report.ok for report in survey.reports):
        text = "None of the scenes can be used."
    else:
        text = "None of the scenes has annotations yet."
    st.markdown(text)
    st.page_link("../pages/scenes.py", label="Open the page Scenes")
    return True
