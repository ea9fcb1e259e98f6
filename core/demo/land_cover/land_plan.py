"""The plan of a stretch of country: parcels between roads, and what stands on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.random import Generator
from scipy.ndimage import map_coordinates

from core.types import AnyArray, DoubleArray, IntArray

AREA = 720.0
"""Metres along one side of a super area."""
PATCH = 102.4
"""Metres along one side of a patch."""
LARGEST_SIDE = 50.0
"""Metres: a parcel wider or longer than this is divided."""
ROAD, TRACK = -1, -2
"""What lies between parcels, where a parcel's number would stand."""


class Use(StrEnum):
    """What a parcel is used for."""

    HOMES = "homes"
    YARD = "yard"
    SITE = "site"
    CROP = "crop"
    PLOWED = "plowed"
    VINES = "vines"
    MEADOW = "meadow"
    SCRUB = "scrub"
    FIRS = "firs"
    WOOD = "wood"
    POND = "pond"
    FELLED = "felled"


@dataclass(frozen=True)
class Country:
    """What sets one domain apart from another.

    Attributes
    ----------
    name : str
        As FLAIR names a domain; the department does not exist.
    split : {"train", "test"}
    weights : dict
        How common each use of a parcel is.
    mixed, village, fields, woods : tuple of Use
        What the parcels of a patch are used for, the largest first.
    dry : float
        0 lush to 1 parched.
    gain : tuple of float
        The camera's red, green, blue, near infrared beside the others'.
    roof : float
        Share of tiled roofs; the rest is slate and sheet metal.
    sun : tuple of float
        Where shadows fall, columns and rows, and the tangent of the sun's elevation.
    """

    name: str
    split: str
    weights: dict[Use, float]
    mixed: tuple[Use, ...]
    village: tuple[Use, ...]
    fields: tuple[Use, ...]
    woods: tuple[Use, ...]
    dry: float
    gain: tuple[float, float, float, float]
    roof: float
    sun: tuple[float, float, float]


def _uses(words: str) -> tuple[Use, ...]:
    return tuple(Use(word) for word in words.split())


def _weights(words: str) -> dict[Use, float]:
    """Uses and their weights from "vines 16 scrub 12"."""
    parts = words.split()
    return {Use(use): float(n) for use, n in zip(parts[::2], parts[1::2], strict=True)}


