"""Panels of the page about land cover models: one run, and all runs beside each other."""

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import pandas as pd
import streamlit as st

from app import charts, flair_jobs, flair_land, flair_scores, state
from app.flair_land import Land
from app.markup import plain
from core.flair.classifiers import Classifier, MethodSettings
from core.flair.features import EXTRAS, FeatureSpec, SentinelScaling
from core.flair.protocols import TITLES, Protocol
from core.flair.sampling import Draw, SampleSettings
from core.pipeline.cells import gap
from core.pipeline.flair_results import Configuration
from core.pipeline.patches_to_confusion import StudySettings

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


def run(land: Land) -> None:
    """One configuration: chosen on the left, every finished one on the right."""
    left, right = st.columns([2, 5], gap="large")
    with left:
        method, spec = method_form(land), features_form(land, "run")
        protocols, sample = _protocol_form(land)
        maps = flair_jobs.toggle(land.place, "Keep class maps for the other pages", "maps",
                                 start=True)  # fmt: skip
        study = StudySettings(sample=sample)
        tables = flair_jobs.tables(land.place, study, method, spec)
        verb = "maps" if maps else "run"
        commands = [(verb, "--protocol", name) for name in protocols]
        words = f"{flair_jobs.METHODS[method.method]}, {spec.title}"
        flair_jobs.button(land.place, "Run it", f"Running {words}", *commands, tables=tables)
    with right:
        runs = flair_land.runs(land)
        if runs:
            beside(land, runs)
        else:
            st.caption("Nothing has been run yet. A run of the look-alike takes some seconds.")


