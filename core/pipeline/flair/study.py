"""From FLAIR patches to confusion: the samples, trees and cells, each under its key."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import read_array, write_array, write_json
from core.artifacts.store import Artifact, Step
from core.clusters.methods.hdbscan_tree import Tree, build_tree
from core.flair.data.dataset import Dataset
from core.flair.data.file_discovery import discover
from core.flair.data.nomenclature import attribution
from core.flair.data.patch_reading import Needs
from core.flair.data.pixel_sampling import SampleSettings, sample
from core.flair.data.pixel_table import SIDE, PixelTable
from core.flair.data.sentinel import SentinelSettings
from core.flair.evaluation.label_economy import DRAWS
from core.flair.evaluation.protocols import Fold, Protocol, folds
from core.flair.models import classifiers, prediction
from core.flair.models.classifiers import Fitted, MethodSettings
from core.flair.models.cluster_names import Naming
from core.flair.models.features import Features, FeatureSpec, Scaler, build, fit_scaler
from core.pipeline.flair.flair_workspace import folder_of, is_look_alike
from core.pipeline.flair.study_cells import CellResult, open_cell
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.tables import Checked, bounded, one_of
from core.types import AnyArray

VERSION = 1


@dataclass(frozen=True)
class StudySettings(Checked):
    """What all cells of a study share.

    Attributes
    ----------
    protocol : {"domains", "patches", "test"}
    n_folds : int
        Groups of domains, where domains are left out.
    sample : SampleSettings
    dates : SentinelSettings
    draws : int
        Draws of the labels that a label economy spends; cells do not depend on it.
    """

    protocol: Protocol = one_of("domains", Protocol)
    n_folds: int = bounded(3, 2, 100)
    sample: SampleSettings = field(default_factory=SampleSettings)
    dates: SentinelSettings = field(default_factory=SentinelSettings)
    draws: int = bounded(DRAWS, 2, 100)


class Study:
    """A FLAIR data set in a workspace, and what was found out about it.

    Parameters
    ----------
    workspace : Workspace
    settings : StudySettings
    dataset : Dataset, optional
        As `discover` found it in the workspace's flair/.
    """

    def __init__(
        self, workspace: Workspace, settings: StudySettings, dataset: Dataset | None = None
    ) -> None:
        self.workspace = workspace
        self.settings = settings
        self.dataset = dataset or discover(folder_of(workspace))
        self.folds = folds(self.dataset, settings.protocol, settings.n_folds)
        self._marks: dict[int, list[str]] = {}
        self._samples: dict[tuple[tuple[int, ...], bool, bool], PixelTable] = {}
        self._learnt: dict[tuple[MethodSettings, FeatureSpec, Fold], Learnt] = {}

    def cell(
        self, method: MethodSettings, spec: FeatureSpec, report: Progress = silent
    ) -> CellResult:
        """Learn and judge one configuration, unless it is kept."""

        def compute(folder: Path) -> dict[str, Any]:
            parts = [self._fold(fold, method, spec, report) for fold in self.folds]
            judged = [one for one, _ in parts]
            write_array(folder / "counts.npy", np.concatenate([one.counts for one in judged]))
            done = [self.dataset.patches[i] for one in judged for i in one.patches]
            about: dict[str, Any] = {
                "patches": [patch.name for patch in done],
                "areas": [patch.place for patch in done],
                "folds": [facts for _, facts in parts],
            }
            write_json(folder / "cell.json", about)
            return {"seconds": sum(one["seconds"] for one in about["folds"])}

        made = self.workspace.store.make(self.step(method, spec), compute)
        self.workspace.checksums.save()
        return open_cell(made, self.settings.protocol)

    def step(self, method: MethodSettings, spec: FeatureSpec) -> Step:
        """What a cell is made from; its key tells whether it is kept."""
        taught = [self._data_inputs(fold.train, spec) for fold in self.folds]
        judged = [self._data_inputs(fold.judged, spec) for fold in self.folds]
        inputs = {
            "protocol": self.settings.protocol,
            "taught": taught,
            "judged": judged,
            "method": dataclasses.asdict(method),
            "spec": dataclasses.asdict(spec),
        }
        return Step("flair-cells", VERSION, inputs)

    def fit(self, fold: Fold, method: MethodSettings, spec: FeatureSpec) -> "Learnt":
        """Learn from the patches of a fold; HDBSCAN's tree is kept and re-cut.

        What one configuration learnt stays in memory until another one is asked for.
        """
        key = (method, spec, fold)
        if key in self._learnt:
            return self._learnt[key]
        if not all(other[:2] == key[:2] for other in self._learnt):
            self._learnt.clear()
        begun = time.perf_counter()
        table = self.sampled(fold.train, spec)
        scaler = fit_scaler(table, spec)
        features = build(table, spec, scaler)
        kept: list[Artifact] = []

        def tree() -> Tree:
            kept.append(self.tree(fold, method, spec, features))
            return open_tree(kept[0])

        fitted = classifiers.fit(features, table.labels, method, tree)
        extra = sum(float(a.manifest["seconds"]) for a in kept if a.cached)
        seconds = time.perf_counter() - begun + extra
        problems = tuple(str(problem) for problem in table.problems)
        self._learnt[key] = Learnt(fitted, scaler, seconds, problems)
        return self._learnt[key]

    def tree(
        self, fold: Fold, method: MethodSettings, spec: FeatureSpec, features: Features
    ) -> Artifact:
        """HDBSCAN's tree of a fold's training pixels."""
        wanted = classifiers.tree_settings(method, features.matrix.shape[1])
        inputs = {
            **self._data_inputs(fold.train, spec),
            "spec": dataclasses.asdict(spec),
            "tree": dataclasses.asdict(wanted),
        }

        def compute(folder: Path) -> dict[str, Any]:
            made = build_tree(features.matrix, wanted)
            write_array(folder / "edges.npy", made.edges)
            write_array(folder / "core_distances.npy", made.core_distances)
            return {"n": len(made), "min_samples": made.min_samples, "n_dims": made.n_dims}

        return self.workspace.store.make(Step("flair-trees", VERSION, inputs), compute)

    def sampled(self, patches: Sequence[int], spec: FeatureSpec) -> PixelTable:
        """The sample of some patches that teaches, kept in memory for the next cell."""
        key = (tuple(patches), spec.fusion, "texture" in spec.extras)
        if key not in self._samples:
            needs = prediction.needs_of(spec, Needs(dates=self.settings.dates))
            self._samples[key] = sample(self.dataset, patches, self.settings.sample, needs)
        return self._samples[key]

    def judges(self, fold: Fold, spec: FeatureSpec) -> PixelTable:
        """Pixels drawn at random that judge a fold for sliders and curves; none of them taught.

        "Other" is among them but for the notebook's protocol, which judges without it.

        Raises
        ------
        TooFewError
            If no pixel is left.
        """
        ours = self.settings.sample
        wanted = SampleSettings(
            draw="random",
            other=self.settings.protocol != "patches",
            nomenclature=ours.nomenclature,
            # Another seed, or a random sample that taught would be drawn once more.
            seed=(ours.seed + 1) % 2**31,
        )
        needs = prediction.needs_of(spec, Needs(dates=self.settings.dates))
        drawn = sample(self.dataset, fold.judged, wanted, needs)
        taught = self.sampled(fold.train, spec)
        return drawn.take(~np.isin(_places(drawn), _places(taught)))

    def write_maps(
        self, method: MethodSettings, spec: FeatureSpec, folder: Path, report: Progress = silent
    ) -> None:
        """Class maps of every judged patch, each by the model that had not seen its fold."""
        for fold in self.folds:
            learnt = self.fit(fold, method, spec)
            self._judge(learnt, fold, spec, folder, report)

    def _judge(
        self,
        learnt: "Learnt",
        fold: Fold,
        spec: FeatureSpec,
        maps: Path | None = None,
        report: Progress = silent,
    ) -> prediction.Judged:
        return prediction.judge(
            learnt.fitted.model,
            self.dataset,
            fold.judged,
            spec,
            learnt.scaler,
            n_clusters=learnt.fitted.n_clusters,
            needs=Needs(dates=self.settings.dates),
            maps=maps,
            about=attribution(look_alike=is_look_alike(self.workspace)),
            report=report,
        )

    def _fold(
        self, fold: Fold, method: MethodSettings, spec: FeatureSpec, report: Progress
    ) -> tuple[prediction.Judged, dict[str, Any]]:
        learnt = self.fit(fold, method, spec)
        begun = time.perf_counter()
        fitted = learnt.fitted
        n_clusters = fitted.n_clusters
        judged = self._judge(learnt, fold, spec, None, report)
        after = Naming(np.zeros(n_clusters, np.uint8), judged.by_cluster)
        about: dict[str, Any] = {**fitted.facts, "n_labels": fitted.n_labels}
        if n_clusters:
            about["reliability_after_knn"] = after.mean_reliability
            about["weighted_reliability_after_knn"] = after.weighted_reliability
        problems = [str(problem) for problem in judged.problems]
        about["notes"] = [*fitted.notes, *learnt.problems, *problems]
        about["seconds"] = learnt.seconds + time.perf_counter() - begun
        return judged, about

    def _data_inputs(self, patches: Sequence[int], spec: FeatureSpec) -> dict[str, Any]:
        """What of the data changes an answer: the patches' names and checksums, and sampling."""
        shared: dict[str, Any] = {"sample": dataclasses.asdict(self.settings.sample)}
        if spec.fusion:
            shared["dates"] = dataclasses.asdict(self.settings.dates)
        return {**shared, "patches": [self._mark(i, spec.fusion) for i in patches]}

    def _mark(self, index: int, fusion: bool) -> list[Any]:
        patch, sums = self.dataset.patches[index], self.workspace.checksums
        if index not in self._marks:
            self._marks[index] = [
                patch.name,
                patch.place,
                sums.of(patch.image),
                sums.of(patch.mask),
            ]
        area = patch.super_area
        if not fusion or area is None:
            return list(self._marks[index])
        sensed = [sums.of(path) for path in (area.data, area.masks, area.products)]
        return [*self._marks[index], patch.centroid, *sensed]


@dataclass(frozen=True)
class Learnt:
    """A fitted model with the scaling of its features."""

    fitted: Fitted
    scaler: Scaler | None
    seconds: float
    problems: tuple[str, ...]


def _places(table: PixelTable) -> AnyArray:
    """A number for each pixel that no other pixel of the data set has."""
    flat = table.row.astype(np.int64) * SIDE + table.column
    return table.patch.astype(np.int64) * SIDE * SIDE + flat


def open_tree(artifact: Artifact) -> Tree:
    """The tree of a finished artifact."""
    return Tree(
        edges=read_array(artifact.folder / "edges.npy"),
        core_distances=read_array(artifact.folder / "core_distances.npy"),
        min_samples=int(artifact.counts["min_samples"]),
        n_dims=int(artifact.counts["n_dims"]),
    )
