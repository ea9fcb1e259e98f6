"""Shapes as signed distances in metres, negative inside: boxes, discs, segments, bars and hulls."""

from dataclasses import dataclass

import numpy as np

from core.types import AnyArray, DoubleArray, FloatArray

Point = tuple[float, float]
"""Metres forward and to starboard of the centre of an object, or metres along two other axes."""
Box = tuple[Point, Point]
"""Opposite corners of a rectangle, the lower coordinates first."""


def centred_box(start: float, end: float, half_width: float, offset: float = 0.0) -> Box:
    """Return a rectangle that is symmetric about the axis v = `offset`."""
    return (start, offset - half_width), (end, offset + half_width)


def box_distance(u: FloatArray, v: FloatArray, low: Point, high: Point) -> FloatArray:
    """Return the signed distance to the rectangle between two corners (u, v)."""
    along = np.abs(u - (low[0] + high[0]) / 2) - (high[0] - low[0]) / 2
    across = np.abs(v - (low[1] + high[1]) / 2) - (high[1] - low[1]) / 2
    return np.asarray(np.maximum(along, across), np.float32)


def disc_distance(u: FloatArray, v: FloatArray, centre: Point, radius: float) -> FloatArray:
    """Return the signed distance to a disc."""
    return np.asarray(np.hypot(u - centre[0], v - centre[1]) - radius, np.float32)


def segment_distance(u: FloatArray, v: FloatArray, start: Point, end: Point) -> FloatArray:
    """Return the distance to the line segment between two points."""
    du, dv = end[0] - start[0], end[1] - start[1]
    squared_length = max(du * du + dv * dv, 1e-9)
    share = np.clip(((u - start[0]) * du + (v - start[1]) * dv) / squared_length, 0, 1)
    return np.asarray(np.hypot(u - start[0] - share * du, v - start[1] - share * dv), np.float32)


def bar_distance(u: FloatArray, spacing: float, width: float) -> FloatArray:
    """Return the signed distance to bars that repeat along one axis."""
    return np.asarray(np.abs((u + spacing / 2) % spacing - spacing / 2) - width / 2, np.float32)


@dataclass(frozen=True)
class Hull:
    """A hull seen from above, with its length and beam in metres.

    Attributes
    ----------
    bow : float
        Share of the length over which the bow narrows to a point.
    stern : float
        Width of the stern as a share of the beam.
    fullness : float
        Exponent of the curve of the bow: 1 for a straight wedge, 3 for a blunt bow.
    """

    length: float
    beam: float
    bow: float = 0.5
    stern: float = 0.8
    fullness: float = 2.0

    def half_beam(self, u: AnyArray) -> AnyArray:
        """Return half of the width in metres at a distance u forward of the centre."""
        share = np.clip(u / self.length + 0.5, 0, 1)
        from_bow = np.clip((1 - share) / self.bow, 0, 1)
        from_stern = np.clip(share / 0.35, 0, 1)
        taper = self.stern + (1 - self.stern) * (1 - (1 - from_stern) ** 2)
        return self.beam / 2 * (1 - (1 - from_bow) ** self.fullness) * taper

    def distance(self, u: FloatArray, v: FloatArray, offset: float = 0.0) -> FloatArray:
        """Return the approximate signed distance to the hull, `offset` metres to starboard."""
        across = np.abs(v - offset) - self.half_beam(u)
        along = np.abs(u) - self.length / 2
        return np.asarray(np.maximum(across, along), np.float32)

    def outline(self, n_points: int = 7) -> DoubleArray:
        """Return the outline (2 * n_points, 2) in metres forward and to starboard."""
        u = np.linspace(-0.5, 0.5, n_points) * self.length
        # A bow without width would make a ring that touches itself.
        half_beam = np.maximum(self.half_beam(u), 0.02 * self.beam)
        starboard = np.stack([u, half_beam], axis=1)
        return np.concatenate([starboard, (starboard * (1, -1))[::-1]])
