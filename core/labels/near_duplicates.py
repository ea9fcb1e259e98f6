"""Pairs of chips that are nearly the same, by their embeddings and by their pixels."""

import numpy as np
import pandas as pd

from core.errors import ArtifactError, TooFewError
from core.types import AnyArray, FloatArray

# Chips are near-duplicates if their distance is below this fraction of the median distance between
# a chip and its nearest other chip. At 0.5, `benchmarks/labels.py` finds all copies whose footprint
# was shifted by up to 2 pixels, and 1 of 134 pairs shows two different objects.
LARGEST_RELATIVE_DISTANCE = 0.5
BY_PIXELS, BY_EMBEDDING, BY_BOTH = "pixels", "embedding", "pixels and embedding"
# Nearest chips of each chip that are compared; more copies of one chip form a chain of pairs.
_MOST_COPIES = 5


def find_near_duplicates(
    points: FloatArray,
    first_by_pixels: AnyArray,
    largest_distance: float = LARGEST_RELATIVE_DISTANCE,
) -> pd.DataFrame:
    """Return pairs of chips that are near-duplicates, the most similar first.

    Returns the columns row and other_row, with row > other_row; relative_distance, the distance of
    the two chips divided by the median distance of a chip to its nearest other chip; and by, how
    the pair was found: "pixels", "embedding" or "pixels and embedding".

    Parameters
    ----------
    points : float32 array, (n, d)
        Principal components of the chips.
    first_by_pixels : int array, (n,)
        Row of the first chip with nearly the same pixels; -1 if there is none; see
        `core.chips.screening.near_duplicates`.
    largest_distance : float
        Largest relative distance of pairs that are found by their embeddings.
    """
    from core.neighbours.nearest import search_other_rows

    if len(points) != len(first_by_pixels):
        raise ArtifactError("points and flags differ in length", where="duplicates")
    if len(points) < 2:
        raise TooFewError("there are fewer than two chips to compare", where="duplicates")
    distances, nearest = search_other_rows(points, min(_MOST_COPIES, len(points) - 1))
    typical = float(np.median(distances[:, 0]))
    ways: dict[tuple[int, int], str] = {}
    for row, position in np.argwhere(distances <= largest_distance * typical).tolist():
        other = int(nearest[row, position])
        ways[max(row, other), min(row, other)] = BY_EMBEDDING
    for row in np.flatnonzero(np.asarray(first_by_pixels) >= 0).tolist():
        pair = (row, int(first_by_pixels[row]))
        ways[pair] = BY_BOTH if pair in ways else BY_PIXELS
    pairs = np.array(list(ways), np.int64).reshape(-1, 2)
    lengths = np.linalg.norm(points[pairs[:, 0]].astype(np.float64) - points[pairs[:, 1]], axis=1)
    table = pd.DataFrame(
        {
            "row": pairs[:, 0],
            "other_row": pairs[:, 1],
            "relative_distance": lengths / typical if typical > 0 else np.zeros(len(lengths)),
            "by": list(ways.values()),
        }
    )
    order = ["relative_distance", "other_row", "row"]
    return table.sort_values(order, kind="stable", ignore_index=True)
