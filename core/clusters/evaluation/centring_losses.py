"""What centring by scene would remove: attributes whose values differ between the scenes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.clusters.evaluation.agreement import encode_classes
from core.types import AnyArray

MOST_VALUES = 50
"""Largest number of values of an attribute that is taken for a class."""
# Cramér's V of attribute and scene from which centring by scene removes all, or part, of the
# differences between the values. Two scenes with 80 and 20 % of each class have a V of 0.6.
_NESTED = 0.9
_UNBALANCED = 0.5


def centring_warnings(properties: pd.DataFrame, scenes: Sequence[Any] | AnyArray) -> list[str]:
    """Return a sentence for each attribute whose differences centring by scene would remove.

    Attributes with 2 to 50 values are tested for association with the scene by the bias-corrected
    Cramér's V (Bergsma, Journal of the Korean Statistical Society, 2013): 0 if every scene has the
    same shares of the values, 1 if the scene determines the value or the value the scene.
    """
    sentences = []
    for name, strength, table in _scene_associations(properties, scenes):
        if strength >= _NESTED and ((table > 0).sum(axis=1) == 1).all():
            sentences.append(
                f"Each scene has only one value of {name!r}: centring by scene removes the "
                "difference between its values."
            )
        elif strength >= _NESTED:
            sentences.append(
                f"Nearly all differences in {name!r} are differences between scenes: centring by "
                "scene removes them."
            )
        elif strength >= _UNBALANCED:
            sentences.append(
                f"The scenes differ in {name!r} (Cramér's V {strength:.2f}): centring by scene "
                "also removes part of the difference between its values."
            )
    return sentences


def nested_attributes(properties: pd.DataFrame, scenes: Sequence[Any] | AnyArray) -> list[str]:
    """Return the attributes of which centring by scene removes all or nearly all differences."""
    return [
        name for name, strength, _ in _scene_associations(properties, scenes) if strength >= _NESTED
    ]


def _scene_associations(
    properties: pd.DataFrame, scenes: Sequence[Any] | AnyArray
) -> Iterator[tuple[str, float, AnyArray]]:
    """Yield each attribute with 2 to 50 values, its Cramér's V, and its counts by scene."""
    scene_codes = pd.factorize(np.asarray(scenes, dtype=object).astype(str))[0]
    for name in properties.columns:
        present, classes, codes = encode_classes(properties[name].tolist())
        if 2 <= len(classes) <= min(MOST_VALUES, len(codes) // 2):
            own_scenes = scene_codes[present]
            counts = np.asarray(pd.crosstab(own_scenes, codes))
            yield str(name), _cramers_v(counts), counts


def _cramers_v(counts: AnyArray) -> float:
    """Return the bias-corrected Cramér's V of a contingency table; 0 if either fact is constant."""
    table = counts.astype(np.float64)
    n, (rows, columns) = table.sum(), table.shape
    if n < 2 or min(rows, columns) < 2:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    phi2 = float(((table - expected) ** 2 / expected).sum() / n)
    corrected = max(phi2 - (rows - 1) * (columns - 1) / (n - 1), 0.0)
    n_rows = rows - (rows - 1) ** 2 / (n - 1)
    n_columns = columns - (columns - 1) ** 2 / (n - 1)
    largest = min(n_rows, n_columns) - 1
    return float(np.sqrt(corrected / largest)) if largest > 0 else 0.0
