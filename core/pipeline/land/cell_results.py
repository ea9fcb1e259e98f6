"""Results of runs: confusion matrices of the held-out patches, and scores computed from them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from core.artifacts.formats import read_arrays, read_json
from core.artifacts.store import Artifact
from core.land.data.nomenclature import FLAIR, LandCover, Legend, legend_from_table
from core.land.evaluation import confusion
from core.land.evaluation.scorers import Scorer, ScorerName, choose_scorer
from core.land.evaluation.small_objects import ObjectRecall
from core.land.models.classifiers import describe_collapse, describe_untrained_classes
from core.types import AnyArray


@dataclass(frozen=True)
class RegularisationEffect:
    """The mIoU and the recall of small objects before and after a regularisation."""

    miou_before: float
    miou_after: float
    objects_before: ObjectRecall
    objects_after: ObjectRecall


@dataclass(frozen=True)
class CellResult:
    """The result of a run.

    Attributes
    ----------
    counts : int64 array, (p, n, n)
        Confusion matrix of each held-out patch; rows are the truth.
    patches, areas : tuple of str
        Name and area of each held-out patch.
    about : dict
        Facts about each fold: clusters, reliability, labels and notes.
    legend : Legend
        The classes of the data set.
    unsmoothed : int64 array, (p, n, n), or None
        `counts` before the regularisation; None without one.
    small_objects : int64 array, (p, 3), or None
        Small objects of each patch: their number, and those found before and after it.
    scorer_name : {"flair", "flair-hub"} or None
        The scorer of all scores; None for that of the publishers of the data.
    """

    artifact: Artifact
    counts: AnyArray
    patches: tuple[str, ...]
    areas: tuple[str, ...]
    about: dict[str, Any]
    legend: Legend = FLAIR
    unsmoothed: AnyArray | None = None
    small_objects: AnyArray | None = None
    scorer_name: ScorerName | None = None

    @property
    def scorer(self) -> Scorer:
        """The scorer of all scores."""
        return choose_scorer(self.legend, self.scorer_name)

    @property
    def scored_classes(self) -> tuple[LandCover, ...]:
        """The classes of the scores by class: those that the scorer scores, then "other"."""
        return replace(self.legend, n_scored=self.scorer.n_scored).listed

    @cached_property
    def scored_counts(self) -> AnyArray:
        """`counts` without the pixels that the protocol does not score."""
        return self._without_unscored(self.counts)

    @cached_property
    def scores(self) -> confusion.ConfusionScores:
        """Scores over all patches."""
        return self.scorer.score(self.scored_counts.sum(axis=0))

    @cached_property
    def interval(self) -> confusion.Interval | None:
        """Confidence interval of the mIoU, resampled by area; None for a single area."""
        by_area = confusion.sum_by_area(self.scored_counts, self.areas)
        return confusion.bootstrap_miou(by_area, measure=self.scorer.miou)

    @cached_property
    def regularisation_effect(self) -> RegularisationEffect | None:
        """The effect of the regularisation; None without one."""
        if self.unsmoothed is None or self.small_objects is None:
            return None
        before = self.scorer.miou(self._without_unscored(self.unsmoothed).sum(axis=0))
        n_objects, *n_found = (int(number) for number in self.small_objects.sum(axis=0))
        recalls = (ObjectRecall(n_objects, number) for number in n_found)
        return RegularisationEffect(float(before), self.scores.miou, *recalls)

    def _without_unscored(self, counts: AnyArray) -> AnyArray:
        protocol = self.artifact.manifest["inputs"]["protocol"]
        return confusion.without_other(counts) if protocol == "patches" else counts

    @property
    def seconds(self) -> float:
        """Time for sampling, training (including the tree, even if stored) and prediction.

        A sample stays in memory, so only the first of several runs that share it includes its time.
        """
        return float(self.artifact.counts["seconds"])

    def fold_mean(self, name: str) -> float:
        """Return the mean of a fact in `about` over the folds that have it; NaN if none has."""
        values = [fold[name] for fold in self.about["folds"] if name in fold]
        return sum(values) / len(values) if values else float("nan")

    @property
    def n_clusters(self) -> list[int]:
        """Number of clusters in each fold; empty for a method without clusters."""
        return [fold["n_clusters"] for fold in self.about["folds"] if "n_clusters" in fold]

    @property
    def warnings(self) -> list[str]:
        """Warnings of folds with fewer clusters than classes in the training pixels."""
        return describe_collapse(self.about["folds"])

    @property
    def notes(self) -> list[str]:
        """Notes for the user, without repetitions."""
        folds = self.about["folds"]
        absent = [fold.get("absent", []) for fold in folds]
        notes = [*self.warnings, *describe_untrained_classes(absent, self.legend)]
        return [*notes, *dict.fromkeys(note for fold in folds for note in fold["notes"])]


def open_result(artifact: Artifact) -> CellResult:
    """Read the result of a run from its artifact."""
    about = read_json(artifact.folder / "cell.json")
    arrays = read_arrays(artifact.folder)
    effect = (arrays.get("unsmoothed"), arrays.get("small_objects"))
    # Results of earlier versions are all on FLAIR's classes.
    legend = legend_from_table(about["legend"]) if "legend" in about else FLAIR
    patches, areas = tuple(about["patches"]), tuple(about["areas"])
    return CellResult(artifact, arrays["counts"], patches, areas, about, legend, *effect)
