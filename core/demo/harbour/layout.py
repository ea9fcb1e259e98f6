"""What is annotated, and who keeps which place, so that nothing stands on anything else."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.ndimage import distance_transform_edt

from core.demo.harbour.canvas import GSD, Place
from core.demo.harbour.scene_plans import Site
from core.demo.harbour.terrain import CELL, Ground
from core.types import AnyArray, BoolArray

PIROGUE, MOTORBOAT, SAILBOAT = "pirogue", "motorboat", "sailboat"
CATAMARAN, FISHING, MERCHANT = "catamaran", "fishing vessel", "merchant ship"
BUILDING = "building"

LENGTHS: dict[str, tuple[float, float]] = {
    PIROGUE: (5.5, 15.0), MOTORBOAT: (4.5, 17.0), SAILBOAT: (6.5, 17.0), CATAMARAN: (8.0, 17.0),
    FISHING: (7.0, 27.0), MERCHANT: (32.0, 98.0), BUILDING: (8.0, 62.0),
}  # fmt: skip
"""Smallest and largest length of each class in metres."""

# Greatest width of each class in metres: a share of the length, and a constant.
_WIDTHS: dict[str, tuple[float, float]] = {
    PIROGUE: (0.2, 0.25), MOTORBOAT: (0.32, 0.5), SAILBOAT: (0.29, 0.6), CATAMARAN: (0.55, 0.0),
    FISHING: (0.28, 0.9), MERCHANT: (0.16, 1.5),
}  # fmt: skip


def width(kind: str, length: float) -> float:
    """Room in metres that a thing of this class and length needs across."""
    if kind == BUILDING:
        return length * (0.74 if length < 34 else 0.45)
    share, constant = _WIDTHS[kind]
    return length * share + constant


@dataclass(frozen=True)
class Thing:
    """One annotated thing before it is painted.

    Attributes
    ----------
    kind : str
        Its class.
    place : Place
    length : float
        Metres.
    state : str
        ``"berthed"``, ``"anchored"``, ``"under way"``, ``"ashore"`` or ``"built"``.
    speed : float
        0 at rest, else 0..1; draws a wake.
    """

    kind: str
    place: Place
    length: float
    state: str
    speed: float = 0.0


class Layout:
    """Gives places away so that nothing stands on anything else.

    Parameters
    ----------
    site : Site
    ground : Ground
    rng : numpy Generator
    """

    def __init__(self, site: Site, ground: Ground, rng: Generator) -> None:
        self.site, self.ground, self.rng = site, ground, rng
        self.taken: BoolArray = np.zeros(ground.s.shape, bool)
        self.water: BoolArray = ~ground.dry
        self.depth = (distance_transform_edt(self.water) * CELL * GSD).astype(np.float32)
        self.things: list[Thing] = []

    def length(self, kind: str) -> float:
        """A length for one of its class; small ones are the most frequent."""
        low, high = LENGTHS[kind]
        # Fleets have many small boats and few large ones; a beta distribution keeps to the bounds.
        return float(low + (high - low) * self.rng.beta(1.5, 2.6))

    def add(
        self, thing: Thing, margin: float, allowed: BoolArray | None = None, least: float = 0.3
    ) -> bool:
        """Keep a thing if its place is free, `allowed`, and at least partly in the scene.

        Parameters
        ----------
        thing : Thing
        margin : float
            Room around it in metres.
        allowed : bool array, (n_cells, n_cells), optional
            Cells where it may lie.
        least : float
            Share of its room that must lie in the scene; the edge may cut the rest off.

        Returns
        -------
        bool
            True if it was kept.
        """
        half = thing.length / 2 + margin
        wide = width(thing.kind, thing.length) / 2 + margin
        rows, columns, inside = self._cells(thing.place, half, wide)
        area = 4 * half * wide / (CELL * GSD) ** 2
        if inside.sum() < max(1, least * area):
            return False
        window = np.ix_(rows, columns)
        if (self.taken[window] & inside).any():
            return False
        if allowed is not None and not allowed[window][inside].all():
            return False
        self.taken[window] |= inside
        self.things.append(thing)
        return True

    def free(self, place: Place, half: float, wide: float) -> bool:
        """True if a place is open water with nothing on it, as far as the scene reaches."""
        rows, columns, inside = self._cells(place, half, wide)
        window = np.ix_(rows, columns)
        return not ((self.taken[window] | ~self.water[window]) & inside).any()

    def block(self, place: Place, half: float, wide: float) -> bool:
        """Take a place for something that is not annotated."""
        rows, columns, inside = self._cells(place, half, wide)
        window = np.ix_(rows, columns)
        if not inside.any() or (self.taken[window] & inside).any():
            return False
        self.taken[window] |= inside
        return True

    def _cells(
        self, place: Place, half: float, wide: float
    ) -> tuple[AnyArray, AnyArray, BoolArray]:
        """Rows and columns of the cells around a place, and which of them it covers."""
        n_cells = self.taken.shape[0]
        cell = self.site.side / n_cells
        cos, sin = np.cos(place.heading), np.sin(place.heading)
        ranges = []
        for at, reach in (
            (place.y, abs(sin) * half + abs(cos) * wide),
            (place.x, abs(cos) * half + abs(sin) * wide),
        ):
            low, high = int((at - reach) / cell), int((at + reach) / cell) + 1
            ranges.append(np.arange(max(0, low), max(0, min(n_cells, high))))
        rows, columns = ranges
        x = ((columns + 0.5) * cell - place.x)[None, :]
        y = ((rows + 0.5) * cell - place.y)[:, None]
        inside = (np.abs(x * cos + y * sin) <= half) & (np.abs(y * cos - x * sin) <= wide)
        return rows, columns, np.asarray(inside, bool)
