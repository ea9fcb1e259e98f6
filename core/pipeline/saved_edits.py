"""Save the user's edits in the workspace, and apply them to a labelling.

There is one file for each reduction and method, so that edits are kept when a tree is cut
again. The file also contains the ids that the clusters had when the last edit was made.
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
    """The saved edits of a family of labellings; see `edit_family`.

    `ids`, int32 (n,), holds for each chip the id that its cluster in the unedited labelling had
    at the last edit; -1 for noise.
    """

    history: History = field(default_factory=History)
    ids: IntArray | None = None


def edit_family(view: View) -> str:
    """Return the name of a view's family: labellings that share a reduction, a method and edits."""
    inputs = {"reduction": reduction_key(view), "method": view.settings.method}
    return make_key("edits", 1, inputs)


def edits_path(workspace: Workspace, family: str) -> Path:
    """Return the path of a family's file of edits."""
    return workspace.root / "edits" / f"{family}.json"


def load_edits(workspace: Workspace, family: str) -> SavedEdits:
    """Load the saved edits of a family; empty if it has no file.

    Raises ArtifactError if the file is damaged or of another version.
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
    """Write a family's file atomically and return its path."""
    path = edits_path(workspace, family)
    packed_ids = None
    if saved.ids is not None:
        raw = zlib.compress(saved.ids.astype("<i4").tobytes(), 9)
        packed_ids = base64.b64encode(raw).decode("ascii")
    document = {"history": json.loads(history_to_json(saved.history)), "ids": packed_ids}
    return write_atomically(path, json.dumps(document))


def starting_ids(labelling: Labelling, saved: SavedEdits) -> dict[int, int]:
    """Return an id per label, kept from the matching cluster at the last edit if there is one."""
    if saved.ids is None or len(saved.ids) != len(labelling):
        return initial_ids(labelling.n_clusters)
    return match_clusters(saved.ids, labelling.labels)


def treat_labelling(
    labelling: Labelling, points: FloatArray, settings: RunSettings, tree: Any
) -> TreatedLabelling:
    """Treat the noise of a labelling according to the settings, if its method has noise.

    `points` is the complete reduction, float32 (n, d). Distances are measured in the space of the
    method's tree, which soft membership needs, or in the columns that were clustered.
    """
    method = find_method(labelling.method)
    if not method.has_noise:
        return treat_noise(labelling, points, NoiseSettings())
    space = clustered_points(points, labelling) if tree is None else tree.space(points)
    soft = None
    membership = method.hierarchy.membership if method.hierarchy else None
    if settings.noise.method == "soft" and tree is not None and membership is not None:
        soft = membership(tree, settings, points)
    return treat_noise(labelling, space, settings.noise, soft)


def replay_history(
    treated: TreatedLabelling, ids: Mapping[int, int], history: History
) -> tuple[EditedLabelling, list[str]]:
    """Apply edits to a treated labelling; also return messages on edits that cannot be applied."""
    edited, problems = replay_edits(renumber_labels(treated.labels, dict(ids)), history.edits)
    return replace(edited, confidence=treated.confidence), problems


def treat_view(view: View, labelling: Labelling) -> TreatedLabelling:
    """Treat the noise of a view's labelling according to the view's settings."""
    return treat_labelling(labelling, read_points(view), view.settings, find_tree(view))


def apply_saved_edits(view: View, labelling: Labelling) -> tuple[EditedLabelling, list[str]]:
    """Return a view's labelling as displayed, with its noise treated and the saved edits applied.

    Also returns messages on edits that cannot be applied.
    """
    saved = load_edits(view.workspace, edit_family(view))
    ids = starting_ids(labelling, saved)
    return replay_history(treat_view(view, labelling), ids, saved.history)
