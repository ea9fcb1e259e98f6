"""The stage that assigns the chips of new scenes to the clusters of a complete result."""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.formats import read_table, write_table
from core.artifacts.store import Artifact
from core.clusters.assignment import (
    Assignment,
    AssignmentSettings,
    SceneShare,
    assign_by_vote,
    describe_drift,
    describe_threshold,
    share_by_scene,
)
from core.clusters.editing.edited_labelling import EditedLabelling
from core.clusters.labelling import Labelling
from core.errors import TooFewError, WorkspaceError
from core.pipeline.assignment.new_chips import cut_new_chips, find_new_scenes, standardise_new_chips
from core.pipeline.chip_stages import open_chips
from core.pipeline.cluster_stages import (
    clustered_points,
    find_labelling,
    open_projection,
    open_reduction,
    property_columns,
    reduction_key,
)
from core.pipeline.embedding_stages import open_embeddings
from core.pipeline.results.current_file import CurrentResult, load_current
from core.pipeline.results.displayed_result import apply_curation
from core.pipeline.results.run_records import RunRecord, find_run_record
from core.pipeline.results.stored_view import open_view
from core.pipeline.scene_survey import Survey, SurveyedScene
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.reduction.pca import Reduction, standardise_columns
from core.reduction.tsne_transform import transform_tsne

_FACTS = ("chip_id", "scene", "longitude", "latitude")


@dataclass(frozen=True)
class Reference:
    """A complete result to whose clusters new chips can be assigned: as it is displayed."""

    view: View
    labelling: Labelling
    edited: EditedLabelling


@dataclass(frozen=True)
class NewScenes:
    """Scenes that are not part of a result, and how their chips are assigned to its clusters."""

    reference: Reference
    scenes: tuple[SurveyedScene, ...]
    settings: AssignmentSettings


@dataclass(frozen=True)
class AssignedScenes:
    """The clusters of the chips of new scenes.

    Attributes
    ----------
    table : DataFrame
        One row per chip: chip_id, scene, longitude, latitude, cluster (id; -1 for noise, -3 for
        unknown), confidence, relative_distance, and the position x, y in the projection.
    shares : tuple of SceneShare
    threshold, drift : str
        Sentences on when a chip is unknown, and on the share of unknown chips.
    counts : mapping
        The numbers behind the sentences.
    refused : mapping of str to str
        The reason for each scene that could not be used, by file name.
    """

    table: pd.DataFrame
    shares: tuple[SceneShare, ...]
    threshold: str
    drift: str
    counts: Mapping[str, Any]
    refused: Mapping[str, str]


def open_reference(workspace: Workspace, run: str = "") -> Reference:
    """Open the current result of a workspace, or one of its runs, with the edits of the user.

    `run` is the name, the id or the path of the record of a run. Raises WorkspaceError if there is
    no complete result.
    """
    result: RunRecord | CurrentResult
    result = find_run_record(run, workspace) if run else load_current(workspace)
    if result.settings is None:
        raise _no_result(workspace, "")
    view = open_view(workspace, result.settings, result.keys)
    labelling, chips = find_labelling(view), open_chips(view)
    if labelling is None or chips is None or not view.has("projection"):
        raise _no_result(workspace, view.reason)
    chip_ids = chips.facts["chip_id"].tolist()
    edited, _ = apply_curation(view, labelling, result.curation, chip_ids)
    return Reference(view, labelling, edited)


def unassigned_scenes(
    reference: Reference, survey: Survey, settings: AssignmentSettings | None = None
) -> NewScenes | None:
    """Return the scenes of a survey that are not part of a result; None if there are none."""
    scenes = find_new_scenes(reference.view, survey)
    return NewScenes(reference, scenes, settings or AssignmentSettings()) if scenes else None


def assign_scenes(new: NewScenes, report: Progress = silent) -> AssignedScenes:
    """Assign the chips of new scenes to the clusters of a result; a former result is reused."""
    store = new.reference.view.workspace.store
    return ASSIGNMENTS.open(ASSIGNMENTS.make(store, new, report))


