"""From training pixels to a model that gives each pixel a class; clusters get theirs by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from core.clusters.labelling import NOISE, in_order
from core.clusters.methods.gmm import fit_gmm
from core.clusters.methods.hdbscan_tree import Tree, build_tree, cut_tree
from core.errors import SettingsError, TooFewError
from core.flair.data.nomenclature import N_SCORED
from core.flair.models.baselines import prevalence, uniform
from core.flair.models.cluster_names import Naming, name_clusters, tally
from core.flair.models.features import Features
from core.flair.models.predictors import Boosted, Drawn, Model, Voted
from core.settings import CutSettings, GmmSettings, TreeSettings
from core.tables import Checked, bounded, one_of
from core.types import AnyArray, ByteArray, CutMethod, IntArray

Classifier = Literal["uniform", "prevalence", "knn", "hdbscan", "gmm", "kmeans", "boosting"]
CLUSTERING = ("hdbscan", "gmm", "kmeans")
# Of boosting: scikit-learn's own default, and trees beyond it change little.
_ROUNDS = 100


@dataclass(frozen=True)
class MethodSettings(Checked):
    """Which classifier, and its knobs.

    Attributes
    ----------
    method : str
        Floors: "uniform", "prevalence". "knn". Clusters named by their commonest training class,
        then kNN on the clustered pixels: "hdbscan", "gmm", "kmeans". "boosting", histogram
        gradient boosting, for scale.
    k : int
        Neighbours that vote.
    min_cluster_size : int
    min_samples : int
        Neighbours that make a pixel dense, itself not counted: 9 is scikit-learn's 10.
    selection : {"eom", "leaf"}
    epsilon : float
    n_clusters : int
        Gaussians, or centres of k-means.
    seed : int
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
class Fitted:
    """A model and what was noticed.

    Attributes
    ----------
    model : Model
    naming : Naming or None
        What the clusters are called, by the training labels.
    n_labels : int
        Training labels that were looked at.
    facts : mapping
        Counts for people: clusters, noise; "absent", the scored classes that no training pixel
        has, which cannot be predicted.
    notes : tuple of str
    """

    model: Model
    naming: Naming | None = None
    n_labels: int = 0
    facts: Mapping[str, float | int | list[int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def n_clusters(self) -> int:
        """Clusters that have names; 0 for a method without."""
        return len(self.naming.classes) if self.naming else 0


def fit(
    features: Features,
    labels: ByteArray,
    settings: MethodSettings,
    tree: Callable[[], Tree] | None = None,
) -> Fitted:
    """Learn from training pixels.

    Parameters
    ----------
    features : Features
        The training pixels.
    labels : uint8 array, (n,)
        Their classes, 1 to 13.
    settings : MethodSettings
    tree : callable, optional
        Gives HDBSCAN's tree of these features, where one is kept; else it is built.

    Raises
    ------
    TooFewError
        For too few pixels, or clusters that leave no pixel.
    DegenerateError
        For features without variation.
    """
    n = len(labels)
    if len(features.matrix) != n or not n:
        raise TooFewError(f"{len(features.matrix)} pixels, {n} labels", where=settings.method)
    if settings.method == "uniform":
        return Fitted(Drawn(uniform(settings.seed)))
    fitted = _fitted(features, labels, settings, tree)
    return replace(fitted, facts={**fitted.facts, "absent": absent(labels)})


def absent(labels: ByteArray) -> list[int]:
    """The classes 1 to 12 that no label names."""
    there = set(np.unique(labels).tolist())
    return [value for value in range(1, N_SCORED + 1) if value not in there]


def _fitted(
    features: Features,
    labels: ByteArray,
    settings: MethodSettings,
    tree: Callable[[], Tree] | None,
) -> Fitted:
    n, method = len(labels), settings.method
    if method == "prevalence":
        return Fitted(Drawn(prevalence(labels, settings.seed)), n_labels=n)
    if method == "boosting":
        return Fitted(_boosted(features, labels, settings), n_labels=n)
    if method == "knn":
        return Fitted(_nearest(features, labels, settings), n_labels=n)
    if tree and method == "hdbscan":
        clusters, notes = cut(tree(), settings)
    else:
        clusters, notes = cluster(features, settings)
    return named(features, labels, clusters, settings, notes)


def tree_settings(settings: MethodSettings, n_features: int) -> TreeSettings:
    """The settings of HDBSCAN's tree over all features."""
    return TreeSettings(n_dims=n_features, min_samples=settings.min_samples)


def cut(tree: Tree, settings: MethodSettings) -> tuple[IntArray, tuple[str, ...]]:
    """Clusters of the training pixels from HDBSCAN's tree, -1 for noise, and notes."""
    chosen = CutSettings(
        min_cluster_size=settings.min_cluster_size,
        selection=settings.selection,
        epsilon=settings.epsilon,
    )
    labelling = cut_tree(tree, chosen)
    return labelling.labels, labelling.notes


def cluster(features: Features, settings: MethodSettings) -> tuple[IntArray, tuple[str, ...]]:
    """Clusters of the training pixels without looking at their labels, and notes.

    Raises
    ------
    SettingsError
        For a method that does not cluster.
    """
    matrix = features.matrix
    if settings.method == "hdbscan":
        return cut(build_tree(matrix, tree_settings(settings, matrix.shape[1])), settings)
    if settings.method == "gmm":
        wanted = GmmSettings(
            n_components=settings.n_clusters, n_dims=matrix.shape[1], n_init=1, seed=settings.seed
        )
        labelling = fit_gmm(matrix, wanted)
        return labelling.labels, labelling.notes
    if settings.method == "kmeans":
        return _centres(matrix, settings), ()
    raise SettingsError(f"{settings.method!r} does not cluster", where="method")


def named(
    features: Features,
    labels: ByteArray,
    clusters: IntArray,
    settings: MethodSettings,
    notes: tuple[str, ...] = (),
) -> Fitted:
    """Name clusters by their commonest training class, and let their pixels vote.

    Noise takes no part. Every training label of a clustered pixel is looked at, and counted.

    Raises
    ------
    TooFewError
        If all pixels are noise.
    """
    inside = clusters != NOISE
    if not inside.any():
        raise TooFewError(
            f"all {len(clusters)} training pixels are noise",
            where=settings.method,
            remedy="Lower min_cluster_size or min_samples.",
        )
    naming = name_clusters(tally(clusters, labels, int(clusters.max()) + 1))
    kept = features.take(inside)
    classes = naming.classes[clusters[inside]]
    model = Voted(kept.neighbour_index(), classes, settings.k, clusters[inside])
    facts = {
        "n_clusters": len(naming.classes),
        "noise_fraction": float(1 - inside.mean()),
        "reliability": naming.mean_reliability,
        "weighted_reliability": naming.weighted_reliability,
    }
    return Fitted(model, naming, int(inside.sum()), facts, notes)


def _nearest(features: Features, labels: ByteArray, settings: MethodSettings) -> Voted:
    index = features.neighbour_index()
    if settings.k > index.n:
        raise TooFewError(
            f"{settings.k} neighbours among {index.n} training pixels",
            where="k",
            remedy=f"Set it to {index.n} or less.",
        )
    return Voted(index, labels, settings.k)


def _boosted(features: Features, labels: ByteArray, settings: MethodSettings) -> Boosted:
    from sklearn.ensemble import HistGradientBoostingClassifier

    estimator = HistGradientBoostingClassifier(
        max_iter=_ROUNDS, early_stopping=False, random_state=settings.seed
    )
    return Boosted(estimator.fit(features.matrix, labels))


def _centres(matrix: AnyArray, settings: MethodSettings) -> IntArray:
    """k-means in one thread, so that it gives the same on any number of cores."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    distinct = len(np.unique(matrix, axis=0))
    if distinct < settings.n_clusters:
        raise TooFewError(
            f"{settings.n_clusters} centres need as many different pixels, there are {distinct}",
            where="n_clusters",
            remedy=f"Set it to {distinct} or less.",
        )
    with threadpool_limits(limits=1):
        fitted = KMeans(settings.n_clusters, n_init=1, random_state=settings.seed).fit(matrix)
    order = in_order(fitted.labels_)
    renamed = np.array([order[old] for old in range(settings.n_clusters)], np.int32)
    clusters: IntArray = renamed[fitted.labels_]
    return clusters
