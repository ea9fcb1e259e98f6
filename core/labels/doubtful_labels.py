"""Labels that may be wrong: the chips whose label does not fit the chips that resemble them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.clusters.evaluation.agreement import encode_classes, require_two_classes
from core.errors import ArtifactError
from core.labels.chip_classifier import held_out_probabilities, label_space
from core.types import AnyArray, FloatArray

N_NEIGHBOURS = 10


def find_doubtful_labels(
    points: FloatArray, values: Sequence[Any] | AnyArray, name: str = "attribute"
) -> pd.DataFrame:
    """Return all chips that have a label, those whose label is most doubtful first.

    Doubt is the highest probability of another class minus that of the chip's own class, according
    to classifiers that were fitted without the chip (self-confidence and margin of confident
    learning; Northcutt et al., 2021). Chips of a class that no other fold holds are sorted last.

    Returns the columns row; label; suggested, the most likely other class; doubt, -1..1, above 0 if
    the other class is more likely; and neighbour_agreement, the share of the 10 nearest labelled
    chips with the same label, 0..1.

    Parameters
    ----------
    points : float32 array, (n, d)
    values : sequence, (n,)
        Label of each chip; None, NaN and empty text are missing.

    Raises TooFewError if there are fewer than two classes.
    """
    if len(points) != len(values):
        raise ArtifactError("points and labels differ in length", where=name)
    present, classes, codes = encode_classes(values)
    require_two_classes(present, classes, name)
    rows = np.flatnonzero(present)
    probabilities = held_out_probabilities(label_space(points), rows, codes)
    positions = np.arange(len(rows))
    own_class = probabilities[positions, codes].copy()
    probabilities[positions, codes] = -1
    other = np.where(np.isnan(own_class), 0, np.nan_to_num(probabilities).argmax(axis=1))
    doubt = probabilities[positions, other] - own_class
    # Without another chip of the class, the chip's own class cannot have been learnt.
    doubt[np.isnan(own_class) | (np.bincount(codes)[codes] < 2)] = -1
    names = np.array(classes, object)
    table = pd.DataFrame(
        {
            "row": rows,
            "label": names[codes],
            "suggested": names[other],
            "doubt": doubt,
            "neighbour_agreement": _neighbour_agreement(points[rows], codes),
        }
    )
    return table.sort_values("doubt", ascending=False, kind="stable", ignore_index=True)


def _neighbour_agreement(points: FloatArray, codes: AnyArray) -> AnyArray:
    """Return the share of the nearest other chips with the same class, (m,)."""
    from core.neighbours.nearest import search_other_rows

    k = min(N_NEIGHBOURS, len(points) - 1)
    _, nearest = search_other_rows(points, k)
    agreement: AnyArray = (codes[nearest] == codes[:, None]).mean(axis=1)
    return agreement
