"""Runs of a study: one classifier and its features, trained and evaluated on every fold."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import write_arrays, write_json
from core.artifacts.store import Artifact
from core.clusters.methods.density.hdbscan_tree import SpanningTree
from core.errors import SettingsError
from core.land.data.dataset import Dataset
from core.land.data.nomenclature import legend_table
from core.land.evaluation.label_economy import Bench, region_numbers
from core.land.evaluation.protocols import Fold
from core.land.models.classifier_table import CLASSIFIERS, fit_classifier
from core.land.models.classifiers import FittedModel, MethodSettings, tree_settings
from core.land.models.cluster_names import Naming
from core.land.models.features import Features, FeatureSpec, Scaler, build_features, fit_scaler
from core.land.models.prediction import JudgedPatches, judge_patches
from core.land.models.regularisation import UNSMOOTHED, RegularisationSettings
from core.pipeline.land.cell_results import CellResult, open_result
from core.pipeline.land.land_workspace import data_credit
from core.pipeline.land.pixel_trees import TREES, TrainingPixels
from core.pipeline.land.study import Study, StudySettings, spec_inputs
from core.pipeline.stage import Stage
from core.progress import Progress, silent
from core.types import ByteArray


@dataclass(frozen=True)
class FoldModel:
    """A model trained on one fold, the scaling of its features, and the time for fitting both."""

    fitted: FittedModel
    scaler: Scaler | None
    seconds: float


@dataclass(frozen=True)
class StudyRun:
    """A classifier with its features in a study; its result may not have been computed yet."""

    study: Study
    method: MethodSettings
    spec: FeatureSpec
    regularisation: RegularisationSettings = UNSMOOTHED
    _models: dict[Fold, FoldModel] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        default = FeatureSpec()
        for name in ("season", "interpolation"):
            value = getattr(self.spec, name)
            if not self.spec.fusion and value != getattr(default, name):
                raise SettingsError(
                    f"{value!r} selects values of a Sentinel series, which the features lack",
                    where=name,
                    remedy=f"Add the series (--fusion, or fusion = true in the settings), or leave "
                    f"out --{name}.",
                )

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

    def file_states(self) -> list[Any]:
        """Return the state of the files of the study; see `Study.file_states`."""
        return self.study.file_states(self.spec)

    def make(self, stage: Stage["StudyRun", Any], report: Progress = silent) -> Artifact:
        """Find or compute the artifact of a stage, and save the checksums of the input files."""
        artifact = stage.make(self.study.workspace.store, self, report)
        self.study.workspace.checksums.save()
        return artifact

    def training_data(self, fold: Fold) -> tuple[Features, ByteArray, Scaler | None]:
        """Return the features and labels of a fold's training pixels, and their scaling."""
        table = self.study.sampled(fold.train, self.spec)
        scaler = fit_scaler(table, self.spec)
        return build_features(table, self.spec, scaler), table.labels, scaler

    def bench(self, fold: Fold, n_held_out: int | None = None) -> Bench:
        """Return training and held-out pixels of a fold, at most `n_held_out` of the latter."""
        features, labels, scaler = self.training_data(fold)
        judges = self.study.judges(fold, self.spec)
        order = np.random.default_rng(self.method.seed).permutation(len(judges))
        judges = judges.take(np.sort(order[:n_held_out]))
        held_out = build_features(judges, self.spec, scaler)
        areas = self.study.area_numbers(judges)
        regions = region_numbers(self.study.sampled(fold.train, self.spec))
        legend = self.study.dataset.layout.legend
        return Bench(features, labels, held_out, judges.labels, areas, regions, legend=legend)

    def tree(self, fold: Fold, features: Features) -> Artifact:
        """Find or build HDBSCAN's tree of a fold's training pixels."""
        settings = tree_settings(self.method, features.matrix.shape[1])
        inputs = self.study.data_inputs(fold.train, self.spec)
        inputs |= {"spec": spec_inputs(self.spec), "tree": asdict(settings)}
        subject = TrainingPixels(inputs, features.matrix, settings)
        return TREES.make(self.study.workspace.store, subject)

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

        legend = self.study.dataset.layout.legend
        fitted = fit_classifier(features, labels, self.method, read_tree, legend)
        # If the tree was read from the store, the time for building it is added.
        stored = sum(float(tree.manifest["seconds"]) for tree in trees if tree.cached)
        seconds = time.perf_counter() - start + stored
        return self._models.setdefault(fold, FoldModel(fitted, scaler, seconds))

    def judge(
        self, fold: Fold, maps: Path | None = None, report: Progress = silent
    ) -> JudgedPatches:
        """Predict the held-out patches of a fold; with `maps`, also write their class maps."""
        return self._predict(fold, self.study.dataset, fold.test, maps, report)

    def predict_unlabelled(self, folder: Path, report: Progress = silent) -> JudgedPatches:
        """Write class maps of the patches without masks, predicted by the first fold's model."""
        dataset = replace(self.study.dataset, patches=self.study.dataset.unlabelled)
        patches = range(len(dataset.patches))
        return self._predict(self.study.folds[0], dataset, patches, folder, report)

    def _predict(
        self,
        fold: Fold,
        dataset: Dataset,
        patches: Sequence[int],
        maps: Path | None,
        report: Progress,
    ) -> JudgedPatches:
        """Predict patches of a data set by a fold's model; with `maps`, write class maps."""
        model = self.fit(fold)
        return judge_patches(
            model.fitted.model,
            dataset,
            patches,
            self.spec,
            model.scaler,
            n_clusters=model.fitted.n_clusters,
            needs=self.study.required_data(self.spec),
            regularisation=self.regularisation,
            maps=maps,
            about=data_credit(self.study.workspace),
            report=report,
        )

    def write_maps(self, folder: Path, report: Progress = silent) -> None:
        """Write class maps of all held-out patches, each predicted by its fold's model."""
        for fold in self.study.folds:
            self.judge(fold, folder, report)


