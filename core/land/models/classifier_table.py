"""The table of land-cover classifiers: one record for each, with all that is specific to it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.clusters.labelling import labels_by_size
from core.clusters.methods.density.hdbscan_tree import SpanningTree, build_tree
from core.clusters.methods.gmm import fit_gmm
from core.errors import SettingsError, TooFewError
from core.land.data.nomenclature import FLAIR, Legend
from core.land.models.classifiers import (
    Classifier,
    FittedModel,
    MethodSettings,
    PixelClusters,
    absent_classes,
    cut_pixel_tree,
    fit_named_clusters,
    tree_settings,
)
from core.land.models.features import Features
from core.land.models.predictors import (
    BoostingPredictor,
    NeighbourPredictor,
    Predictor,
    prevalence_chance,
    uniform_chance,
)
from core.settings import GmmSettings
from core.types import ByteArray, IntArray

# Boosting iterations: scikit-learn's default; more trees change little.
_ROUNDS = 100

TreeReader = Callable[[], SpanningTree]
"""Returns HDBSCAN's tree of the training pixels, for example from an artifact."""


@dataclass(frozen=True)
class ClassificationMethod:
    """A land-cover classifier: how it is trained, and the settings it depends on.

    Attributes
    ----------
    name, title : str
        Its name in settings and on the command line, and its title in tables and charts.
    settings : tuple of str
        The fields of `MethodSettings` that it reads.
    fit : callable or None
        Trains a predictor on pixels and their labels; None for a method with clusters.
    cluster : callable or None
        Clusters pixels without using their labels; returns the cluster of each pixel, -1 for
        noise, and notes. The labels then name the clusters, and the clustered pixels vote; see
        `fit_named_clusters`.
    has_noise : bool
        True if some pixels may belong to no cluster; such pixels do not vote.
    uses_labels : bool
        False if the result does not depend on the training labels.
    is_chance : bool
        True for a chance baseline, which ignores the features; no fitted model is stored.
    """

    name: Classifier
    title: str
    settings: tuple[str, ...]
    fit: Callable[[Features, ByteArray, MethodSettings, Legend], Predictor] | None = None
    cluster: Callable[[Features, MethodSettings, TreeReader | None], PixelClusters] | None = None
    has_noise: bool = False
    uses_labels: bool = True
    is_chance: bool = False


def fit_classifier(
    features: Features,
    labels: ByteArray,
    settings: MethodSettings,
    tree: TreeReader | None = None,
    legend: Legend = FLAIR,
) -> FittedModel:
    """Train a classifier on pixels and their classes of the reduced nomenclature, uint8 (n,).

    HDBSCAN's tree of these features is built if `tree` is None. Raises TooFewError if there
    are too few pixels or all of them are noise, and DegenerateError if the features do not vary.
    """
    n = len(labels)
    if len(features.matrix) != n or not n:
        raise TooFewError(
            f"there are {n} labels for {len(features.matrix)} pixels", where=settings.method
        )
    method = CLASSIFIERS[settings.method]
    if method.fit is None:
        clusters, notes = cluster_pixels(features, settings, tree)
        fitted = fit_named_clusters(features, labels, clusters, settings, notes, legend)
    else:
        predictor = method.fit(features, labels, settings, legend)
        fitted = FittedModel(predictor, n_labels=n if method.uses_labels else 0)
    if not method.uses_labels:
        return fitted
    n_classes, absent = len(np.unique(labels)), absent_classes(labels, legend)
    return replace(fitted, facts={**fitted.facts, "absent": absent, "n_classes": n_classes})


def cluster_pixels(
    features: Features, settings: MethodSettings, tree: TreeReader | None = None
) -> PixelClusters:
    """Cluster the training pixels without using their labels.

    Returns the cluster of each pixel, -1 for noise, and notes. Raises SettingsError if the
    method is not a clustering method.
    """
    cluster = CLASSIFIERS[settings.method].cluster
    if cluster is None:
        raise SettingsError(f"{settings.method!r} is not a clustering method", where="method")
    return cluster(features, settings, tree)


