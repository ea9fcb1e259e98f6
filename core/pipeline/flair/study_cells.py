"""Runs of a study: one classifier and its features, trained and evaluated on every fold."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from core.artifacts.formats import read_arrays, read_json, write_arrays, write_json
from core.artifacts.store import Artifact
from core.clusters.methods.hdbscan_tree import SpanningTree, build_tree
from core.clusters.methods.method import Hierarchy
from core.clusters.methods.method_table import METHODS
from core.flair.data.patch_reading import RequiredData
from core.flair.evaluation.confusion import (
    ConfusionScores,
    Interval,
    bootstrap_miou,
    score_confusion,
    sum_by_area,
    without_other,
)
from core.flair.evaluation.label_economy import Bench
from core.flair.evaluation.protocols import Fold
from core.flair.models.classifier_table import CLASSIFIERS, fit_classifier
from core.flair.models.classifiers import (
    FittedModel,
    MethodSettings,
    describe_untrained_classes,
    tree_settings,
)
from core.flair.models.cluster_names import Naming
from core.flair.models.features import Features, FeatureSpec, Scaler, build_features, fit_scaler
from core.flair.models.prediction import JudgedPatches, judge_patches
from core.pipeline.flair.flair_workspace import data_credit
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.stage import Stage
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.types import AnyArray, ByteArray

_HIERARCHY = cast(Hierarchy, METHODS["hdbscan"].hierarchy)


@dataclass(frozen=True)
class FoldModel:
    """A model trained on one fold, the scaling of its features, and the time of both."""

    fitted: FittedModel
    scaler: Scaler | None
    seconds: float


@dataclass(frozen=True)
class StudyRun:
    """A classifier and its features in a study; they need not have been run yet."""

    study: Study
    method: MethodSettings
    spec: FeatureSpec
    _models: dict[Fold, FoldModel] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def workspace(self) -> Workspace:
        """The workspace of the study."""
        return self.study.workspace

    @property
    def settings(self) -> StudySettings:
        """The settings of the study."""
        return self.study.settings

    @property
    def is_chance(self) -> bool:
        """True for a chance baseline."""
        return CLASSIFIERS[self.method.method].is_chance

    @cached_property
    def key(self) -> str:
        """The key of the run's result in the store."""
        return CELLS.step(self).key

    def make(self, stage: Stage["StudyRun", Any], report: Progress = silent) -> Artifact:
        """Find or compute the artifact of a stage, and store the checksums of its key."""
        artifact = stage.make(self.workspace.store, self, report)
        self.workspace.checksums.save()
        return artifact

    def training_data(self, fold: Fold) -> tuple[Features, ByteArray, Scaler | None]:
        """Return the features and labels of a fold's training pixels, and their scaling."""
        table = self.study.sampled(fold.train, self.spec)
        scaler = fit_scaler(table, self.spec)
        return build_features(table, self.spec, scaler), table.labels, scaler

    def bench(self, fold: Fold, n_held_out: int | None = None) -> Bench:
        """Return the training pixels of a fold, and all or `n_held_out` held-out pixels."""
        features, labels, scaler = self.training_data(fold)
        judges = self.study.judges(fold, self.spec)
        order = np.random.default_rng(self.method.seed).permutation(len(judges))
        judges = judges.take(np.sort(order[:n_held_out]))
        return Bench(features, labels, build_features(judges, self.spec, scaler), judges.labels)

    def tree(self, fold: Fold, features: Features) -> Artifact:
        """Find or build HDBSCAN's tree of a fold's training pixels."""
        return TREES.make(self.workspace.store, _FoldTree(self, fold, features))

    def read_tree(self, fold: Fold, features: Features) -> SpanningTree:
        """Return HDBSCAN's tree of a fold's training pixels."""
        return TREES.open(self.tree(fold, features))

    def fit(self, fold: Fold) -> FoldModel:
        """Train on a fold; the model stays in memory as long as this object."""
        if fold in self._models:
            return self._models[fold]
        start = time.perf_counter()
        features, labels, scaler = self.training_data(fold)
        trees: list[Artifact] = []

        def read_tree() -> SpanningTree:
            trees.append(self.tree(fold, features))
            return TREES.open(trees[0])

        fitted = fit_classifier(features, labels, self.method, read_tree)
        # A tree from the store counts with the time that it took.
        stored = sum(float(tree.manifest["seconds"]) for tree in trees if tree.cached)
        seconds = time.perf_counter() - start + stored
        return self._models.setdefault(fold, FoldModel(fitted, scaler, seconds))

    def judge(
        self, fold: Fold, maps: Path | None = None, report: Progress = silent
    ) -> JudgedPatches:
        """Predict the held-out patches of a fold; with `maps`, also write their class maps."""
        model = self.fit(fold)
        return judge_patches(
            model.fitted.model,
            self.study.dataset,
            fold.test,
            self.spec,
            model.scaler,
            n_clusters=model.fitted.n_clusters,
            needs=RequiredData(dates=self.settings.dates),
            maps=maps,
            about=data_credit(self.workspace),
            report=report,
        )

    def write_maps(self, folder: Path, report: Progress = silent) -> None:
        """Write class maps of all held-out patches, each by the model of its fold."""
        for fold in self.study.folds:
            self.judge(fold, folder, report)


