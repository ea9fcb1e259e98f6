"""Derivatives, local means and smoothing that neither count nor spread masked pixels.

Everything beyond the chip's edge is treated as masked, so a masked border around a chip changes
nothing here. Values are float32, 0 where masked; `valid` is 1 where a pixel
counts and 0 where it does not. A `step` above 1 takes neighbours that far away: the coarser scale
of a smoothed image without leaving out pixels ("à trous", Holschneider et al. 1989).
"""

import numpy as np

from core.types import FloatArray

# What the middle of a chip's edge counts beside its centre.
EDGE = 0.25


def weights(valid: FloatArray) -> FloatArray:
    """How much each pixel counts in a statistic: 1 in the centre, less towards the edge.

    A chip shows its annotation in the middle, with a margin around it. The weight falls as a
    cosine along both axes, and is 0 where masked. In the demo's harbour it raised the 5-NN
    accuracy for the kind of object by 0.03; for pure textures it cost less than 0.01.

    Parameters
    ----------
    valid : float32 array, (n, height, width)

    Returns
    -------
    float32 array, (n, height, width)
    """
    down, across = (
        EDGE + (1 - EDGE) * np.cos(np.pi * ((np.arange(side) + 0.5) / side - 0.5))
        for side in valid.shape[1:]
    )
    weighted: FloatArray = valid * (down[:, None] * across).astype(np.float32)
    return weighted


def derivatives(
    values: FloatArray, valid: FloatArray, axis: int, step: int = 1
) -> tuple[FloatArray, FloatArray]:
    """First and second derivative along one axis, a step as unit of length.

    Where one of the two neighbours is masked it is replaced by linear extrapolation: the first
    derivative becomes one-sided and the second 0. Without any valid neighbour both are 0.

    Parameters
    ----------
    values : float32 array, (n, bands, height, width)
    valid : float32 array, (n, height, width)
    axis : int
        2 along the columns of pixels (y), 3 along the rows (x).
    step : int
        Distance of the neighbours in pixels.

    Returns
    -------
    first, second : float32 arrays of the shape of `values`
    """
    first, second = np.zeros_like(values), np.zeros_like(values)
    if values.shape[axis] <= step:
        return first, second
    along = (slice(None),) * axis
    ahead, behind = (*along, slice(step, None)), (*along, slice(-step))
    weight = valid[:, None]
    both = weight[ahead] * weight[behind]
    difference = values[ahead] - values[behind]
    difference *= both
    first[behind] = difference
    second[behind] = difference
    first[ahead] += difference
    second[ahead] -= difference
    sides, inside = np.zeros_like(weight), np.zeros_like(weight)
    sides[behind] = both
    inside[behind] = both
    sides[ahead] += both
    inside[ahead] *= both
    inside[(*along, slice(step))] = 0
    first /= np.maximum(sides, 1)
    second *= inside
    return first, second


def local_sum(values: FloatArray, step: int = 1) -> FloatArray:
    """Sum over 3 x 3 pixels, `step` apart, of the last two axes; 0 beyond the edge."""
    rows = values.copy()
    if values.shape[-1] > step:
        rows[..., step:] += values[..., :-step]
        rows[..., :-step] += values[..., step:]
    total = rows.copy()
    if values.shape[-2] > step:
        total[..., step:, :] += rows[..., :-step, :]
        total[..., :-step, :] += rows[..., step:, :]
    return total


def local_mean(values: FloatArray, valid: FloatArray, step: int = 1) -> FloatArray:
    """Mean of the valid pixels among 3 x 3, `step` apart; 0 where there is none.

    Parameters
    ----------
    values, valid : float32 arrays, (n, height, width)
        `values` are 0 where masked.
    """
    mean = local_sum(values, step)
    mean /= np.maximum(local_sum(valid, step), 1)
    return mean


def smooth(values: FloatArray, valid: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean of the valid pixels among each 2 x 2; valid where any of the four is.

    Taken at every corner where pixels meet, those on the chip's outline among them: the result is
    one pixel higher and wider. Every second pixel of it along both axes is the image at half the
    resolution.

    Parameters
    ----------
    values : float32 array, (n, bands, height, width)
    valid : float32 array, (n, height, width)
    """
    count = _corner_sum(valid)
    mean = _corner_sum(values)
    mean /= np.maximum(count, 1)[:, None]
    np.minimum(count, 1, out=count)
    return mean, count


def _corner_sum(values: FloatArray) -> FloatArray:
    *rest, height, width = values.shape
    rows = np.zeros((*rest, height, width + 1), np.float32)
    rows[..., :-1] = values
    rows[..., 1:] += values
    total = np.zeros((*rest, height + 1, width + 1), np.float32)
    total[..., :-1, :] = rows
    total[..., 1:, :] += rows
    return total
