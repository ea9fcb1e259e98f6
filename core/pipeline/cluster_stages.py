"""From embeddings to the landscape: reduction, mixtures or a density tree, and the picture."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import (
    read_array,
    read_arrays,
    read_json,
    write_array,
    write_arrays,
    write_json,
)
from core.artifacts.store import Artifact, Step
from core.chips.chip_set import ChipSet
from core.clusters.labelling import Labelling
from core.clusters.methods.gmm import fit_mixture, likeliest
from core.clusters.methods.hdbscan_tree import Tree, build_tree, cut_tree
from core.clusters.methods.kmeans_ward import cut_ward, fit_kmeans, ward_tree
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.reduction.pca import Reduced, reduce
from core.reduction.tsne import Projection, project
from core.settings import (
    CutSettings,
    GmmSettings,
    KMeansSettings,
    ProjectionSettings,
    ReductionSettings,
    RunSettings,
    TreeSettings,
    WardSettings,
)
from core.types import AnyArray, DoubleArray

VERSION = 1
# 2: Prim beside Boruvka, and ties broken alike in any number of threads.
TREE_VERSION = 2
# 2: responsibilities are kept.
MIXTURE_VERSION = 2
# 2: an epsilon beyond all splits leaves the topmost clusters, as hdbscan does.
CUT_VERSION = 2
# Responsibilities beyond this many are not kept: 20 MB a fit, of which a slider has twenty.
MOST_RESPONSIBILITIES = 10_000_000
RESPONSIBILITIES = "responsibilities.npy"
MIXED_IN = ("longitude", "latitude", "width", "height")


def reduction_step(embedded: Sequence[Step] | Sequence[Artifact], settings: Any) -> Step:
    """The step of the reduction of these embeddings (one artifact, or step, a scene)."""
    keys = [one.key for one in embedded]
    return Step(
        "reduction", VERSION, {"embeddings": keys, "settings": dataclasses.asdict(settings)}
    )


def tree_step(reduction: str, settings: TreeSettings) -> Step:
    """The step of HDBSCAN's tree over a reduction, by its key."""
    return Step("trees", TREE_VERSION, _after(reduction, settings))


def mixture_step(reduction: str, settings: GmmSettings) -> Step:
    """The step of one Gaussian mixture over a reduction, by its key."""
    return Step("mixtures", MIXTURE_VERSION, _after(reduction, settings))


def kmeans_step(reduction: str, settings: KMeansSettings) -> Step:
    """The step of k-means over a reduction, by its key."""
    return Step("kmeans", VERSION, _after(reduction, settings))


def ward_tree_step(reduction: str, settings: WardSettings) -> Step:
    """The step of Ward's tree over a reduction, by its key; the number of clusters is no part."""
    return Step("ward_trees", VERSION, {"after": reduction, "n_dims": settings.n_dims})


def ward_step(tree: str, settings: WardSettings) -> Step:
    """The step of one cut of Ward's tree, by its key."""
    return Step("ward", VERSION, _after(tree, settings))


def cut_step(tree: str, settings: CutSettings) -> Step:
    """The step of one cut of a tree, by its key."""
    return Step("cuts", CUT_VERSION, _after(tree, settings))


def projection_step(reduction: str, settings: ProjectionSettings) -> Step:
    """The step of the picture of a reduction, by its key."""
    return Step("projections", VERSION, _after(reduction, settings))


def reduction(
    workspace: Workspace,
    chip_set: ChipSet,
    matrix: AnyArray,
    embedded: Sequence[Artifact],
    settings: ReductionSettings,
) -> Artifact:
    """Standardise, mix in what is asked for, and keep the principal components."""

    def compute(folder: Path) -> dict[str, Any]:
        properties = {name: chip_set.facts[name].to_numpy(np.float64) for name in MIXED_IN}
        reduced = reduce(np.asarray(matrix), properties, settings)
        arrays = dataclasses.asdict(reduced)
        arrays.pop("notes")
        write_arrays(folder, {**arrays, "pca_1d": reduced.pca_1d})
        return {
            "dims": reduced.points.shape[1],
            "explained": float(reduced.explained.sum()),
            "notes": reduced.notes,
        }

    return workspace.store.make(reduction_step(embedded, settings), compute)


def open_reduction(artifact: Artifact) -> Reduced:
    """The reduction of a finished artifact."""
    arrays = read_arrays(artifact.folder)
    arrays.pop("pca_1d")
    return Reduced(**arrays, notes=tuple(artifact.counts["notes"]))


def clusters(
    workspace: Workspace, reduced: Artifact, settings: RunSettings, report: Progress = silent
) -> list[Artifact]:
    """The labelling by the chosen method; for HDBSCAN and Ward the tree, then its cut."""
    if settings.method == "gmm":
        return [mixture(workspace, reduced, settings.gmm, report)]
    if settings.method == "kmeans":
        return [kmeans(workspace, reduced, settings.kmeans)]
    if settings.method == "ward":
        return ward(workspace, reduced, settings.ward)
    tree = density_tree(workspace, reduced, settings.tree)
    cut = workspace.store.make(
        cut_step(tree.key, settings.cut),
        lambda folder: write_labelling(folder, cut_tree(open_tree(tree), settings.cut)),
    )
    return [tree, cut]


