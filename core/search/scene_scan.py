"""Windows of one size on a grid over a scene, embedded a block at a time.

Every window is cut exactly as a chip around a point with the window's side on the ground: with
north up, and square even if pixels are not.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import shapely

from core.chips.chip_set import SceneChips
from core.chips.extraction import cut_chips
from core.chips.scaling import Scaling
from core.embeddings.encoder import Encoder, Fitted
from core.embeddings.encoding import encode_rows
from core.errors import SettingsError
from core.raster.geodesy import ground_pixel_sides
from core.raster.scene import Scene
from core.settings import ChipSettings
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

# Two million windows with embeddings of 384 numbers take 3 GB on disk.
MAX_WINDOWS = 2_000_000
# Largest size in bytes of the native pixels of one block.
BLOCK_BYTES = 64 * 2**20
# Windows with a smaller fraction of valid pixels are not embedded.
LEAST_VALID = 0.5
# Sides are rounded to powers of this number, so that examples of nearly the same size share a scan.
SIDE_RATIO = 2 ** (1 / 4)


@dataclass(frozen=True)
class WindowGrid:
    """The centres of windows over a scene, in scene pixels, row by row.

    Attributes
    ----------
    columns, rows : float64 arrays
        Columns and rows of the centres.
    side : float
        Side of a window on the ground in metres; in pixels if the scene has no CRS.
    step : int
        Distance between neighbouring centres in scene pixels.
    """

    columns: DoubleArray
    rows: DoubleArray
    side: float
    step: int

    def __len__(self) -> int:
        return len(self.columns) * len(self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns of the grid."""
        return len(self.rows), len(self.columns)

    def centres(self, rows: slice | None = None) -> DoubleArray:
        """Return column and row of the centres of some windows, by default of all, (n, 2)."""
        numbers = np.arange(len(self))[rows or slice(None)]
        down, across = np.divmod(numbers, max(1, len(self.columns)))
        return np.column_stack([self.columns[across], self.rows[down]])


def round_side(side: float) -> float:
    """Return the nearest power of `SIDE_RATIO`, with three significant digits."""
    exponent = np.rint(np.log(side) / np.log(SIDE_RATIO))
    return float(f"{SIDE_RATIO**exponent:.3g}")


def pixel_sides(scene: Scene, side: float) -> tuple[float, float]:
    """Return the width and the height in scene pixels of a square on the ground at the centre."""
    if not scene.crs:
        return side, side
    centre = np.array([scene.width / 2]), np.array([scene.height / 2])
    across, down = ground_pixel_sides(scene.crs, scene.transform, *centre)[0]
    return side / across, side / down


def plan_grid(scene: Scene, side: float, step: int, margin: float = 0.0) -> WindowGrid:
    """Return the grid of windows of a scene.

    Without its margin, a fraction of the side without margins, each window lies on the scene.
    Raises SettingsError for more than `MAX_WINDOWS` windows.
    """
    sides = pixel_sides(scene, side / (1 + 2 * margin))
    lengths = scene.width - sides[0], scene.height - sides[1]
    n_windows = _count_windows(lengths, step)
    if n_windows > MAX_WINDOWS:
        smallest = step + 1
        while _count_windows(lengths, smallest) > MAX_WINDOWS:
            smallest += 1
        raise SettingsError(
            f"the grid has {n_windows:,} windows in one scene, more than {MAX_WINDOWS:,}",
            where=f"{scene.path.name}, step {step} px",
            remedy=f"Use a step of {smallest} px or more.",
        )
    columns, rows = (
        _centres(length, extent, step)
        for length, extent in zip((scene.width, scene.height), sides, strict=True)
    )
    return WindowGrid(columns, rows, side, step)


def _count_windows(lengths: tuple[float, float], step: int) -> int:
    """Return the number of windows whose centres are spread over lengths in pixels."""
    return int(np.prod([length // step + 1 if length >= 0 else 0 for length in lengths]))


def _centres(length: int, extent: float, step: int) -> DoubleArray:
    """Return evenly spaced centres along one side of a scene, with equal gaps at both ends."""
    free = length - extent
    if free < 0:
        return np.zeros(0)
    n_steps = int(free // step)
    first = extent / 2 + (free - n_steps * step) / 2
    return np.asarray(first + step * np.arange(n_steps + 1), np.float64)


def surrounding_centres(centres: DoubleArray, distance: DoubleArray) -> DoubleArray:
    """Return the points to the right of, below, to the left of and above some points, (k, 2).

    `distance` is that along columns and rows. Points that are nearer to another one of the
    `centres`, (n, 2), than half of the distance are left out.
    """
    from scipy.spatial import cKDTree

    steps = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)], float) * distance
    points = (centres[:, None] + steps).reshape(-1, 2)
    nearest, _ = cKDTree(centres / distance).query(points / distance)
    return np.asarray(points[nearest > 0.5])


def block_length(n_bands: int, size: int, dtype: str) -> int:
    """Return the number of windows in a block, whose pixels take at most `BLOCK_BYTES`."""
    return max(64, BLOCK_BYTES // (n_bands * size**2 * np.dtype(dtype).itemsize))


def window_settings(settings: ChipSettings, side: float) -> ChipSettings:
    """Return the settings that cut a chip of a side on the ground around a point.

    The point has no long axis and no outline, so north is up and the background is kept.
    """
    return replace(
        settings, margin=0.0, extent=0.0, align="north", background="keep", point_size=side
    )


def cut_windows(
    scene: Scene, centres: DoubleArray, bands: tuple[str, ...], settings: ChipSettings
) -> tuple[AnyArray, BoolArray]:
    """Cut windows around points, given by column and row, (n, 2).

    `settings` are those of `window_settings`. Returns native pixels, (n, bands, size, size), and
    the mask, (n, size, size), True where masked.
    """
    n, size = len(centres), settings.size
    pixels = np.zeros((n, len(bands), size, size), scene.dtype)
    mask = np.ones((n, size, size), bool)
    for chips in cut_chips(scene, np.asarray(shapely.points(centres)), bands, settings):
        pixels[chips.rows], mask[chips.rows] = chips.values, chips.mask
    return pixels, mask


@dataclass(frozen=True)
class WindowEncoder:
    """An encoder with its fit, and the bands and settings with which windows are cut for it."""

    encoder: Encoder
    fitted: Fitted
    scaling: Scaling
    bands: tuple[str, ...]
    settings: ChipSettings

    def embed(self, scene: Scene, centres: DoubleArray) -> tuple[FloatArray, BoolArray]:
        """Embed the windows around points, given by column and row, (n, 2).

        Returns the embeddings of the usable windows, (k, dim), and which windows are usable, (n,):
        those with at least `LEAST_VALID` valid pixels.
        """
        pixels, mask = cut_windows(scene, centres, self.bands, self.settings)
        usable: BoolArray = 1 - mask.mean(axis=(1, 2)) >= LEAST_VALID
        n_usable = int(usable.sum())
        if n_usable < len(usable):
            pixels, mask = pixels[usable], mask[usable]
        if not n_usable:
            return np.zeros((0, 0), np.float32), usable
        names = [f"{scene.name}, column {x:.0f}, row {y:.0f}" for x, y in centres[usable]]
        part = SceneChips(
            key="",
            scene=scene.name,
            pixels=pixels,
            mask=mask.astype(np.uint8),
            facts=pd.DataFrame({"chip_id": names}),
            properties=pd.DataFrame(index=range(n_usable)),
        )
        rows = slice(0, n_usable)
        embeddings = encode_rows(self.encoder, part, self.bands, self.scaling, self.fitted, rows)
        return embeddings, usable
