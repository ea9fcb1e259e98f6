"""Panels of the grid, the label economy and the live tree of land cover."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pandas as pd
import streamlit as st

from app import cached, charts, flair_jobs, flair_land, flair_models, flair_scores, state
from app.flair_land import Land
from app.markup import number, plain
from core.artifacts.store import Artifact, Step
from core.flair.classifiers import MethodSettings
from core.flair.economy import Bench, Point, fewest_labels
from core.flair.grid import Cell, cells
from core.flair.neighbours import Neighbours
from core.flair.nomenclature import REDUCED
from core.flair.protocols import Protocol
from core.flair.sampling import SampleSettings
from core.pipeline import flair_bench
from core.pipeline.flair_bench import Recut
from core.pipeline.flair_results import Configuration
from core.pipeline.patches_to_confusion import Study, StudySettings
from core.types import AnyArray, CutMethod

SIZES = (2, 3, 5, 8, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000)


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
    flair_models.axis(land, [*done, *floors_done], protocol)
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
    st.dataframe(table, hide_index=True)
    st.download_button("Download the grid (CSV)", lambda: table.to_csv(index=False).encode(),
                       "flair-grid.csv", "text/csv", on_click="ignore")  # fmt: skip


def economy(land: Land) -> None:
    """What labels buy."""
    st.markdown("Can clustering replace annotation? A person may label pixels for kNN, or look at "
                "clusters and name them. Labels are counted alike: one pixel looked at is one "
                "label.")  # fmt: skip
    left, right = st.columns([1, 3], gap="large")
    with left:
        spec = flair_models.features_form(land, "economy", rich=True)
        study = _study(land)
        method = MethodSettings()
        tables = flair_jobs.tables(land.place, study.settings, method, spec)
        found = _found(land, flair_bench.ECONOMY,
                       lambda: flair_bench.economy_step(study, method, spec))  # fmt: skip
        if found is None:
            words = ("economy", "--protocol", study.settings.protocol)
            flair_jobs.button(land.place, "Compute the curve", "Spending labels", words,
                              tables=tables)  # fmt: skip
    if found is None:
        right.caption("This curve has not been computed for these features.")
        return
    points = flair_bench.open_economy(found)
    with right:
        st.plotly_chart(flair_scores.economy(points), theme=None, config=dict(charts.EXPORT),
                        key="cs.land.economy")  # fmt: skip
        st.markdown(answer(points))
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


def sliders(land: Land) -> None:
    """HDBSCAN's tree cut anew at every move: names, reliability, predicted score."""
    left, right = st.columns([1, 3], gap="large")
    with left:
        spec = flair_models.features_form(land, "tree", rich=True)
        kept = state.value(land.place, "knob min_samples", 9)
        key = state.widget(land.place, "tree min_samples", kept)
        samples = st.number_input("Neighbours (min_samples)", 1, 1000, key=key)
        state.keep(land.place, "knob min_samples", samples)
        study = _study(land)
        method = MethodSettings("hdbscan", min_samples=samples)
        found = _found(land, flair_bench.BENCH,
                       lambda: flair_bench.bench_step(study, method, spec))  # fmt: skip
        opened = None
        if found is not None:
            read = lambda: flair_bench.open_bench(land.place, found)  # noqa: E731
            opened = cached.drawn(land.place, f"bench {found.key}", read)
        if opened is None:
            tables = flair_jobs.tables(land.place, study.settings, method, spec)
            words = ("bench", "--protocol", study.settings.protocol)
            flair_jobs.button(land.place, "Build the tree", "Building the tree", words,
                              tables=tables)  # fmt: skip
    if opened is None or found is None:
        right.caption("The tree of these features is not built yet; once it is, the sliders "
                      "answer at once.")  # fmt: skip
        return
    with right:
        cut = _cut_form(land, method)
        bench, tree = opened
        work = lambda: flair_bench.recut(bench, tree, cut)  # noqa: E731
        with st.spinner("Cutting"):
            said = cached.soon(f"{land.place.root} recut {found.key} {cut}", work).result()
            reference = cached.drawn(land.place, f"reference {found.key}", lambda: _all(bench))
        _said(said, reference, bench)
        tables = flair_jobs.tables(land.place, study.settings, cut, spec)
        flair_jobs.button(land.place, "Run this cut on every pixel", "Running this cut",
                          ("maps", "--protocol", study.settings.protocol), tables=tables,
                          primary=False)  # fmt: skip


def _cut_form(land: Land, method: MethodSettings) -> MethodSettings:
    first, second, third = st.columns([3, 1, 2], gap="medium")
    kept = state.value(land.place, "cut size", 10)
    key = state.widget(land.place, "cut size", kept)
    size = state.keep(land.place, "cut size",
                      first.select_slider("Smallest cluster (pixels)", SIZES, key=key))  # fmt: skip
    with second:
        selection = flair_jobs.choose(land.place, "Selection", {"eom": "eom", "leaf": "leaf"},
                                      "cut selection", "eom")  # fmt: skip
    with third:
        epsilon = flair_jobs.slide(land.place, "Epsilon", 0.0, 0.5, 0.005, "cut epsilon", 0.0)
    return dataclasses.replace(
        method, min_cluster_size=size, selection=cast(CutMethod, selection), epsilon=epsilon
    )


def _said(said: Recut, reference: float, bench: Bench) -> None:
    naming = said.naming
    cells_ = st.columns(5)
    shown = (
        ("Clusters", str(len(naming.classes))),
        ("Noise", f"{said.noise_fraction:.0%}"),
        ("Reliability, mean", f"{naming.mean_reliability:.3f}"),
        ("Reliability, weighted", f"{naming.weighted_reliability:.3f}"),
        ("Predicted mIoU", f"{said.scores.miou:.3f}"),
    )
    for cell, (label, value) in zip(cells_, shown, strict=True):
        cell.metric(label, value)
    st.caption(f"Predicted on {number(len(bench.held_out_labels))} pixels of the domains left "
               f"out; kNN with all {number(len(bench.train_labels))} training labels reaches "
               f"{reference:.3f} on them. Clusters are named by every training label.")  # fmt: skip
    counts = naming.counts.sum(axis=1)
    table = pd.DataFrame({
        "Cluster": range(1, len(counts) + 1),
        "Named": [REDUCED[value - 1].name if value else "no label" for value in naming.classes],
        "Pixels": counts,
        "Reliability": naming.reliability.round(3),
        "Second": [_second(row) for row in naming.counts],
    })  # fmt: skip
    st.dataframe(table.sort_values("Pixels", ascending=False), hide_index=True, height=320)


def _second(row: AnyArray) -> str:
    order = sorted(range(len(row)), key=lambda value: -row[value])
    value = order[1]
    return f"{REDUCED[value - 1].name} {row[value] / row.sum():.0%}" if row[value] else ""


def _all(bench: Bench) -> float:
    """Score of kNN with every training label on the bench."""
    from core.flair.compiled import majority
    from core.flair.confusion import count, miou

    _, rows = Neighbours(bench.train).search(bench.held_out, 3)
    return float(miou(count(bench.held_out_labels, majority(bench.train_labels, rows))))


def _study(land: Land) -> Study:
    names = flair_models.possible(land)
    protocol: Protocol = "domains" if "domains" in names else names[0]
    return Study(land.place, StudySettings(protocol=protocol), land.dataset)


def _found(land: Land, stage: str, step: Callable[[], Step]) -> Artifact | None:
    # Where nothing was made, no checksum is known; taking them is the job's work.
    if not land.place.store.all(stage):
        return None
    return land.place.store.find(step())
