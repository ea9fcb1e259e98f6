"""Hull shapes, and what several kinds of vessel share: outlines, wakes, cabins."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from core.demo.harbour.canvas import Canvas, Place, Stamp, box
from core.types import AnyArray, DoubleArray, FloatArray

Colour = tuple[float, float, float]

WHITE: Colour = (0.86, 0.87, 0.86)
GLASS: Colour = (0.13, 0.16, 0.19)
TEAK: Colour = (0.58, 0.45, 0.33)


@dataclass(frozen=True)
class Hull:
    """A hull seen from above.

    Attributes
    ----------
    length, beam : float
        Metres.
    bow : float
        Share of the length over which the bow narrows to a point.
    stern : float
        Width of the stern as a share of the beam.
    fullness : float
        Exponent of the bow's curve: 1 for a straight wedge, 3 for a blunt bow.
    """

    length: float
    beam: float
    bow: float = 0.5
    stern: float = 0.8
    fullness: float = 2.0

    def half_beam(self, u: AnyArray) -> AnyArray:
        """Half of the width in metres at a distance u forward of the middle."""
        share = np.clip(u / self.length + 0.5, 0, 1)
        forward = np.clip((1 - share) / self.bow, 0, 1)
        aft = np.clip(share / 0.35, 0, 1)
        taper = self.stern + (1 - self.stern) * (1 - (1 - aft) ** 2)
        return self.beam / 2 * (1 - (1 - forward) ** self.fullness) * taper

    def distance(self, u: FloatArray, v: FloatArray, offset: float = 0.0) -> FloatArray:
        """Signed distance to the hull, nearly; `offset` moves it to one side."""
        across = np.abs(v - offset) - self.half_beam(u)
        along = np.abs(u) - self.length / 2
        return np.asarray(np.maximum(across, along), np.float32)

    def outline(self, n_points: int = 7) -> DoubleArray:
        """The outline, (2 * n_points, 2): metres forward and to starboard, from the stern."""
        u = np.linspace(-0.5, 0.5, n_points) * self.length
        # A bow of no width would be a ring that touches itself.
        half = np.maximum(self.half_beam(u), 0.02 * self.beam)
        side = np.stack([u, half], axis=1)
        return np.concatenate([side, (side * (1, -1))[::-1]])


def pick(rng: Generator, colours: tuple[Colour, ...], spread: float = 0.05) -> Colour:
    """One of the colours, a little lighter or darker and a little off."""
    base = np.asarray(colours[int(rng.integers(len(colours)))])
    varied = base * (1 + rng.normal(0, spread)) + rng.normal(0, spread / 8, 3)
    red, green, blue = np.clip(varied, 0.02, 0.97)
    return float(red), float(green), float(blue)


def cabin(
    stamp: Stamp,
    low: tuple[float, float],
    high: tuple[float, float],
    top: float,
    colour: Colour,
    glass: float = 0.25,
) -> None:
    """A box with a dark band of windows at its front and a lighter roof.

    Parameters
    ----------
    stamp : Stamp
    low, high : tuple of float
        Corners, metres forward and to starboard.
    top : float
        Height of the roof in metres.
    colour : tuple of float
    glass : float
        Depth of the band of windows in metres.
    """
    u, v = stamp.shifted(top)
    stamp.lay(box(stamp.u, stamp.v, low, high), np.multiply(colour, 0.7), top * 0.6)
    stamp.lay(box(u, v, low, high), GLASS, top)
    roof = (high[0] - glass, high[1] - 0.1)
    stamp.lay(box(u, v, (low[0] + 0.1, low[1] + 0.1), roof), colour, top)


def wake(canvas: Canvas, place: Place, length: float, beam: float, speed: float) -> None:
    """Foam behind a moving boat and the two arms of its bow wave.

    The arms open at 19.5 degrees, whatever the speed (Kelvin, 1887).

    Parameters
    ----------
    canvas : Canvas
    place : Place
    length, beam : float
        Of the boat, in metres.
    speed : float
        0..1; sets how long and how bright the wake is.
    """
    reach = length * (3 + 8 * speed)
    middle = place.to_scene(np.array([[-reach / 2, 0.0]]))[0]
    astern = Place(float(middle[0]), float(middle[1]), place.heading)
    stamp = Stamp(canvas, astern, reach / 2 + length / 2, reach * 0.3 + beam)
    behind = (reach / 2 + length / 2) - stamp.u
    fade = np.exp(-behind / (reach * 0.3))
    # Foam breaks up into flecks, in the same grain as all else.
    rough = 0.55 + 0.45 * np.clip(stamp.grain + 0.5 * stamp.patches, -1, 1.5)
    aft = np.clip((behind - length * 0.8) / length, 0, 1)
    trail = np.exp(-((stamp.v / (beam * (0.42 + 0.01 * behind))) ** 2)) * aft
    arm = np.abs(stamp.v) - beam * 0.3 - behind * np.tan(np.radians(19.5)) * (0.35 + 0.2 * speed)
    width = 0.35 + 0.045 * behind
    arms = np.exp(-((arm / width) ** 2) - behind / (reach * 0.35)) * (0.3 + 0.5 * speed)
    # Foam spares whatever stands above the water: piers, breakwaters, other boats.
    open_water = stamp.height <= 0
    foam = np.clip((trail * 0.95 + arms * 0.8) * fade * rough * (0.5 + speed), 0, 0.95) * open_water
    dark = np.exp(-(((arm + 1.6 * width) / width) ** 2)) * fade * 0.35 * open_water
    stamp.rgb *= (1 - dark)[:, None]
    stamp.rgb += foam[:, None].astype(np.float32) * (np.float32(0.88) - stamp.rgb)
    stamp.press()
