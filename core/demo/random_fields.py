"""Seeded random fields: fractal noise, slopes of wind waves and Worley cells."""

import numpy as np
from numpy.random import Generator
from PIL import Image
from scipy.spatial import cKDTree

from core.types import FloatArray, IntArray


def resize_field(field: FloatArray, size: int) -> FloatArray:
    """Resample a square field to (size, size) by linear interpolation between cell centres."""
    image = Image.fromarray(np.ascontiguousarray(field, np.float32))
    return np.array(image.resize((size, size), Image.Resampling.BILINEAR), np.float32)


def fractal_noise(
    rng: Generator, size: int, coarsest: float, finest: float = 1.0, gain: float = 0.5
) -> FloatArray:
    """Return noise that is the sum of octaves of decreasing cell size, float32 (size, size).

    The coarsest and the finest cell are given in pixels; each octave halves the cell. The gain is
    the amplitude of each octave relative to the next coarser one; above 1, fine detail dominates.
    The noise has mean 0 and standard deviation 1.
    """
    cell, amplitude = float(coarsest), 1.0
    field = rng.standard_normal((_cell_count(size, cell),) * 2, np.float32)
    while cell / 2 >= finest:
        cell, amplitude = cell / 2, amplitude * gain
        field = resize_field(field, _cell_count(size, cell))
        field += amplitude * rng.standard_normal(field.shape, np.float32)
    if field.shape[0] != size:
        field = resize_field(field, size)
    field -= field.mean()
    field /= field.std()
    return field


def _cell_count(size: int, cell: float) -> int:
    return max(2, int(np.ceil(size / cell)))


def wave_slopes(rng: Generator, size: int, direction: float, length: float) -> FloatArray:
    """Return the slopes of a wind-driven sea, which determine how it reflects light from one side.

    White noise is shaped by a directional Phillips spectrum (Tessendorf, "Simulating Ocean
    Water", 2001), multiplied by the wave number to turn elevation into slope. The wind blows
    towards `direction`, in radians from the column axis; `length` is the wavelength of the dominant
    wave in pixels. The slopes, float32 (size, size), have standard deviation 1.
    """
    # The sum of periodic tiles of two different sizes, so that no repetition is visible.
    field = np.zeros((size, size), np.float32)
    for tile_size in (1024, 720):
        tile = _wave_tile(rng, tile_size, direction, length)
        repeats = -(-size // tile_size)
        field += np.tile(tile, (repeats, repeats))[:size, :size]
    field /= field.std()
    return field


def _wave_tile(rng: Generator, size: int, direction: float, length: float) -> FloatArray:
    rows = np.fft.fftfreq(size)[:, None]
    columns = np.fft.rfftfreq(size)[None, :]
    wave_number = np.hypot(rows, columns)
    # The mean has wave number 0: avoid the division by zero; its amplitude is set to 0 below.
    wave_number[0, 0] = 1.0
    alignment = (columns * np.cos(direction) + rows * np.sin(direction)) / wave_number
    # The larger the exponent of the alignment, the more regular the waves.
    spread = np.abs(alignment) ** 4.0 + 0.03
    amplitude = np.exp(-0.5 / (wave_number * length) ** 2) / wave_number**2 * spread
    # Waves shorter than three pixels would only add noise.
    amplitude *= wave_number * np.exp(-((wave_number / 0.3) ** 2))
    amplitude[0, 0] = 0.0
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    tile = np.fft.irfft2(spectrum * amplitude, s=(size, size)).astype(np.float32)
    return np.asarray(tile / tile.std(), np.float32)


def stone_cells(
    rng: Generator, x: FloatArray, y: FloatArray, spacing: float
) -> tuple[IntArray, FloatArray]:
    """Assign positions to the cells around randomly scattered points (Worley, SIGGRAPH 1996).

    The positions x and y, (n,), and the mean spacing of the points are given in metres. Returns the
    number of the cell that contains each position, int32 (n,), and the distance to the border of
    that cell in units of the spacing, float32 (n,).
    """
    if not x.size:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    low = np.array([x.min(), y.min()]) - spacing
    high = np.array([x.max(), y.max()]) + spacing
    n_points = int(np.prod((high - low) / spacing)) + 2
    points = rng.uniform(low, high, (n_points, 2))
    distances, cells = cKDTree(points).query(np.stack([x, y], 1), k=2)
    border = (distances[:, 1] - distances[:, 0]) / spacing
    return cells[:, 0].astype(np.int32), border.astype(np.float32)
