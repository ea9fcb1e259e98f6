"""The panel of HDBSCAN's tree of land cover pixels, which sliders cut again at every move."""

import dataclasses
from typing import cast

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover.land_data import Land, curve_run
from app.land_cover.land_jobs import study_job_button
from app.land_cover.land_widgets import land_choice, land_slider, show_table
from app.land_cover.models.run_form import features_form, method_number
from app.land_cover.run_titles import describe_evaluation
from app.session.cache import cached_image, run_in_background
from app.session.state import keep_choice, page_choice, widget_key
from app.widgets.markup import format_number
from core.artifacts.store import Artifact
from core.flair.data.nomenclature import REDUCED
from core.flair.evaluation.tree_cuts import BenchCut, recut_bench
from core.flair.models.classifiers import MethodSettings
from core.pipeline.flair import tree_bench
from core.pipeline.flair.study_cells import StudyRun
from core.pipeline.flair.study_results import find_artifact
from core.pipeline.flair.tree_bench import BENCHES, RECUTS, BenchRecut, OpenBench
from core.types import AnyArray, CutMethod

SIZES = (2, 3, 5, 8, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000)
SELECTIONS = {"eom": "eom", "leaf": "leaf"}


def tree_sliders(land: Land) -> None:
    """Show the cut of a tree that the sliders choose: its clusters, reliability and mIoU."""
    left, right = st.columns([2, 5], gap="large")
    with left:
        spec = features_form(land, "tree", rich=True)
        min_samples, k = method_number(land, "min_samples"), method_number(land, "k")
        run = curve_run(land, MethodSettings("hdbscan", min_samples=min_samples, k=k), spec)
        artifact = find_artifact(land.workspace, BENCHES, run)
        bench = None
        if artifact is not None:
            key = land.key("bench", bench=artifact.key)
            bench = cached_image(key, lambda: BENCHES.open(artifact))
        if bench is None:
            study_job_button(run, "Build the tree", "Building the tree", "bench")
    if bench is None or artifact is None:
        right.caption(
            "The tree of these features has not been built yet. Once it is built, the sliders "
            "respond immediately."
        )
        return
    with right:
        run = dataclasses.replace(run, method=_cut_form(land, run.method, artifact, bench))
        cut = _find_cut(land, run, artifact, bench)
        if cut is None:
            return
        _show_cut(cut, bench, describe_evaluation(run))
        label, title = "Run this cut on every pixel", "Running this cut"
        study_job_button(run, label, title, "maps", primary=False)


def _cut_form(
    land: Land, method: MethodSettings, artifact: Artifact, bench: OpenBench
) -> MethodSettings:
    first, second, third = st.columns([5, 3, 4], gap="medium")
    name = "cut size"
    key = widget_key(land.workspace, name, page_choice(land.workspace, name, 10))
    size = first.select_slider("Smallest cluster (pixels)", SIZES, key=key)
    keep_choice(land.workspace, name, size)
    with second:
        selection = land_choice(land, "Selection", SELECTIONS, "cut selection")
    with third:
        # The distances depend on the features, so the slider ends near the tree's longest edge.
        longest = _round_up(float(np.quantile(bench.tree.edges[:, 2], 0.99)))
        label, name = "Epsilon (distance between pixels)", f"cut epsilon {artifact.key}"
        epsilon = land_slider(land, label, (0.0, longest), longest / 100, name, 0.0, "%.3g")
    return dataclasses.replace(
        method, min_cluster_size=size, selection=cast(CutMethod, selection), epsilon=epsilon
    )


def _round_up(value: float) -> float:
    """Return the next number with one digit; 1 for 0."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** np.floor(np.log10(value))
    return float(np.ceil(value / unit) * unit)


def _find_cut(land: Land, run: StudyRun, artifact: Artifact, bench: OpenBench) -> BenchCut | None:
    """Cut a small tree at once; the cut of a large one is read, or waits for a button."""
    n = len(bench.bench.train_labels)
    if n <= tree_bench.LIVE_ROWS:
        key = land.key("cut", bench=artifact.key, method=dataclasses.asdict(run.method))
        with st.spinner("Cutting"):
            cut = run_in_background(key, lambda: recut_bench(bench.bench, bench.tree, run.method))
            return cut.result()
    stored = RECUTS.read(land.workspace.store, BenchRecut(artifact, run.method))
    if stored is None:
        st.caption(
            f"With {format_number(n)} training pixels, naming and scoring a cut takes longer than "
            "a second, so it waits for the button. Each cut is stored."
        )
        study_job_button(run, "Cut and evaluate", "Cutting the tree", "recut")
    return stored


def _show_cut(cut: BenchCut, bench: OpenBench, evaluation: str) -> None:
    naming, after = cut.naming, cut.after
    metrics = (
        ("Clusters", str(len(naming.classes))),
        ("Noise", f"{cut.noise_fraction:.0%}"),
        ("Reliability", f"{naming.mean_reliability:.3f}"),
        ("Weighted", f"{naming.weighted_reliability:.3f}"),
        ("After kNN", f"{after.mean_reliability:.3f}"),
        ("Weighted", f"{after.weighted_reliability:.3f}"),
        ("mIoU", f"{cut.scores.miou:.3f}"),
    )
    for column, (label, value) in zip(st.columns(len(metrics)), metrics, strict=True):
        column.metric(label, value)
    n_held_out = format_number(len(bench.bench.held_out_labels))
    n_labels = format_number(len(bench.bench.train_labels))
    st.caption(
        "Reliability is the share of a cluster's pixels that belong to its most common class, as "
        "a mean over the clusters or weighted by their pixels. It is measured on the training "
        f"pixels and, after kNN, on {n_held_out} held-out pixels ({evaluation}), which also give "
        f"the mIoU. On them, kNN with all {n_labels} training labels reaches an mIoU of "
        f"{bench.reference:.3f}. Clusters are named by all training labels."
    )
    sizes = naming.counts.sum(axis=1)
    table = pd.DataFrame(
        {
            "Cluster": range(1, len(sizes) + 1),
            "Class": [REDUCED[value - 1].name if value else "no label" for value in naming.classes],
            "Pixels": sizes,
            "Reliability": naming.reliability,
            "After kNN": after.reliability,
            "Second class": [_second_class(counts) for counts in naming.counts],
        }
    )
    narrow = ("Cluster", "Pixels", "Reliability", "After kNN")
    show_table(table.sort_values("Pixels", ascending=False), 10, narrow)


def _second_class(counts: AnyArray) -> str:
    """Return the second most common class of a cluster with its share; empty if there is none."""
    value = int(np.argsort(-counts, kind="stable")[1])
    return f"{REDUCED[value - 1].name} {counts[value] / counts.sum():.0%}" if counts[value] else ""
