"""The content of a vector file or a table of boxes: geometries, attributes and a CRS."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from core.errors import AnnotationError
from core.types import Geometries

PIXELS = "pixels"
"""Used in place of a CRS: coordinates are pixel columns and rows of the scene."""
SCENE = "scene"
"""Used in place of a CRS: coordinates are in the CRS of the scene."""
# Half of a UTF-16 surrogate pair, which JSON can escape on its own but no file can store.
SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"
# Built once, since `json.dumps` with options builds an encoder for each value.
ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=str)


@dataclass(frozen=True)
class Annotations:
    """The content of one vector file, unchanged.

    Attributes
    ----------
    geometries : object array, (n,)
        Shapely geometries; None where the file has none.
    properties : DataFrame, n rows
        The attributes in the file.
    crs : str
        Well-known text, or `PIXELS` or `SCENE`.
    notes : tuple of str
        Sentences on assumptions made on reading.
    scene_names : tuple of str, n
        The stem of the scene that each row names; empty if the file does not name scenes.
    """

    geometries: Geometries
    properties: pd.DataFrame
    crs: str
    notes: tuple[str, ...] = field(default=())
    scene_names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if len(self.geometries) != len(self.properties):
            raise AnnotationError(
                f"there are {len(self.geometries)} geometries but {len(self.properties)} rows"
            )

    def __len__(self) -> int:
        return len(self.geometries)

    def for_scene(self, name: str) -> "Annotations":
        """The annotations that name a scene by its stem; all if the file does not name scenes."""
        if not self.scene_names:
            return self
        rows = np.flatnonzero([scene_name == name for scene_name in self.scene_names])
        properties = self.properties.iloc[rows].reset_index(drop=True)
        return Annotations(self.geometries[rows], properties, self.crs, self.notes)


def flatten_value(value: Any) -> Any:
    """Return nested values as JSON text, so that every value fits into a table cell."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return json_text(value) if isinstance(value, dict | list) else value


def json_text(value: Any) -> str:
    """Return a value as JSON with sorted keys."""
    return ENCODER.encode(value)


def repair_surrogates(value: Any, broken_texts: list[str]) -> Any:
    """Return parsed JSON with U+FFFD for each lone surrogate, in keys and nested values as well.

    Every text that held a lone surrogate is appended to `broken_texts`.
    """
    if isinstance(value, str):
        if not SURROGATE.search(value):
            return value
        broken_texts.append(value)
        return SURROGATE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [repair_surrogates(item, broken_texts) for item in value]
    if not isinstance(value, dict):
        return value
    repaired_object: dict[Any, Any] = {}
    for key, item in value.items():
        name = repair_surrogates(key, broken_texts)
        # Keys that differ only in their surrogates must stay distinct.
        while name in repaired_object or (name != key and name in value):
            name += REPLACEMENT
        repaired_object[name] = repair_surrogates(item, broken_texts)
    return repaired_object


def surrogate_note(broken_texts: Sequence[str]) -> tuple[str, ...]:
    """Return a note on the texts that `repair_surrogates` changed; empty if there are none."""
    values = "1 text value" if len(broken_texts) == 1 else f"{len(broken_texts)} text values"
    return (f"Invalid characters were replaced in {values}.",) if broken_texts else ()


def parsing_note(n_failed: int) -> tuple[str, ...]:
    """Return a note on geometries that could not be parsed; empty if there are none."""
    subject = "1 geometry was" if n_failed == 1 else f"{n_failed} geometries were"
    return (f"{subject} treated as null, because parsing failed.",) if n_failed else ()


def distinct_names(names: Sequence[str]) -> list[str]:
    """Return the names, with a number after each that has occurred before: a, a_2, a_3."""
    result: list[str] = []
    reserved, used = set(names), set[str]()
    last_numbers: Counter[str] = Counter()
    for name in names:
        new_name = name
        while new_name in used or (new_name != name and new_name in reserved):
            last_numbers[name] += 1
            new_name = f"{name}_{last_numbers[name] + 1}"
        used.add(new_name)
        result.append(new_name)
    return result


def object_array(items: Sequence[Any]) -> Geometries:
    """Return an object array that holds the items themselves, even if they are sequences."""
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array
