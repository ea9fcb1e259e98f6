"""The form of a run of land cover models: method, features, protocol, training pixels."""

from typing import Any, cast

import streamlit as st

from app.land_cover import land_data, land_jobs
from app.land_cover.land_data import Land
from app.land_cover.models import run_table
from app.session import state
from app.widgets.markup import plain
from core.flair.data.pixel_sampling import Draw, SampleSettings
from core.flair.evaluation.protocols import TITLES, Protocol
from core.flair.models.classifiers import Classifier, MethodSettings
from core.flair.models.features import EXTRAS, FeatureSpec, SentinelScaling
from core.pipeline.flair.study import StudySettings

KNOBS = {
    "k": ("Neighbours that vote", 1, 50),
    "min_cluster_size": ("Smallest cluster (pixels)", 2, 100_000),
    "min_samples": ("Neighbours (min_samples), the pixel itself not counted", 1, 1000),
    "n_clusters": ("Clusters", 1, 200),
}
WHICH = {
    "knn": ("k",),
    "hdbscan": ("k", "min_cluster_size", "min_samples"),
    "gmm": ("k", "n_clusters"),
    "kmeans": ("k", "n_clusters"),
}
ALL = "all"
OTHER = {False: "without", True: "with"}
TAUGHT = {"without": "no", "with": "yes", "both": "both, side by side"}


def run(land: Land) -> None:
    """One configuration: chosen on the left, every finished one on the right."""
    left, right = st.columns([2, 5], gap="large")
    with left:
        method, spec = method_form(land), features_form(land, "run")
        protocols, samples = _protocol_form(land)
        maps = land_jobs.toggle(land.place, "Keep class maps for the other pages", "maps",
                                 start=True)  # fmt: skip
        verb = "maps" if maps else "run"
        asked = [(name, sample) for sample in samples for name in protocols]
        tables = [land_jobs.tables(StudySettings(sample=s), method, spec) for _, s in asked]
        commands = [(verb, "--protocol", name) for name, _ in asked]
        words = f"{land_jobs.METHODS[method.method]}, {spec.title}"
        land_jobs.button(land.place, "Run it", f"Running {words}", *commands, tables=tables)
    with right:
        runs = land_data.runs(land)
        if runs:
            run_table.beside(land, runs)
        else:
            st.caption("Nothing has been run yet. A run of the look-alike takes some seconds.")


def method_form(land: Land) -> MethodSettings:
    """Which classifier, with the knobs that it has."""
    chosen = land_jobs.select(land.place, "Method", land_jobs.METHODS, "method", "knn")
    given: dict[str, Any] = {"method": cast(Classifier, chosen)}
    for name in WHICH.get(chosen, ()):
        words, low, high = KNOBS[name]
        kept = state.value(land.place, f"knob {name}", getattr(MethodSettings(), name))
        key = state.widget(land.place, f"knob {name}", kept)
        given[name] = state.keep(land.place, f"knob {name}", st.number_input(words, low, high,
                                                                             key=key))  # fmt: skip
    return MethodSettings(**given)


def features_form(land: Land, name: str, *, rich: bool = False) -> FeatureSpec:
    """Which features, and how they are scaled; `rich` starts with Sentinel and robust scaling."""
    place = land.place
    fusion = land_jobs.toggle(
        place, "Sentinel beside the aerial bands", f"{name} fusion", start=rich
    )
    normalised = land_jobs.toggle(place, "Spectra over their intensity (N)", f"{name} normalised")
    intensity = normalised and land_jobs.toggle(place, "Append the intensity (I)",
                                                 f"{name} intensity")  # fmt: skip
    robust = land_jobs.toggle(place, "Robust scaling (R)", f"{name} robust", start=rich)
    scaling, notebook, extras = "reflectance", False, []
    with st.expander("More features"):
        key = state.widget(place, f"{name} extras", state.value(place, f"{name} extras", []))
        extras = state.keep(place, f"{name} extras", st.multiselect("Extras", EXTRAS, key=key))
        scaling = land_jobs.choose(
            place, "Sentinel without normalisation as",
            {"reflectance": "reflectance", "intensity": "times aerial intensity"},
            f"{name} scaling", "reflectance")  # fmt: skip
        notebook = land_jobs.toggle(place, "The notebook's arithmetic, errors and all",
                                     f"{name} notebook")  # fmt: skip
    return FeatureSpec(
        fusion=fusion,
        robust=robust,
        normalised=normalised,
        intensity=intensity,
        extras=tuple(extras),
        preset_notebook=notebook,
        sentinel_scaling=cast(SentinelScaling, scaling if fusion else "reflectance"),
    )


def possible(land: Land) -> list[Protocol]:
    """The protocols that the data allow."""
    domains = {land.dataset.patches[i].domain for i in land.dataset.of("train")}
    there = {"domains": len(domains) > 1, "patches": bool(domains),
             "test": bool(domains) and bool(land.dataset.of("test"))}  # fmt: skip
    return [cast(Protocol, name) for name, can in there.items() if can]


def _protocol_form(land: Land) -> tuple[list[Protocol], list[SampleSettings]]:
    names = possible(land)
    options = {ALL: "all, with the optimism gap"} | {n: land_jobs.PROTOCOLS[n] for n in names}
    chosen = land_jobs.select(land.place, "Judged on", options, "protocol", names[0])
    if chosen != ALL:
        st.caption(f"{plain(TITLES[cast(Protocol, chosen)]).capitalize()}.")
    draw = land_jobs.select(land.place, "Training pixels", land_jobs.DRAWS, "draw", "notebook")
    other = land_jobs.choose(land.place, 'Teach "other"', TAUGHT, "teach other", "without")
    samples = [SampleSettings(draw=cast(Draw, draw), other=with_other)
               for with_other in (False, True) if other in ("both", OTHER[with_other])]  # fmt: skip
    return (names if chosen == ALL else [cast(Protocol, chosen)]), samples
