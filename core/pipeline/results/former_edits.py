"""Files of edits of earlier versions: one per reduction and method, by row of the labelling."""

import base64
import json
import zlib
from collections.abc import Sequence

import numpy as np

from core.artifacts.keys import make_key
from core.clusters.editing.edit_history import attach_chip_ids, history_from_document, pack_chip_ids
from core.errors import ArtifactError
from core.pipeline.cluster_stages import reduction_key
from core.pipeline.results.curation import Curation, Numbering
from core.pipeline.view import View

REMEDY = "Move the file away to continue without names and other edits."


def read_former_edits(view: View, chip_ids: Sequence[str]) -> Curation | None:
    """Return the edits that an earlier version saved for a view's reduction and method."""
    inputs = {"reduction": reduction_key(view), "method": view.settings.method}
    path = view.workspace.root / "edits" / f"{make_key('edits', 1, inputs)}.json"
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        history = history_from_document(document["history"])
        packed = document["ids"] or ""
        n = len(np.frombuffer(zlib.decompress(base64.b64decode(packed)), "<i4")) if packed else 0
    except (OSError, ValueError, KeyError, TypeError, zlib.error, ArtifactError) as error:
        problem = f"the edits cannot be read ({error})"
        raise ArtifactError(problem, where=str(path), remedy=REMEDY) from error
    fits = n == len(chip_ids)
    numbering = Numbering({}, pack_chip_ids(chip_ids), packed) if fits else Numbering()
    return Curation(attach_chip_ids(history, chip_ids), numbering)
