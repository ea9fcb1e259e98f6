"""Forms for the settings of stages.

A change updates the requested settings at once; a button computes the stage. If the displayed
result belongs to previous settings, a notice offers to update it.
"""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Literal, cast, get_args

import streamlit as st

from app.session import cache, jobs, views
from app.session.state import widget_key
from app.widgets.choices import setting_choice, setting_number
from app.widgets.job_status import estimate_line
from app.widgets.markup import escape_markdown
from app.widgets.setting_labels import choice_label, list_differences, setting_label
from core.embeddings.joined_encoder import lacks_raster_path
from core.errors import ChipscapeError
from core.pipeline.estimates.run_estimate import estimate_run
from core.pipeline.run import count_chips
from core.pipeline.run_stages import settings_of
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.reduction.tsne import effective_perplexity
from core.reduction_settings import ReductionSettings
from core.types import Covariance, Harmonisation, Initialisation, Metric, Nuisance

Width = Literal["stretch", "content"]
ButtonType = Literal["primary", "secondary"]
# What a stage computes, as on the button that updates it.
RESULTS = {
    "chips": "chips",
    "embeddings": "embeddings",
    "clusters": "clusters",
    "projection": "plot",
}
SPACE_HELP = "Number of principal components of the embeddings that are kept."
COVARIANCE_HELP = "Automatic uses the most flexible covariance that the number of chips supports."
TREE_SPACE_HELP = (
    "Number of principal components for HDBSCAN. 0 uses the graph of each chip's nearest "
    "neighbours in all components instead. Otherwise use few, because points in many dimensions "
    "form no dense regions."
)
MIN_SAMPLES_HELP = (
    "Number of neighbours, not counting the chip itself, that define its density. A higher number "
    "gives fewer and more stable clusters, and more noise. 0 chooses it from the number of chips."
)
METRIC_HELP = (
    "Cosine compares the directions of two chips' principal components and ignores their lengths."
)
START_HELP = (
    "Positions from which t-SNE starts. They affect where groups lie in relation to each other, "
    "hardly which chips are neighbours. From random positions, related groups may end up far apart."
)
CORRECTION_HELP = {
    "harmonisation": "Centring subtracts the mean embedding of each scene. Scenes with few chips "
    "are corrected less. It also removes what distinguishes classes of different scenes.",
    "nuisance": "Subtracts the linear effect of the brightness or sharpness of the chips.",
}


def class_form(workspace: Workspace, attributes: Sequence[str], guess: str) -> None:
    """Draw the selector of the class attribute; a new choice does not affect how chips are cut."""
    scenes = views.requested_settings(workspace).scenes
    attribute = st.selectbox(
        setting_label("scenes", "class_property"),
        list(dict.fromkeys(["", *attributes, scenes.class_property])),
        format_func=lambda name: name or f"{guess or 'none'} (guessed)",
        key=widget_key(workspace, "class property", scenes.class_property),
        help="Used by default for counts, captions, colours and scores, in all scenes.",
    )
    if attribute != scenes.class_property:
        scenes = dataclasses.replace(scenes, class_property=attribute)
        views.request_settings(workspace, scenes=scenes)
        st.rerun()


def space_form(workspace: Workspace) -> None:
    """Draw the form for the clustering space."""
    requested = views.requested_settings(workspace)
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
    tree_dims = number("tree", "n_dims", tree.n_dims, (0, 2000), 1, TREE_SPACE_HELP)
    min_samples = number("tree", "min_samples", tree.min_samples, (0, 1000), 1, MIN_SAMPLES_HELP)
    weights = {}
    with st.expander("Add coordinates and size"):
        st.caption("Off by default. Adding coordinates makes clusters follow location.")
        for name in ("longitude", "latitude", "width", "height"):
            weight = getattr(reduction, name)
            label, key = setting_label("reduction", name), f"weight {name}"
            key = widget_key(workspace, key, weight)
            weights[name] = st.slider(label, 0.0, max(3.0, weight), step=0.1, key=key)
    reduction = _corrected_reduction(workspace, reduction)
    views.request_settings(
        workspace,
        reduction=dataclasses.replace(reduction, n_dims=n_dims, **weights),
        tree=dataclasses.replace(tree, n_dims=tree_dims, min_samples=min_samples),
        gmm=dataclasses.replace(gmm, covariance=cast(Covariance, covariance)),
    )


def _corrected_reduction(workspace: Workspace, reduction: ReductionSettings) -> ReductionSettings:
    """Draw the selectors of the corrections; return the settings with the chosen ones."""
    choices = {"harmonisation": get_args(Harmonisation), "nuisance": get_args(Nuisance)}
    values = {}
    is_corrected = any(getattr(reduction, name) != "none" for name in choices)
    with st.expander("Remove confounders", expanded=is_corrected):
        st.caption(
            "For clusters that follow scene, brightness or blur. The report card compares the "
            "clusters before and after."
        )
        for name, options in choices.items():
            value = getattr(reduction, name)
            values[name] = st.selectbox(
                setting_label("reduction", name),
                options,
                format_func=choice_label,
                key=widget_key(workspace, name, value),
                help=CORRECTION_HELP[name],
            )
        view = views.requested_view(workspace)
        chips = cache.chips(view) if values["harmonisation"] == "centre" else None
        for warning in cache.centring_losses(view, chips) if chips is not None else ():
            st.warning(escape_markdown(warning))
    return dataclasses.replace(reduction, **values)


