"""Records of edits, as the workspace keeps them: frozen, in order, with undo and redo."""

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


@dataclass(frozen=True)
class Chips:
    """A set of rows among n chips, as text that JSON carries: 20,000 bits are 3 kB.

    Attributes
    ----------
    n : int
    packed : str
        The bits, deflated, in base64.
    """

    n: int
    packed: str

    @classmethod
    def of(cls, mask: BoolArray) -> "Chips":
        """From truths, (n,)."""
        bits = zlib.compress(np.packbits(mask).tobytes(), 9)
        return cls(len(mask), base64.b64encode(bits).decode("ascii"))

    def mask(self) -> BoolArray:
        """Truths, (n,).

        Raises
        ------
        ArtifactError
            If the text is damaged.
        """
        try:
            bits = np.frombuffer(zlib.decompress(base64.b64decode(self.packed)), np.uint8)
        except (ValueError, zlib.error) as error:
            raise ArtifactError("a list of chips is damaged", where="edits") from error
        if len(bits) != -(-self.n // 8):
            raise ArtifactError("a list of chips has another length", where="edits")
        return np.unpackbits(bits, count=self.n).astype(np.bool_)


@dataclass(frozen=True)
class Edit:
    """One edit; made by the functions of `core.clusters.editing.edits`.

    Attributes
    ----------
    kind : str
    clusters : tuple of Chips
        The chips, at the time, of each cluster that it concerns.
    chips : Chips or None
        The selection that moves, founds a cluster, splits off or is excluded.
    text : str
        The name or the colour.
    """

    kind: Kind
    clusters: tuple[Chips, ...] = ()
    chips: Chips | None = None
    text: str = ""


@dataclass(frozen=True)
class History:
    """Edits done, and those undone that can be done again."""

    done: tuple[Edit, ...] = ()
    undone: tuple[Edit, ...] = ()


def add(history: History, edit: Edit) -> History:
    """The history with one more edit; what was undone is forgotten."""
    return History((*history.done, edit))


def undo(history: History) -> History:
    """The history without its last edit; itself where there is none."""
    if not history.done:
        return history
    return History(history.done[:-1], (*history.undone, history.done[-1]))


def redo(history: History) -> History:
    """The history with the last undone edit back; itself where there is none."""
    if not history.undone:
        return history
    return History((*history.done, history.undone[-1]), history.undone[:-1])


def to_json(history: History) -> str:
    """The history as text."""
    return json.dumps({"format": _FORMAT, **asdict(history)})


def from_json(text: str) -> History:
    """The history from text.

    Raises
    ------
    ArtifactError
        If the text is no history of this version.
    """
    try:
        read = json.loads(text)
        if read["format"] != _FORMAT:
            raise ArtifactError("edits of another version", where="edits")
        done, undone = (tuple(_edit(row) for row in read[name]) for name in ("done", "undone"))
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"no list of edits: {error}", where="edits") from error
    return History(done, undone)


def _edit(row: Mapping[str, Any]) -> Edit:
    """One edit from its row; KeyError or ValueError where it is none."""
    if row["kind"] not in get_args(Kind):
        raise ValueError(f"{row['kind']!r} is no kind of edit")
    chips = Chips(**row["chips"]) if row["chips"] else None
    return Edit(row["kind"], tuple(Chips(**one) for one in row["clusters"]), chips, row["text"])
