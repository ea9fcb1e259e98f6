"""How many small objects a class map finds, because regularisation tends to remove them."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import label

from core.types import ByteArray

SMALL_OBJECT = 400
"""Connected regions of fewer pixels are small objects: 16 square metres at 0.2 m per pixel."""


@dataclass(frozen=True)
class ObjectRecall:
    """Small objects of the truth, and how many of them have their class in most of their pixels."""

    n_objects: int
    n_found: int

    @property
    def recall(self) -> float:
        """The fraction of objects that were found, 0..1; NaN without objects."""
        return self.n_found / self.n_objects if self.n_objects else float("nan")


def recall_small_objects(
    truth: ByteArray, predicted: ByteArray, n_scored: int, most_pixels: int = SMALL_OBJECT
) -> ObjectRecall:
    """Count the small objects of the classes 1 to `n_scored`, and those that were found.

    An object is a region of one class, connected along edges, with fewer than `most_pixels`
    pixels. Regions that touch the edge of the image are left out, because their size is unknown. An
    object is found if more than half of its pixels are predicted correctly. `truth` and `predicted`
    are uint8 (h, w).
    """
    n_objects = n_found = 0
    for value in range(1, n_scored + 1):
        regions, n_regions = label(truth == value)
        if not n_regions:
            continue
        sizes = np.bincount(regions.ravel(), minlength=n_regions + 1)
        hits = np.bincount(regions[predicted == value], minlength=n_regions + 1)
        is_small = sizes < most_pixels
        for edge in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
            is_small[edge] = False
        # Region 0 is all other classes.
        is_small[0] = False
        n_objects += int(is_small.sum())
        n_found += int((is_small & (2 * hits > sizes)).sum())
    return ObjectRecall(n_objects, n_found)
