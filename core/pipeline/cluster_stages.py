"""The stages after the embeddings: reduction, clusters by any method, and projection.

The artifacts of a clustering method follow from its record in `method_table`: one for its tree, if
it has one, and one for its labelling.
"""

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
from core.artifacts.store import Artifact
from core.clusters.evaluation.component_sweep import ComponentSweep, sweep_components
from core.clusters.labelling import Labelling
from core.clusters.methods.method import ClusteringMethod
from core.clusters.methods.method_table import METHODS, method_of
from core.errors import TooFewError
from core.pipeline.chip_stages import open_chips
from core.pipeline.embedding_stages import join_embeddings
from core.pipeline.stage import Resolve, Stage
from core.pipeline.view import View
from core.progress import Progress
from core.reduction.pca import Reduction, reduce_embeddings
from core.reduction.tsne import Projection, project_tsne
from core.settings import GmmSettings
from core.types import FloatArray

WEIGHTED_FACTS = ("longitude", "latitude", "width", "height")
COUNTS = tuple(range(2, 21))
"""Numbers of components that are compared by default."""


def _reduction_inputs(view: View) -> dict[str, Any]:
    keys = [artifact.key for artifact in view.artifacts["embeddings"][1:]]
    return {"embeddings": keys, "settings": dataclasses.asdict(view.settings.reduction)}


def _reduce(view: View, folder: Path, _: Progress) -> dict[str, Any]:
    chips = open_chips(view)
    if chips is None:
        raise TooFewError("there are no chips to reduce", where="reduction")
    facts = {name: chips.facts[name].to_numpy(np.float64) for name in WEIGHTED_FACTS}
    matrix = np.asarray(join_embeddings(view.artifacts["embeddings"][1:]))
    reduction = reduce_embeddings(matrix, facts, view.settings.reduction)
    arrays = dataclasses.asdict(reduction)
    arrays.pop("notes")
    write_arrays(folder, {**arrays, "pca_1d": reduction.pca_1d})
    return {
        "dims": reduction.points.shape[1],
        "explained": float(reduction.explained.sum()),
        "notes": reduction.notes,
    }


def _open_reduction(artifact: Artifact) -> Reduction:
    arrays = read_arrays(artifact.folder)
    arrays.pop("pca_1d")
    return Reduction(**arrays, notes=tuple(artifact.counts["notes"]))


def _project(view: View, folder: Path, report: Progress) -> dict[str, Any]:
    projection = project_tsne(read_points(view), view.settings.projection, report)
    write_array(folder / "coordinates.npy", projection.coordinates)
    return {"kl_divergence": projection.kl_divergence, "perplexity": projection.perplexity}


def _open_projection(artifact: Artifact) -> Projection:
    return Projection(
        coordinates=read_array(artifact.folder / "coordinates.npy"),
        kl_divergence=float(artifact.counts["kl_divergence"]),
        perplexity=float(artifact.counts["perplexity"]),
    )


REDUCTION: Stage[View, Reduction] = Stage(
    name="reduction", version=1, inputs=_reduction_inputs, compute=_reduce, open=_open_reduction
)
PROJECTION: Stage[View, Projection] = Stage(
    name="projections",
    version=1,
    inputs=lambda view: {
        "after": reduction_key(view),
        "settings": dataclasses.asdict(view.settings.projection),
    },
    compute=_project,
    open=_open_projection,
)


def tree_stage(method: ClusteringMethod) -> Stage[View, Any]:
    """Return the stage of a method's tree; only for methods with a hierarchy."""
    hierarchy = method.hierarchy
    assert hierarchy is not None

    def build(view: View, folder: Path, _: Progress) -> dict[str, Any]:
        tree = hierarchy.build(read_points(view), view.settings)
        write_arrays(folder, hierarchy.arrays(tree))
        return dict(hierarchy.counts(tree))

    return Stage(
        name=hierarchy.stage,
        version=hierarchy.version,
        inputs=lambda view: {"after": reduction_key(view), **hierarchy.inputs(view.settings)},
        compute=build,
        open=lambda artifact: hierarchy.restore(read_arrays(artifact.folder), artifact.counts),
    )


def labelling_stage(method: ClusteringMethod) -> Stage[View, Labelling]:
    """Return the stage of a method's labellings."""

    def after(view: View) -> str:
        return tree_stage(method).step(view).key if method.hierarchy else reduction_key(view)

    def label(view: View, folder: Path, report: Progress) -> dict[str, Any]:
        points = read_points(view)
        if method.hierarchy is None:
            return write_labelling(folder, method.fit(points, view.settings, report))
        trees = tree_stage(method)
        tree = trees.open(trees.make(view.workspace.store, view))
        return write_labelling(folder, method.hierarchy.cut(tree, points, view.settings))

    return Stage(
        name=method.stage,
        version=method.version,
        inputs=lambda view: {
            "after": after(view),
            "settings": dataclasses.asdict(method.settings_in(view.settings)),
        },
        compute=label,
        open=open_labelling_artifact,
    )


def reduction_artifacts(view: View, resolve: Resolve, report: Progress) -> list[Artifact]:
    """The reduction."""
    return [resolve(REDUCTION, view, report)]


