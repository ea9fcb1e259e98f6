"""The annotated objects of a scene, and the layout that keeps them from overlapping."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from scipy.ndimage import distance_transform_edt

from core.demo.harbour.canvas import GSD, Pose
from core.demo.harbour.scene_plans import Site
from core.demo.harbour.terrain import CELL, GroundPlan
from core.types import AnyArray, BoolArray

ObjectKind = Literal[
    "pirogue", "motorboat", "sailboat", "catamaran", "fishing vessel", "merchant ship", "building"
]
LENGTHS: dict[ObjectKind, tuple[float, float]] = {
    "pirogue": (5.5, 15.0),
    "motorboat": (4.5, 17.0),
    "sailboat": (6.5, 17.0),
    "catamaran": (8.0, 17.0),
    "fishing vessel": (7.0, 27.0),
    "merchant ship": (32.0, 98.0),
    "building": (8.0, 62.0),
}
"""Smallest and largest length of each class in metres."""

# Greatest width of each class of vessel in metres: a share of the length, plus a constant.
_WIDTHS: dict[ObjectKind, tuple[float, float]] = {
    "pirogue": (0.2, 0.25),
    "motorboat": (0.32, 0.5),
    "sailboat": (0.29, 0.6),
    "catamaran": (0.55, 0.0),
    "fishing vessel": (0.28, 0.9),
    "merchant ship": (0.16, 1.5),
}

# Share of an object's rectangle that must lie in the scene; the scene's edge may cut the rest.
_VISIBLE_FRACTION = 0.3


def object_width(kind: ObjectKind, length: float) -> float:
    """Return the greatest width in metres of an object of this class and length."""
    if kind == "building":
        return length * (0.74 if length < 34 else 0.45)
    share, constant = _WIDTHS[kind]
    return length * share + constant


@dataclass(frozen=True)
class SceneObject:
    """One annotated object before it is painted, with its length in metres.

    The speed is 0 at rest, otherwise 0..1; a moving boat has a wake.
    """

    kind: ObjectKind
    pose: Pose
    length: float
    state: Literal["berthed", "anchored", "under way", "ashore", "built"]
    speed: float = 0.0


class Layout:
    """The objects of a scene and the ground that they occupy; none of them overlap.

    Attributes
    ----------
    occupied_cells, water : bool arrays, (n_cells, n_cells)
        Cells of the ground plan that are no longer free, and cells of open water.
    depth : float32 array, (n_cells, n_cells)
        Distance in metres from each cell of open water to the nearest dry cell; 0 on dry cells.
    """

    def __init__(self, site: Site, ground: GroundPlan, rng: Generator) -> None:
        self.site, self.ground, self.rng = site, ground, rng
        self.occupied_cells: BoolArray = np.zeros(ground.s.shape, bool)
        self.water: BoolArray = ~ground.dry
        self.depth = (distance_transform_edt(self.water) * CELL * GSD).astype(np.float32)
        self.objects: list[SceneObject] = []

    def draw_length(self, kind: ObjectKind) -> float:
        """Draw a length in metres for an object of this class; short ones are more frequent."""
        low, high = LENGTHS[kind]
        # Fleets have many small boats and few large ones; a beta distribution stays in bounds.
        return float(low + (high - low) * self.rng.beta(1.5, 2.6))

    def add(self, item: SceneObject, margin: float, allowed: BoolArray | None = None) -> bool:
        """Add an object and return True if its cells are free and enough of it lies in the scene.

        The object keeps a margin, in metres, on all sides. If `allowed`, (n_cells, n_cells), is
        given, all cells of the object and its margin must be True in it.
        """
        half_length = item.length / 2 + margin
        half_width = object_width(item.kind, item.length) / 2 + margin
        window, inside = self._cells(item.pose, half_length, half_width)
        n_cells = 4 * half_length * half_width / (CELL * GSD) ** 2
        is_visible = inside.sum() >= max(1, _VISIBLE_FRACTION * n_cells)
        if not is_visible or (allowed is not None and not allowed[window][inside].all()):
            return False
        is_free = self._occupy(window, inside)
        if is_free:
            self.objects.append(item)
        return is_free

    def is_open_water(self, pose: Pose, half_length: float, half_width: float) -> bool:
        """Return True if a rectangle, as far as the scene shows it, is unoccupied water."""
        window, inside = self._cells(pose, half_length, half_width)
        return not ((self.occupied_cells[window] | ~self.water[window]) & inside).any()

    def reserve(self, pose: Pose, half_length: float, half_width: float) -> bool:
        """Occupy a rectangle and return True; False if it is partly occupied or out of view."""
        return self._occupy(*self._cells(pose, half_length, half_width))

    def _occupy(self, window: tuple[AnyArray, ...], inside: BoolArray) -> bool:
        if not inside.any() or (self.occupied_cells[window] & inside).any():
            return False
        self.occupied_cells[window] |= inside
        return True

    def _cells(
        self, pose: Pose, half_length: float, half_width: float
    ) -> tuple[tuple[AnyArray, ...], BoolArray]:
        """Return an index of the cells around a pose, and which of them a rectangle covers."""
        n_cells = self.occupied_cells.shape[0]
        cell = self.site.side / n_cells
        window, _, _, inside = pose.grid_cells(half_length, half_width, cell, n_cells)
        return window, inside
