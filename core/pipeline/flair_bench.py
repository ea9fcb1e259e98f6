"""What sliders and curves about land cover play on: benches and label economies, kept."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import read_array, read_json, write_array, write_json
from core.artifacts.store import Artifact, Step
from core.clusters.density import Tree
from core.flair import classifiers
from core.flair.classifiers import MethodSettings
from core.flair.confusion import Scores, count, scores
from core.flair.economy import Bench, Point
from core.flair.features import Features, FeatureSpec, build, fit_scaler
from core.flair.naming import Naming
from core.pipeline.patches_to_confusion import Study, open_tree
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent

VERSION = 1
BENCH, ECONOMY = "flair-benches", "flair-economies"
JUDGES = 10_000
"""Held-out pixels that answer a slider."""


@dataclasses.dataclass(frozen=True)
class Recut:
    """What one cut of the tree gives.

    Attributes
    ----------
    naming : Naming
        By every training label.
    noise_fraction : float
    scores : Scores
        On the bench's held-out pixels.
    """

    naming: Naming
    noise_fraction: float
    scores: Scores


def recut(bench: Bench, tree: Tree, method: MethodSettings) -> Recut:
    """Cut a tree anew, name the clusters, and predict the held-out pixels.

    Raises
    ------
    TooFewError
        If all pixels are noise.
    """
    clusters, notes = classifiers.cut(tree, method)
    fitted = classifiers.named(bench.train, bench.train_labels, clusters, method, notes)
    assert fitted.naming is not None
    said = fitted.model.predict(bench.held_out, 0)
    counts = count(bench.held_out_labels, said.classes)
    return Recut(fitted.naming, float((clusters < 0).mean()), scores(counts))


def bench_step(study: Study, method: MethodSettings, spec: FeatureSpec) -> Step:
    """What a bench is made from; how the tree is cut does not matter."""
    plain = MethodSettings("hdbscan", min_samples=method.min_samples)
    return Step(BENCH, VERSION, {"cell": study.step(plain, spec).key, "judges": JUDGES})


def make_bench(
    study: Study, method: MethodSettings, spec: FeatureSpec, report: Progress = silent
) -> Artifact:
    """HDBSCAN's tree of the first fold with held-out pixels, so that sliders answer at once."""

    def compute(folder: Path) -> dict[str, Any]:
        fold = study.folds[0]
        table = study.sampled(fold.train, spec)
        judges = study.sampled(fold.judged, spec, other=True)
        rows = np.random.default_rng(method.seed).permutation(len(judges))[:JUDGES]
        scaler = fit_scaler(table, spec)
        features = build(table, spec, scaler)
        report(1, 2, "sampled")
        made = study.tree(fold, dataclasses.replace(method, method="hdbscan"), spec, features)
        judged = build(judges.take(np.sort(rows)), spec, scaler)
        write_array(folder / "train.npy", features.matrix)
        write_array(folder / "labels.npy", table.labels)
        write_array(folder / "judged.npy", judged.matrix)
        write_array(folder / "judged-labels.npy", judges.labels[np.sort(rows)])
        about = {"n_aerial": features.n_aerial, "names": features.names, "tree": made.key}
        write_json(folder / "bench.json", about)
        report(2, 2, "the tree is built")
        return {"n": len(table), "judged": len(rows)}

    made = study.workspace.store.make(bench_step(study, method, spec), compute)
    study.workspace.checksums.save()
    return made


def open_bench(workspace: Workspace, artifact: Artifact) -> tuple[Bench, Tree] | None:
    """A bench and its tree; None where the tree was deleted."""
    folder = artifact.folder
    about = read_json(folder / "bench.json")
    tree = next((a for a in workspace.store.all("flair-trees") if a.key == about["tree"]), None)
    if tree is None:
        return None

    def features(name: str) -> Features:
        return Features(read_array(folder / name), about["n_aerial"], tuple(about["names"]))

    bench = Bench(
        features("train.npy"),
        read_array(folder / "labels.npy"),
        features("judged.npy"),
        read_array(folder / "judged-labels.npy"),
    )
    return bench, open_tree(tree)


def economy_step(study: Study, method: MethodSettings, spec: FeatureSpec) -> Step:
    """What a label economy is made from."""
    return Step(ECONOMY, VERSION, {"cell": study.step(method, spec).key})


def make_economy(
    study: Study, method: MethodSettings, spec: FeatureSpec, report: Progress = silent
) -> Artifact:
    """The label economy, kept."""

    def compute(folder: Path) -> dict[str, Any]:
        points = study.economy(spec, method, report=report)
        write_json(folder / "points.json", [dataclasses.asdict(point) for point in points])
        return {"points": len(points)}

    made = study.workspace.store.make(economy_step(study, method, spec), compute)
    study.workspace.checksums.save()
    return made


def open_economy(artifact: Artifact) -> Sequence[Point]:
    """The points of a kept economy."""
    return [Point(**point) for point in read_json(artifact.folder / "points.json")]
