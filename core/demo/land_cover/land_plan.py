"""The plan of a procedural landscape: parcels between roads, and their uses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.random import Generator
from scipy.ndimage import map_coordinates

from core.types import AnyArray, DoubleArray, FloatArray, IntArray

AREA = 720.0
"""Metres along one side of a super area."""
PATCH = 102.4
"""Metres along one side of a patch."""
LARGEST_SIDE = 50.0
"""A parcel with a side longer than this, in metres, is divided."""
ROAD, TRACK = -1, -2
"""Values used on roads and tracks instead of a parcel number."""

Bounds = tuple[float, float, float, float]
"""A rectangle (s0, s1, t0, t1) in metres along the axes of the parcels."""


class Use(StrEnum):
    """The use of a parcel."""

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
class Domain:
    """The characteristics that distinguish one domain from the others.

    Attributes
    ----------
    name : str
        Name of the domain in FLAIR's form; the department does not exist.
    split : {"train", "test"}
    weights : dict
        Relative frequency of each use among the parcels.
    mosaic, village, fields, woods : tuple of Use
        Four programmes: uses of the parcels of a patch, the largest parcel first.
    dryness : float
        0 for lush to 1 for parched.
    gain : tuple of float
        Gain of the camera for red, green, blue and near infrared, relative to the other domains.
    tiled_fraction : float
        Fraction of tiled roofs; all other roofs are slate or sheet metal.
    sun : tuple of float
        Direction in which shadows fall (columns and rows), and the tangent of the sun's elevation.
    """

    name: str
    split: str
    weights: dict[Use, float]
    mosaic: tuple[Use, ...]
    village: tuple[Use, ...]
    fields: tuple[Use, ...]
    woods: tuple[Use, ...]
    dryness: float
    gain: tuple[float, float, float, float]
    tiled_fraction: float
    sun: tuple[float, float, float]


def _uses(names: str) -> tuple[Use, ...]:
    return tuple(Use(name) for name in names.split())


def _weights(text: str) -> dict[Use, float]:
    """Parse uses and their weights from text such as "vines 16 scrub 12"."""
    words = text.split()
    return {Use(use): float(n) for use, n in zip(words[::2], words[1::2], strict=True)}


DOMAINS = (
    Domain(
        name="D901_2020",
        split="train",
        weights=_weights(
            "vines 16 scrub 16 crop 12 plowed 8 meadow 9 wood 8 "
            "firs 10 homes 10 yard 3 site 5 pond 2 felled 1"
        ),
        mosaic=_uses("homes vines scrub crop pond firs plowed site wood meadow yard"),
        village=_uses("homes homes vines yard homes site crop meadow homes"),
        fields=_uses("vines crop plowed vines scrub meadow crop pond yard"),
        woods=_uses("firs scrub wood scrub firs pond site felled meadow"),
        dryness=0.62,
        gain=(1.04, 1.00, 0.96, 0.95),
        tiled_fraction=0.95,
        sun=(-0.55, -0.84, 1.5),
    ),
    Domain(
        name="D902_2021",
        split="train",
        weights=_weights(
            "meadow 26 crop 20 wood 14 homes 12 plowed 9 scrub 5 "
            "firs 4 yard 4 site 2 pond 3 vines 2 felled 1"
        ),
        mosaic=_uses("homes crop meadow wood pond plowed scrub firs vines yard site"),
        village=_uses("homes meadow homes yard homes crop wood homes site"),
        fields=_uses("crop meadow plowed crop meadow wood pond vines yard"),
        woods=_uses("wood meadow wood pond firs scrub meadow wood felled"),
        dryness=0.25,
        gain=(0.97, 1.00, 1.03, 1.05),
        tiled_fraction=0.35,
        sun=(0.40, -0.92, 1.1),
    ),
    Domain(
        name="D903_2021",
        split="test",
        weights=_weights(
            "crop 20 plowed 15 wood 16 firs 12 meadow 12 homes 9 "
            "scrub 5 vines 5 yard 3 site 3 pond 3 felled 2"
        ),
        mosaic=_uses("crop wood plowed homes firs meadow pond vines scrub site yard"),
        village=_uses("homes yard homes crop homes plowed wood site meadow"),
        fields=_uses("plowed crop crop plowed vines meadow wood yard scrub"),
        woods=_uses("firs wood firs pond wood meadow scrub felled firs"),
        dryness=0.42,
        gain=(1.00, 0.97, 0.99, 1.00),
        tiled_fraction=0.75,
        sun=(-0.20, -0.98, 1.3),
    ),
)


@dataclass(frozen=True)
class Division:
    """A division of the land by a road or track, the strip from `low` to `high` on one axis.

    `first` is the land below `low` and `second` the land above `high`: each is a further division
    or the number of a parcel.
    """

    axis: int
    low: float
    high: float
    road_type: int
    first: "Division | int"
    second: "Division | int"


@dataclass
class LandPlan:
    """The plan of a landscape, AREA metres along each side.

    Attributes
    ----------
    angle : float
        Rotation of the parcels' axes in radians.
    displacement : float64 array, (2, k, k)
        Lattice of displacements in metres, right and down, which bend all lines a little.
    bounds : float64 array, (n, 4)
        The rectangle (s0, s1, t0, t1) of each parcel.
    traits : float64 array, (n, 4)
        Brightness, dryness, phase and row spacing of each parcel, uniform in 0..1.
    """

    domain: Domain
    angle: float
    displacement: DoubleArray
    root: "Division | int"
    bounds: DoubleArray
    uses: list[Use] = field(default_factory=list)
    traits: DoubleArray = field(default_factory=lambda: np.zeros((0, 4)))

    def to_axes(self, x: AnyArray, y: AnyArray) -> tuple[DoubleArray, DoubleArray]:
        """Convert metres right and down in the area to metres along the parcels' axes."""
        dx, dy = self._displace(x, y)
        u, v = x + dx - AREA / 2, y + dy - AREA / 2
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return u * cos + v * sin, v * cos - u * sin

    def to_area(self, s: AnyArray, t: AnyArray) -> tuple[DoubleArray, DoubleArray]:
        """Invert `to_axes`, with an error of less than 1 cm."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        u, v = s * cos - t * sin + AREA / 2, s * sin + t * cos + AREA / 2
        x, y = u, v
        for _ in range(4):
            dx, dy = self._displace(x, y)
            x, y = u - dx, v - dy
        return x, y

    def _displace(self, x: AnyArray, y: AnyArray) -> tuple[DoubleArray, DoubleArray]:
        lattice = np.stack([np.clip(y, 0, AREA), np.clip(x, 0, AREA)])
        lattice *= (self.displacement.shape[1] - 1) / AREA
        dx, dy = (map_coordinates(d, lattice, order=3, mode="nearest") for d in self.displacement)
        return dx, dy

    def traits_at(self, parcel: IntArray) -> FloatArray:
        """Return the traits of parcels, float32 (n, 4); they are 0.5 for ROAD and TRACK."""
        # ROAD and TRACK are -1 and -2, which select the two rows at the end.
        return np.vstack([self.traits, np.full((2, 4), 0.5)]).astype(np.float32)[parcel]


def lay_out_plan(
    domain: Domain,
    centres: Sequence[tuple[float, float]],
    programmes: Sequence[tuple[Use, ...]],
    rng: Generator,
) -> LandPlan:
    """Divide an area into parcels and assign a use to each of them.

    `centres` are the centres of the patches in metres right and down, `programmes` the uses of
    each patch's parcels, the largest first. All other uses are drawn with the domain's weights.
    """
    bounds: list[Bounds] = []
    half = AREA * 0.75
    root = _divide((-half, half, -half, half), 0, bounds, rng)
    displacement = rng.normal(0, 3.0, (2, 9, 9))
    plan = LandPlan(domain, float(rng.uniform(0.1, 1.4)), displacement, root, np.array(bounds))
    uses, weights = list(domain.weights), np.array(list(domain.weights.values()), float)
    use_numbers = rng.choice(len(uses), len(bounds), p=weights / weights.sum())
    plan.uses = [uses[i] for i in use_numbers]
    plan.traits = rng.random((len(bounds), 4))
    for centre, programme in zip(centres, programmes, strict=True):
        for parcel, use in zip(_largest_parcels(plan, centre), programme, strict=False):
            plan.uses[parcel] = use
    return plan


def _divide(box: Bounds, depth: int, bounds: list[Bounds], rng: Generator) -> "Division | int":
    """Divide a box until its parcels are small enough; append their bounds to `bounds`."""
    s0, s1, t0, t1 = box
    axis = int(t1 - t0 > s1 - s0)
    low, high = (t0, t1) if axis else (s0, s1)
    if high - low <= LARGEST_SIDE:
        bounds.append(box)
        return len(bounds) - 1
    middle = low + (high - low) * rng.uniform(0.4, 0.6)
    road_type = ROAD if depth < 6 else TRACK
    width = rng.uniform(5, 7) if road_type == ROAD else rng.choice([0.0, 0.0, 3.0])
    road_start, road_end = middle - width / 2, middle + width / 2
    first = (s0, s1, t0, road_start) if axis else (s0, road_start, t0, t1)
    second = (s0, s1, road_end, t1) if axis else (road_end, s1, t0, t1)
    parts = [_divide(part, depth + 1, bounds, rng) for part in (first, second)]
    return Division(axis, road_start, road_end, road_type, *parts)


def _largest_parcels(plan: LandPlan, centre: tuple[float, float]) -> list[int]:
    """Return the parcels within a patch, that with the largest area in the patch first."""
    grid = (np.arange(32) + 0.5) / 32 * PATCH - PATCH / 2
    x, y = np.meshgrid(grid + centre[0], grid + centre[1])
    parcel, _ = locate_parcels(plan, *plan.to_axes(x.ravel(), y.ravel()))
    numbers, counts = np.unique(parcel[parcel >= 0], return_counts=True)
    return [int(n) for n in numbers[np.argsort(-counts, kind="stable")]]


def locate_parcels(plan: LandPlan, s: AnyArray, t: AnyArray) -> tuple[IntArray, DoubleArray]:
    """Return the parcel, road or track at each position (s, t), and a distance, both (n,).

    The first array, int32, holds the number of a parcel, ROAD or TRACK. The second array, float64,
    holds the metres to the border of the parcel, or to the centre line of the road or track.
    """
    parcel = np.full(s.size, ROAD, np.int32)
    distance = np.zeros(s.size)
    branches: list[tuple[Division | int, AnyArray]] = [(plan.root, np.arange(s.size))]
    while branches:
        node, index = branches.pop()
        if not index.size:
            continue
        if isinstance(node, int):
            s0, s1, t0, t1 = plan.bounds[node]
            parcel[index] = node
            borders = [s[index] - s0, s1 - s[index], t[index] - t0, t1 - t[index]]
            distance[index] = np.minimum.reduce(borders)
            continue
        along = (t if node.axis else s)[index]
        below, above = along < node.low, along > node.high
        between = ~(below | above)
        parcel[index[between]] = node.road_type
        distance[index[between]] = np.abs(along[between] - (node.low + node.high) / 2)
        branches += [(node.first, index[below]), (node.second, index[above])]
    return parcel, distance
