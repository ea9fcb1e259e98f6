"""The plan of each scene: how the shore runs, what stands along it, sun and sensor."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.demo.harbour.canvas import GSD, Place
from core.types import AnyArray, FloatArray

SectionKind = Literal["quay", "fishing", "marina", "beach"]

APRON, YARD, ROAD = 38.0, 75.0, 84.0
"""Metres inland from the quay's edge: end of the apron, of the yard, middle of the road."""
WATERLINE = -16.0
"""Metres seaward of the quay's edge where a beach meets the water, on average."""


@dataclass(frozen=True)
class Section:
    """A stretch of shore; `start` and `end` are fractions of the scene's side, 0 its middle."""

    kind: SectionKind
    start: float
    end: float


@dataclass(frozen=True)
class Rect:
    """A rectangle in the plan's own axes, metres: s along the shore, t seaward."""

    s0: float
    s1: float
    t0: float
    t1: float


@dataclass(frozen=True)
class ScenePlan:
    """One scene.

    Attributes
    ----------
    name : str
        Stem of its files.
    easting, northing : float
        Upper left corner in EPSG:32631, metres.
    angle : float
        From the scene's columns to the shore, degrees clockwise.
    shore : float
        Where the quay's edge runs: fraction of the side from the middle, negative landward.
    sections : tuple of Section
    wind : float
        Where the wind blows, degrees clockwise from the columns.
    sun_step : tuple of float
        Columns and rows that a shadow moves in one step; halves, so that steps of two are whole.
    sun_slope : float
        Tangent of the sun's elevation.
    lean : tuple of float
        Metres that one metre of height is displaced, right and down.
    sea : tuple of tuple
        Colours of deep, middle and shallow water.
    gain, haze : tuple of float
        The sensor's gain and the path radiance, red, green, blue.
    blur, noise : float
        Standard deviation of the point spread in pixels, of the noise in 0..1.
    """

    name: str
    easting: float
    northing: float
    angle: float
    shore: float
    sections: tuple[Section, ...]
    wind: float
    sun_step: tuple[float, float]
    sun_slope: float
    lean: tuple[float, float]
    sea: tuple[tuple[float, float, float], ...]
    gain: tuple[float, float, float]
    haze: tuple[float, float, float]
    blur: float
    noise: float

    @property
    def sun(self) -> tuple[float, float]:
        """Where shadows fall: metres right and down for each metre of height."""
        right, down = self.sun_step
        length = float(np.hypot(right, down)) * self.sun_slope
        return right / length, down / length


# Off Cotonou, where nothing real lies beneath them. Sun, view, sea and sensor differ, as they do
# between two acquisitions.
PLANS: tuple[ScenePlan, ...] = (
    ScenePlan(
        name="harbour_east",
        easting=438_000.0,
        northing=690_000.0,
        angle=-13.0,
        shore=-0.25,
        sections=(
            Section("quay", -0.9, -0.06),
            Section("marina", -0.06, 0.24),
            Section("beach", 0.24, 0.9),
        ),
        wind=35.0,
        sun_step=(-0.5, -1.0),
        sun_slope=1.35,
        lean=(0.05, -0.04),
        sea=((0.085, 0.19, 0.25), (0.12, 0.28, 0.32), (0.36, 0.50, 0.46)),
        gain=(1.1, 1.09, 1.07),
        haze=(0.025, 0.035, 0.05),
        blur=0.62,
        noise=0.011,
    ),
    ScenePlan(
        name="harbour_west",
        easting=434_500.0,
        northing=691_200.0,
        angle=24.0,
        shore=-0.24,
        sections=(
            Section("beach", -0.9, -0.16),
            Section("fishing", -0.16, 0.04),
            Section("marina", 0.04, 0.16),
            Section("quay", 0.16, 0.9),
        ),
        wind=62.0,
        sun_step=(1.0, -0.5),
        sun_slope=1.05,
        lean=(-0.07, -0.02),
        sea=((0.10, 0.20, 0.22), (0.15, 0.29, 0.29), (0.42, 0.49, 0.40)),
        gain=(1.07, 1.06, 0.98),
        haze=(0.05, 0.055, 0.06),
        blur=0.72,
        noise=0.013,
    ),
)