def projection_form(workspace: Workspace) -> None:
    """Draw the form for the two-dimensional projection."""
    current = views.requested_settings(workspace).projection
    number = partial(setting_number, workspace, "projection")
    is_automatic = st.toggle(
        "Choose the perplexity from the number of chips",
        key=widget_key(workspace, "perplexity auto", current.perplexity == 0),
    )
    perplexity = 0.0
    if not is_automatic:
        perplexity = number("perplexity", current.perplexity or 30.0, (2.0, 10_000.0), 5.0)
    choice = partial(setting_choice, workspace, "projection")
    projection = dataclasses.replace(
        current,
        perplexity=perplexity,
        n_iter=number("n_iter", current.n_iter, (50, 10_000), 50),
        exaggeration=number("exaggeration", current.exaggeration, (1.0, 50.0), 0.5),
        metric=choice("metric", get_args(Metric), current.metric, METRIC_HELP),
        initialisation=choice(
            "initialisation", get_args(Initialisation), current.initialisation, START_HELP
        ),
        seed=number("seed", current.seed, (0, 2**31 - 1), 1),
    )
    views.request_settings(workspace, projection=projection)


def run_button(
    workspace: Workspace, until: str, label: str, title: str, width: Width = "stretch"
) -> None:
    """Draw the button that computes a stage; disabled if it is up to date or a job is running.

    On a page whose notice offers to update the displayed result, there is no second button.
    """
    view = views.requested_view(workspace)
    if explain_missing_scenes(view):
        return
    is_ready, key = cache.is_ready(view, until), f"cs.run:{until}"
    # On Explore, this button is in a form far below the notice.
    stage = "reduction" if until == "clusters" else until
    displayed = views.displayed_view(workspace, stage) if until != "projection" else None
    if displayed is not None and not is_ready and _is_outdated(displayed, stage):
        return
    label = "Up to date" if is_ready else label
    obstacle = _find_obstacle(view) if until == "projection" and not is_ready else ""
    if obstacle:
        st.warning(escape_markdown(obstacle))
    is_incomplete = bool(obstacle) or lacks_raster_path(view.settings.embed.encoder)
    disabled = is_ready or is_incomplete or jobs.running_job(workspace) is not None
    # Once there is a result, the notice about previous settings has the primary button.
    has_result = views.displayed_view(workspace, until) is not None
    kind: Literal["primary", "secondary"] = "secondary" if has_result else "primary"
    if st.button(label, key=key, type=kind, disabled=disabled, width=width):
        jobs.start_run(workspace, view.settings, until, title)
        st.rerun()
    if not disabled:
        estimate_line(workspace, partial(estimate_run, view, until=until))
    plot = views.displayed_view(workspace, "projection")
    is_plot_outdated = plot is not None and not views.is_current(plot, "projection")
    if is_ready and until != "projection" and is_plot_outdated:
        label = "Update the plot, which shows the former result"
        st.page_link("../pages/explore.py", label=label, icon=":material/arrow_forward:")


def _find_obstacle(view: View) -> str:
    """Return why the chips cannot be projected; empty if they can, as far as is known yet."""
    try:
        # Before the chips are cut, their number is at most that of the annotations.
        n_chips = count_chips(view) or sum(s.report.annotations for s in view.survey.usable)
        effective_perplexity(n_chips, view.settings.projection)
    except ChipscapeError as error:
        return str(error)
    return ""


def stale_notice(view: View, stage: str, until: str = "") -> None:
    """Draw a notice if the displayed stage was computed with settings other than those requested.

    Call it after the forms of the page, which may change the requested settings. Its button
    computes all stages up to `until`, by default the displayed stage.
    """
    if views.is_current(view, stage):
        return
    workspace, until = view.workspace, until or stage
    views.remember_ready_stages(workspace)
    latest = views.displayed_view(workspace, stage)
    if latest is not None and views.is_current(latest, stage):
        # The forms requested settings that already have a result, so the page displays that result.
        st.rerun()
    if not _is_outdated(view, stage):
        return
    requested, tables = views.requested_settings(workspace), settings_of(stage)
    latest_view = views.requested_view(workspace)
    phrases = escape_markdown(", ".join(list_differences(view.settings, requested, tables)))
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="cs_stale"):
        st.markdown(f"**These results use your previous settings** ({phrases}).")
        is_busy = jobs.running_job(workspace) is not None
        note = "A job is already running." if is_busy else None
        key = f"cs.compute:{stage}"
        disabled = is_busy or lacks_raster_path(requested.embed.encoder)
        label = f"Update the {RESULTS.get(until, 'results')}"
        if st.button(label, key=key, type="primary", disabled=disabled, help=note):
            jobs.start_run(workspace, requested, until, f"Computing {until}")
            st.rerun()
        if st.button("Keep these results", key=f"cs.keep:{stage}"):
            previous = {table: getattr(view.settings, table) for table in tables}
            views.reset_settings(workspace, dataclasses.replace(requested, **previous))
            st.rerun()
        if not disabled:
            estimate_line(workspace, partial(estimate_run, latest_view, until=until))


def _is_outdated(view: View, stage: str) -> bool:
    """Return True if the displayed stage has other settings than the requested ones.

    If only the scenes differ, another notice says so.
    """
    requested = views.requested_settings(view.workspace)
    has_other_settings = bool(list_differences(view.settings, requested, settings_of(stage)))
    has_other_method = view.settings.method != requested.method
    return not views.is_current(view, stage) and (has_other_settings or has_other_method)


def explain_missing_scenes(view: View) -> bool:
    """Write what is missing if no scene can be used; return True in that case."""
    survey = view.survey
    if survey.usable:
        return False
    text = "There are no scenes in this workspace yet."
    if survey.reports:
        is_usable = any(report.ok for report in survey.reports)
        text = f"None of the scenes {'has annotations yet' if is_usable else 'can be used'}."
    st.markdown(text)
    st.page_link("../pages/scenes.py", label="Open the Scenes page")
    return True
