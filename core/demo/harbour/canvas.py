"""What a scene is painted on: colours, heights that cast shadows, and stamps for single things."""

from dataclasses import dataclass

import numpy as np

from core.types import AnyArray, DoubleArray, FloatArray

GSD = 0.3
"""Metres per pixel of the demo's scenes."""


@dataclass(frozen=True)
class Place:
    """Where a thing lies.

    Attributes
    ----------
    x, y : float
        Its middle in metres right of and below the scene's upper left corner.
    heading : float
        Where its bow points, radians clockwise from the scene's right.
    """

    x: float
    y: float
    heading: float

    def to_scene(self, outline: AnyArray) -> DoubleArray:
        """Points (n, 2) of metres forward and to starboard, as metres in the scene."""
        forward, side = np.asarray(outline, np.float64).T
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        x = self.x + forward * cos - side * sin
        y = self.y + forward * sin + side * cos
        return np.stack([x, y], axis=1)


@dataclass
class Canvas:
    """A scene in the making; pixels are flattened row by row.

    Attributes
    ----------
    size : int
        Pixels along one side.
    rgb : float32 array, (size * size, 3)
        Colours in full sun, 0..1.
    height : float32 array, (size * size,)
        Metres above the water.
    grain, patches : float32 arrays, (size * size,)
        Fine and coarse noise of unit variance for wear and dirt.
    lean : tuple of float
        How far tall things lean to the right and downwards in the picture, metres a metre.
    sun : tuple of float
        Where shadows fall: metres to the right and downwards for each metre of height.
    """

    size: int
    rgb: FloatArray
    height: FloatArray
    grain: FloatArray
    patches: FloatArray
    lean: tuple[float, float]
    sun: tuple[float, float]

    @property
    def side(self) -> float:
        """Metres along one side."""
        return self.size * GSD

    def cover(self, index: AnyArray | slice, coverage: FloatArray, colour: AnyArray) -> None:
        """Lay a colour over pixels; coverage 0..1, one value a pixel."""
        base = self.rgb[index]
        self.rgb[index] = base + coverage[:, None] * (np.asarray(colour, np.float32) - base)