def _inputs(new: NewScenes) -> dict[str, Any]:
    view, edited = new.reference.view, new.reference.edited
    content = edited.ids.astype("<i4").tobytes() + np.packbits(edited.excluded).tobytes()
    return {
        "reduction": reduction_key(view),
        "projection": view.artifacts["projection"][0].key,
        "dims": new.reference.labelling.facts.get("n_dims"),
        "clusters": hashlib.blake2b(content, digest_size=16).hexdigest(),
        "scenes": [scene.artifact.key for scene in new.scenes],
        "settings": dataclasses.asdict(new.settings),
    }


def _assign(new: NewScenes, folder: Path, report: Progress) -> dict[str, Any]:
    view = new.reference.view
    chips = cut_new_chips(view, new.scenes, report)
    if chips.chips is None:
        reasons = " ".join(chips.refused.values())
        raise TooFewError("none of the new scenes can be used", where="assign", remedy=reasons)
    reduction = open_reduction(view)
    assert reduction is not None
    columns = standardise_new_chips(view, chips, report)
    points = columns @ reduction.components.T
    assignment = _vote(new, reduction, columns, points)
    projection = open_projection(view)
    assert projection is not None
    placed = transform_tsne(projection, reduction.points, points, view.settings.projection, report)
    facts = chips.chips.facts
    table = facts[list(_FACTS)].assign(
        cluster=assignment.ids,
        confidence=assignment.confidence,
        relative_distance=assignment.distances,
        x=placed[:, 0],
        y=placed[:, 1],
    )
    write_table(folder / "chips.parquet", table)
    shares = share_by_scene(assignment.ids, facts["scene"].to_numpy(dtype=object))
    return {
        "scenes": [dataclasses.asdict(share) for share in shares],
        "refused": dict(chips.refused),
        "threshold": assignment.threshold,
        "left_out_fraction": assignment.left_out_fraction,
        "held_out_fraction": assignment.held_out_fraction,
        "unknown_fraction": assignment.unknown_fraction,
        "sentences": [describe_threshold(assignment, new.settings), describe_drift(assignment)],
    }


def _vote(new: NewScenes, reduction: Reduction, columns: Any, points: Any) -> Assignment:
    """Let the chips of the result that are not excluded vote on new chips."""
    view, labelling, edited = new.reference.view, new.reference.labelling, new.reference.edited
    chips, embeddings = open_chips(view), open_embeddings(view)
    if chips is None or embeddings is None:
        raise TooFewError("the result has no embeddings", where="assign")
    known = standardise_columns(
        reduction, np.asarray(embeddings), property_columns(chips), view.settings.reduction
    )
    space, included = clustered_points(reduction.points, labelling), ~edited.excluded
    return assign_by_vote(
        points=space[included],
        columns=known[included],
        ids=edited.ids[included],
        scenes=chips.facts["scene"].to_numpy(dtype=object)[included],
        new_points=points[:, : space.shape[1]],
        new_columns=columns,
        settings=new.settings,
    )


def _open(artifact: Artifact) -> AssignedScenes:
    counts = artifact.counts
    names = ("threshold", "left_out_fraction", "held_out_fraction", "unknown_fraction")
    return AssignedScenes(
        table=read_table(artifact.folder / "chips.parquet"),
        shares=tuple(SceneShare(**share) for share in counts["scenes"]),
        threshold=counts["sentences"][0],
        drift=counts["sentences"][1],
        counts={name: counts[name] for name in names},
        refused=counts["refused"],
    )


# Version 2: positions in the projection, no longer relative to the centre of the plot.
ASSIGNMENTS: Stage[NewScenes, AssignedScenes] = Stage("assignments", 2, _inputs, _assign, _open)


def _no_result(workspace: Workspace, reason: str) -> WorkspaceError:
    problem = "there is no complete result yet"
    return WorkspaceError(
        problem if not reason else f"{problem}: {reason.rstrip('.')}",
        where=str(workspace.root),
        remedy="Compute clusters and projection first: `chipscape run`.",
    )
