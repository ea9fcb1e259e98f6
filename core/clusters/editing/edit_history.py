"""The edits of a labelling as a workspace stores them: immutable, in order, with undo and redo."""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from core.errors import ArtifactError
from core.types import BoolArray

Kind = Literal["rename", "recolour", "merge", "split", "move", "new", "exclude", "approve"]
_FORMAT = 1
_PAST_TENSE: dict[Kind, str] = {
    "rename": "renamed",
    "recolour": "recoloured",
    "merge": "merged",
    "split": "split",
    "move": "chips moved",
    "new": "new cluster",
    "exclude": "chips excluded",
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
        The chips that are moved, split off, excluded or turned into a new cluster.
    text : str
        The new name or colour; empty for edits that set neither.
    """

    kind: Kind
    clusters: tuple[ChipSelection, ...] = ()
    chips: ChipSelection | None = None
    text: str = ""


@dataclass(frozen=True)
class History:
    """The edits in effect, and the undone edits that can be redone, both oldest first."""

    edits: tuple[Edit, ...] = ()
    undone_edits: tuple[Edit, ...] = ()


def describe_edit(edit: Edit) -> str:
    """Return a description of an edit, for example ``"renamed to quay"``."""
    has_value = edit.text and edit.kind in ("rename", "recolour")
    return _PAST_TENSE[edit.kind] + (f" to {edit.text}" if has_value else "")


def add_edit(history: History, edit: Edit) -> History:
    """Return the history with one more edit; undone edits are dropped."""
    return History((*history.edits, edit))


def undo_edit(history: History) -> History:
    """Return the history with its last edit undone, or unchanged if there is none."""
    if not history.edits:
        return history
    return History(history.edits[:-1], (*history.undone_edits, history.edits[-1]))


def redo_edit(history: History) -> History:
    """Return the history with the last undone edit restored, or unchanged if there is none."""
    if not history.undone_edits:
        return history
    return History((*history.edits, history.undone_edits[-1]), history.undone_edits[:-1])


def history_to_json(history: History) -> str:
    """Return the history as JSON."""
    document = {"format": _FORMAT, "done": history.edits, "undone": history.undone_edits}
    return json.dumps(document, default=asdict)


def history_from_json(text: str) -> History:
    """Read a history from JSON.

    Raises ArtifactError if the text is not a history, or is from another version of Chipscape.
    """
    try:
        document = json.loads(text)
        if document["format"] != _FORMAT:
            raise ArtifactError("the edits are from another version of Chipscape", where="edits")
        return History(*(tuple(map(_parse_edit, document[name])) for name in ("done", "undone")))
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"the text is not a list of edits ({error})", where="edits") from error


def _parse_edit(row: Mapping[str, Any]) -> Edit:
    """Build an edit from its JSON object; raises KeyError, TypeError or ValueError if damaged."""
    if row["kind"] not in get_args(Kind):
        raise ValueError(f"{row['kind']!r} is not a kind of edit")
    chips = ChipSelection(**row["chips"]) if row["chips"] else None
    clusters = tuple(ChipSelection(**cluster) for cluster in row["clusters"])
    return Edit(row["kind"], clusters, chips, row["text"])
