"""The panel of live cuts of HDBSCAN's tree, evaluated on a sample of held-out pixels."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover.land_data import Land, curve_run
from app.land_cover.land_jobs import study_job_button
from app.land_cover.land_widgets import land_choice, land_slider, show_table
from app.land_cover.run_form import features_form, method_number
from app.session.cache import cached_image, run_in_background
from app.widgets.choices import remembered_widget
from app.widgets.markup import escape_markdown, format_number
from core.artifacts.store import Artifact
from core.land.evaluation.tree_cuts import BenchCut, recut_bench
from core.land.models.classifiers import MethodSettings
from core.pipeline.land import tree_bench
from core.pipeline.land.run_titles import describe_evaluation
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.land.study_results import find_artifact
from core.pipeline.land.tree_bench import BENCHES, RECUTS, BenchRecut, OpenBench
from core.types import AnyArray, CutMethod

SIZES = (2, 3, 5, 8, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000)
SELECTIONS: Mapping[CutMethod, str] = {"eom": "eom", "leaf": "leaf"}


def tree_sliders(land: Land) -> None:
    """Draw sliders that cut a tree, and show the clusters, reliability and mIoU of the cut."""
    left, right = st.columns([2, 5], gap="large")
    with left:
        spec = features_form(land, "tree")
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
            "The tree for these features has not been built yet. Once it has been built, the "
            "sliders respond immediately."
        )
        return
    with right:
        run = dataclasses.replace(run, method=_cut_form(land, run.method, artifact, bench))
        cut = _find_cut(land, run, artifact, bench)
        if cut is None:
            return
        _show_cut(land, cut, bench, describe_evaluation(run))
        label, title = "Run this cut on every pixel", "Running this cut"
        study_job_button(run, label, title, "maps", primary=False)


def _cut_form(
    land: Land, method: MethodSettings, artifact: Artifact, bench: OpenBench
) -> MethodSettings:
    first, second, third = st.columns([5, 3, 4], gap="medium")
    draw = partial(first.select_slider, "Minimum cluster size (pixels)", SIZES)
    size = remembered_widget(land.workspace, "cut size", 10, draw)
    with second:
        selection = land_choice(land, "Cluster selection", SELECTIONS, "cut selection")
    with third:
        # The distances depend on the features, so the slider ends near the tree's longest edge.
        longest = _round_up(float(np.quantile(bench.tree.edges[:, 2], 0.99)))
        label, name = "Epsilon (distance in feature space)", f"cut epsilon {artifact.key}"
        epsilon = land_slider(land, label, (0.0, longest), longest / 100, name, 0.0, "%.3g")
    return dataclasses.replace(method, min_cluster_size=size, selection=selection, epsilon=epsilon)


def _round_up(value: float) -> float:
    """Round up to one significant digit; return 1 for 0 or less."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** np.floor(np.log10(value))
    return float(np.ceil(value / unit) * unit)


def _find_cut(land: Land, run: StudyRun, artifact: Artifact, bench: OpenBench) -> BenchCut | None:
    """Return the requested cut; None if it still has to be computed.

    A small tree is cut at once. For a large tree, a stored cut is read, or a button is drawn that
    computes the cut.
    """
    n = len(bench.bench.train_labels)
    if n <= tree_bench.LIVE_ROWS:
        key = land.key("cut", bench=artifact.key, method=dataclasses.asdict(run.method))
        with st.spinner("Cutting"):
            cut = run_in_background(key, lambda: recut_bench(bench.bench, bench.tree, run.method))
            return cut.result()
    stored = RECUTS.read(land.workspace.store, BenchRecut(artifact, run.method))
    if stored is None:
        st.caption(
            f"With {format_number(n)} training pixels, each new cut takes more than a second to "
            "name and score, so press the button to compute it. Computed cuts are stored."
        )
        study_job_button(run, "Cut and evaluate", "Cutting the tree", "recut")
    return stored


def _show_cut(land: Land, cut: BenchCut, bench: OpenBench, evaluation: str) -> None:
    naming, after = cut.naming, cut.after
    labels = ("Clusters", "Noise", "Reliability", "Weighted", "After kNN", "Weighted", "mIoU")
    scores = [naming.mean_reliability, naming.weighted_reliability]
    scores += [after.mean_reliability, after.weighted_reliability, cut.scores.miou]
    counts = [str(len(naming.classes)), f"{cut.noise_fraction:.0%}"]
    values = counts + [f"{score:.3f}" for score in scores]
    for column, label, value in zip(st.columns(len(labels)), labels, values, strict=True):
        column.metric(label, value)
    for note in cut.notes:
        st.warning(escape_markdown(note.removeprefix("warning: ").capitalize()))
    n_held_out = format_number(len(bench.bench.held_out_labels))
    n_labels = format_number(len(bench.bench.train_labels))
    st.caption(
        "Reliability is the share of a cluster's pixels that belong to its most common class: "
        "first the mean over the clusters, then the mean weighted by their numbers of pixels. It "
        'is measured on the training pixels. "After kNN" and the mIoU are measured on '
        f"{n_held_out} held-out pixels ({evaluation}), which kNN assigns to the clusters. On the "
        f"same pixels, kNN trained with all {n_labels} labels reaches an mIoU of "
        f"{bench.reference:.3f}. All training labels are used to name the clusters."
    )
    sizes, names = naming.counts.sum(axis=1), ["no label"]
    names += [cover.name for cover in land.legend.reduced]
    table = pd.DataFrame(
        {
            "Cluster": range(1, len(sizes) + 1),
            "Class": [names[value] for value in naming.classes],
            "Pixels": sizes,
            "Reliability": naming.reliability,
            "After kNN": after.reliability,
            "Second class": [_second_class(counts, names) for counts in naming.counts],
        }
    )
    narrow = ("Cluster", "Pixels", "Reliability", "After kNN")
    show_table(table.sort_values("Pixels", ascending=False), 10, narrow)


def _second_class(counts: AnyArray, names: Sequence[str]) -> str:
    """Return the second most common class of a cluster with its share; empty if there is none."""
    value = int(np.argsort(-counts, kind="stable")[1])
    return f"{names[value]} {counts[value] / counts.sum():.0%}" if counts[value] else ""