COUNTRIES = (
    Country(
        "D901_2020", "train",
        _weights(
            "vines 16 scrub 16 crop 12 plowed 8 meadow 9 wood 8 "
            "firs 10 homes 10 yard 3 site 5 pond 2 felled 1"
        ),
        _uses("homes vines scrub crop pond firs plowed site wood meadow yard"),
        _uses("homes homes vines yard homes site crop meadow homes"),
        _uses("vines crop plowed vines scrub meadow crop pond yard"),
        _uses("firs scrub wood scrub firs pond site felled meadow"),
        dry=0.62, gain=(1.04, 1.00, 0.96, 0.95), roof=0.95, sun=(-0.55, -0.84, 1.5),
    ),
    Country(
        "D902_2021", "train",
        _weights(
            "meadow 26 crop 20 wood 14 homes 12 plowed 9 scrub 5 "
            "firs 4 yard 4 site 2 pond 3 vines 2 felled 1"
        ),
        _uses("homes crop meadow wood pond plowed scrub firs vines yard site"),
        _uses("homes meadow homes yard homes crop wood homes site"),
        _uses("crop meadow plowed crop meadow wood pond vines yard"),
        _uses("wood meadow wood pond firs scrub meadow wood felled"),
        dry=0.25, gain=(0.97, 1.00, 1.03, 1.05), roof=0.35, sun=(0.40, -0.92, 1.1),
    ),
    Country(
        "D903_2021", "test",
        _weights(
            "crop 20 plowed 15 wood 16 firs 12 meadow 12 homes 9 "
            "scrub 5 vines 5 yard 3 site 3 pond 3 felled 2"
        ),
        _uses("crop wood plowed homes firs meadow pond vines scrub site yard"),
        _uses("homes yard homes crop homes plowed wood site meadow"),
        _uses("plowed crop crop plowed vines meadow wood yard scrub"),
        _uses("firs wood firs pond wood meadow scrub felled firs"),
        dry=0.42, gain=(1.00, 0.97, 0.99, 1.00), roof=0.75, sun=(-0.20, -0.98, 1.3),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Branch:
    """A division of the land: what lies below `low`, what beyond `high`, and a way between."""

    axis: int
    low: float
    high: float
    way: int
    first: "Branch | int"
    second: "Branch | int"


@dataclass
class Plan:
    """A stretch of country, AREA metres along each side.

    Attributes
    ----------
    country : Country
    angle : float
        How far the parcels' axes are turned, radians.
    bends : float64 array, (2, k, k)
        A lattice of metres by which everything is displaced, so that no line is quite straight.
    tree : Branch or int
        The divisions of the land.
    bounds : float64 array, (n, 4)
        The parcels' s0, s1, t0, t1 in metres along the two axes.
    kinds : list of Use
        What each parcel is used for.
    tones : float64 array, (n, 4)
        Brightness, dryness, phase and row spacing of each parcel, uniform 0..1.
    """

    country: Country
    angle: float
    bends: DoubleArray
    tree: "Branch | int"
    bounds: DoubleArray
    kinds: list[Use] = field(default_factory=list)
    tones: DoubleArray = field(default_factory=lambda: np.zeros((0, 4)))

    def axes(self, x: AnyArray, y: AnyArray) -> tuple[DoubleArray, DoubleArray]:
        """Metres right and down in the area as metres along the parcels' axes."""
        dx, dy = self._bend(x, y)
        u, v = x + dx - AREA / 2, y + dy - AREA / 2
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return u * cos + v * sin, v * cos - u * sin

    def place(self, s: AnyArray, t: AnyArray) -> tuple[DoubleArray, DoubleArray]:
        """Metres right and down from metres along the axes: the inverse of `axes`, within 1 cm."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        u, v = s * cos - t * sin + AREA / 2, s * sin + t * cos + AREA / 2
        x, y = u, v
        for _ in range(4):
            dx, dy = self._bend(x, y)
            x, y = u - dx, v - dy
        return x, y

    def _bend(self, x: AnyArray, y: AnyArray) -> tuple[DoubleArray, DoubleArray]:
        at = np.stack([np.clip(y, 0, AREA), np.clip(x, 0, AREA)])
        at *= (self.bends.shape[1] - 1) / AREA
        dx, dy = (map_coordinates(bend, at, order=3, mode="nearest") for bend in self.bends)
        return dx, dy


def lay_out(
    country: Country,
    centres: Sequence[tuple[float, float]],
    programmes: Sequence[tuple[Use, ...]],
    rng: Generator,
) -> Plan:
    """Divide an area into parcels, and give each its use.

    Parameters
    ----------
    country : Country
    centres : sequence of (float, float)
        Where the patches' middles lie, metres right and down.
    programmes : sequence of tuple of Use
        The uses of each patch's parcels, the largest first; all others follow the country's
        weights.
    rng : numpy Generator
    """
    bounds: list[tuple[float, float, float, float]] = []
    half = AREA * 0.75
    tree = _divide((-half, half, -half, half), 0, bounds, rng)
    bends = rng.normal(0, 3.0, (2, 9, 9))
    plan = Plan(country, float(rng.uniform(0.1, 1.4)), bends, tree, np.array(bounds))
    names = list(country.weights)
    shares = np.array(list(country.weights.values()), float)
    chosen = rng.choice(len(names), len(bounds), p=shares / shares.sum())
    plan.kinds = [names[i] for i in chosen]
    plan.tones = rng.random((len(bounds), 4))
    for centre, programme in zip(centres, programmes, strict=True):
        for parcel, kind in zip(_largest(plan, centre), programme, strict=False):
            plan.kinds[parcel] = kind
    return plan


def _divide(
    box: tuple[float, float, float, float],
    depth: int,
    bounds: list[tuple[float, float, float, float]],
    rng: Generator,
) -> "Branch | int":
    s0, s1, t0, t1 = box
    axis = int(t1 - t0 > s1 - s0)
    low, high = (t0, t1) if axis else (s0, s1)
    if high - low <= LARGEST_SIDE:
        bounds.append(box)
        return len(bounds) - 1
    middle = low + (high - low) * rng.uniform(0.4, 0.6)
    way = ROAD if depth < 6 else TRACK
    width = rng.uniform(5, 7) if way == ROAD else rng.choice([0.0, 0.0, 3.0])
    before, after = middle - width / 2, middle + width / 2
    first = (s0, s1, t0, before) if axis else (s0, before, t0, t1)
    second = (s0, s1, after, t1) if axis else (after, s1, t0, t1)
    return Branch(
        axis, before, after, way,
        _divide(first, depth + 1, bounds, rng), _divide(second, depth + 1, bounds, rng),
    )  # fmt: skip


def _largest(plan: Plan, centre: tuple[float, float]) -> list[int]:
    """The parcels that a patch shows, the largest first."""
    grid = (np.arange(32) + 0.5) / 32 * PATCH - PATCH / 2
    x, y = np.meshgrid(grid + centre[0], grid + centre[1])
    parcel, _ = locate(plan, *plan.axes(x.ravel(), y.ravel()))
    numbers, counts = np.unique(parcel[parcel >= 0], return_counts=True)
    return [int(n) for n in numbers[np.argsort(-counts, kind="stable")]]


def locate(plan: Plan, s: AnyArray, t: AnyArray) -> tuple[IntArray, DoubleArray]:
    """Which parcel, road or track lies where.

    Returns
    -------
    int32 array, (n,)
        The parcel's number, ROAD or TRACK.
    float64 array, (n,)
        Metres to the parcel's border, or from the middle of the way.
    """
    parcel = np.full(s.size, ROAD, np.int32)
    distance = np.zeros(s.size)
    work: list[tuple[Branch | int, AnyArray]] = [(plan.tree, np.arange(s.size))]
    while work:
        node, index = work.pop()
        if not index.size:
            continue
        if isinstance(node, int):
            s0, s1, t0, t1 = plan.bounds[node]
            here_s, here_t = s[index], t[index]
            parcel[index] = node
            distance[index] = np.minimum.reduce(
                [here_s - s0, s1 - here_s, here_t - t0, t1 - here_t]
            )
            continue
        along = (t if node.axis else s)[index]
        below, beyond = along < node.low, along > node.high
        between = index[~(below | beyond)]
        parcel[between] = node.way
        middle = (node.low + node.high) / 2
        distance[between] = np.abs((t if node.axis else s)[between] - middle)
        work += [(node.first, index[below]), (node.second, index[beyond])]
    return parcel, distance