def mixture(
    workspace: Workspace, reduced: Artifact, settings: GmmSettings, report: Progress = silent
) -> Artifact:
    """One Gaussian mixture."""

    def compute(folder: Path) -> dict[str, Any]:
        points = _points(reduced)
        fitted = fit_mixture(points, settings, report)
        if fitted.responsibilities.size <= MOST_RESPONSIBILITIES:
            # Half precision: three digits of a share are more than anyone reads.
            write_array(folder / RESPONSIBILITIES, fitted.responsibilities.astype(np.float16))
        return write_labelling(folder, likeliest(fitted, settings, points.shape[1]))

    return workspace.store.make(mixture_step(reduced.key, settings), compute)


def open_responsibilities(artifact: Artifact) -> AnyArray | None:
    """The responsibilities of a finished mixture, float16 (n, n_components), rows sum to 1.

    Column j is cluster j; Gaussians without a chip come last. None where they were too many to
    keep, or of another method.
    """
    path = artifact.folder / RESPONSIBILITIES
    return read_array(path) if path.is_file() else None


def kmeans(workspace: Workspace, reduced: Artifact, settings: KMeansSettings) -> Artifact:
    """k-means."""

    def compute(folder: Path) -> dict[str, Any]:
        return write_labelling(folder, fit_kmeans(_points(reduced), settings))

    return workspace.store.make(kmeans_step(reduced.key, settings), compute)


def ward(workspace: Workspace, reduced: Artifact, settings: WardSettings) -> list[Artifact]:
    """Ward's tree, which every number of clusters shares, and its cut."""

    def grow(folder: Path) -> dict[str, Any]:
        merged = ward_tree(_points(reduced), settings)
        write_array(folder / "merged.npy", merged)
        return {"n": len(merged) + 1}

    tree = workspace.store.make(ward_tree_step(reduced.key, settings), grow)
    cut = workspace.store.make(
        ward_step(tree.key, settings),
        lambda folder: write_labelling(
            folder, cut_ward(open_ward(tree), _points(reduced), settings)
        ),
    )
    return [tree, cut]


def open_ward(artifact: Artifact) -> DoubleArray:
    """Ward's tree of a finished artifact."""
    return read_array(artifact.folder / "merged.npy")


def density_tree(workspace: Workspace, reduced: Artifact, settings: TreeSettings) -> Artifact:
    """HDBSCAN's tree, which every cut shares."""

    def compute(folder: Path) -> dict[str, Any]:
        tree = build_tree(_points(reduced), settings)
        write_array(folder / "edges.npy", tree.edges)
        write_array(folder / "core_distances.npy", tree.core_distances)
        return {"n": len(tree), "min_samples": tree.min_samples, "n_dims": tree.n_dims}

    return workspace.store.make(tree_step(reduced.key, settings), compute)


def open_tree(artifact: Artifact) -> Tree:
    """The tree of a finished artifact."""
    return Tree(
        edges=read_array(artifact.folder / "edges.npy"),
        core_distances=read_array(artifact.folder / "core_distances.npy"),
        min_samples=int(artifact.counts["min_samples"]),
        n_dims=int(artifact.counts["n_dims"]),
    )


def write_labelling(folder: Path, labelling: Labelling) -> dict[str, Any]:
    """Write a labelling into an unfinished artifact."""
    write_array(folder / "labels.npy", labelling.labels)
    write_array(folder / "confidence.npy", labelling.confidence)
    write_json(
        folder / "labelling.json",
        {"method": labelling.method, "facts": dict(labelling.facts), "notes": labelling.notes},
    )
    return {"n_clusters": labelling.n_clusters, "noise_fraction": labelling.noise_fraction}


def open_labelling(artifact: Artifact) -> Labelling:
    """The labelling of a finished artifact."""
    about = read_json(artifact.folder / "labelling.json")
    return Labelling(
        labels=read_array(artifact.folder / "labels.npy"),
        confidence=read_array(artifact.folder / "confidence.npy"),
        method=about["method"],
        facts=about["facts"],
        notes=tuple(about["notes"]),
    )


def projection(
    workspace: Workspace, reduced: Artifact, settings: ProjectionSettings, report: Progress = silent
) -> Artifact:
    """The two-dimensional picture."""

    def compute(folder: Path) -> dict[str, Any]:
        picture = project(_points(reduced), settings, report)
        write_array(folder / "coordinates.npy", picture.coordinates)
        return {"kl_divergence": picture.kl_divergence, "perplexity": picture.perplexity}

    return workspace.store.make(projection_step(reduced.key, settings), compute)


def open_projection(artifact: Artifact) -> Projection:
    """The picture of a finished artifact."""
    return Projection(
        coordinates=read_array(artifact.folder / "coordinates.npy"),
        kl_divergence=float(artifact.counts["kl_divergence"]),
        perplexity=float(artifact.counts["perplexity"]),
    )


def _points(reduced: Artifact) -> AnyArray:
    return read_array(reduced.folder / "points.npy")


def _after(key: str, settings: Any) -> dict[str, Any]:
    return {"after": key, "settings": dataclasses.asdict(settings)}
