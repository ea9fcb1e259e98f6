"""Results of runs: confusion matrices of the held-out patches, and scores computed from them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from core.artifacts.formats import read_arrays, read_json
from core.artifacts.store import Artifact
from core.land.data.nomenclature import FLAIR, Legend, legend_from_table
from core.land.evaluation import confusion
from core.land.models.classifiers import describe_collapse, describe_untrained_classes
from core.types import AnyArray


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
    """

    artifact: Artifact
    counts: AnyArray
    patches: tuple[str, ...]
    areas: tuple[str, ...]
    about: dict[str, Any]
    legend: Legend = FLAIR

    @cached_property
    def scored_counts(self) -> AnyArray:
        """`counts` without the pixels that the protocol does not score."""
        protocol = self.artifact.manifest["inputs"]["protocol"]
        return confusion.without_other(self.counts) if protocol == "patches" else self.counts

    @cached_property
    def scores(self) -> confusion.ConfusionScores:
        """Scores over all patches."""
        return confusion.score_confusion(self.scored_counts.sum(axis=0))

    @cached_property
    def interval(self) -> confusion.Interval | None:
        """Confidence interval of the mIoU, resampled by area; None for a single area."""
        return confusion.bootstrap_miou(confusion.sum_by_area(self.scored_counts, self.areas))

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
    def notes(self) -> list[str]:
        """Notes for the user, without repetitions."""
        folds = self.about["folds"]
        absent = [fold.get("absent", []) for fold in folds]
        notes = [*describe_collapse(folds), *describe_untrained_classes(absent, self.legend)]
        return [*notes, *dict.fromkeys(note for fold in folds for note in fold["notes"])]


def open_result(artifact: Artifact) -> CellResult:
    """Read the result of a run from its artifact."""
    about = read_json(artifact.folder / "cell.json")
    counts = read_arrays(artifact.folder)["counts"]
    # Results of earlier versions are all on FLAIR's classes.
    legend = legend_from_table(about["legend"]) if "legend" in about else FLAIR
    patches, areas = tuple(about["patches"]), tuple(about["areas"])
    return CellResult(artifact, counts, patches, areas, about, legend)
