"""The plans of the scenes: the course of the shore, what lies along it, sun, view and sensor."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.demo.harbour.canvas import GSD, Pose
from core.types import AnyArray, FloatArray

SectionKind = Literal["quay", "fishing", "marina", "beach"]

APRON, YARD, ROAD = 38.0, 75.0, 84.0
"""Metres inland from the edge of the quay: end of the apron, end of the yard, centre of the
shore road."""
WATERLINE = -16.0
"""Metres seaward of the edge of the quay at which a beach meets the water, on average."""


@dataclass(frozen=True)
class Section:
    """A section of the shore; `start` and `end` are fractions of the scene's side, 0 its centre."""

    kind: SectionKind
    start: float
    end: float


@dataclass(frozen=True)
class Rect:
    """A rectangle in the axes of the site, metres: s along the shore, t seaward."""

    s0: float
    s1: float
    t0: float
    t1: float


@dataclass(frozen=True)
class ScenePlan:
    """The plan of one scene.

    Attributes
    ----------
    name : str
        Stem of the scene's files.
    easting, northing : float
        Upper left corner in EPSG:32631, metres.
    angle : float
        Direction of the shore, degrees clockwise from the column axis of the scene.
    shore : float
        Position of the quay's edge as a fraction of the scene's side from its centre, negative
        landward.
    wind : float
        Direction towards which the wind blows, degrees clockwise from the column axis.
    sun_step : tuple of float
        Columns and rows that a shadow moves in one step. Multiples of one half, so that two steps
        are a whole number of pixels.
    sun_slope : float
        Tangent of the sun's elevation.
    lean : tuple of float
        Metres to the right and downwards by which the view displaces one metre of height.
    sea_colours : tuple of tuple
        Colours of deep, medium and shallow water.
    gain, haze : tuple of float
        Gain and path radiance of the sensor for red, green and blue.
    blur, noise : float
        Standard deviation of the point spread function in pixels, and of the noise in 0..1.
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
    sea_colours: tuple[tuple[float, float, float], ...]
    gain: tuple[float, float, float]
    haze: tuple[float, float, float]
    blur: float
    noise: float

    @property
    def sun(self) -> tuple[float, float]:
        """Displacement of shadows: metres right and down for each metre of height."""
        right, down = self.sun_step
        length = float(np.hypot(right, down)) * self.sun_slope
        return right / length, down / length


# Both scenes lie off Cotonou, where there is only open sea. Sun, view, sea and sensor differ, as
# they do between two acquisitions.
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
        sea_colours=((0.085, 0.19, 0.25), (0.12, 0.28, 0.32), (0.36, 0.50, 0.46)),
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
        sea_colours=((0.10, 0.20, 0.22), (0.15, 0.29, 0.29), (0.42, 0.49, 0.40)),
        gain=(1.07, 1.06, 0.98),
        haze=(0.05, 0.055, 0.06),
        blur=0.72,
        noise=0.013,
    ),
)


@dataclass(frozen=True)
class Site:
    """A plan at a given scene size, with every length in metres.

    The axes of the site start at the centre of the scene: s runs along the shore, t seaward. The
    size is in pixels along one side. `beach_phases` are the phases, in radians, of the three curves
    that shape the beach.
    """

    plan: ScenePlan
    size: int
    beach_phases: tuple[float, ...]

    @property
    def side(self) -> float:
        """Length of one side of the scene in metres."""
        return self.size * GSD

    @property
    def quay_edge(self) -> float:
        """Position of the quay's edge, t in metres."""
        return self.plan.shore * self.side

    @property
    def pontoon_length(self) -> float:
        """Length of pontoons and narrow piers in metres."""
        return min(0.18 * self.side, 140.0)

    def axes(self, row: AnyArray, column: AnyArray, n_cells: int) -> tuple[FloatArray, FloatArray]:
        """Return s and t in metres of cells in a grid with `n_cells` along the scene's side."""
        cell = np.float32(self.side / n_cells)
        x = (column.astype(np.float32) + np.float32(0.5 - n_cells / 2)) * cell
        y = (row.astype(np.float32) + np.float32(0.5 - n_cells / 2)) * cell
        angle = np.radians(self.plan.angle)
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return x * cos + y * sin, y * cos - x * sin

    def pose(self, s: float, t: float, turn: float) -> Pose:
        """Return the position at (s, t) with a heading `turn` radians clockwise from the shore."""
        angle = float(np.radians(self.plan.angle))
        cos, sin = np.cos(angle), np.sin(angle)
        x = self.side / 2 + s * cos - t * sin
        y = self.side / 2 + s * sin + t * cos
        return Pose(float(x), float(y), angle + turn)

    def stretches(self, *kinds: SectionKind) -> list[tuple[float, float]]:
        """Return start and end, s in metres, of the sections of the given kinds."""
        return [
            (section.start * self.side, section.end * self.side)
            for section in self.plan.sections
            if section.kind in kinds
        ]

    def quays(self) -> list[Rect]:
        """Return the quays with their yards; adjacent quays are merged."""
        rects: list[Rect] = []
        for start, end in sorted(self.stretches("quay", "marina", "fishing")):
            is_adjacent = bool(rects) and start - rects[-1].s1 < 1
            merged_start = rects.pop().s0 if is_adjacent else start
            rects.append(Rect(merged_start, end, self.quay_edge - YARD, self.quay_edge))
        return rects

    def waterline(self, s: float) -> float:
        """Return where the beach meets the water, t in metres."""
        long_phase, medium_phase, short_phase = self.beach_phases
        # Cusps of three lengths; the shortest are a few boats wide.
        curve = 7 * np.sin(s / 61 + long_phase) + 3.5 * np.sin(s / 23 + medium_phase)
        curve += 1.2 * np.sin(s / 8 + short_phase)
        return self.quay_edge + WATERLINE + float(curve)

    def wide_piers(self) -> list[Rect]:
        """Return the piers for merchant ships."""
        rects = []
        for start, end in self.stretches("quay"):
            # Piers are spread over the part of the quay that lies in the scene.
            first_end, last_end = (end, start) if start < -0.5 * self.side else (start, end)
            reach = np.clip(last_end, -0.62 * self.side, 0.62 * self.side) - first_end
            for share in (0.32, 0.68) if self.side > 500 else (0.35,):
                s = first_end + share * reach
                t0, t1 = self.quay_edge - 5, self.quay_edge + 0.34 * self.side
                rects.append(Rect(s - 12, s + 12, t0, t1))
        return rects

    def narrow_piers(self) -> list[Rect]:
        """Return the piers for fishing vessels."""
        return [
            Rect(s - 4, s + 4, self.quay_edge - 5, self.quay_edge + self.pontoon_length)
            for start, end in self.stretches("fishing")
            for s in np.arange(start + 28, end - 20, 62)
        ]

    def pontoons(self) -> list[Rect]:
        """Return the floating walkways of the marinas."""
        return [
            Rect(s - 1.1, s + 1.1, self.quay_edge - 1, self.quay_edge + self.pontoon_length)
            for start, end in self.stretches("marina")
            for s in np.arange(start + 24, end - 18, 46)
        ]

    def breakwater(self) -> tuple[tuple[float, float], ...]:
        """Return the (s, t) corners of the line of rock that shelters marinas and narrow piers."""
        sections = self.stretches("marina", "fishing")
        start, end = sections[0][0], sections[-1][1]
        reach = self.quay_edge + self.pontoon_length * 1.45
        # The arm starts on the side of the beach and leaves the entrance to the port open.
        if any(beach_start >= end - 1 for beach_start, _ in self.stretches("beach")):
            corner, tip = end + 4, start + (end - start) * 0.3
        else:
            corner, tip = start - 4, start + (end - start) * 0.7
        return (corner, self.quay_edge - 40), (corner, reach), (tip, reach + 14)
