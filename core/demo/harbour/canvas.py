"""The canvas of a scene, the stamps that paint single objects on it, and their colours.

Colours are red, green and blue in 0..1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from core.demo.harbour.shapes import Box, Point, box_distance, segment_distance
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

GSD = 0.3
"""Ground sampling distance of the demonstration scenes in metres per pixel."""
Colour = tuple[float, ...]

WHITE: Colour = (0.86, 0.87, 0.86)
GLASS: Colour = (0.13, 0.16, 0.19)
TEAK: Colour = (0.58, 0.45, 0.33)


@dataclass(frozen=True)
class Pose:
    """The position and the heading of an object.

    The position is given in metres right of and below the upper left corner of the scene, the
    heading in radians clockwise from the column axis of the scene.
    """

    x: float
    y: float
    heading: float

    def ahead(self, distance: float) -> "Pose":
        """Return the pose at a distance in metres ahead, or astern if it is negative."""
        x, y = self.to_scene(np.array([[distance, 0.0]]))[0]
        return Pose(float(x), float(y), self.heading)

    def to_scene(self, outline: AnyArray) -> DoubleArray:
        """Convert points (n, 2) from metres forward and to starboard to metres in the scene."""
        forward, side = np.asarray(outline, np.float64).T
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        x = self.x + forward * cos - side * sin
        y = self.y + forward * sin + side * cos
        return np.stack([x, y], axis=1)

    def to_axes(self, right: AnyArray | float, down: AnyArray | float) -> tuple[Any, Any]:
        """Rotate vectors from (right, down) in the scene to (forward, starboard)."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        return right * cos + down * sin, down * cos - right * sin

    def grid_cells(
        self, half_length: float, half_width: float, cell_size: float, n_cells: int
    ) -> tuple[tuple[AnyArray, ...], AnyArray, AnyArray, BoolArray]:
        """Find the grid cells within a rectangle around this pose; all lengths in metres.

        The scene's grid has `n_cells` cells along each side. Returns four values: an index of the
        block of cells that encloses the rectangle; the metres from this pose to the cells' centres,
        forward and to starboard, (n_rows, n_columns); and True for centres within the rectangle.
        """
        cos, sin = abs(np.cos(self.heading)), abs(np.sin(self.heading))
        ranges = []
        for centre, reach in (
            (self.y, sin * half_length + cos * half_width),
            (self.x, cos * half_length + sin * half_width),
        ):
            low = max(0, int(np.floor((centre - reach) / cell_size)))
            high = min(n_cells, int(np.ceil((centre + reach) / cell_size)))
            ranges.append(np.arange(low, high))
        rows, columns = np.ix_(*ranges)
        right, down = (columns + 0.5) * cell_size - self.x, (rows + 0.5) * cell_size - self.y
        u, v = self.to_axes(right, down)
        return (rows, columns), u, v, (np.abs(u) <= half_length) & (np.abs(v) <= half_width)


@dataclass
class Canvas:
    """The unfinished picture of a scene, with its pixels flattened row by row.

    Attributes
    ----------
    size : int
        Pixels along one side.
    rgb : float32 array, (size * size, 3)
        Colours in full sunlight, 0..1.
    height : float32 array, (size * size,)
        Metres above the water.
    grain, patches : float32 arrays, (size * size,)
        Fine and coarse noise of unit variance for wear and dirt.
    lean, sun : tuple of float
        Displacement of tall objects in the oblique view, and of shadows: metres to the right and
        downwards for each metre of height.
    """

    size: int
    rgb: FloatArray
    height: FloatArray
    grain: FloatArray
    patches: FloatArray
    lean: tuple[float, float]
    sun: tuple[float, float]

    def blend(self, index: AnyArray, coverage: FloatArray, colour: AnyArray) -> None:
        """Blend a colour over the pixels at `index`, with one coverage (0..1) per pixel."""
        rgb = self.rgb[index]
        blend_colour(rgb, coverage, colour)
        self.rgb[index] = rgb