def _fit_knn(
    features: Features, labels: ByteArray, settings: MethodSettings, _: Legend
) -> Predictor:
    index = features.neighbour_index()
    if settings.k > index.n:
        raise TooFewError(
            f"{settings.k} neighbours were requested, but there are {index.n} training pixels",
            where="k",
            remedy=f"Set it to {index.n} or less.",
        )
    return NeighbourPredictor(index, labels, settings.k)


def _fit_boosting(
    features: Features, labels: ByteArray, settings: MethodSettings, _: Legend
) -> Predictor:
    from sklearn.ensemble import HistGradientBoostingClassifier

    estimator = HistGradientBoostingClassifier(
        max_iter=_ROUNDS, early_stopping=False, random_state=settings.seed
    )
    return BoostingPredictor(estimator.fit(features.matrix, labels))


def _cut_tree(
    features: Features, settings: MethodSettings, tree: TreeReader | None
) -> PixelClusters:
    if tree is not None:
        return cut_pixel_tree(tree(), settings)
    built = build_tree(features.matrix, tree_settings(settings, features.matrix.shape[1]))
    return cut_pixel_tree(built, settings)


def _fit_mixture(
    features: Features, settings: MethodSettings, _: TreeReader | None
) -> PixelClusters:
    n_dims = features.matrix.shape[1]
    gmm = GmmSettings(n_components=settings.n_clusters, n_dims=n_dims, n_init=1, seed=settings.seed)
    labelling = fit_gmm(features.matrix, gmm)
    return labelling.labels, labelling.notes


def _fit_kmeans(
    features: Features, settings: MethodSettings, _: TreeReader | None
) -> PixelClusters:
    """Cluster with k-means, in one thread so that the result does not depend on the machine."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    n_distinct = len(np.unique(features.matrix, axis=0))
    if n_distinct < settings.n_clusters:
        raise TooFewError(
            f"{settings.n_clusters} centres need as many distinct pixels; there are {n_distinct}",
            where="n_clusters",
            remedy=f"Set it to {n_distinct} or less.",
        )
    kmeans = KMeans(settings.n_clusters, n_init=1, random_state=settings.seed)
    with threadpool_limits(limits=1):
        numbers = kmeans.fit(features.matrix).labels_
    by_size = labels_by_size(numbers)
    ids = np.array([by_size[label] for label in range(settings.n_clusters)], np.int32)
    clusters: IntArray = ids[numbers]
    return clusters, ()


CLASSIFIERS: dict[Classifier, ClassificationMethod] = {
    method.name: method
    for method in (
        ClassificationMethod("knn", "kNN", ("k",), fit=_fit_knn),
        ClassificationMethod(
            "hdbscan",
            "HDBSCAN + kNN",
            ("k", "min_cluster_size", "min_samples", "selection", "epsilon"),
            cluster=_cut_tree,
            has_noise=True,
        ),
        ClassificationMethod("gmm", "GMM + kNN", ("k", "n_clusters", "seed"), cluster=_fit_mixture),
        ClassificationMethod(
            "kmeans", "k-means + kNN", ("k", "n_clusters", "seed"), cluster=_fit_kmeans
        ),
        ClassificationMethod("boosting", "Gradient boosting", ("seed",), fit=_fit_boosting),
        ClassificationMethod(
            "uniform",
            "Uniform chance",
            ("seed",),
            fit=lambda _, __, settings, legend: uniform_chance(settings.seed, legend),
            uses_labels=False,
            is_chance=True,
        ),
        ClassificationMethod(
            "prevalence",
            "Chance by prevalence",
            ("seed",),
            fit=lambda _, labels, settings, legend: prevalence_chance(
                labels, settings.seed, legend
            ),
            is_chance=True,
        ),
    )
}
CHANCE_BASELINES = tuple(name for name, method in CLASSIFIERS.items() if method.is_chance)
