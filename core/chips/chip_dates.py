"""The date of each chip: from an attribute of the annotations, or from the scene's name."""

import re

import numpy as np
import pandas as pd

from core.types import AnyArray

_NAMES = re.compile(r"date|acqui|captur|time|datum", re.IGNORECASE)
_IN_SCENE_NAME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])(?!\d)"
)
# An attribute counts as a date if at least this fraction of its values are dates.
_MOSTLY = 0.5


def chip_dates(facts: pd.DataFrame, properties: pd.DataFrame) -> AnyArray | None:
    """Return the date of each chip, datetime64 (n,), NaT if it is unknown; None if all are.

    The first attribute whose name suggests a date and of which most values are dates is used; else
    a date such as 2024-06-30 or 20240630 in the name of the scene.
    """
    for name in properties.columns:
        if _NAMES.search(str(name)) and not pd.api.types.is_numeric_dtype(properties[name]):
            texts = properties[name].astype(str)
            dates = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")
            if dates.notna().mean() >= _MOSTLY:
                return np.asarray(dates.dt.tz_localize(None).to_numpy("datetime64[s]"))
    scenes = facts["scene"].astype(str)
    names = {scene: _date_in(scene) for scene in scenes.unique()}
    named = np.array([names[scene] for scene in scenes], "datetime64[s]")
    return None if np.isnat(named).all() else named


def _date_in(name: str) -> np.datetime64:
    """Return the date in the name of a scene; NaT if there is none."""
    for match in _IN_SCENE_NAME.finditer(name):
        try:
            return np.datetime64("-".join(match.groups()), "s")
        except ValueError:
            continue
    return np.datetime64("NaT", "s")
