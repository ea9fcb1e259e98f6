"""Seeded random fields: clouds of many scales, wind waves, and cells like heaped stones."""

import numpy as np
from numpy.random import Generator
from PIL import Image
from scipy.spatial import cKDTree

from core.types import FloatArray, IntArray


def resize(field: FloatArray, size: int) -> FloatArray:
    """Resample a square field to (size, size), linearly, cell centres on cell centres."""
    picture = Image.fromarray(np.ascontiguousarray(field, np.float32))
    return np.array(picture.resize((size, size), Image.Resampling.BILINEAR), np.float32)


def fractal(
    rng: Generator, size: int, coarsest: float, finest: float = 1.0, gain: float = 0.5
) -> FloatArray:
    """Noise with detail from one cell size down to another.

    Parameters
    ----------
    rng : numpy Generator
    size : int
        Pixels along one side.
    coarsest, finest : float
        Largest and smallest cell in pixels; each octave halves the cell.
    gain : float
        Amplitude of an octave beside the coarser one; above 1 the fine detail rules.

    Returns
    -------
    float32 array, (size, size), mean 0, standard deviation 1
    """
    cell, weight = float(coarsest), 1.0
    field = rng.standard_normal((_cells(size, cell),) * 2, np.float32)
    while cell / 2 >= finest:
        cell, weight = cell / 2, weight * gain
        n_cells = _cells(size, cell)
        field = resize(field, n_cells)
        field += weight * rng.standard_normal(field.shape, np.float32)
    field = resize(field, size) if field.shape[0] != size else field
    field -= field.mean()
    field /= field.std()
    return field


def _cells(size: int, cell: float) -> int:
    return max(2, int(np.ceil(size / cell)))


def waves(
    rng: Generator, size: int, direction: float, length: float, spread: float = 4.0
) -> FloatArray:
    """Slopes of a wind-driven sea, as light from one side would show them.

    White noise is shaped by a directional spectrum: a Phillips spectrum (Tessendorf, "Simulating
    Ocean Water", 2001), times the wave number for slope.

    Parameters
    ----------
    rng : numpy Generator
    size : int
        Pixels along one side; the field is made of periodic tiles of two sizes, so that no
        repetition shows.
    direction : float
        Where the wind blows, radians from the column axis.
    length : float
        Length of the dominant wave in pixels.
    spread : float
        Even exponent of the cosine around the wind; larger is more regular.

    Returns
    -------
    float32 array, (size, size), standard deviation 1
    """
    field = np.zeros((size, size), np.float32)
    for tile in (1024, 720):
        patch = _wave_tile(rng, tile, direction, length, spread)
        repeats = -(-size // tile)
        field += np.tile(patch, (repeats, repeats))[:size, :size]
    field /= field.std()
    return field


def _wave_tile(
    rng: Generator, tile: int, direction: float, length: float, spread: float
) -> FloatArray:
    rows = np.fft.fftfreq(tile)[:, None]
    columns = np.fft.rfftfreq(tile)[None, :]
    number = np.hypot(rows, columns)
    # The mean has no wave number: it must not divide by 0, and is left out at the end.
    number[0, 0] = 1.0
    along = (columns * np.cos(direction) + rows * np.sin(direction)) / number
    amplitude = np.exp(-0.5 / (number * length) ** 2) / number**2 * (np.abs(along) ** spread + 0.03)
    # Waves shorter than three pixels would only be noise.
    amplitude *= number * np.exp(-((number / 0.3) ** 2))
    amplitude[0, 0] = 0.0
    spectrum = np.fft.rfft2(rng.standard_normal((tile, tile)))
    patch = np.fft.irfft2(spectrum * amplitude, s=(tile, tile)).astype(np.float32)
    return np.asarray(patch / patch.std(), np.float32)


def stones(
    rng: Generator, x: FloatArray, y: FloatArray, spacing: float
) -> tuple[IntArray, FloatArray]:
    """Cells around scattered points (Worley, SIGGRAPH 1996).

    Parameters
    ----------
    rng : numpy Generator
    x, y : float32 arrays, (n,)
        Where the cells are asked for, in metres.
    spacing : float
        Mean distance of the points in metres.

    Returns
    -------
    int32 array, (n,)
        The number of the cell.
    float32 array, (n,)
        Distance to the border of the cell in units of `spacing`, 0 on the border.
    """
    if not x.size:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    low = np.array([x.min(), y.min()]) - spacing
    high = np.array([x.max(), y.max()]) + spacing
    n_points = int(np.prod((high - low) / spacing)) + 2
    points = rng.uniform(low, high, (n_points, 2))
    near, cell = cKDTree(points).query(np.stack([x, y], 1), k=2)
    border = (near[:, 1] - near[:, 0]) / spacing
    return cell[:, 0].astype(np.int32), border.astype(np.float32)
