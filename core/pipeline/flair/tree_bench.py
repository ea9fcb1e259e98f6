"""What sliders about land cover play on: HDBSCAN's tree with pixels that judge its cuts, kept."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import read_array, read_json, write_array, write_json
from core.artifacts.store import Artifact, Step
from core.clusters.methods.hdbscan_tree import Tree
from core.errors import ArtifactError
from core.flair.evaluation.confusion import Scores, count, miou, scores
from core.flair.evaluation.label_economy import Bench
from core.flair.models import classifiers
from core.flair.models.classifiers import MethodSettings
from core.flair.models.cluster_names import Naming, tally
from core.flair.models.features import Features, FeatureSpec, build, fit_scaler
from core.pipeline.flair.study import Study, open_tree
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.types import AnyArray

VERSION = 1
BENCH, RECUT = "flair-benches", "flair-recuts"
BENCH_VERSION = 3
JUDGES = 10_000
"""Held-out pixels that answer a slider."""
LIVE_ROWS = 50_000
"""Training pixels above which a cut, its naming and its score take longer than a second."""


@dataclasses.dataclass(frozen=True)
class Recut:
    """What one cut of the tree gives.

    Attributes
    ----------
    naming : Naming
        By every training label.
    after : Naming
        The same clusters, with the held-out pixels that their neighbours put into them.
    noise_fraction : float
    counts : int64 array, (13, 13)
        Confusion of the bench's held-out pixels, rows the truth.
    """

    naming: Naming
    after: Naming
    noise_fraction: float
    counts: AnyArray

    @property
    def scores(self) -> Scores:
        """On the bench's held-out pixels."""
        return scores(self.counts)


@dataclasses.dataclass(frozen=True)
class Opened:
    """A kept bench.

    Attributes
    ----------
    bench : Bench
    tree : Tree
    reference : float
        mIoU of kNN with every training label on the bench's held-out pixels.
    """

    bench: Bench
    tree: Tree
    reference: float


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
    assert said.clusters is not None
    joined = tally(said.clusters, bench.held_out_labels, fitted.n_clusters)
    return Recut(
        fitted.naming,
        Naming(fitted.naming.classes, joined),
        float((clusters < 0).mean()),
        count(bench.held_out_labels, said.classes),
    )


def recut_step(bench: Artifact, method: MethodSettings) -> Step:
    """What a kept cut is made from."""
    return Step(RECUT, VERSION, {"bench": bench.key, "method": dataclasses.asdict(method)})


def make_recut(
    study: Study, method: MethodSettings, spec: FeatureSpec, report: Progress = silent
) -> Artifact:
    """One cut of a kept tree, kept too: where it takes longer than a page may wait."""
    made = make_bench(study, method, spec)

    def compute(folder: Path) -> dict[str, Any]:
        opened = open_bench(study.workspace, made)
        if opened is None:
            raise ArtifactError("its tree was deleted", where=str(made.folder))
        found = recut(opened.bench, opened.tree, method)
        write_array(folder / "classes.npy", found.naming.classes)
        write_array(folder / "named.npy", found.naming.counts)
        write_array(folder / "after.npy", found.after.counts)
        write_array(folder / "counts.npy", found.counts)
        report(1, 1, "cut and judged")
        return {"noise_fraction": found.noise_fraction, "clusters": len(found.naming.classes)}

    return study.workspace.store.make(recut_step(made, method), compute)


def open_recut(artifact: Artifact) -> Recut:
    """A kept cut."""
    names = ("classes", "named", "after", "counts")
    classes, named, after, counts = (read_array(artifact.folder / f"{n}.npy") for n in names)
    noise = float(artifact.counts["noise_fraction"])
    return Recut(Naming(classes, named), Naming(classes, after), noise, counts)


def bench_step(study: Study, method: MethodSettings, spec: FeatureSpec) -> Step:
    """What a bench is made from; how the tree is cut does not matter."""
    plain = MethodSettings("hdbscan", k=method.k, min_samples=method.min_samples, seed=method.seed)
    return Step(BENCH, BENCH_VERSION, {"cell": study.step(plain, spec).key, "judges": JUDGES})


def make_bench(
    study: Study, method: MethodSettings, spec: FeatureSpec, report: Progress = silent
) -> Artifact:
    """HDBSCAN's tree of the first fold with held-out pixels, so that sliders answer at once."""

    def compute(folder: Path) -> dict[str, Any]:
        fold = study.folds[0]
        table = study.sampled(fold.train, spec)
        judges = study.judges(fold, spec)
        rows = np.random.default_rng(method.seed).permutation(len(judges))[:JUDGES]
        scaler = fit_scaler(table, spec)
        features = build(table, spec, scaler)
        report(1, 2, "sampled")
        made = study.tree(fold, dataclasses.replace(method, method="hdbscan"), spec, features)
        few = judges.take(np.sort(rows))
        judged = build(few, spec, scaler)
        write_array(folder / "train.npy", features.matrix)
        write_array(folder / "labels.npy", table.labels)
        write_array(folder / "judged.npy", judged.matrix)
        write_array(folder / "judged-labels.npy", few.labels)
        nearest = MethodSettings("knn", k=method.k)
        voted = classifiers.fit(features, table.labels, nearest).model.predict(judged, 0).classes
        about = {
            "n_aerial": features.n_aerial,
            "names": features.names,
            "tree": made.key,
            "reference": float(miou(count(few.labels, voted))),
        }
        write_json(folder / "bench.json", about)
        report(2, 2, "the tree is built")
        return {"n": len(table), "judged": len(rows)}

    made = study.workspace.store.make(bench_step(study, method, spec), compute)
    study.workspace.checksums.save()
    return made


def open_bench(workspace: Workspace, artifact: Artifact) -> Opened | None:
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
    return Opened(bench, open_tree(tree), about["reference"])
