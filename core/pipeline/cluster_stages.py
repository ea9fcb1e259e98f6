"""The stages after the embeddings: reduction, clusters by any method, and projection.

The artifacts of a clustering method are defined by its record in `method_table`: one for its tree,
if it has one, and one for its labelling.
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
from core.chips.chip_set import ChipSet
from core.clusters.evaluation.centring_losses import centring_warnings
from core.clusters.evaluation.component_sweep import ComponentSweep, sweep_components
from core.clusters.labelling import Labelling
from core.clusters.methods.method import ClusteringMethod
from core.clusters.methods.method_table import method_of
from core.errors import TooFewError
from core.pipeline.chip_images import APPEARANCE
from core.pipeline.chip_stages import open_chips
from core.pipeline.embedding_stages import join_embeddings
from core.pipeline.projections.live_layout import LayoutWriter
from core.pipeline.stage import Resolve, Stage
from core.pipeline.view import View
from core.progress import Progress
from core.raster.geodesy import gather_longitudes
from core.reduction.pca import Reduction, reduce_embeddings
from core.reduction.projection_scores import score_projection
from core.reduction.tsne import Projection, metric_space, project_tsne
from core.reduction_settings import ProjectionSettings
from core.types import DoubleArray, FloatArray

WEIGHTED_FACTS = ("longitude", "latitude", "width", "height")
COUNTS = tuple(range(1, 21))
"""Numbers of Gaussians for which mixtures are compared by default."""


def property_columns(chips: ChipSet, fitted: ChipSet | None = None) -> dict[str, DoubleArray]:
    """Return the properties of chips that can be added to the embeddings, (n,) each.

    `fitted` are the chips that the reduction was fitted to, if they are others.
    """
    columns = {name: chips.facts[name].to_numpy(np.float64) for name in WEIGHTED_FACTS}
    reference = (fitted or chips).facts["longitude"].to_numpy(np.float64)
    return columns | {"longitude": gather_longitudes(columns["longitude"], reference)}


def _reduction_inputs(view: View) -> dict[str, Any]:
    keys = [artifact.key for artifact in view.artifacts["embeddings"][1:]]
    settings = dataclasses.asdict(view.settings.reduction)
    # Without a correction, the key is that of reductions made before there were corrections.
    for name in ("harmonisation", "nuisance"):
        if settings[name] == "none":
            del settings[name]
    return {"embeddings": keys, "settings": settings}


def _reduce(view: View, folder: Path, report: Progress) -> dict[str, Any]:
    chips, settings = open_chips(view), view.settings.reduction
    if chips is None:
        raise TooFewError("there are no chips to reduce", where="reduction")
    facts = property_columns(chips)
    if settings.nuisance != "none":
        appearance = APPEARANCE.open(APPEARANCE.make(view.workspace.store, chips, report))
        facts[settings.nuisance] = appearance[settings.nuisance].to_numpy(np.float64)
    matrix = join_embeddings(view.artifacts["embeddings"][1:])
    scenes = chips.facts["scene"].to_numpy()
    reduction = reduce_embeddings(np.asarray(matrix), facts, settings, scenes)
    arrays, notes = dataclasses.asdict(reduction), list(reduction.notes)
    arrays.pop("notes")
    if settings.harmonisation == "centre":
        notes += centring_warnings(chips.properties, scenes)
    write_arrays(folder, {**arrays, "pca_1d": reduction.pca_1d})
    explained = float(reduction.explained.sum())
    return {"dims": reduction.points.shape[1], "explained": explained, "notes": notes}


def _open_reduction(artifact: Artifact) -> Reduction:
    arrays = read_arrays(artifact.folder)
    arrays.pop("pca_1d")
    return Reduction(**arrays, notes=tuple(artifact.counts["notes"]))


def _project(view: View, folder: Path, report: Progress) -> dict[str, Any]:
    points, settings = read_points(view), view.settings.projection
    with LayoutWriter(folder) as layout:
        projection = project_tsne(points, settings, report, watch=layout.write)
    write_array(folder / "coordinates.npy", projection.coordinates)
    space = metric_space(points, settings.metric)
    scores = score_projection(space, projection.coordinates, lambda *step: report(1, 1, step[2]))
    counts = {"kl_divergence": projection.kl_divergence, "perplexity": projection.perplexity}
    return {**counts, "scores": dataclasses.asdict(scores)}


def _projection_inputs(view: View) -> dict[str, Any]:
    settings = dataclasses.asdict(view.settings.projection)
    # With the defaults, the key is that of projections made before there were these settings.
    for name in ("initialisation", "metric"):
        if settings[name] == getattr(ProjectionSettings, name):
            del settings[name]
    return {"after": reduction_key(view), "settings": settings}


def _open_projection(artifact: Artifact) -> Projection:
    coordinates, counts = read_array(artifact.folder / "coordinates.npy"), artifact.counts
    return Projection(coordinates, float(counts["kl_divergence"]), float(counts["perplexity"]))


REDUCTION: Stage[View, Reduction] = Stage(
    "reduction", 1, _reduction_inputs, _reduce, _open_reduction
)
# Version 2: more accurate gradients.
PROJECTION: Stage[View, Projection] = Stage(
    "projections", 2, _projection_inputs, _project, _open_projection
)


def tree_stage(method: ClusteringMethod) -> Stage[View, Any]:
    """Return the stage that builds a method's tree; the method must have a hierarchy."""
    hierarchy = method.hierarchy
    assert hierarchy is not None

    def build(view: View, folder: Path, _: Progress) -> dict[str, Any]:
        tree = hierarchy.build(read_points(view), view.settings)
        write_arrays(folder, hierarchy.arrays(tree))
        return dict(hierarchy.counts(tree))

    return Stage(
        hierarchy.stage,
        hierarchy.version,
        lambda view: {"after": reduction_key(view), **hierarchy.inputs(view.settings)},
        build,
        lambda artifact: hierarchy.restore(read_arrays(artifact.folder), artifact.counts),
    )