def method_form(land: Land) -> MethodSettings:
    """Which classifier, with the knobs that it has."""
    chosen = flair_jobs.select(land.place, "Method", flair_jobs.METHODS, "method", "knn")
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
    fusion = flair_jobs.toggle(
        place, "Sentinel beside the aerial bands", f"{name} fusion", start=rich
    )
    normalised = flair_jobs.toggle(place, "Spectra over their intensity (N)", f"{name} normalised")
    intensity = normalised and flair_jobs.toggle(place, "Append the intensity (I)",
                                                 f"{name} intensity")  # fmt: skip
    robust = flair_jobs.toggle(place, "Robust scaling (R)", f"{name} robust", start=rich)
    scaling, notebook, extras = "reflectance", False, []
    with st.expander("More features"):
        key = state.widget(place, f"{name} extras", state.value(place, f"{name} extras", []))
        extras = state.keep(place, f"{name} extras", st.multiselect("Extras", EXTRAS, key=key))
        scaling = flair_jobs.choose(
            place, "Sentinel without normalisation as",
            {"reflectance": "reflectance", "intensity": "times aerial intensity"},
            f"{name} scaling", "reflectance")  # fmt: skip
        notebook = flair_jobs.toggle(place, "The notebook's arithmetic, errors and all",
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


def _protocol_form(land: Land) -> tuple[list[Protocol], SampleSettings]:
    names = possible(land)
    options = {ALL: "all, with the optimism gap"} | {n: flair_jobs.PROTOCOLS[n] for n in names}
    chosen = flair_jobs.select(land.place, "Judged on", options, "protocol", names[0])
    if chosen != ALL:
        st.caption(f"{plain(TITLES[cast(Protocol, chosen)]).capitalize()}.")
    draw = flair_jobs.select(land.place, "Training pixels", flair_jobs.DRAWS, "draw", "notebook")
    other = flair_jobs.toggle(land.place, 'Teach "other" too', "teach other")
    sample = SampleSettings(draw=cast(Draw, draw), other=other)
    return (names if chosen == ALL else [cast(Protocol, chosen)]), sample


def beside(land: Land, runs: Sequence[Configuration]) -> None:
    """Finished runs on one axis and in a table, the floors last."""
    names = [p for p in flair_jobs.PROTOCOLS if any(r.settings.protocol == p for r in runs)]
    start = "domains" if "domains" in names else names[0]
    options = {name: flair_jobs.PROTOCOLS[name] for name in names}
    chosen = flair_jobs.choose(land.place, "Runs judged on", options, "shown protocol", start)
    shown = [one for one in runs if one.settings.protocol == chosen]
    axis(land, shown, chosen)
    st.dataframe(table(land, shown), hide_index=True)
    download = table(land, runs).to_csv(index=False).encode()
    st.download_button("Download all runs (CSV)", download, "flair-runs.csv", "text/csv",
                       on_click="ignore")  # fmt: skip
    _gaps(land, runs)
    notes = dict.fromkeys(note for one in shown for note in flair_land.result(land, one).notes)
    for note in list(notes)[:10]:
        st.caption(plain(note))


def axis(land: Land, runs: Sequence[Configuration], protocol: str) -> None:
    """The runs of one protocol from best to worst, floors last."""
    rows = []
    for one in runs:
        found = flair_land.result(land, one)
        span = found.interval
        name = f"{flair_jobs.method_title(one.method)}, {flair_jobs.spec_title(one.spec)}"
        if one.settings.sample != SampleSettings():
            name += f" · {flair_jobs.sampling(one).split(', ', 1)[-1]}"
        rows.append(flair_scores.Row(
            name, found.scores.miou, span.low if span else None, span.high if span else None,
            one.method.method in flair_jobs.FLOORS,
        ))  # fmt: skip
    official = protocol == "test" and not land.look_alike
    rows.sort(key=lambda row: (row.floor, -row.miou))
    st.plotly_chart(flair_scores.axis(rows, official=official), theme=None,
                    config=dict(charts.EXPORT), key="cs.land.axis")  # fmt: skip
    published = ", ".join(f"{name} {value:.4f}" for name, value in flair_scores.PUBLISHED)
    words = "" if official else (f" Published for FLAIR's official test set, and drawn there "
                                 f"only: {published}.")  # fmt: skip
    grey = "Grey: chance." if any(row.floor for row in rows) else "No floor has been run."
    st.caption(plain(f"{grey}{words}"))
    if not any(row.floor for row in rows):
        commands = [("run", "--method", f, "--protocol", protocol) for f in flair_jobs.FLOORS]
        flair_jobs.button(land.place, "Run the floors", "Running chance", *commands, primary=False)


def table(land: Land, runs: Sequence[Configuration]) -> pd.DataFrame:
    """Every number of some runs."""
    rows = []
    for one in runs:
        found = flair_land.result(land, one)
        said, span = found.scores, found.interval
        folds = found.about["folds"]
        reliable = [
            fold["weighted_reliability"] for fold in folds if "weighted_reliability" in fold
        ]
        rows.append({
            "Method": flair_jobs.method_title(one.method),
            "Features": flair_jobs.spec_title(one.spec),
            "Judged on": flair_jobs.PROTOCOLS[one.settings.protocol],
            "Training pixels": flair_jobs.DRAWS[one.settings.sample.draw],
            '"Other" taught': one.settings.sample.other,
            "mIoU": round(said.miou, 4),
            "Classes in it": said.n_classes,
            "95 % from": round(span.low, 4) if span else None,
            "to": round(span.high, 4) if span else None,
            "Areas": span.n_units if span else 1,
            "Overall accuracy": round(said.overall_accuracy, 4),
            "Kappa": round(said.kappa, 4),
            "The notebook's figure": round(said.notebook_miou, 4),
            "Reliability, weighted": round(sum(reliable) / len(reliable), 3) if reliable else None,
            "Labels looked at": sum(fold["n_labels"] for fold in folds),
            "Seconds": round(found.seconds, 1),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _gaps(land: Land, runs: Sequence[Configuration]) -> None:
    """The optimism gap of each configuration that was judged both ways."""
    found = []
    for one in runs:
        if one.settings.protocol != "patches":
            continue
        alike = dataclasses.replace(one.settings, protocol="domains", n_folds=3)
        other = next((o for o in runs if o.method == one.method and o.spec == one.spec
                      and dataclasses.replace(o.settings, n_folds=3) == alike), None)  # fmt: skip
        if other is not None:
            results = {"patches": flair_land.result(land, one),
                       "domains": flair_land.result(land, other)}  # fmt: skip
            difference = gap(cast("dict[Protocol, Any]", results))
            if difference is not None:
                name = f"{flair_jobs.METHODS[one.method.method]}, {flair_jobs.spec_title(one.spec)}"
                found.append(f"{name}: {difference:+.3f}")
    if found:
        st.markdown("**Optimism gap** (mIoU on the training patches minus that on domains left "
                    f"out, both without \"other\"): {plain('; '.join(found[:8]))}")  # fmt: skip