@dataclass(frozen=True)
class _FoldTree:
    """HDBSCAN's tree of the training pixels of a fold."""

    run: StudyRun
    fold: Fold
    features: Features


@dataclass(frozen=True)
class CellResult:
    """The result of a run.

    Attributes
    ----------
    counts : int64 array, (p, 13, 13)
        Confusion matrix of each held-out patch; rows are the truth.
    patches, areas : tuple of str
        Name and area of each of these patches.
    interval : Interval or None
        Confidence interval of the mIoU, by areas; None for a single area.
    seconds : float
        Time of sampling, training (with the tree, even if it was stored) and prediction. A sample
        stays in memory, so only the first of several runs that share it includes its time.
    about : dict
        Facts about each fold: clusters, reliability, labels and notes.
    """

    artifact: Artifact
    counts: AnyArray
    patches: tuple[str, ...]
    areas: tuple[str, ...]
    scores: ConfusionScores
    interval: Interval | None
    seconds: float
    about: dict[str, Any]

    @property
    def scored_counts(self) -> AnyArray:
        """`counts` without the pixels that the protocol does not score."""
        protocol = self.artifact.manifest["inputs"]["protocol"]
        return without_other(self.counts) if protocol == "patches" else self.counts

    def fold_mean(self, name: str) -> float:
        """Return the mean of a fact over the folds that have it; NaN if none has."""
        values = [fold[name] for fold in self.about["folds"] if name in fold]
        return sum(values) / len(values) if values else float("nan")

    @property
    def notes(self) -> list[str]:
        """Notes for the user, without repetitions."""
        folds = self.about["folds"]
        notes = describe_untrained_classes([fold.get("absent", []) for fold in folds])
        return [*notes, *dict.fromkeys(note for fold in folds for note in fold["notes"])]


def _tree_inputs(subject: _FoldTree) -> dict[str, Any]:
    run = subject.run
    return {
        **run.study.data_inputs(subject.fold.train, run.spec),
        "spec": asdict(run.spec),
        "tree": asdict(tree_settings(run.method, subject.features.matrix.shape[1])),
    }


def _build_tree(subject: _FoldTree, folder: Path, _: Progress) -> Mapping[str, Any]:
    matrix = subject.features.matrix
    tree = build_tree(matrix, tree_settings(subject.run.method, matrix.shape[1]))
    write_arrays(folder, _HIERARCHY.arrays(tree))
    return _HIERARCHY.counts(tree)


def _run_inputs(run: StudyRun) -> dict[str, Any]:
    study = run.study
    return {
        "protocol": study.settings.protocol,
        "taught": [study.data_inputs(fold.train, run.spec) for fold in study.folds],
        "judged": [study.data_inputs(fold.test, run.spec) for fold in study.folds],
        "method": asdict(run.method),
        "spec": asdict(run.spec),
    }


def _evaluate(run: StudyRun, folder: Path, report: Progress) -> dict[str, Any]:
    results, facts = [], []
    for fold in run.study.folds:
        model = run.fit(fold)
        start = time.perf_counter()
        results.append(run.judge(fold, report=report))
        facts.append(_fold_facts(run, fold, model, results[-1]))
        facts[-1]["seconds"] = model.seconds + time.perf_counter() - start
    write_arrays(folder, {"counts": np.concatenate([result.counts for result in results])})
    patches = [run.study.dataset.patches[i] for result in results for i in result.patches]
    about = {
        "patches": [patch.name for patch in patches],
        "areas": [patch.area_id for patch in patches],
        "folds": facts,
    }
    write_json(folder / "cell.json", about)
    return {"seconds": sum(fold["seconds"] for fold in facts)}


def _fold_facts(
    run: StudyRun, fold: Fold, model: FoldModel, result: JudgedPatches
) -> dict[str, Any]:
    fitted = model.fitted
    facts: dict[str, Any] = {**fitted.facts, "n_labels": fitted.n_labels}
    if fitted.n_clusters:
        predicted = Naming(np.zeros(fitted.n_clusters, np.uint8), result.by_cluster)
        facts["reliability_after_knn"] = predicted.mean_reliability
        facts["weighted_reliability_after_knn"] = predicted.weighted_reliability
    problems = (*run.study.sampled(fold.train, run.spec).problems, *result.problems)
    return facts | {"notes": [*fitted.notes, *map(str, problems)]}


def _open_result(artifact: Artifact) -> CellResult:
    counts = read_arrays(artifact.folder)["counts"]
    about = read_json(artifact.folder / "cell.json")
    areas = tuple(about["areas"])
    protocol = artifact.manifest["inputs"]["protocol"]
    scored = without_other(counts) if protocol == "patches" else counts
    return CellResult(
        artifact,
        counts,
        tuple(about["patches"]),
        areas,
        score_confusion(scored.sum(axis=0)),
        bootstrap_miou(sum_by_area(scored, areas)),
        float(artifact.counts["seconds"]),
        about,
    )


TREES: Stage[_FoldTree, SpanningTree] = Stage(
    name="flair-trees",
    version=1,
    inputs=_tree_inputs,
    compute=_build_tree,
    open=lambda artifact: _HIERARCHY.restore(read_arrays(artifact.folder), artifact.counts),
)
CELLS: Stage[StudyRun, CellResult] = Stage(
    name="flair-cells", version=1, inputs=_run_inputs, compute=_evaluate, open=_open_result
)
