"""The label economy of a study, kept: several draws of the labels, over all its folds."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.artifacts.store import Artifact, Step
from core.flair.evaluation.label_economy import (
    Bench,
    Point,
    Spending,
    by_clusters,
    by_pixels,
    pooled,
)
from core.flair.evaluation.protocols import Fold
from core.flair.models import classifiers
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec, build, fit_scaler
from core.pipeline.flair.study import Study, open_tree
from core.progress import Progress, silent, step

VERSION = 2
ECONOMY = "flair-economies"
SIZES = (10, 30, 100, 300)
"""Smallest clusters that HDBSCAN's tree is cut at."""
CENTRES = (13, 50, 200)
"""Numbers of centres that k-means is run with."""


def curve(
    study: Study,
    spec: FeatureSpec,
    method: MethodSettings,
    sizes: Sequence[int] = SIZES,
    centres: Sequence[int] = CENTRES,
    report: Progress = silent,
) -> list[Point]:
    """What labels buy on all folds: pixels, and clusters in ever other numbers.

    Trees and clusters are made once a fold; only the labels that are spent are drawn anew.

    Parameters
    ----------
    study : Study
    spec : FeatureSpec
    method : MethodSettings
        Its neighbours, the tree's settings and the seed; which classifier it names does not
        matter.
    sizes, centres : sequence of int
    report : Progress
    """
    cuts = [
        (
            f"hdbscan, clusters of {size} or more",
            dataclasses.replace(method, method="hdbscan", min_cluster_size=size),
        )
        for size in sizes
    ]
    cuts += [
        (f"kmeans, {n} centres", dataclasses.replace(method, method="kmeans", n_clusters=n))
        for n in centres
    ]
    found, total = [], len(study.folds) * len(cuts)
    for at, fold in enumerate(study.folds):

        def told(done: int, words: str, before: int = at * len(cuts)) -> None:
            step(report, before + done, total, words)

        found.append(list(_spent(study, fold, spec, method, cuts, told)))
    return pooled(found)


def _spent(
    study: Study,
    fold: Fold,
    spec: FeatureSpec,
    method: MethodSettings,
    cuts: Sequence[tuple[str, MethodSettings]],
    told: Any,
) -> list[Spending]:
    """Every way to spend labels in one fold."""
    draws = study.settings.draws
    table, judges = study.sampled(fold.train, spec), study.judges(fold, spec)
    scaler = fit_scaler(table, spec)
    features = build(table, spec, scaler)
    bench = Bench(features, table.labels, build(judges, spec, scaler), judges.labels)
    spent = list(by_pixels(bench, method, draws, method.seed))
    tree = open_tree(study.tree(fold, method, spec, features))
    for done, (title, wanted) in enumerate(cuts, start=1):
        hdbscan = wanted.method == "hdbscan"
        clusters, _ = (
            classifiers.cut(tree, wanted) if hdbscan else classifiers.cluster(features, wanted)
        )
        spent += by_clusters(bench, clusters, title, wanted, draws, method.seed)
        told(done, title)
    return spent


def economy_step(study: Study, method: MethodSettings, spec: FeatureSpec) -> Step:
    """What a label economy is made from; which classifier the settings name does not matter."""
    usual = MethodSettings()
    plain = dataclasses.replace(
        method,
        method="knn",
        min_cluster_size=usual.min_cluster_size,
        n_clusters=usual.n_clusters,
    )
    inputs = {
        "cell": study.step(plain, spec).key,
        "draws": study.settings.draws,
        "sizes": list(SIZES),
        "centres": list(CENTRES),
    }
    return Step(ECONOMY, VERSION, inputs)


def make_economy(
    study: Study, method: MethodSettings, spec: FeatureSpec, report: Progress = silent
) -> Artifact:
    """The label economy, kept."""

    def compute(folder: Path) -> dict[str, Any]:
        points = curve(study, spec, method, report=report)
        write_json(folder / "points.json", [dataclasses.asdict(point) for point in points])
        return {
            "points": len(points),
            "draws": study.settings.draws,
            "folds": len(study.folds),
        }

    made = study.workspace.store.make(economy_step(study, method, spec), compute)
    study.workspace.checksums.save()
    return made


def open_economy(artifact: Artifact) -> Sequence[Point]:
    """The points of a kept economy."""
    return [Point(**point) for point in read_json(artifact.folder / "points.json")]
