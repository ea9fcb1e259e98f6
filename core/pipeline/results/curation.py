"""Curation: the user's edits of the clusters, and the numbers under which clusters are displayed.

Both refer to chip ids, so they outlast added scenes, other reductions and other encoders.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.clusters.editing.edit_history import (
    History,
    history_from_document,
    history_to_document,
    pack_chip_ids,
    unpack_chip_ids,
)
from core.clusters.label_matching import align_ids, initial_ids, match_clusters, renumber_labels
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
    return None if set(chips).isdisjoint(chip_ids) else align_ids(ids, chips, chip_ids, NOISE)


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


def curation_to_document(curation: Curation) -> dict[str, Any]:
    """Return a curation as a document that fits into JSON."""
    numbering = curation.numbering
    return {
        "history": history_to_document(curation.history),
        "numbers": dict(numbering.by_labelling),
        "chips": numbering.chips,
        "ids": numbering.ids,
    }


def curation_from_document(document: Any) -> Curation:
    """Return the curation in a document, as it is read from JSON.

    Raises ArtifactError if it is damaged or of another version.
    """
    try:
        numbers = {key: tuple(map(int, ids)) for key, ids in document["numbers"].items()}
        history = history_from_document(document["history"])
        numbering = Numbering(numbers, str(document["chips"]), str(document["ids"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"the edits cannot be read ({error})", where="edits") from error
    return Curation(history, numbering)