class Stamp:
    """The pixels around one thing, in the thing's own axes.

    Layers are given by a signed distance in metres, negative inside, so that edges are
    anti-aliased without supersampling.

    Parameters
    ----------
    canvas : Canvas
    place : Place
    half_length, half_width : float
        Reach of the stamp forward and to the side in metres.
    """

    def __init__(self, canvas: Canvas, place: Place, half_length: float, half_width: float) -> None:
        self.canvas, self.place = canvas, place
        cos, sin = np.cos(place.heading), np.sin(place.heading)
        reach_x = abs(cos) * half_length + abs(sin) * half_width
        reach_y = abs(sin) * half_length + abs(cos) * half_width
        columns = self._pixels(place.x, reach_x)
        rows = self._pixels(place.y, reach_y)
        x = ((columns + 0.5) * GSD - place.x)[None, :]
        y = ((rows + 0.5) * GSD - place.y)[:, None]
        u, v = x * cos + y * sin, y * cos - x * sin
        inside = (np.abs(u) <= half_length) & (np.abs(v) <= half_width)
        self.index = (rows[:, None] * canvas.size + columns[None, :])[inside]
        self.u, self.v = u[inside].astype(np.float32), v[inside].astype(np.float32)
        self.rgb = canvas.rgb[self.index]
        self.height = canvas.height[self.index]
        self.covered = np.zeros(self.u.size, np.float32)
        self.grain = canvas.grain[self.index]
        self.patches = canvas.patches[self.index]

    def _pixels(self, centre: float, reach: float) -> AnyArray:
        low = max(0, int(np.floor((centre - reach) / GSD)))
        high = min(self.canvas.size, int(np.ceil((centre + reach) / GSD)))
        return np.arange(low, max(low, high))

    def lay(
        self,
        distance: FloatArray,
        colour: AnyArray | tuple[float, ...],
        height: FloatArray | float | None = None,
        opacity: float = 1.0,
    ) -> None:
        """Lay a colour where the distance is negative.

        Parameters
        ----------
        distance : float32 array, (n,)
            Signed distance in metres.
        colour : array, (3,) or (n, 3)
            Red, green, blue in 0..1.
        height : float or float32 array, (n,), optional
            Metres above the water, to cast shadows; None leaves it as it is.
        opacity : float
            0..1.
        """
        # A straight edge at this distance from a pixel's middle covers this share of it.
        coverage = np.clip(0.5 - distance / GSD, 0, 1)
        if height is not None:
            self.height = np.where(coverage > 0.5, height, self.height).astype(np.float32)
        coverage *= opacity
        self.covered = np.maximum(self.covered, coverage)
        self.rgb += coverage[:, None] * (np.asarray(colour, np.float32) - self.rgb)

    def shifted(self, height: float) -> tuple[FloatArray, FloatArray]:
        """Forward and side coordinates as seen at a height, where tall things lean."""
        right, down = self.canvas.lean
        cos, sin = np.cos(self.place.heading), np.sin(self.place.heading)
        lean_u, lean_v = right * cos + down * sin, down * cos - right * sin
        return (
            (self.u - np.float32(height * lean_u)).astype(np.float32),
            (self.v - np.float32(height * lean_v)).astype(np.float32),
        )

    def weather(self, grain: float, patches: float = 0.0) -> None:
        """Make what was laid uneven, as a share of its brightness."""
        wear = 1 + self.covered * (grain * self.grain + patches * self.patches)
        self.rgb *= wear[:, None]

    def mast(self, u: float, v: float, height: float, width: float = 0.12) -> None:
        """A thin upright that leans a little and casts a long shadow."""
        if not self.u.size:
            return
        # One pixel stands for the mast: the shadow of a single pixel is a line one pixel wide.
        foot = np.hypot(self.u - u, self.v - v)
        nearest = int(np.argmin(foot))
        if foot[nearest] < GSD:
            self.height[nearest] = height
        right, down = self.canvas.lean
        cos, sin = np.cos(self.place.heading), np.sin(self.place.heading)
        top_u = u + height * (right * cos + down * sin)
        top_v = v + height * (down * cos - right * sin)
        self.lay(
            segment(self.u, self.v, (u, v), (top_u, top_v)) - width, (0.8, 0.8, 0.8), None, 0.7
        )

    def press(self) -> None:
        """Put the stamp on its canvas."""
        self.canvas.rgb[self.index] = self.rgb
        self.canvas.height[self.index] = self.height


def box(
    u: FloatArray, v: FloatArray, low: tuple[float, float], high: tuple[float, float]
) -> FloatArray:
    """Signed distance to a rectangle between two corners (u, v)."""
    along = np.abs(u - (low[0] + high[0]) / 2) - (high[0] - low[0]) / 2
    across = np.abs(v - (low[1] + high[1]) / 2) - (high[1] - low[1]) / 2
    return np.asarray(np.maximum(along, across), np.float32)


def disc(u: FloatArray, v: FloatArray, centre: tuple[float, float], radius: float) -> FloatArray:
    """Signed distance to a disc."""
    return np.asarray(np.hypot(u - centre[0], v - centre[1]) - radius, np.float32)


def segment(
    u: FloatArray, v: FloatArray, start: tuple[float, float], end: tuple[float, float]
) -> FloatArray:
    """Distance to a line between two points."""
    du, dv = end[0] - start[0], end[1] - start[1]
    length = max(du * du + dv * dv, 1e-9)
    share = np.clip(((u - start[0]) * du + (v - start[1]) * dv) / length, 0, 1)
    return np.asarray(np.hypot(u - start[0] - share * du, v - start[1] - share * dv), np.float32)


def bars(u: FloatArray, spacing: float, width: float) -> FloatArray:
    """Signed distance to bars that repeat along one axis."""
    return np.asarray(np.abs((u + spacing / 2) % spacing - spacing / 2) - width / 2, np.float32)
