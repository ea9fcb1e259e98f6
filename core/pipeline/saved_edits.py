"""The user's edits in the workspace, and what they make of a labelling.

One file for each reduction and method: a re-cut finds the edits again, and the ids under which
clusters were shown when they were made.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex

import numpy as np

from core.artifacts.keys import make_key
from core.clusters.editing import edits
from core.clusters.editing.edit_history import History, from_json, to_json
from core.clusters.editing.edits import Edited
from core.clusters.label_matching import match, own_ids, renumbered
from core.clusters.labelling import Labelling
from core.clusters.methods.hdbscan_tree import Tree
from core.clusters.noise_treatment import Treated, soft_membership, treat
from core.errors import ArtifactError
from core.pipeline.workspace import Workspace
from core.settings import NoiseSettings, RunSettings
from core.types import FloatArray, IntArray


@dataclass(frozen=True)
class Saved:
    """What the workspace keeps of a family of labellings.

    Attributes
    ----------
    history : History
    ids : int32 array, (n,), or None
        The ids under which the method's own clusters were shown at the last edit, -1 for noise.
    """

    history: History = field(default_factory=History)
    ids: IntArray | None = None


def family(reduction: str, method: str) -> str:
    """The name of the labellings that share their edits."""
    return make_key("edits", 1, {"reduction": reduction, "method": method})


def path_of(workspace: Workspace, name: str) -> Path:
    """The file of a family."""
    return workspace.root / "edits" / f"{name}.json"


def load(workspace: Workspace, name: str) -> Saved:
    """What is kept of a family; nothing where there is no file.

    Raises
    ------
    ArtifactError
        If the file is damaged or of another version.
    """
    path = path_of(workspace, name)
    if not path.is_file():
        return Saved()
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        packed = kept["ids"]
        bits = zlib.decompress(base64.b64decode(packed)) if packed else b""
        ids = np.frombuffer(bits, "<i4").astype(np.int32) if packed else None
        return Saved(from_json(json.dumps(kept["history"])), ids)
    except (OSError, ValueError, KeyError, TypeError, zlib.error, ArtifactError) as error:
        raise ArtifactError(
            f"the edits cannot be read ({error})",
            where=str(path),
            remedy="Move the file away to go on without them.",
        ) from error


def save(workspace: Workspace, name: str, saved: Saved) -> Path:
    """Write a family's file, whole or not at all."""
    path = path_of(workspace, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = None
    if saved.ids is not None:
        raw = zlib.compress(saved.ids.astype("<i4").tobytes(), 9)
        packed = base64.b64encode(raw).decode("ascii")
    document = {"history": json.loads(to_json(saved.history)), "ids": packed}
    part = path.with_suffix(f".{token_hex(4)}.part")
    part.write_text(json.dumps(document), encoding="utf-8")
    part.replace(path)
    return path


def first_ids(labelling: Labelling, saved: Saved) -> dict[int, int]:
    """The id of each label in a new session: as at the last edit, else the label itself."""
    if saved.ids is None or len(saved.ids) != len(labelling):
        return own_ids(labelling.n_clusters)
    return match(saved.ids, labelling.labels)


def treated(
    labelling: Labelling, points: FloatArray, settings: RunSettings, tree: Tree | None
) -> Treated:
    """The labelling with its noise as the settings say; only HDBSCAN's has any.

    Parameters
    ----------
    labelling : Labelling
    points : float32 array, (n, d)
        The whole reduction; the clustering's own columns are used.
    settings : RunSettings
    tree : Tree or None
        Needed for soft membership.
    """
    if labelling.method != "hdbscan":
        return treat(labelling, points, NoiseSettings())
    mine = points[:, : int(labelling.facts.get("n_dims", points.shape[1]))]
    soft = None
    if settings.noise.method == "soft" and tree is not None:
        soft = soft_membership(tree, settings.cut, mine)
    return treat(labelling, mine, settings.noise, soft)


def edited(found: Treated, ids: Mapping[int, int], history: History) -> tuple[Edited, list[str]]:
    """The edits replayed on a treated labelling under its ids, and those that do not fit."""
    state, problems = edits.replay(renumbered(found.labels, dict(ids)), history.done)
    return replace(state, confidence=found.confidence), problems


def shown(
    workspace: Workspace,
    reduction: str,
    points: FloatArray,
    labelling: Labelling,
    settings: RunSettings,
    tree: Tree | None,
) -> tuple[Edited, list[str]]:
    """A labelling as it is shown: its noise treated, the workspace's edits replayed.

    Parameters
    ----------
    workspace : Workspace
    reduction : str
        Key of the reduction.
    points, labelling, settings, tree
        As in `treated`.
    """
    found = treated(labelling, points, settings, tree)
    saved = load(workspace, family(reduction, settings.method))
    return edited(found, first_ids(labelling, saved), saved.history)
