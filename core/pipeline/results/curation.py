"""Curation: the user's edits of the clusters, and the numbers under which clusters are displayed.

Both refer to chip ids, so they outlast added scenes, other reductions and other encoders.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from core.clusters.editing.edit_history import (
    History,
    history_from_json,
    history_to_json,
    pack_chip_ids,
    unpack_chip_ids,
)
from core.clusters.label_matching import initial_ids, match_clusters, renumber_labels
from core.clusters.labelling import NOISE, Labelling
from core.errors import ArtifactError
from core.types import IntArray

MOST_NUMBERED = 300


@dataclass(frozen=True)
class Numbering:
    """The numbers (ids) of clusters.

    Attributes
    ----------
    by_labelling : mapping of str to tuple of int
        The id of each label of the labellings that have been displayed, by labelling key.
    chips, ids : str
        The chips of the labelling that was displayed last, and the id of each chip's cluster,
        packed; -1 for noise. Other labellings take over the ids of the clusters that match.
    """

    by_labelling: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    chips: str = ""
    ids: str = ""


@dataclass(frozen=True)
class Curation:
    """The edits of a result and the numbering of its clusters."""

    history: History = field(default_factory=History)
    numbering: Numbering = field(default_factory=Numbering)


def number_clusters(
    labelling: Labelling, key: str, numbering: Numbering, chip_ids: Sequence[str]
) -> dict[int, int]:
    """Return the id of each label of a labelling.

    A labelling that has been displayed before keeps its ids. Any other labelling takes over the ids
    of the clusters of the last labelling that contain the same chips.
    """
    ids = numbering.by_labelling.get(key, ())
    if len(ids) == labelling.n_clusters > 0:
        return dict(enumerate(ids))
    last = last_ids(numbering, chip_ids)
    if last is None:
        return initial_ids(labelling.n_clusters)
    return match_clusters(last, labelling.labels)


def last_ids(numbering: Numbering, chip_ids: Sequence[str]) -> IntArray | None:
    """Return the id of each chip's cluster in the last labelling, (n,); -1 for unknown chips.

    None if no labelling has been displayed yet, or if none of the chips was in it.
    """
    if not numbering.ids:
        return None
    try:
        raw = zlib.decompress(base64.b64decode(numbering.ids))
        ids = np.frombuffer(raw, "<i4").astype(np.int32)
    except (ValueError, zlib.error) as error:
        raise ArtifactError("the numbers of the clusters are damaged", where="edits") from error
    chips = unpack_chip_ids(numbering.chips)
    if len(chips) != len(ids):
        raise ArtifactError("the numbers of the clusters do not fit the chips", where="edits")
    if tuple(chip_ids) == chips:
        return ids
    rows = pd.Index(chips).get_indexer(pd.Index(chip_ids))
    if (rows < 0).all():
        return None
    aligned = np.full(len(chip_ids), NOISE, np.int32)
    aligned[rows >= 0] = ids[rows[rows >= 0]]
    return aligned


def with_labelling(
    numbering: Numbering, labelling: Labelling, key: str, chip_ids: Sequence[str]
) -> Numbering:
    """Return the numbering after a labelling has been displayed."""
    ids = number_clusters(labelling, key, numbering, chip_ids)
    by_labelling = {name: value for name, value in numbering.by_labelling.items() if name != key}
    by_labelling[key] = tuple(ids[label] for label in range(labelling.n_clusters))
    for name in list(by_labelling)[:-MOST_NUMBERED]:
        del by_labelling[name]
    displayed = renumber_labels(labelling.labels, ids)
    packed = base64.b64encode(zlib.compress(displayed.astype("<i4").tobytes(), 6)).decode("ascii")
    return Numbering(by_labelling, pack_chip_ids(chip_ids), packed)


def curation_to_json(curation: Curation) -> str:
    """Return a curation as JSON."""
    numbering = curation.numbering
    document = {
        "history": json.loads(history_to_json(curation.history)),
        "numbers": dict(numbering.by_labelling),
        "chips": numbering.chips,
        "ids": numbering.ids,
    }
    return json.dumps(document)


def curation_from_json(text: str) -> Curation:
    """Read a curation from JSON; raises ArtifactError if it is damaged or of another version."""
    try:
        document: Mapping[str, Any] = json.loads(text)
        numbers = {key: tuple(map(int, ids)) for key, ids in document["numbers"].items()}
        history = history_from_json(json.dumps(document["history"]))
        numbering = Numbering(numbers, str(document["chips"]), str(document["ids"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"the edits cannot be read ({error})", where="edits") from error
    return Curation(history, numbering)
