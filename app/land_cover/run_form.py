"""The form for a run of a land cover model: method, features, protocol and training pixels."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from app.land_cover import land_data
from app.land_cover.land_data import Land
from app.land_cover.land_jobs import land_job_button, land_settings_toml
from app.land_cover.land_widgets import land_choice, land_multiselect, land_select, land_toggle
from app.land_cover.run_panels import runs_panel
from app.widgets.choices import remembered_widget
from app.widgets.markup import escape_markdown
from core.embeddings.registry import encoder_card
from core.land.context.context_groups import CONTEXT
from core.land.context.extra_features import EXTRAS
from core.land.context.token_grids import TOKENS_PREFIX
from core.land.data.pixel_sampling import SampleSettings, default_draw
from core.land.evaluation.protocols import Protocol, possible_protocols, protocol_title
from core.land.models.classifier_table import CLASSIFIERS
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec, SentinelScaling
from core.land.models.regularisation import UNSMOOTHED, Regularisation, RegularisationSettings
from core.land.season.plane_sampling import Interpolation
from core.land.season.season_columns import Season
from core.pipeline.estimates.land_estimate import LandJob
from core.pipeline.land import run_titles
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.land.study_results import find_run
from core.pipeline.land.token_encoding import token_encoders

FIELDS = {
    "k": ("Number of neighbours (k)", (1, 50)),
    "min_cluster_size": ("Minimum cluster size (pixels)", (2, 100_000)),
    "min_samples": ("Neighbours, excluding the pixel itself (min_samples)", (1, 1000)),
    "n_clusters": ("Number of clusters", (1, 200)),
}
SCALINGS: Mapping[SentinelScaling, str] = {
    "reflectance": "reflectance",
    "intensity": "spectrum × aerial intensity",
}
REGULARISATION_TITLES: Mapping[Regularisation, str] = {
    "none": "no smoothing",
    "majority": "majority filter",
    "superpixels": "vote in superpixels",
    "graph": "graph smoothing",
}
# The setting that determines the strength of each regularisation: label, bounds and step.
STRENGTHS: Mapping[Regularisation, tuple[str, str, tuple[Any, Any], Any]] = {
    "majority": ("window", "Side of the window (pixels, odd)", (3, 101), 2),
    "superpixels": ("superpixel_area", "Area of a superpixel (pixels)", (4, 100_000), 50),
    "graph": ("smoothness", "Weight of neighbours", (0.0, 100.0), 0.5),
}
ALL = "all"
OTHER = {"without": "no", "with": "yes", "both": "both, to compare"}


def run_panel(land: Land) -> None:
    """Draw the form for a new run on the left, and all finished runs on the right."""
    left, right = st.columns([2, 5], gap="large")
    with left:
        method, spec = method_form(land), features_form(land, "run")
        smoothing = regularisation_form(land)
        protocols, samples = _protocol_form(land)
        maps = land_toggle(land, "Keep class maps for the other pages", "maps", start=True)
        commands: list[tuple[str, ...]] = []
        estimated: list[LandJob] = []
        tables: list[str] = []
        for sample in samples:
            text = land_settings_toml(StudySettings(sample=sample), method, spec, smoothing)
            tables += [text] * len(protocols)
            commands += [("maps" if maps else "run", "--protocol", name) for name in protocols]
            studies = [
                Study(land.workspace, StudySettings(name, sample=sample), land.dataset)
                for name in protocols
            ]
            runs = [StudyRun(study, method, spec, smoothing) for study in studies]
            finished = land_data.list_runs(land)
            estimated += [
                LandJob(run, "maps" if maps else "run", find_run(finished, run) is not None)
                for run in runs
            ]
            if len(protocols) > 1:
                # Without a protocol, the stability and the optimism gap are measured as well.
                tables.append(text)
                commands.append(("run",))
                estimated.append(LandJob(runs[0], "repeats", exists=False))
        title = f"Running {run_titles.METHODS[method.method]}, {spec.title}"
        options: dict[str, Any] = {"tables": tables, "estimated": estimated}
        land_job_button(land.workspace, "Run this model", title, *commands, **options)
    with right:
        if finished := land_data.list_runs(land):
            runs_panel(land, finished)
        else:
            text = "A run on the synthetic data set takes a few seconds."
            st.caption(f"No model has been run yet. {text}")


def method_form(land: Land) -> MethodSettings:
    """Draw the list of classifiers, with fields for the parameters of the chosen one."""
    method = CLASSIFIERS[land_select(land, "Method", run_titles.METHODS, "method", "knn")]
    names = [name for name in method.settings if name in FIELDS]
    values: dict[str, Any] = {name: method_number(land, name) for name in names}
    return MethodSettings(method.name, **values)


def method_number(land: Land, name: str) -> int:
    """Draw the input field of a classifier's parameter, and return its value."""
    label, bounds = FIELDS[name]
    draw, start = partial(st.number_input, label, *bounds), getattr(MethodSettings(), name)
    return int(remembered_widget(land.workspace, f"knob {name}", start, draw))


