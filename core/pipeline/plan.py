"""What is there already, opened for looking at: cheap, read-only, None where a stage is missing."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from core import mapping
from core.artifacts.store import Artifact, Step
from core.chips.chip_set import ChipSet
from core.clusters.evaluation.agreement import score as agreement
from core.clusters.evaluation.agreement import vote
from core.clusters.labelling import Labelling
from core.clusters.methods.hdbscan_tree import Tree, cut_tree
from core.clusters.methods.kmeans_ward import cut_ward
from core.errors import ChipscapeError, SettingsError
from core.input_settings import DisplaySettings
from core.pipeline import chip_stages, cluster_stages, screening_stage
from core.pipeline.run import STAGES
from core.pipeline.scene_survey import FoundScene, Survey, survey
from core.pipeline.workspace import Workspace
from core.reduction.pca import Reduced
from core.reduction.tsne import Projection
from core.settings import GmmSettings, RunSettings
from core.types import AnyArray, ByteArray


@dataclass(frozen=True)
class Plan:
    """Which stages are there for some settings.

    Attributes
    ----------
    found : Survey
    artifacts : dict
        Finished artifacts by stage; a stage that is not whole is absent.
    reason : str
        Why no further stage can be planned (weights that are missing, bands that differ); empty
        where it is only not computed yet.
    """

    found: Survey
    artifacts: dict[str, tuple[Artifact, ...]]
    reason: str = ""

    @property
    def ready(self) -> dict[str, bool]:
        """Whether each stage is there."""
        return {stage: stage in self.artifacts for stage in STAGES}

    @property
    def keys(self) -> dict[str, str]:
        """One key a stage; it changes when anything in it changes."""
        return {stage: "-".join(a.key for a in made) for stage, made in self.artifacts.items()}


def plan(workspace: Workspace, settings: RunSettings, found: Survey | None = None) -> Plan:
    """Look up what is there for these settings, without computing anything but a scene's report.

    Parameters
    ----------
    workspace : Workspace
    settings : RunSettings
    found : Survey, optional
        The scenes, where the caller has looked at them already.
    """
    found = found or survey(workspace, settings=settings.scenes)
    there: dict[str, tuple[Artifact, ...]] = {}
    try:
        _collect(workspace, settings, found, there)
    except ChipscapeError as error:
        return Plan(found, there, str(error))
    return Plan(found, there)


def chips(ready: Plan) -> ChipSet | None:
    """The chips."""
    made = ready.artifacts.get("chips")
    return chip_stages.open_chips(made, _bands(made)) if made else None


def embeddings(ready: Plan) -> AnyArray | None:
    """The embeddings, float32 (n, dim)."""
    made = ready.artifacts.get("embeddings")
    return chip_stages.open_embeddings(made[1:]) if made else None


def reduction(ready: Plan) -> Reduced | None:
    """The principal components."""
    made = ready.artifacts.get("reduction")
    return cluster_stages.open_reduction(made[0]) if made else None


def projection(ready: Plan) -> Projection | None:
    """The two-dimensional picture."""
    made = ready.artifacts.get("projection")
    return cluster_stages.open_projection(made[0]) if made else None


def tree(workspace: Workspace, ready: Plan, settings: RunSettings) -> Tree | None:
    """HDBSCAN's tree for `settings.tree`, if it was built."""
    made = ready.artifacts.get("reduction")
    if not made:
        return None
    found = workspace.store.find(cluster_stages.tree_step(made[0].key, settings.tree))
    return cluster_stages.open_tree(found) if found else None


def labelling(workspace: Workspace, ready: Plan, settings: RunSettings) -> Labelling | None:
    """The labelling for these settings: a fit that is there, or a tree cut anew."""
    if settings.method == "hdbscan":
        built = tree(workspace, ready, settings)
        return cut_tree(built, settings.cut) if built else None
    made = ready.artifacts.get("reduction")
    if settings.method == "ward" and made:
        grown = workspace.store.find(cluster_stages.ward_tree_step(made[0].key, settings.ward))
        points = cluster_stages.open_reduction(made[0]).points
        return cut_ward(cluster_stages.open_ward(grown), points, settings.ward) if grown else None
    found = workspace.store.find(labelling_step(made[0].key, settings)) if made else None
    return cluster_stages.open_labelling(found) if found else None


def mixtures(
    workspace: Workspace, ready: Plan, settings: GmmSettings, most: int = 50
) -> dict[int, dict[str, Any]]:
    """Facts of the mixtures already fitted, by number of components, all else as set."""
    fitted = {}
    for k in range(1, most + 1):
        found = _mixture(workspace, ready, dataclasses.replace(settings, n_components=k))
        if found:
            opened = cluster_stages.open_labelling(found)
            fitted[k] = {**opened.facts, "notes": opened.notes}
    return fitted


