"""The table of clustering methods: one record per method, with all that is specific to it.

A new method is one record here and one widget in `app.widgets.sliders.cluster_sliders`.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from difflib import get_close_matches
from typing import Any

from core.clusters.labelling import Labelling
from core.clusters.methods.density.hdbscan_tree import (
    SpanningTree,
    build_tree,
    cluster_persistence,
    cut_tree,
)
from core.clusters.methods.density.size_choice import SizeChoice
from core.clusters.methods.gmm import fit_gmm, fit_mixture
from core.clusters.methods.kmeans import fit_kmeans
from core.clusters.methods.method import ClusteringMethod, Hierarchy, Recluster
from core.clusters.methods.ward import build_ward_tree, cut_ward_tree, fit_ward
from core.clusters.noise_treatment import soft_membership, treat_noise
from core.errors import SettingsError
from core.settings import (
    CutSettings,
    GmmSettings,
    KMeansSettings,
    NoiseSettings,
    RunSettings,
    TreeSettings,
    WardSettings,
)
from core.types import AnyArray, FloatArray, IntArray


def recluster_by_mixture(settings: GmmSettings) -> Recluster:
    """Return a function that fits a Gaussian mixture to resampled points, from two starts."""
    quick = replace(settings, n_init=min(2, settings.n_init))
    return lambda points, _: fit_mixture(points, quick).numbers


def recluster_by_kmeans(settings: KMeansSettings) -> Recluster:
    """Return a function that clusters resampled points by k-means."""
    return lambda points, _: fit_kmeans(points, settings).labels


def recluster_by_ward(settings: WardSettings) -> Recluster:
    """Return a function that clusters resampled points by Ward's method."""
    return lambda points, _: fit_ward(points, settings).labels


def recluster_by_density(
    tree: TreeSettings, cut: CutSettings, noise: NoiseSettings | None = None
) -> Recluster:
    """Return a function that clusters resampled points by HDBSCAN, with noise treatment.

    Limits of cluster size are scaled down to the size of the resample; min_samples is not. By
    default, noise is kept.
    """
    noise = noise or NoiseSettings()

    def cluster_resample(points: FloatArray, share: float) -> IntArray:
        smallest = cut.min_cluster_size and max(2, round(cut.min_cluster_size * share))
        largest = max(smallest, round(cut.max_cluster_size * share)) if cut.max_cluster_size else 0
        scaled = replace(cut, min_cluster_size=smallest, max_cluster_size=largest)
        resampled = build_tree(points, tree, suggest=not smallest)
        soft = soft_membership(resampled, scaled, points) if noise.method == "soft" else None
        labelling = cut_tree(resampled, scaled)
        return treat_noise(labelling, resampled.space(points), noise, soft).labels

    return cluster_resample


def _recluster_at_size(labelling: Labelling, settings: RunSettings) -> Recluster:
    """Like `recluster_by_density`, with the minimum cluster size of the first cut."""
    cut = replace(settings.cut, min_cluster_size=int(labelling.facts["min_cluster_size"]))
    return recluster_by_density(settings.tree, cut, settings.noise)


def _recluster_in_shape(labelling: Labelling, settings: RunSettings) -> Recluster:
    """Like `recluster_by_mixture`, with the covariance and dimensions chosen by the first fit."""
    shape: dict[str, Any] = {name: labelling.facts[name] for name in ("covariance", "n_dims")}
    return recluster_by_mixture(replace(settings.gmm, **shape))


def _tree_arrays(tree: SpanningTree) -> dict[str, AnyArray]:
    """Return the arrays of a tree by name, for storing it."""
    arrays: dict[str, AnyArray] = {"edges": tree.edges, "core_distances": tree.core_distances}
    return arrays if tree.coordinates is None else {**arrays, "coordinates": tree.coordinates}


def _tree_counts(tree: SpanningTree) -> dict[str, Any]:
    """Return the plain values of a tree by name, for storing it."""
    counts = {"n": len(tree), "min_samples": tree.min_samples, "n_dims": tree.n_dims}
    counts |= {"n_sampled": tree.n_sampled} if tree.n_sampled else {}
    return counts if tree.choice is None else {**counts, "choice": asdict(tree.choice)}


def _restore_tree(arrays: Mapping[str, AnyArray], counts: Mapping[str, Any]) -> SpanningTree:
    """Restore a tree from its arrays and plain values."""
    return SpanningTree(
        arrays["edges"],
        arrays["core_distances"],
        counts["min_samples"],
        counts["n_dims"],
        arrays.get("coordinates"),
        SizeChoice(**counts["choice"]) if "choice" in counts else None,
        counts.get("n_sampled", 0),
    )


