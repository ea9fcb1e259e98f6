"""The user's edits as the workspace keeps them, and what they make of a labelling.

There is one file for each reduction and method. After a re-cut the edits are found again, together
with the ids under which the clusters were shown when the edits were made.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import write_atomically
from core.artifacts.keys import make_key
from core.clusters.editing.edit_history import History, history_from_json, history_to_json
from core.clusters.editing.edited_labelling import EditedLabelling
from core.clusters.editing.edits import replay_edits
from core.clusters.label_matching import initial_ids, match_clusters, renumber_labels
from core.clusters.labelling import Labelling
from core.clusters.methods.method_table import find_method
from core.clusters.noise_treatment import TreatedLabelling, treat_noise
from core.errors import ArtifactError
from core.pipeline.cluster_stages import clustered_points, find_tree, read_points, reduction_key
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import NoiseSettings, RunSettings
from core.types import FloatArray, IntArray


@dataclass(frozen=True)
class SavedEdits:
    """What the workspace keeps for a family of labellings.

    Attributes
    ----------
    history : History
    ids : int32 array, (n,), or None
        The ids under which the method's own clusters were shown at the last edit, -1 for noise.
    """

    history: History = field(default_factory=History)
    ids: IntArray | None = None


def edit_family(view: View) -> str:
    """Return the name of the labellings that share their edits: one reduction, one method."""
    inputs = {"reduction": reduction_key(view), "method": view.settings.method}
    return make_key("edits", 1, inputs)


def edits_path(workspace: Workspace, family: str) -> Path:
    """Return the file of a family."""
    return workspace.root / "edits" / f"{family}.json"


def load_edits(workspace: Workspace, family: str) -> SavedEdits:
    """Load what is kept for a family; nothing if there is no file.

    Raises
    ------
    ArtifactError
        If the file is damaged or of another version.
    """
    path = edits_path(workspace, family)
    if not path.is_file():
        return SavedEdits()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        ids = None
        if document["ids"]:
            raw = zlib.decompress(base64.b64decode(document["ids"]))
            ids = np.frombuffer(raw, "<i4").astype(np.int32)
        return SavedEdits(history_from_json(json.dumps(document["history"])), ids)
    except (OSError, ValueError, KeyError, TypeError, zlib.error, ArtifactError) as error:
        raise ArtifactError(
            f"the edits cannot be read ({error})",
            where=str(path),
            remedy="Move the file away to continue without them.",
        ) from error


def save_edits(workspace: Workspace, family: str, saved: SavedEdits) -> Path:
    """Write a family's file, whole or not at all."""
    path = edits_path(workspace, family)
    packed_ids = None
    if saved.ids is not None:
        raw = zlib.compress(saved.ids.astype("<i4").tobytes(), 9)
        packed_ids = base64.b64encode(raw).decode("ascii")
    document = {"history": json.loads(history_to_json(saved.history)), "ids": packed_ids}
    return write_atomically(path, json.dumps(document))


def starting_ids(labelling: Labelling, saved: SavedEdits) -> dict[int, int]:
    """Return the id of each label in a new session: as at the last edit, else the label itself."""
    if saved.ids is None or len(saved.ids) != len(labelling):
        return initial_ids(labelling.n_clusters)
    return match_clusters(saved.ids, labelling.labels)


def treat_labelling(
    labelling: Labelling, points: FloatArray, settings: RunSettings, tree: Any
) -> TreatedLabelling:
    """Treat the noise of a labelling as the settings say, if its method leaves any.

    Parameters
    ----------
    labelling : Labelling
    points : float32 array, (n, d)
        The whole reduction; the columns in which the chips were clustered are used.
    settings : RunSettings
    tree : object or None
        The tree that the method cuts, needed for soft membership.
    """
    method = find_method(labelling.method)
    if not method.has_noise:
        return treat_noise(labelling, points, NoiseSettings())
    columns, soft = clustered_points(points, labelling), None
    membership = method.hierarchy.membership if method.hierarchy else None
    if settings.noise.method == "soft" and tree is not None and membership is not None:
        soft = membership(tree, settings, columns)
    return treat_noise(labelling, columns, settings.noise, soft)


def replay_history(
    treated: TreatedLabelling, ids: Mapping[int, int], history: History
) -> tuple[EditedLabelling, list[str]]:
    """Replay edits on a treated labelling under its ids; return also those that do not fit."""
    edited, problems = replay_edits(renumber_labels(treated.labels, dict(ids)), history.edits)
    return replace(edited, confidence=treated.confidence), problems


def treat_view(view: View, labelling: Labelling) -> TreatedLabelling:
    """Treat the noise of a view's labelling as its settings say."""
    return treat_labelling(labelling, read_points(view), view.settings, find_tree(view))


def apply_saved_edits(view: View, labelling: Labelling) -> tuple[EditedLabelling, list[str]]:
    """Return a view's labelling as it is displayed: noise treated, the kept edits replayed.

    The second value names the edits that do not fit.
    """
    saved = load_edits(view.workspace, edit_family(view))
    ids = starting_ids(labelling, saved)
    return replay_history(treat_view(view, labelling), ids, saved.history)