def features_form(land: Land, name: str) -> FeatureSpec:
    """Draw switches for the features, with the same start values as those of the commands.

    The choices are remembered under `name`, which identifies the form.
    """
    fusion = False
    sensor = "the time series" if land.is_own else "Sentinel"
    if any(patch.has_series for patch in land.dataset.patches):
        label = f"Add {sensor} to the {'bands' if land.is_own else 'aerial bands'}"
        fusion = land_toggle(land, label, f"{name} fusion")
    season: Season = "mean"
    if fusion:
        season = land_select(land, "Season", run_titles.SEASONS, f"{name} season")
    normalised = land_toggle(land, "Divide spectra by their intensity (N)", f"{name} normalised")
    intensity = normalised and land_toggle(land, "Append the intensity (I)", f"{name} intensity")
    robust = land_toggle(land, "Robust scaling (R)", f"{name} robust")
    label = "Add features of the surroundings"
    context = land_toggle(land, label, f"{name} context")
    with st.expander("More features"):
        options = [extra for extra in EXTRAS if not (context and extra in CONTEXT)]
        extras = land_multiselect(
            land, "Extra features", options, f"{name} extras", (), len(options)
        )
        label = "Tokens of an encoder"
        encoder = land_select(land, label, encoder_options(), f"{name} tokens")
        scaling: SentinelScaling = "reflectance"
        interpolation: Interpolation = "blocks"
        if fusion:
            label = f"Values of {sensor} if not normalised"
            scaling = land_choice(land, label, SCALINGS, f"{name} scaling")
            label = f"Values of {sensor} at a pixel"
            interpolation = land_choice(
                land, label, run_titles.INTERPOLATIONS, f"{name} interpolation"
            )
        label = "Reproduce the notebook's arithmetic errors"
        notebook = land_toggle(land, label, f"{name} notebook")
    tokens = (f"{TOKENS_PREFIX}{encoder}",) if encoder else ()
    return FeatureSpec(
        fusion=fusion,
        robust=robust,
        normalised=normalised,
        intensity=intensity,
        extras=(*extras, *(CONTEXT if context else ()), *tokens),
        preset_notebook=notebook,
        sentinel_scaling=scaling,
        season=season,
        interpolation=interpolation,
    )


def encoder_options() -> dict[str, str]:
    """Return the encoders whose tokens can be features, with titles; the empty name is none."""
    return {"": "none"} | {name: encoder_card(name).title for name in token_encoders()}


def regularisation_form(land: Land) -> RegularisationSettings:
    """Draw the list of ways to smooth class maps, with a field for the parameter of the choice."""
    kind = land_select(land, "Smooth the class maps", REGULARISATION_TITLES, "regularisation")
    if kind not in STRENGTHS:
        return UNSMOOTHED
    name, label, bounds, step = STRENGTHS[kind]
    draw = partial(st.number_input, label, *bounds, step=step)
    start = getattr(UNSMOOTHED, name)
    value = remembered_widget(land.workspace, f"regularisation {name}", start, draw)
    return RegularisationSettings(regularisation=kind, **{name: value})


def _protocol_form(land: Land) -> tuple[list[Protocol], list[SampleSettings]]:
    """Draw the widgets for protocols and training pixels; return the choices."""
    protocols = possible_protocols(land.dataset)
    options = {ALL: "all protocols, with stability and optimism gap"}
    options |= {protocol: land.protocol_titles[protocol] for protocol in protocols}
    choice = land_select(land, "Evaluation", options, "protocol", protocols[0])
    if choice != ALL:
        protocols = [protocol for protocol in protocols if protocol == choice]
        title = protocol_title(choice, is_own=land.is_own)
        st.caption(f"{escape_markdown(title).capitalize()}.")
    start = default_draw(land.dataset)
    draw = land_select(land, "Training pixels", run_titles.DRAWS, "draw", start)
    other = "without"
    if land.legend.has_other:
        other = land_choice(land, 'Train with "other"', OTHER, "teach other")
    both = {"without": (False,), "with": (True,), "both": (False, True)}[other]
    return protocols, [SampleSettings(draw=draw, other=with_other) for with_other in both]
