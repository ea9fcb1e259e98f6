"""What a vector file, or a table of boxes, holds: geometries, properties, a CRS."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from core.errors import AnnotationError
from core.types import Geometries

PIXELS = "pixels"
"""In place of a CRS: coordinates are columns and rows of the scene."""
SCENE = "scene"
"""In place of a CRS: coordinates are in the scene's own CRS, whichever that is."""
# Half of a character that UTF-16 writes as two: JSON can name one alone, no file can hold it.
BROKEN = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Annotations:
    """What one vector file holds, as it stands there.

    Attributes
    ----------
    geometries : object array, (n,)
        Shapely geometries, None where the file has none.
    properties : DataFrame, n rows
        The user's own columns, untouched.
    crs : str
        Well-known text, or `PIXELS` or `SCENE`.
    notes : tuple of str
        What was assumed.
    scenes : tuple of str
        The stem of the scene that each row names; empty where the file names none.
    """

    geometries: Geometries
    properties: pd.DataFrame
    crs: str
    notes: tuple[str, ...] = field(default=())
    scenes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if len(self.geometries) != len(self.properties):
            raise AnnotationError(
                f"{len(self.geometries)} geometries beside {len(self.properties)} rows"
            )

    def __len__(self) -> int:
        return len(self.geometries)

    def of(self, scene: str) -> "Annotations":
        """Those that name a scene, by stem; all where the file names none."""
        if not self.scenes:
            return self
        rows = np.flatnonzero([name == scene for name in self.scenes])
        properties = self.properties.iloc[rows].reset_index(drop=True)
        return Annotations(self.geometries[rows], properties, self.crs, self.notes)


# Made once: `json.dumps` with options makes one for each value.
_TEXT = json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=str)


def flat(value: Any) -> Any:
    """Nested values as JSON text, so that every cell fits a table."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return as_text(value) if isinstance(value, dict | list) else value


def as_text(value: Any) -> str:
    """JSON with its keys in order."""
    return _TEXT.encode(value)


def mended(value: Any, broken: list[str]) -> Any:
    """A value with U+FFFD for each half of a character, in keys and nested values too.

    Texts that had one are added to `broken`.
    """
    if isinstance(value, str):
        if not BROKEN.search(value):
            return value
        broken.append(value)
        return BROKEN.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [mended(one, broken) for one in value]
    if not isinstance(value, dict):
        return value
    whole: dict[Any, Any] = {}
    for key, one in value.items():
        name = mended(key, broken)
        # Two names that differ in nothing else stay two.
        while name in whole or (name != key and name in value):
            name += REPLACEMENT
        whole[name] = mended(one, broken)
    return whole


def mended_note(broken: Sequence[str]) -> tuple[str, ...]:
    """What `mended` did, in words; nothing where it did nothing."""
    texts = "1 text" if len(broken) == 1 else f"{len(broken)} texts"
    return (f"{texts} held broken characters: replaced",) if broken else ()


def filled(geometries: Sequence[Any]) -> Geometries:
    """An object array that numpy does not take apart."""
    array = np.empty(len(geometries), dtype=object)
    array[:] = geometries
    return array