_HDBSCAN_TREE = Hierarchy(
    stage="trees",
    # Version 2 adds Prim's algorithm, and breaks ties the same way with any number of threads.
    version=2,
    inputs=lambda settings: {"settings": asdict(settings.tree)},
    build=lambda points, settings: build_tree(points, settings.tree),
    arrays=_tree_arrays,
    counts=_tree_counts,
    restore=_restore_tree,
    cut=lambda tree, _, settings: cut_tree(tree, settings.cut),
    table="tree",
    persistence=lambda tree, settings: cluster_persistence(tree, settings.cut),
    membership=lambda tree, settings, points: soft_membership(tree, settings.cut, points),
)
_WARD_TREE = Hierarchy(
    stage="ward_trees",
    version=1,
    inputs=lambda settings: {"n_dims": settings.ward.n_dims},
    build=lambda points, settings: build_ward_tree(points, settings.ward),
    arrays=lambda tree: {"merged": tree},
    counts=lambda tree: {"n": len(tree) + 1},
    restore=lambda arrays, _: arrays["merged"],
    cut=lambda tree, points, settings: cut_ward_tree(tree, points, settings.ward),
)
_MARGIN = "how much nearer the chip is to its own centre than to the next one"

METHODS: dict[str, ClusteringMethod] = {
    method.name: method
    for method in (
        ClusteringMethod(
            name="gmm",
            title="Gaussian mixture",
            plural="Gaussian mixtures",
            settings=GmmSettings,
            table="gmm",
            stage="mixtures",
            # Version 3: shrunk covariances instead of fewer dimensions, and a start by Ward.
            version=3,
            fit=lambda points, settings, report: fit_gmm(points, settings.gmm, report),
            recluster=_recluster_in_shape,
            confidence="the responsibility of the chip's Gaussian",
            count="n_components",
            certain=True,
        ),
        ClusteringMethod(
            name="hdbscan",
            title="HDBSCAN",
            plural="HDBSCAN",
            settings=CutSettings,
            table="cut",
            stage="cuts",
            # Version 2: an epsilon beyond all splits leaves the topmost clusters, as in hdbscan.
            version=2,
            fit=lambda points, settings, _: cut_tree(
                build_tree(points, settings.tree), settings.cut
            ),
            recluster=_recluster_at_size,
            confidence="the strength of the chip's membership",
            hierarchy=_HDBSCAN_TREE,
            has_noise=True,
            certain=True,
        ),
        ClusteringMethod(
            name="kmeans",
            title="k-means",
            plural="k-means",
            settings=KMeansSettings,
            table="kmeans",
            stage="kmeans",
            version=1,
            fit=lambda points, settings, _: fit_kmeans(points, settings.kmeans),
            recluster=lambda _, settings: recluster_by_kmeans(settings.kmeans),
            confidence=_MARGIN,
            count="n_clusters",
        ),
        ClusteringMethod(
            name="ward",
            title="Ward's hierarchy",
            plural="Ward's hierarchy",
            settings=WardSettings,
            table="ward",
            stage="ward",
            version=1,
            fit=lambda points, settings, _: fit_ward(points, settings.ward),
            recluster=lambda _, settings: recluster_by_ward(settings.ward),
            confidence=_MARGIN,
            count="n_clusters",
            hierarchy=_WARD_TREE,
        ),
    )
}


def method_tables() -> tuple[str, ...]:
    """Return the fields of `RunSettings` on which clusters depend: all that any method reads."""
    tables = (
        table
        for method in METHODS.values()
        for table in (method.hierarchy.table if method.hierarchy else "", method.table)
    )
    return ("method", *filter(None, dict.fromkeys(tables)))


def find_method(name: str, where: str = "method") -> ClusteringMethod:
    """Return the record of a clustering method; raises SettingsError, listing all, if unknown."""
    if name not in METHODS:
        near = get_close_matches(name, METHODS, 1)
        remedy = f"Did you mean {near[0]!r}?" if near else ""
        raise SettingsError(
            f"{name!r} is not one of {', '.join(METHODS)}", where=where, remedy=remedy
        )
    return METHODS[name]


def method_of(settings: RunSettings) -> ClusteringMethod:
    """Return the record of the method that the settings name; see `find_method`."""
    return find_method(settings.method)