class Stamp:
    """The pixels around one object, in the axes of the object.

    Shapes are given by their signed distance in metres, negative inside, so that edges are
    anti-aliased without supersampling. The stamp reaches `half_length` metres forward and aft and
    `half_width` to both sides. Nothing reaches the canvas before `press`.

    Attributes
    ----------
    u, v : float32 arrays, (n,)
        Metres forward and to starboard of each pixel.
    grain, patches : float32 arrays, (n,)
        The noise of the canvas at each pixel.
    """

    def __init__(self, canvas: Canvas, pose: Pose, half_length: float, half_width: float) -> None:
        self.canvas, self.pose = canvas, pose
        window, u, v, inside = pose.grid_cells(half_length, half_width, GSD, canvas.size)
        rows, columns = window
        self.index = (rows * canvas.size + columns)[inside]
        self.u, self.v = u[inside].astype(np.float32), v[inside].astype(np.float32)
        self.rgb, self.height = canvas.rgb[self.index], canvas.height[self.index]
        self.grain, self.patches = canvas.grain[self.index], canvas.patches[self.index]
        self.coverage = np.zeros(self.u.size, np.float32)

    def lay(
        self,
        distance: FloatArray,
        colour: ArrayLike,
        height: ArrayLike | None = None,
        opacity: float = 1.0,
    ) -> None:
        """Paint a colour, (3,) or (n, 3), where the signed distance (n,) is negative.

        The height in metres above the water, for the shadow, is one number or (n,); None keeps the
        existing height. The opacity is 0..1.
        """
        # A straight edge at this distance from the centre of a pixel covers this fraction of it.
        coverage = np.clip(0.5 - distance / GSD, 0, 1)
        if height is not None:
            self.height = np.where(coverage > 0.5, height, self.height).astype(np.float32)
        coverage *= opacity
        self.coverage = np.maximum(self.coverage, coverage)
        blend_colour(self.rgb, coverage, colour)

    def lay_box(
        self,
        box: Box,
        colour: ArrayLike,
        height: ArrayLike | None = None,
        opacity: float = 1.0,
        *,
        clip: FloatArray | None = None,
        elevation: float = 0.0,
    ) -> None:
        """Paint a rectangle; `colour`, `height` and `opacity` are as in `lay`.

        The signed distance `clip` limits the rectangle to another shape. At an `elevation` in
        metres above the water, the oblique view displaces the rectangle.
        """
        distance = box_distance(*self.axes_at(elevation), *box)
        if clip is not None:
            distance = np.maximum(distance, clip)
        self.lay(distance, colour, height, opacity)

    def lay_line(
        self,
        start: Point,
        end: Point,
        radius: float,
        colour: ArrayLike,
        height: float | None = None,
        opacity: float = 1.0,
        *,
        elevation: float = 0.0,
    ) -> None:
        """Paint a line with round ends; `radius` is half of its width in metres."""
        distance = segment_distance(*self.axes_at(elevation), start, end) - radius
        self.lay(distance, colour, height, opacity)

    def lay_mast(self, u: float, height: float, radius: float = 0.12) -> None:
        """Paint a thin mast on the axis of the object, `u` metres forward of the centre."""
        if not self.u.size:
            return
        # One pixel carries the height: its shadow is a line one pixel wide.
        foot_distance = np.hypot(self.u - u, self.v)
        nearest = int(np.argmin(foot_distance))
        if foot_distance[nearest] < GSD:
            self.height[nearest] = height
        lean_u, lean_v = self.pose.to_axes(*self.canvas.lean)
        top = (u + height * lean_u, height * lean_v)
        self.lay_line((u, 0.0), top, radius, (0.8, 0.8, 0.8), None, 0.7)

    def axes_at(self, height: float) -> tuple[FloatArray, FloatArray]:
        """Return `u` and `v` for shapes at a height in metres, displaced by the oblique view."""
        if not height:
            return self.u, self.v
        lean_u, lean_v = self.pose.to_axes(*self.canvas.lean)
        return self.u - np.float32(height * lean_u), self.v - np.float32(height * lean_v)

    def sun_direction(self) -> tuple[float, float]:
        """Return the direction towards the sun, opposite to the shadows, in the stamp's axes."""
        shadow_u, shadow_v = self.pose.to_axes(*self.canvas.sun)
        return float(-shadow_u), float(-shadow_v)

    def press(self, grain: float = 0.0, patches: float = 0.0) -> None:
        """Write the stamp to its canvas, with noise of the given amplitudes in its brightness."""
        if grain or patches:
            wear = 1 + self.coverage * (grain * self.grain + patches * self.patches)
            self.rgb *= wear[:, None]
        self.canvas.rgb[self.index] = self.rgb
        self.canvas.height[self.index] = self.height


def palette(percentages: str) -> tuple[Colour, ...]:
    """Return colours from percentages of red, green and blue such as "42 33 25, 33 26 21"."""
    return tuple(tuple(int(n) / 100 for n in colour.split()) for colour in percentages.split(","))


def pick_colour(rng: Generator, colours: tuple[Colour, ...], spread: float = 0.05) -> DoubleArray:
    """Pick one of the colours and vary its brightness (by the fraction `spread`) and hue."""
    base = np.asarray(colours[int(rng.integers(len(colours)))])
    colour = base * (1 + rng.normal(0, spread)) + rng.normal(0, spread / 8, 3)
    return np.clip(colour, 0.02, 0.97)


def blend_colour(rgb: FloatArray, weight: AnyArray, colour: ArrayLike) -> None:
    """Blend a colour over `rgb`, (..., 3), in place; `weight`, (...,), is its opacity in 0..1."""
    rgb += weight[..., None] * (np.asarray(colour, np.float32) - rgb)
