"""The panel of HDBSCAN's tree of land cover pixels, cut anew at every move of a slider."""

import dataclasses
from typing import cast

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover import land_data, land_jobs
from app.land_cover.land_data import Land
from app.land_cover.models import run_form
from app.land_cover.models.grid_panel import judged_on, kept_of, study_of
from app.session import cache, state
from app.widgets.markup import number
from core.artifacts.store import Artifact
from core.flair.data.nomenclature import REDUCED
from core.flair.models.classifiers import MethodSettings
from core.pipeline.flair import tree_bench
from core.pipeline.flair.tree_bench import Opened, Recut
from core.types import AnyArray, CutMethod

SIZES = (2, 3, 5, 8, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000)


def sliders(land: Land) -> None:
    """HDBSCAN's tree cut anew at every move: names, reliability, predicted score."""
    left, right = st.columns([2, 5], gap="large")
    with left:
        spec = run_form.features_form(land, "tree", rich=True)
        method = MethodSettings(
            "hdbscan",
            min_samples=_whole(land, "Neighbours (min_samples)", "knob min_samples", 9, 1000),
            k=_whole(land, "Neighbours that vote", "knob k", 3, 50),
        )
        study = study_of(land)
        found = kept_of(land, tree_bench.BENCH,
                       lambda: tree_bench.bench_step(study, method, spec))  # fmt: skip
        opened = None
        if found is not None:
            read = lambda: tree_bench.open_bench(land.place, found)  # noqa: E731
            opened = cache.drawn(land.place, f"bench {found.key}", read)
        if opened is None:
            tables = land_jobs.tables(study.settings, method, spec)
            words = ("bench", "--protocol", study.settings.protocol)
            land_jobs.button(land.place, "Build the tree", "Building the tree", words,
                              tables=(tables,))  # fmt: skip
    if opened is None or found is None:
        right.caption("The tree of these features is not built yet; once it is, the sliders "
                      "answer at once.")  # fmt: skip
        return
    with right:
        cut = _cut_form(land, method, found, opened)
        tables = land_jobs.tables(study.settings, cut, spec)
        said = _recut(land, found, opened, cut, tables, study.settings.protocol)
        if said is None:
            return
        _said(said, opened, judged_on(study))
        land_jobs.button(land.place, "Run this cut on every pixel", "Running this cut",
                          ("maps", "--protocol", study.settings.protocol), tables=(tables,),
                          primary=False)  # fmt: skip


def _whole(land: Land, label: str, name: str, start: int, most: int) -> int:
    """A remembered whole number from 1."""
    key = state.widget(land.place, f"tree {name}", state.value(land.place, name, start))
    return int(state.keep(land.place, name, st.number_input(label, 1, most, key=key)))


def _recut(
    land: Land, found: Artifact, opened: Opened, cut: MethodSettings, tables: str, protocol: str
) -> Recut | None:
    """The cut: at once where the table is small, else from a job that is started by a button."""
    n = len(opened.bench.train_labels)
    if n <= tree_bench.LIVE_ROWS:
        work = lambda: tree_bench.recut(opened.bench, opened.tree, cut)  # noqa: E731
        with st.spinner("Cutting"):
            return cache.soon(f"{land.place.root} recut {found.key} {cut}", work).result()
    kept = land.place.store.find(tree_bench.recut_step(found, cut))
    if kept is not None:
        return tree_bench.open_recut(kept)
    st.caption(f"{number(n)} training pixels: naming and scoring a cut takes longer than a second, "
               "so it waits for the button; what was cut once is kept.")  # fmt: skip
    land_jobs.button(land.place, "Cut and judge", "Cutting the tree",
                      ("recut", "--protocol", protocol), tables=(tables,))  # fmt: skip
    return None


def _cut_form(
    land: Land, method: MethodSettings, found: Artifact, opened: Opened
) -> MethodSettings:
    first, second, third = st.columns([5, 3, 4], gap="medium")
    kept = state.value(land.place, "cut size", 10)
    key = state.widget(land.place, "cut size", kept)
    size = state.keep(land.place, "cut size",
                      first.select_slider("Smallest cluster (pixels)", SIZES, key=key))  # fmt: skip
    with second:
        selection = land_jobs.choose(land.place, "Selection", {"eom": "eom", "leaf": "leaf"},
                                      "cut selection", "eom")  # fmt: skip
    with third:
        # Distances are those of the features, so the slider ends where the tree's edges do.
        high = _round_up(float(np.quantile(opened.tree.edges[:, 2], 0.99)))
        epsilon = land_jobs.slide(land.place, "Epsilon, a distance between pixels", 0.0, high,
                                   high / 100, f"cut epsilon {found.key}", 0.0, "%.3g")  # fmt: skip
    return dataclasses.replace(
        method, min_cluster_size=size, selection=cast(CutMethod, selection), epsilon=epsilon
    )


def _round_up(value: float) -> float:
    """The next number with one digit; 1 where the value is 0."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** np.floor(np.log10(value))
    return float(np.ceil(value / unit) * unit)


def _said(said: Recut, opened: Opened, judged: str) -> None:
    naming, after, bench = said.naming, said.after, opened.bench
    shown = (
        ("Clusters", str(len(naming.classes))),
        ("Noise", f"{said.noise_fraction:.0%}"),
        ("Reliability", f"{naming.mean_reliability:.3f}"),
        ("weighted", f"{naming.weighted_reliability:.3f}"),
        ("After kNN", f"{after.mean_reliability:.3f}"),
        ("weighted", f"{after.weighted_reliability:.3f}"),
        ("mIoU", f"{said.scores.miou:.3f}"),
    )
    for cell, (label, value) in zip(st.columns(len(shown)), shown, strict=True):
        cell.metric(label, value)
    st.caption(f"Reliability: the share of a cluster that is of its commonest class, on average "
               "over clusters and weighted by their pixels; among training pixels, and after kNN "
               f"among {number(len(bench.held_out_labels))} held-out pixels ({judged}), which "
               "also predict the mIoU. kNN with all "
               f"{number(len(bench.train_labels))} training labels reaches "
               f"{opened.reference:.3f} on them. Clusters are named by every training label."
               )  # fmt: skip
    counts = naming.counts.sum(axis=1)
    table = pd.DataFrame({
        "Cluster": range(1, len(counts) + 1),
        "Named": [REDUCED[value - 1].name if value else "no label" for value in naming.classes],
        "Pixels": counts,
        "Reliability": naming.reliability,
        "After kNN": after.reliability,
        "Second": [_second(row) for row in naming.counts],
    })  # fmt: skip
    table = table.sort_values("Pixels", ascending=False)
    land_data.show(table, 10, ("Cluster", "Pixels", "Reliability", "After kNN"))


def _second(row: AnyArray) -> str:
    order = sorted(range(len(row)), key=lambda value: -row[value])
    value = order[1]
    return f"{REDUCED[value - 1].name} {row[value] / row.sum():.0%}" if row[value] else ""