def _run_inputs(run: StudyRun) -> dict[str, Any]:
    study, smoothing = run.study, run.regularisation.key_inputs()
    return {
        "protocol": study.settings.protocol,
        "taught": [study.data_inputs(fold.train, run.spec) for fold in study.folds],
        "judged": [study.data_inputs(fold.test, run.spec) for fold in study.folds],
        "method": asdict(run.method),
        "spec": spec_inputs(run.spec),
        # Without regularisation, the keys of earlier versions remain valid.
        **({"regularisation": smoothing} if smoothing else {}),
    }


def _evaluate(run: StudyRun, folder: Path, report: Progress) -> dict[str, Any]:
    results, facts = [], []
    for fold in run.study.folds:
        model = run.fit(fold)
        start = time.perf_counter()
        results.append(run.judge(fold, report=report))
        facts.append(_fold_facts(run, fold, model.fitted, results[-1]))
        facts[-1]["seconds"] = model.seconds + time.perf_counter() - start
    array_names = ("counts", "unsmoothed", "small_objects")
    arrays = {
        name: np.concatenate([vars(result)[name] for result in results]) for name in array_names
    }
    stored = arrays if run.regularisation.changes_classes else {"counts": arrays["counts"]}
    write_arrays(folder, stored)
    patches = [run.study.dataset.patches[i] for result in results for i in result.patches]
    names, areas = [patch.name for patch in patches], [patch.area_id for patch in patches]
    legend = legend_table(run.study.dataset.layout.legend)
    about = {"patches": names, "areas": areas, "folds": facts, "legend": legend}
    write_json(folder / "cell.json", about)
    return {"seconds": sum(fold["seconds"] for fold in facts)}


def _fold_facts(
    run: StudyRun, fold: Fold, fitted: FittedModel, result: JudgedPatches
) -> dict[str, Any]:
    facts: dict[str, Any] = {**fitted.facts, "n_labels": fitted.n_labels}
    if fitted.n_clusters:
        predicted = Naming(np.zeros(fitted.n_clusters, np.uint8), result.by_cluster)
        facts["reliability_after_knn"] = predicted.mean_reliability
        facts["weighted_reliability_after_knn"] = predicted.weighted_reliability
    sampled = run.study.sampled(fold.train, run.spec)
    notes = [*fitted.notes, *map(str, (*sampled.problems, *result.problems))]
    if n_months := sampled.filled_months[1]:
        gaps = {"training": sampled.filled_months, "held_out": result.filled_months}
        facts["filled_months"] = {name: {"filled": n, "of": of} for name, (n, of) in gaps.items()}
        if n_filled := sampled.filled_months[0]:
            notes.append(
                f"{n_filled:,} of {n_months:,} months ({n_filled / n_months:.1%}) at the pixels of "
                "the training patches' time series have no clear observation and are interpolated"
            )
    return facts | {"notes": notes}


CELLS: Stage[StudyRun, CellResult] = Stage(
    "flair-cells", 1, _run_inputs, _evaluate, open_result, StudyRun.file_states
)