def cluster_artifacts(view: View, resolve: Resolve, report: Progress) -> list[Artifact]:
    """The labelling by the chosen method, after its tree if it has one."""
    method = method_of(view.settings)
    trees = [resolve(tree_stage(method), view)] if method.hierarchy else []
    return [*trees, resolve(labelling_stage(method), view, report)]


def projection_artifacts(view: View, resolve: Resolve, report: Progress) -> list[Artifact]:
    """The projection."""
    return [resolve(PROJECTION, view, report)]


def reduction_key(view: View) -> str:
    """Return the key of a view's reduction, which must be there."""
    return view.artifacts["reduction"][0].key


def read_points(view: View) -> FloatArray:
    """Read the principal components of a view, float32 (n, d)."""
    points: FloatArray = read_array(view.artifacts["reduction"][0].folder / "points.npy")
    return points


def open_reduction(view: View) -> Reduction | None:
    """Open the reduction of a view; None if there is none."""
    artifacts = view.artifacts.get("reduction")
    return REDUCTION.open(artifacts[0]) if artifacts else None


def open_projection(view: View) -> Projection | None:
    """Open the projection of a view; None if there is none."""
    artifacts = view.artifacts.get("projection")
    return PROJECTION.open(artifacts[0]) if artifacts else None


def find_tree(view: View) -> Any:
    """Open the tree that the chosen method cuts; None if it has none, or it is not built."""
    method = method_of(view.settings)
    if method.hierarchy is None or not view.has("reduction"):
        return None
    return tree_stage(method).read(view.workspace.store, view)


def find_labelling(view: View) -> Labelling | None:
    """Return the labelling of a view: a kept fit, or a fresh cut of a kept tree; else None."""
    method = method_of(view.settings)
    if not view.has("reduction"):
        return None
    if method.hierarchy is None:
        return labelling_stage(method).read(view.workspace.store, view)
    tree = find_tree(view)
    if tree is None:
        return None
    return method.hierarchy.cut(tree, read_points(view), view.settings)


def find_fits(view: View, method: str, most: int = 50) -> dict[int, dict[str, Any]]:
    """Return the facts and notes of the fits that are kept, by number of clusters."""
    record = METHODS[method]
    fits: dict[int, dict[str, Any]] = {}
    for k in range(1, most + 1) if view.has("reduction") else ():
        counted = dataclasses.replace(view, settings=record.with_n_clusters(view.settings, k))
        labelling = labelling_stage(record).read(view.workspace.store, counted)
        if labelling:
            fits[k] = {**labelling.facts, "notes": labelling.notes}
    return fits


def write_labelling(folder: Path, labelling: Labelling) -> dict[str, Any]:
    """Write a labelling into an unfinished artifact."""
    write_array(folder / "labels.npy", labelling.labels)
    write_array(folder / "confidence.npy", labelling.confidence)
    about = {"method": labelling.method, "facts": dict(labelling.facts), "notes": labelling.notes}
    write_json(folder / "labelling.json", about)
    return {"n_clusters": labelling.n_clusters, "noise_fraction": labelling.noise_fraction}


def open_labelling_artifact(artifact: Artifact) -> Labelling:
    """Open the labelling of a finished artifact."""
    about = read_json(artifact.folder / "labelling.json")
    return Labelling(
        labels=read_array(artifact.folder / "labels.npy"),
        confidence=read_array(artifact.folder / "confidence.npy"),
        method=about["method"],
        facts=about["facts"],
        notes=tuple(about["notes"]),
    )


@dataclasses.dataclass(frozen=True)
class ComponentCounts:
    """A view whose mixtures are compared over some numbers of components."""

    view: View
    counts: Sequence[int] = COUNTS


def _sweep_inputs(subject: ComponentCounts) -> dict[str, Any]:
    settings = dataclasses.asdict(subject.view.settings.gmm)
    settings.pop("n_components")
    after = reduction_key(subject.view)
    return {"after": after, "settings": settings, "counts": list(subject.counts)}


def _sweep(subject: ComponentCounts, folder: Path, report: Progress) -> dict[str, Any]:
    settings: GmmSettings = subject.view.settings.gmm
    sweep = sweep_components(read_points(subject.view), settings, subject.counts, report)
    arrays = dataclasses.asdict(sweep)
    covariances = list(arrays.pop("covariance"))
    write_arrays(folder, arrays)
    return {"covariance": covariances}


COMPONENT_SWEEP: Stage[ComponentCounts, ComponentSweep] = Stage(
    name="component_surveys",
    # 2: each number of components with the covariance and dimensions of the slider's own fit.
    version=2,
    inputs=_sweep_inputs,
    compute=_sweep,
    open=lambda artifact: ComponentSweep(
        **read_arrays(artifact.folder), covariance=tuple(artifact.counts["covariance"])
    ),
)


def find_component_sweep(view: View) -> ComponentSweep | None:
    """Return the comparison of mixtures by number of components; None if there is none."""
    if not view.has("reduction"):
        return None
    return COMPONENT_SWEEP.read(view.workspace.store, ComponentCounts(view))


def clustered_points(points: FloatArray, labelling: Labelling) -> FloatArray:
    """Return the columns of the reduction in which a labelling was made."""
    return points[:, : int(labelling.facts.get("n_dims", points.shape[1]))]