def score(
    chip_set: ChipSet, matrix: AnyArray, labels: Labelling | None, property_name: str
) -> dict[str, Any]:
    """Score the embeddings, and a labelling if there is one, against a property.

    Raises
    ------
    SettingsError
        If no annotation has such a property.
    """
    properties = chip_set.properties
    if property_name not in properties:
        known = ", ".join(map(str, properties.columns)) or "none"
        raise SettingsError(
            f"no annotation has a property {property_name!r}",
            where="property",
            remedy=f"Properties there are: {known}.",
        )
    truth, scenes = properties[property_name].tolist(), chip_set.facts["scene"].tolist()
    asked = (matrix, truth, scenes, property_name)
    scores = agreement(labels.labels, *asked) if labels else vote(*asked)
    return {"property": property_name, **dataclasses.asdict(scores)}


def surroundings(
    ready: Plan,
    chip_set: ChipSet,
    row: int,
    side: int,
    display: DisplaySettings = mapping.AS_GUESSED,
) -> mapping.Surroundings:
    """The part of the original image around one chip, with its footprint and its square.

    Parameters
    ----------
    ready : Plan
    chip_set : ChipSet
    row : int
        The chip's row in the set.
    side : int
        Scene pixels along one side.
    display : DisplaySettings
    """
    facts = _facts(chip_set, row)
    scene = _scene(ready, facts["scene"])
    footprints = scene.footprints()
    mine = int(np.flatnonzero(footprints.index == facts["annotation"])[0])
    shape = footprints.pixels[mine]
    return mapping.surroundings(scene.path, facts, shape, side, display=display)


def native_chip(
    ready: Plan, chip_set: ChipSet, row: int, display: DisplaySettings = mapping.AS_GUESSED
) -> ByteArray:
    """One chip at the scene's own pixels, uint8 (h, w, 4)."""
    facts = _facts(chip_set, row)
    return mapping.native_chip(_scene(ready, facts["scene"]).path, facts, display=display)


def overview(
    ready: Plan, scene: str, display: DisplaySettings = mapping.AS_GUESSED
) -> mapping.Surroundings:
    """A whole scene with the footprints of its annotations, if it has any."""
    found = _scene(ready, scene)
    footprints = found.footprints().pixels if found.usable else np.empty(0, object)
    return mapping.overview(found.path, footprints, None, display=display)


def _facts(chip_set: ChipSet, row: int) -> dict[str, Any]:
    return {str(name): value for name, value in chip_set.facts.iloc[row].items()}


def _scene(ready: Plan, name: str) -> FoundScene:
    return next(scene for scene in ready.found.scenes if scene.report.name == name)


def _collect(
    workspace: Workspace,
    settings: RunSettings,
    found: Survey,
    there: dict[str, tuple[Artifact, ...]],
) -> None:
    """Add the stages in order until one is missing."""
    store = workspace.store

    def look(stage: str, steps: list[Step]) -> bool:
        artifacts = [store.find(one) for one in steps]
        if artifacts and all(artifacts):
            there[stage] = tuple(a for a in artifacts if a)
        return stage in there

    there["scenes"] = tuple(scene.artifact for scene in found.scenes)
    if not found.usable or not look("chips", chip_stages.chips_steps(found, settings.chips)):
        return
    outline = chip_stages.outline(there["chips"])
    if settings.screen.leave_out:
        del there["chips"]
        if not look("chips", screening_stage.kept_steps(outline.keys, settings.screen)):
            return
        outline = chip_stages.outline(there["chips"])
    fit = chip_stages.embedding_fit(workspace, outline, settings.embed)
    steps = chip_stages.embeddings_steps(outline, fit)
    if not look("embeddings", [fit, *steps]):
        return
    reduced = cluster_stages.reduction_step(steps, settings.reduction)
    if not look("reduction", [reduced]):
        return
    look("clusters", [labelling_step(reduced.key, settings)])
    look("projection", [cluster_stages.projection_step(reduced.key, settings.projection)])


def labelling_step(reduced: str, settings: RunSettings) -> Step:
    """The step of the labelling over a reduction, by its key."""
    if settings.method == "gmm":
        return cluster_stages.mixture_step(reduced, settings.gmm)
    if settings.method == "kmeans":
        return cluster_stages.kmeans_step(reduced, settings.kmeans)
    if settings.method == "ward":
        tree = cluster_stages.ward_tree_step(reduced, settings.ward)
        return cluster_stages.ward_step(tree.key, settings.ward)
    grown = cluster_stages.tree_step(reduced, settings.tree)
    return cluster_stages.cut_step(grown.key, settings.cut)


def _mixture(workspace: Workspace, ready: Plan, settings: GmmSettings) -> Artifact | None:
    made = ready.artifacts.get("reduction")
    return (
        workspace.store.find(cluster_stages.mixture_step(made[0].key, settings)) if made else None
    )


def _bands(made: tuple[Artifact, ...]) -> tuple[str, ...]:
    """The chips' bands, from the first scene that gave any."""
    for artifact in made:
        if "bands" in artifact.counts:
            return tuple(artifact.counts["bands"])
    return ()
