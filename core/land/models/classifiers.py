"""Settings and results of land-cover classifiers, and clusters that are named by labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from core.clusters.labelling import NOISE
from core.clusters.methods.density.hdbscan_tree import SpanningTree, cut_tree
from core.errors import TooFewError
from core.land.data.nomenclature import FLAIR, Legend
from core.land.models.cluster_names import Naming, count_cluster_classes, name_clusters
from core.land.models.features import Features
from core.land.models.predictors import NeighbourPredictor, Predictor
from core.settings import CutSettings, TreeSettings
from core.tables import Checked, bounded, one_of
from core.types import ByteArray, CutMethod, IntArray

Classifier = Literal["uniform", "prevalence", "knn", "hdbscan", "gmm", "kmeans", "boosting"]
PixelClusters = tuple[IntArray, tuple[str, ...]]
"""The cluster of each training pixel, -1 for noise, and notes."""


@dataclass(frozen=True)
class MethodSettings(Checked):
    """The classifier and its parameters.

    Attributes
    ----------
    method : str
        Chance baselines: "uniform", "prevalence". Nearest neighbours: "knn". Clusters named by
        their most common training class, then kNN on the clustered pixels: "hdbscan", "gmm",
        "kmeans". Histogram gradient boosting, for comparison: "boosting".
    k : int
        Number of neighbours that vote.
    min_samples : int
        Number of neighbours that define the density at a pixel, not counting the pixel itself: 9
        here equals 10 in scikit-learn.
    n_clusters : int
        Number of Gaussians, or of k-means centres.
    """

    method: Classifier = one_of("knn", Classifier)
    k: int = bounded(3, 1, 1000)
    min_cluster_size: int = bounded(10, 2, 1_000_000)
    min_samples: int = bounded(9, 1, 1000)
    selection: CutMethod = one_of("eom", CutMethod)
    epsilon: float = bounded(0.0, 0, 1e9)
    n_clusters: int = bounded(50, 1, 200)
    seed: int = bounded(0, 0, 2**31 - 1)


@dataclass(frozen=True)
class FittedModel:
    """A trained model and facts about its training.

    Attributes
    ----------
    naming : Naming or None
        The classes assigned to the clusters from the training labels; None without clusters.
    n_labels : int
        Number of training labels used.
    facts : mapping
        Number of clusters, noise fraction and reliability; under "absent", the scored classes
        that have no training pixels and cannot be predicted.
    """

    model: Predictor
    naming: Naming | None = None
    n_labels: int = 0
    facts: Mapping[str, float | int | list[int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def n_clusters(self) -> int:
        """Number of named clusters; 0 for a method without clusters."""
        return len(self.naming.classes) if self.naming else 0


def absent_classes(labels: ByteArray, legend: Legend = FLAIR) -> list[int]:
    """Return the scored classes that do not occur among the labels."""
    return sorted(set(range(1, legend.n_scored + 1)) - set(np.unique(labels).tolist()))


def describe_untrained_classes(
    absent: Sequence[Sequence[int]], legend: Legend = FLAIR
) -> list[str]:
    """Describe the classes that cannot be predicted, from the `absent_classes` of each fold."""
    everywhere = set(absent[0]).intersection(*absent[1:]) if absent else set()
    by_fold = {"": everywhere}
    for number, classes in enumerate(absent, start=1):
        by_fold[f"fold {number} of {len(absent)}: "] = set(classes) - everywhere
    return [_describe_absent(classes, fold, legend) for fold, classes in by_fold.items() if classes]


def describe_collapse(folds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warn of folds with fewer clusters than classes, from the facts of each fold's model."""
    notes = []
    for number, facts in enumerate(folds, start=1):
        clusters, classes = facts.get("n_clusters", 0), facts.get("n_classes", 0)
        if 0 < clusters < classes:
            fold = f"fold {number} of {len(folds)}: " if len(folds) > 1 else ""
            count = f"are only {clusters} clusters" if clusters > 1 else "is only 1 cluster"
            notes.append(
                f"{fold}warning: there {count} for {classes} classes in the training pixels, so at "
                f"least {classes - clusters} of them cannot be predicted. Such a result changes "
                "much with the training pixels. Try other features, or change min_cluster_size "
                "and min_samples (HDBSCAN) or n_clusters."
            )
    return notes


def _describe_absent(classes: set[int], fold: str, legend: Legend) -> str:
    names = [f"{value} ({legend.classes[value - 1].name})" for value in sorted(classes)]
    if len(names) == 1:
        return f"{fold}class {names[0]} has no training pixels, so it cannot be predicted"
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{fold}classes {listed} have no training pixels, so they cannot be predicted"


def tree_settings(settings: MethodSettings, n_features: int) -> TreeSettings:
    """Return the settings of HDBSCAN's tree over all features."""
    return TreeSettings(n_dims=n_features, min_samples=settings.min_samples)


def cut_pixel_tree(tree: SpanningTree, settings: MethodSettings) -> PixelClusters:
    """Cut HDBSCAN's tree into clusters of the training pixels, -1 for noise, with notes."""
    cut = CutSettings(
        min_cluster_size=settings.min_cluster_size,
        selection=settings.selection,
        epsilon=settings.epsilon,
    )
    labelling = cut_tree(tree, cut)
    return labelling.labels, labelling.notes


def fit_named_clusters(
    features: Features,
    labels: ByteArray,
    clusters: IntArray,
    settings: MethodSettings,
    notes: tuple[str, ...] = (),
    legend: Legend = FLAIR,
) -> FittedModel:
    """Name clusters by their most common training class and train kNN on the named pixels.

    Noise is left out. `n_labels` of the result is the number of all clustered pixels, as all their
    labels are used. Raises TooFewError if all pixels are noise.
    """
    clustered = clusters != NOISE
    if not clustered.any():
        raise TooFewError(
            f"all {len(clusters)} training pixels are noise",
            where=settings.method,
            remedy="Lower min_cluster_size or min_samples.",
        )
    n_clusters, n_classes = int(clusters.max()) + 1, len(legend.classes)
    naming = name_clusters(count_cluster_classes(clusters, labels, n_clusters, n_classes))
    members = clusters[clustered]
    index = features.take(clustered).neighbour_index()
    model = NeighbourPredictor(index, naming.classes[members], settings.k, members)
    facts = {
        "n_clusters": len(naming.classes),
        "noise_fraction": float(1 - clustered.mean()),
        "reliability": naming.mean_reliability,
        "weighted_reliability": naming.weighted_reliability,
    }
    return FittedModel(model, naming, len(members), facts, notes)
