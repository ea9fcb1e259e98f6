"""Benches: HDBSCAN's tree of land-cover pixels, with held-out pixels for scoring its cuts."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_arrays, read_json, write_arrays, write_json
from core.artifacts.store import Artifact, Store
from core.clusters.methods.density.hdbscan_tree import SpanningTree
from core.errors import ArtifactError
from core.land.data.nomenclature import FLAIR, legend_from_table, legend_table
from core.land.evaluation.confusion import count_confusion, mean_iou
from core.land.evaluation.label_economy import Bench
from core.land.evaluation.tree_cuts import BenchCut, recut_bench
from core.land.models.classifier_table import fit_classifier
from core.land.models.classifiers import MethodSettings
from core.land.models.cluster_names import Naming
from core.land.models.features import Features
from core.pipeline.land.pixel_trees import TREES
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.stage import Stage
from core.progress import Progress, silent

N_JUDGES = 10_000
"""Maximum number of held-out pixels in a bench."""
LIVE_ROWS = 50_000
"""Number of training pixels above which cutting, naming and scoring take more than a second."""


@dataclass(frozen=True)
class OpenBench:
    """A bench that was read from the store, with its tree.

    `reference` is the mIoU of kNN with all training labels on the held-out pixels.
    """

    bench: Bench
    tree: SpanningTree
    reference: float


@dataclass(frozen=True)
class BenchRecut:
    """A finished bench, and the settings by which its tree is to be cut."""

    bench: Artifact
    method: MethodSettings


def _bench_inputs(run: StudyRun) -> dict[str, Any]:
    # The bench does not depend on how its tree is cut.
    method = run.method
    tree = MethodSettings("hdbscan", k=method.k, min_samples=method.min_samples, seed=method.seed)
    return {"cell": dataclasses.replace(run, method=tree).key, "judges": N_JUDGES}


def _write_bench(run: StudyRun, folder: Path, report: Progress) -> dict[str, Any]:
    fold = run.study.folds[0]
    bench = run.bench(fold, N_JUDGES)
    report(1, 2, "pixels sampled")
    tree = run.tree(fold, bench.train)
    method = MethodSettings("knn", k=run.method.k)
    knn = fit_classifier(bench.train, bench.train_labels, method, legend=bench.legend)
    predicted = knn.model.predict(bench.held_out, 0).classes
    counts = count_confusion(bench.held_out_labels, predicted, bench.legend.other)
    train, held_out = bench.train, bench.held_out
    labels = {"labels": bench.train_labels, "judged-labels": bench.held_out_labels}
    write_arrays(folder, {"train": train.matrix, "judged": held_out.matrix, **labels})
    about = {
        "n_aerial": train.n_aerial,
        "names": train.names,
        "tree": tree.key,
        "reference": float(mean_iou(counts)),
        "legend": legend_table(bench.legend),
    }
    write_json(folder / "bench.json", about)
    report(2, 2, "tree built")
    return {"n": len(bench.train_labels), "judged": len(bench.held_out_labels)}


def _open_bench(artifact: Artifact) -> OpenBench | None:
    """Open a bench; None if its tree was deleted."""
    about = read_json(artifact.folder / "bench.json")
    trees = Store(artifact.folder.parents[1]).all(TREES.name)
    tree = next((tree for tree in trees if tree.key == about["tree"]), None)
    if tree is None:
        return None
    arrays = read_arrays(artifact.folder)
    train, held_out = (
        Features(arrays[name], about["n_aerial"], tuple(about["names"]))
        for name in ("train", "judged")
    )
    # Benches of earlier versions are all on FLAIR's classes.
    legend = legend_from_table(about["legend"]) if "legend" in about else FLAIR
    labels = (arrays["labels"], arrays["judged-labels"])
    bench = Bench(train, labels[0], held_out, labels[1], legend=legend)
    return OpenBench(bench, TREES.open(tree), about["reference"])


def _write_recut(subject: BenchRecut, folder: Path, report: Progress) -> dict[str, Any]:
    bench = BENCHES.open(subject.bench)
    if bench is None:
        raise ArtifactError("the tree of this bench was deleted", where=str(subject.bench.folder))
    cut = recut_bench(bench.bench, bench.tree, subject.method)
    arrays = {"named": cut.naming.counts, "after": cut.after.counts, "counts": cut.counts}
    write_arrays(folder, {"classes": cut.naming.classes, **arrays})
    report(1, 1, "tree cut and scored")
    return {"noise_fraction": cut.noise_fraction, "clusters": len(cut.naming.classes)}


def _open_recut(artifact: Artifact) -> BenchCut:
    arrays = read_arrays(artifact.folder)
    classes, noise_fraction = arrays["classes"], float(artifact.counts["noise_fraction"])
    named, after = (Naming(classes, arrays[name]) for name in ("named", "after"))
    return BenchCut(named, after, noise_fraction, arrays["counts"])


def _recut_inputs(subject: BenchRecut) -> dict[str, Any]:
    return {"bench": subject.bench.key, "method": dataclasses.asdict(subject.method)}


BENCHES: Stage[StudyRun, OpenBench | None] = Stage(
    "flair-benches", 3, _bench_inputs, _write_bench, _open_bench, StudyRun.file_states
)
RECUTS: Stage[BenchRecut, BenchCut] = Stage(
    "flair-recuts", 1, _recut_inputs, _write_recut, _open_recut
)


def make_recut(run: StudyRun, report: Progress = silent) -> Artifact:
    """Cut the tree of a run's bench, after making the bench if necessary, and store the result."""
    return RECUTS.make(run.study.workspace.store, BenchRecut(run.make(BENCHES), run.method), report)