def labelling_stage(method: ClusteringMethod) -> Stage[View, Labelling]:
    """Return the stage that computes a method's labellings."""

    def inputs(view: View) -> dict[str, Any]:
        after = tree_stage(method).step(view).key if method.hierarchy else reduction_key(view)
        return {"after": after, "settings": dataclasses.asdict(method.settings_in(view.settings))}

    def label(view: View, folder: Path, report: Progress) -> dict[str, Any]:
        points = read_points(view)
        if method.hierarchy is None:
            return write_labelling(folder, method.fit(points, view.settings, report))
        trees = tree_stage(method)
        tree = trees.open(trees.make(view.workspace.store, view))
        return write_labelling(folder, method.hierarchy.cut(tree, points, view.settings))

    return Stage(method.stage, method.version, inputs, label, open_labelling_artifact)


def cluster_artifacts(view: View, resolve: Resolve, report: Progress) -> list[Artifact]:
    """Return the artifacts of the chosen method: its tree, if it has one, and its labelling."""
    method = method_of(view.settings)
    trees = [resolve(tree_stage(method), view)] if method.hierarchy else []
    return [*trees, resolve(labelling_stage(method), view, report)]


def reduction_key(view: View) -> str:
    """Return the key of a view's reduction, which must exist."""
    return view.artifacts["reduction"][0].key


def read_points(view: View) -> FloatArray:
    """Read the principal components of a view, float32 (n, d)."""
    artifact = view.artifacts["reduction"][0]
    artifact.require_intact()
    return read_array(artifact.folder / "points.npy")


def open_reduction(view: View) -> Reduction | None:
    """Open the reduction of a view; None if there is none."""
    artifacts = view.artifacts.get("reduction")
    return REDUCTION.open(artifacts[0]) if artifacts else None


def open_projection(view: View) -> Projection | None:
    """Open the projection of a view; None if there is none."""
    artifacts = view.artifacts.get("projection")
    return PROJECTION.open(artifacts[0]) if artifacts else None


def find_tree(view: View) -> Any:
    """Open the chosen method's tree; None if the method has no tree or it has not been built."""
    method = method_of(view.settings)
    if method.hierarchy is None or not view.has("reduction"):
        return None
    return tree_stage(method).read(view.workspace.store, view)


