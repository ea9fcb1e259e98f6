"""Panels of the notebook's grid and of the label economy of land cover."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app import (
    charts,
    flair_jobs,
    flair_land,
    flair_models,
    flair_runs,
    flair_scores,
)
from app.flair_land import Land
from app.markup import number, plain
from core.artifacts.store import Artifact, Step
from core.flair.classifiers import MethodSettings
from core.flair.economy import Point, fewest_labels
from core.flair.grid import Cell, cells
from core.flair.protocols import Protocol
from core.flair.sampling import SampleSettings
from core.pipeline import flair_bench
from core.pipeline.flair_results import Configuration
from core.pipeline.patches_to_confusion import Study, StudySettings


def grid(land: Land) -> None:
    """The notebook's 24 configurations: table, scores, times."""
    options: dict[str, str] = {n: flair_jobs.PROTOCOLS[n] for n in flair_models.possible(land)}
    protocol = flair_jobs.choose(land.place, "Judged on", options, "grid on", next(iter(options)))
    runs = [one for one in flair_land.runs(land) if one.settings.protocol == protocol
            and one.settings.sample == SampleSettings()]  # fmt: skip
    asked = cells()
    found = [_of(cell, runs) for cell in asked]
    n = sum(one is not None for one in found)
    st.markdown(f"**{n} of {len(asked)} configurations are done.** Two methods, with and without "
                "Sentinel, original (O) or robust (R), normalised (N), with intensity (I)."
                )  # fmt: skip
    if n < len(asked):
        floors = [("run", "--method", floor, "--protocol", protocol)
                  for floor in flair_jobs.FLOORS]  # fmt: skip
        flair_jobs.button(land.place, "Run what is missing", "Running the grid",
                          *floors, ("grid", "--protocol", protocol))  # fmt: skip
    if not n:
        return
    done = [one for one in found if one is not None]
    floors_done = [one for one in runs if one.method.method in flair_jobs.FLOORS]
    flair_runs.axis(land, [*done, *floors_done], protocol)
    _table(land, asked, found)
    st.subheader("Time")
    times = [None if one is None else flair_land.result(land, one).seconds for one in found]
    st.plotly_chart(
        flair_scores.timings([c.name for c in asked], times, [c.notebook_minutes for c in asked]),
        theme=None, config=dict(charts.EXPORT), key="cs.land.times",
    )  # fmt: skip
    patches = len(flair_land.result(land, done[0]).patches)
    total = sum(seconds for seconds in times if seconds is not None) / 60
    st.caption(f"Ours: {number(total, 'min')} for {n} configurations on {patches} patches. The "
               "notebook took 31.8 hours on about 200 patches and 8 cores: not the same amount of "
               "work, so compare the shape of the bars, and times per patch.")  # fmt: skip


def _of(cell: Cell, runs: Sequence[Configuration]) -> Configuration | None:
    method = MethodSettings(cell.method)
    return next((o for o in runs if o.method == method and o.spec == cell.spec), None)


def _table(land: Land, asked: Sequence[Cell], found: Sequence[Configuration | None]) -> None:
    rows = []
    for cell, one in zip(asked, found, strict=True):
        said = flair_land.result(land, one) if one else None
        span = said.interval if said else None
        rows.append({
            "Configuration": cell.name,
            "mIoU": round(said.scores.miou, 4) if said else None,
            "95 % from": round(span.low, 4) if span else None,
            "to": round(span.high, 4) if span else None,
            "The notebook's figure": round(said.scores.notebook_miou, 4) if said else None,
            "Overall accuracy": round(said.scores.overall_accuracy, 4) if said else None,
            "Seconds": round(said.seconds, 1) if said else None,
            "The notebook's minutes": cell.notebook_minutes,
        })  # fmt: skip
    table = pd.DataFrame(rows)
    flair_land.show(table)
    flair_land.download(land, "Download the grid (CSV)", table, "flair-grid.csv")