@dataclass(frozen=True)
class Site:
    """A plan at a size: every length in metres, every place in the scene's own axes.

    Attributes
    ----------
    plan : ScenePlan
    size : int
        Pixels along one side.
    wobble : tuple of float
        Phases of the beach's curves.
    """

    plan: ScenePlan
    size: int
    wobble: tuple[float, float, float]

    @property
    def side(self) -> float:
        """Metres along one side."""
        return self.size * GSD

    @property
    def edge(self) -> float:
        """Where the quay's edge runs, t in metres."""
        return self.plan.shore * self.side

    def axes(self, row: AnyArray, column: AnyArray, n_cells: int) -> tuple[FloatArray, FloatArray]:
        """Metres along the shore and seaward of cells, `n_cells` to the scene's side."""
        cell = np.float32(self.side / n_cells)
        x = (column.astype(np.float32) + np.float32(0.5 - n_cells / 2)) * cell
        y = (row.astype(np.float32) + np.float32(0.5 - n_cells / 2)) * cell
        angle = np.radians(self.plan.angle)
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return x * cos + y * sin, y * cos - x * sin

    def stretches(self, *kinds: SectionKind) -> list[tuple[float, float]]:
        """Start and end in metres of the sections of these kinds."""
        return [
            (section.start * self.side, section.end * self.side)
            for section in self.plan.sections
            if section.kind in kinds
        ]

    def built(self) -> list[Rect]:
        """Quays with their yards, neighbours joined."""
        rects: list[Rect] = []
        for start, end in sorted(self.stretches("quay", "marina", "fishing")):
            joined = bool(rects) and start - rects[-1].s1 < 1
            first = rects.pop().s0 if joined else start
            rects.append(Rect(first, end, self.edge - YARD, self.edge))
        return rects

    def place(self, s: float, t: float, turn: float) -> Place:
        """A place from the plan's axes; `turn` in radians from the shore's direction."""
        angle = float(np.radians(self.plan.angle))
        cos, sin = np.cos(angle), np.sin(angle)
        x = self.side / 2 + s * cos - t * sin
        y = self.side / 2 + s * sin + t * cos
        return Place(float(x), float(y), angle + turn)

    def waterline(self, s: float) -> float:
        """Where the beach meets the water, t in metres."""
        one, two, three = self.wobble
        # Cusps of three lengths; the shortest are a few boats wide.
        curve = 7 * np.sin(s / 61 + one) + 3.5 * np.sin(s / 23 + two) + 1.2 * np.sin(s / 8 + three)
        return self.edge + WATERLINE + float(curve)

    def piers(self) -> list[Rect]:
        """Wide piers for ships and narrow ones for fishing vessels."""
        side, edge = self.side, self.edge
        rects = []
        for start, end in self.stretches("quay"):
            # Piers are spread over the part of the quay that the scene shows.
            near, far = (end, start) if start < -0.5 * side else (start, end)
            for number in (0.32, 0.68) if side > 500 else (0.35,):
                reach = np.clip(far, -0.62 * side, 0.62 * side) - near
                middle = near + number * reach
                rects.append(Rect(middle - 12, middle + 12, edge - 5, edge + 0.34 * side))
        for start, end in self.stretches("fishing"):
            for middle in np.arange(start + 28, end - 20, 62):
                rects.append(Rect(middle - 4, middle + 4, edge - 5, edge + self.pontoon))
        return rects

    @property
    def pontoon(self) -> float:
        """Length of pontoons and narrow piers in metres."""
        return min(0.18 * self.side, 140.0)

    def pontoons(self) -> list[Rect]:
        """Floating walkways of the marinas."""
        return [
            Rect(middle - 1.1, middle + 1.1, self.edge - 1, self.edge + self.pontoon)
            for start, end in self.stretches("marina")
            for middle in np.arange(start + 24, end - 18, 46)
        ]

    def breakwaters(self) -> list[tuple[tuple[float, float], ...]]:
        """Lines of rock, (s, t) corners, that shelter marinas and fishing piers."""
        sheltered = self.stretches("marina", "fishing")
        start, end = sheltered[0][0], sheltered[-1][1]
        reach = self.edge + self.pontoon * 1.45
        # The arm starts on the beach's side and leaves the entrance to the port open.
        if any(low >= end - 1 for low, _ in self.stretches("beach")):
            corner, tip = end + 4, start + (end - start) * 0.3
        else:
            corner, tip = start - 4, start + (end - start) * 0.7
        return [((corner, self.edge - 40), (corner, reach), (tip, reach + 14))]
