"""The edits of a labelling as a workspace stores them: immutable, in order, with undo and redo.

Edits refer to chips by their ids: each edit names the list of chips that existed when it was made,
and its selections are bits of that list. So edits outlast added scenes and other reductions.
"""

import base64
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np

from core.errors import ArtifactError
from core.types import BoolArray

Kind = Literal[
    "rename", "recolour", "merge", "split", "move", "new", "name", "exclude", "include", "approve"
]
_FORMAT = 1
_PAST_TENSE: dict[Kind, str] = {
    "rename": "renamed",
    "recolour": "recoloured",
    "merge": "merged",
    "split": "split",
    "move": "chips moved",
    "new": "new cluster",
    "name": "chips named",
    "exclude": "chips excluded",
    "include": "chips included",
    "approve": "approved",
}


@dataclass(frozen=True)
class ChipSelection:
    """A selection of chips as text that fits into JSON: 20,000 chips take 3 kB.

    The text holds one bit for each of the `n` chips, selected or not, deflated and in base64.
    """

    n: int
    packed: str

    @classmethod
    def from_mask(cls, selected: BoolArray) -> "ChipSelection":
        """Pack a boolean array, (n,), that is True for selected chips."""
        bits = zlib.compress(np.packbits(selected).tobytes(), 9)
        return cls(len(selected), base64.b64encode(bits).decode("ascii"))

    def to_mask(self) -> BoolArray:
        """Return True for selected chips, (n,); raises ArtifactError if the text is damaged."""
        try:
            bits = np.frombuffer(zlib.decompress(base64.b64decode(self.packed)), np.uint8)
        except (ValueError, zlib.error) as error:
            raise ArtifactError("a selection of chips is damaged", where="edits") from error
        if len(bits) != -(-self.n // 8):
            raise ArtifactError("a selection of chips has the wrong length", where="edits")
        return np.unpackbits(bits, count=self.n).astype(np.bool_)


@dataclass(frozen=True)
class Edit:
    """One edit, created by the functions of `core.clusters.editing.edits`.

    Attributes
    ----------
    clusters : tuple of ChipSelection
        For each cluster that is edited, the chips that it held at the time.
    chips : ChipSelection or None
        The chips that are moved, named, split off, excluded, included, approved or turned into a
        new cluster.
    text : str
        The new name or colour; empty for edits that set neither.
    chip_list : str
        Key of the list of chips in `History.chip_lists`; empty if the selections refer to the rows
        of the labelling.
    cluster_id : int
        For edits that rename: the id of the cluster at the time, which its chips get again if
        another labelling has no such cluster. -1 in histories of earlier versions.
    """

    kind: Kind
    clusters: tuple[ChipSelection, ...] = ()
    chips: ChipSelection | None = None
    text: str = ""
    chip_list: str = ""
    cluster_id: int = -1


@dataclass(frozen=True)
class History:
    """The edits in effect, and the undone edits that can be redone, both oldest first.

    `chip_lists` are the lists of chip ids that the edits refer to, packed by `pack_chip_ids`, by
    key.
    """

    edits: tuple[Edit, ...] = ()
    undone_edits: tuple[Edit, ...] = ()
    chip_lists: Mapping[str, str] = field(default_factory=dict)


def chip_list_key(chip_ids: Sequence[str]) -> str:
    """Return the key of a list of chip ids: 16 hexadecimal digits that depend on its order."""
    return hashlib.blake2b("\n".join(chip_ids).encode(), digest_size=8).hexdigest()


def pack_chip_ids(chip_ids: Sequence[str]) -> str:
    """Return chip ids as text that fits into JSON: about 8 bytes per chip."""
    return base64.b64encode(zlib.compress("\n".join(chip_ids).encode(), 6)).decode("ascii")


@lru_cache(maxsize=8)
def unpack_chip_ids(packed: str) -> tuple[str, ...]:
    """Return packed chip ids; raises ArtifactError if the text is damaged."""
    try:
        text = zlib.decompress(base64.b64decode(packed)).decode()
    except (ValueError, zlib.error) as error:
        raise ArtifactError("a list of chips is damaged", where="edits") from error
    return tuple(text.split("\n")) if text else ()


def describe_edit(edit: Edit) -> str:
    """Return a description of an edit, for example ``"renamed to quay"``."""
    value = f" to {edit.text}" if edit.kind in ("rename", "recolour") else f" {edit.text}"
    has_value = edit.text and edit.kind in ("rename", "recolour", "name")
    return _PAST_TENSE[edit.kind] + (value if has_value else "")


def add_edit(history: History, edit: Edit, chip_ids: Sequence[str] = ()) -> History:
    """Return the history with one more edit; undone edits are dropped.

    `chip_ids` are the chips of the labelling that was edited, row by row. Without them, the edit
    fits only labellings with the same rows.
    """
    lists = dict(history.chip_lists)
    if chip_ids:
        edit = replace(edit, chip_list=chip_list_key(chip_ids))
        lists[edit.chip_list] = lists.get(edit.chip_list) or pack_chip_ids(chip_ids)
    edits = (*history.edits, edit)
    used = {item.chip_list for item in edits}
    return History(edits, (), {key: packed for key, packed in lists.items() if key in used})


def attach_chip_ids(history: History, chip_ids: Sequence[str]) -> History:
    """Return a history in which edits without a list of chips refer to `chip_ids`.

    Only edits of as many chips are changed; they were made for the rows of a labelling.
    """
    key = chip_list_key(chip_ids)

    def attach(edit: Edit) -> Edit:
        selections = (*edit.clusters, *((edit.chips,) if edit.chips else ()))
        fits = not edit.chip_list and all(part.n == len(chip_ids) for part in selections)
        return replace(edit, chip_list=key) if fits else edit

    edits, undone = tuple(map(attach, history.edits)), tuple(map(attach, history.undone_edits))
    return History(edits, undone, {**history.chip_lists, key: pack_chip_ids(chip_ids)})


def undo_edit(history: History) -> History:
    """Return the history with its last edit undone, or unchanged if there is none."""
    if not history.edits:
        return history
    undone = (*history.undone_edits, history.edits[-1])
    return History(history.edits[:-1], undone, history.chip_lists)


def redo_edit(history: History) -> History:
    """Return the history with the last undone edit restored, or unchanged if there is none."""
    if not history.undone_edits:
        return history
    edits = (*history.edits, history.undone_edits[-1])
    return History(edits, history.undone_edits[:-1], history.chip_lists)


def history_to_document(history: History) -> dict[str, Any]:
    """Return the history as a document that fits into JSON."""
    return {
        "format": _FORMAT,
        "done": [asdict(edit) for edit in history.edits],
        "undone": [asdict(edit) for edit in history.undone_edits],
        "chip_lists": dict(history.chip_lists),
    }


def history_from_document(document: Any) -> History:
    """Return the history in a document, as it is read from JSON.

    Raises ArtifactError if it is not a history, or is from another version of Chipscape.
    """
    try:
        if document["format"] != _FORMAT:
            raise ArtifactError("the edits are from another version of Chipscape", where="edits")
        edits, undone = (tuple(map(_parse_edit, document[name])) for name in ("done", "undone"))
        # Histories written before edits referred to chip ids have no lists.
        lists = {str(key): str(value) for key, value in document.get("chip_lists", {}).items()}
        return History(edits, undone, lists)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"these are no edits ({error})", where="edits") from error


def _parse_edit(row: Mapping[str, Any]) -> Edit:
    """Build an edit from its JSON object; raises KeyError, TypeError or ValueError if damaged."""
    if row["kind"] not in get_args(Kind):
        raise ValueError(f"{row['kind']!r} is not a kind of edit")
    chips = ChipSelection(**row["chips"]) if row["chips"] else None
    clusters = tuple(ChipSelection(**cluster) for cluster in row["clusters"])
    lasting = row.get("chip_list", ""), int(row.get("cluster_id", -1))
    return Edit(row["kind"], clusters, chips, row["text"], *lasting)