def economy(land: Land) -> None:
    """What labels buy."""
    st.markdown("Can clustering replace annotation? A person may label pixels for kNN, or look at "
                "clusters and name them. Labels are counted alike: one pixel looked at is one "
                "label.")  # fmt: skip
    left, right = st.columns([2, 5], gap="large")
    with left:
        spec = flair_models.features_form(land, "economy", rich=True)
        study = study_of(land)
        method = MethodSettings()
        tables = flair_jobs.tables(study.settings, method, spec)
        found = kept_of(land, flair_bench.ECONOMY,
                       lambda: flair_bench.economy_step(study, method, spec))  # fmt: skip
        if found is None:
            words = ("economy", "--protocol", study.settings.protocol)
            flair_jobs.button(land.place, "Compute the curve", "Spending labels", words,
                              tables=(tables,))  # fmt: skip
    if found is None:
        right.caption("This curve has not been computed for these features.")
        return
    points = flair_bench.open_economy(found)
    with right:
        st.plotly_chart(flair_scores.economy(points), theme=None, config=dict(charts.EXPORT),
                        key="cs.land.economy")  # fmt: skip
        st.markdown(answer(points))
        told = pd.DataFrame([dataclasses.asdict(point) for point in points])
        flair_land.download(land, "Download the curve (CSV)", told, "flair-labels.csv")
        st.caption(plain(f"{spec.title}; one fold, {flair_jobs.PROTOCOLS[study.settings.protocol]}"
                         "; a sample of its pixels judges, so figures differ a little from whole "
                         "runs. \"Every label\" names clusters by all training labels: no saving."
                         ))  # fmt: skip


def answer(points: Sequence[Point]) -> str:
    """The best of naming by looks, and what the same costs in labelled pixels."""
    looks = [p for p in points if p.n_clusters and not p.rule.startswith("every")]
    pixels = max((p for p in points if p.method == "knn"), key=lambda p: p.miou)
    if not looks:
        return "All training pixels are noise: no cluster can be named."
    best = max(looks, key=lambda p: p.miou)
    needed = fewest_labels(points, "knn", best.miou)
    same = "never reaches that"
    if needed is not None:
        same = f"reaches it with {number(needed)} labels"
    ahead = max(looks, key=lambda p: p.miou - _pixels_reach(points, p.n_labels))
    lead = ahead.miou - _pixels_reach(points, ahead.n_labels)
    words = f" Clusters are never ahead of as many labelled pixels (at best {lead:+.3f})."
    if lead > 0:
        words = (f" Clusters are furthest ahead with {number(ahead.n_labels)} labels: "
                 f"{ahead.miou:.3f} ({ahead.method}, {ahead.rule}) against "
                 f"{ahead.miou - lead:.3f} of as many pixels.")  # fmt: skip
    text = (
        f"The best naming by looks ({best.method}, {best.rule}) reaches mIoU {best.miou:.3f} "
        f"with {number(best.n_labels)} labels; kNN on pixels drawn at random {same}. All "
        f"{number(pixels.n_labels)} labels reach {pixels.miou:.3f}.{words}"
    )
    return plain(text.replace("kmeans", "k-means").replace("hdbscan", "HDBSCAN"))


def _pixels_reach(points: Sequence[Point], n_labels: int) -> float:
    """The mIoU of so many labelled pixels, between the points of the curve on its log axis."""
    mine = sorted((p.n_labels, p.miou) for p in points if p.method == "knn")
    counts, reached = zip(*mine, strict=True)
    return float(np.interp(np.log(n_labels), np.log(counts), reached))


def study_of(land: Land) -> Study:
    """The study that a curve or a tree belongs to: domains left out, where there are several."""
    names = flair_models.possible(land)
    protocol: Protocol = "domains" if "domains" in names else names[0]
    return Study(land.place, StudySettings(protocol=protocol), land.dataset)


def kept_of(land: Land, stage: str, step: Callable[[], Step]) -> Artifact | None:
    """What was made in a step, None where it was not."""
    # Where nothing was made, no checksum is known; taking them is the job's work.
    if not land.place.store.all(stage):
        return None
    return land.place.store.find(step())