def labelling_inputs(view: View) -> dict[str, Any]:
    """Return the inputs of a labelling other than its reduction, as plain values."""
    method = method_of(view.settings)
    own_settings = dataclasses.asdict(method.settings_in(view.settings))
    return {"method": method.name, "own_settings": own_settings, "tree": tree_inputs(view)}


def tree_inputs(view: View) -> dict[str, Any]:
    """Return the inputs of the chosen method's tree except the reduction; empty without a tree."""
    hierarchy = method_of(view.settings).hierarchy
    return {} if hierarchy is None else {hierarchy.stage: hierarchy.inputs(view.settings)}


def find_labelling(view: View, tree: Any = None) -> Labelling | None:
    """Return a view's labelling, stored or cut from a stored tree; None if neither exists.

    `tree` is the tree of the view if it is open already.
    """
    method = method_of(view.settings)
    if not view.has("reduction"):
        return None
    # To read a labelling, no compiled functions are needed, whose import takes seconds.
    labelling = labelling_stage(method).read(view.workspace.store, view)
    tree = find_tree(view) if labelling is None and tree is None else tree
    if labelling is not None or method.hierarchy is None or tree is None:
        return labelling
    return method.hierarchy.cut(tree, read_points(view), view.settings)


def write_labelling(folder: Path, labelling: Labelling) -> dict[str, Any]:
    """Write a labelling into an unfinished artifact."""
    write_array(folder / "labels.npy", labelling.labels)
    write_array(folder / "confidence.npy", labelling.confidence)
    about = {"method": labelling.method, "facts": dict(labelling.facts), "notes": labelling.notes}
    write_json(folder / "labelling.json", about)
    return {"n_clusters": labelling.n_clusters, "noise_fraction": labelling.noise_fraction}


def open_labelling_artifact(artifact: Artifact) -> Labelling:
    """Open the labelling of a finished artifact."""
    artifact.require_intact()
    about = read_json(artifact.folder / "labelling.json")
    labels, confidence = (
        read_array(artifact.folder / f"{name}.npy") for name in ("labels", "confidence")
    )
    return Labelling(labels, confidence, about["method"], about["facts"], tuple(about["notes"]))


@dataclasses.dataclass(frozen=True)
class ComponentCounts:
    """A view, and the numbers of components for which its mixtures are compared."""

    view: View
    counts: Sequence[int] = COUNTS


def _sweep_inputs(subject: ComponentCounts) -> dict[str, Any]:
    settings = dataclasses.asdict(subject.view.settings.gmm)
    settings.pop("n_components")
    after = reduction_key(subject.view)
    return {"after": after, "settings": settings, "counts": list(subject.counts)}


def _sweep(subject: ComponentCounts, folder: Path, report: Progress) -> dict[str, Any]:
    view = subject.view
    sweep = sweep_components(read_points(view), view.settings.gmm, subject.counts, report)
    arrays = dataclasses.asdict(sweep)
    covariances, single = list(arrays.pop("covariance")), arrays.pop("single")
    write_arrays(folder, arrays)
    return {"covariance": covariances, "single": single}


COMPONENT_SWEEP: Stage[ComponentCounts, ComponentSweep] = Stage(
    name="component_surveys",
    # Version 3: shrunk covariances, one structure for all numbers, stability.
    version=3,
    inputs=_sweep_inputs,
    compute=_sweep,
    load=lambda artifact: ComponentSweep(
        **read_arrays(artifact.folder),
        covariance=tuple(artifact.counts["covariance"]),
        single=artifact.counts["single"],
    ),
)


def find_component_sweep(view: View) -> ComponentSweep | None:
    """Return the comparison of mixtures by number of components; None if there is none."""
    if not view.has("reduction"):
        return None
    return COMPONENT_SWEEP.read(view.workspace.store, ComponentCounts(view))


def clustered_points(points: FloatArray, labelling: Labelling) -> FloatArray:
    """Return the columns of the reduction that a labelling was computed from."""
    return points[:, : int(labelling.facts.get("n_dims", points.shape[1]))]
