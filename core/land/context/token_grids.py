"""Features of squares of an image from an encoder, interpolated to the pixels.

An encoder describes squares of several pixels, called tokens, which are reduced to their principal
components. `core.pipeline.land` computes and stores them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.artifacts.formats import read_array
from core.errors import SceneError
from core.types import AnyArray, DoubleArray, FloatArray

TOKENS_PREFIX = "tokens:"
"""In the list of extra features, it is followed by the name of an encoder."""
N_COMPONENTS = 16
"""Principal components of the tokens that become features."""


@dataclass(frozen=True)
class TokenGrid:
    """Features at the points of a grid on an image.

    Attributes
    ----------
    values : float32 array, (rows, columns, d)
    step : int
        Distance of the points in pixels; the first one is at half a step from the image's corner.
    """

    values: FloatArray
    step: int


@dataclass(frozen=True)
class PrincipalAxes:
    """The axes of the largest variance of tokens.

    Attributes
    ----------
    centre : float64 array, (d,)
    axes : float64 array, (d, c)
        Divided by the standard deviation along the first axis, so that features are about -2..2.
    """

    centre: DoubleArray
    axes: DoubleArray

    def project(self, values: FloatArray) -> FloatArray:
        """Return the components of tokens, (..., d) -> float32 (..., c)."""
        return np.asarray((values - self.centre) @ self.axes, np.float32)


@dataclass(frozen=True)
class TokenFolder:
    """The stored token features of the patches of a data set: one .npy file for each patch."""

    folder: Path
    encoder: str
    step: int

    def read_pixels(self, patch: str, row: AnyArray, column: AnyArray) -> FloatArray:
        """Return the features of some pixels of a patch, float32 (n, c).

        Raises SceneError if the patch has no tokens.
        """
        path = self.folder / f"{patch}.npy"
        if not path.is_file():
            raise SceneError(
                f"the tokens of {self.encoder} could not be computed for this patch", where=patch
            )
        return interpolate_tokens(TokenGrid(read_array(path), self.step), row, column)

    def column_names(self) -> tuple[str, ...]:
        """Return the names of the features."""
        return tuple(
            f"{TOKENS_PREFIX}{self.encoder}: component {i + 1}" for i in range(N_COMPONENTS)
        )


def token_encoder_names(extras: Sequence[str]) -> tuple[str, ...]:
    """Return the encoders whose tokens are among extra features, in their order."""
    return tuple(
        extra.removeprefix(TOKENS_PREFIX) for extra in extras if extra.startswith(TOKENS_PREFIX)
    )


def fit_principal_axes(tokens: FloatArray) -> PrincipalAxes:
    """Fit the principal axes of tokens, (n, d), with fixed signs.

    If there are fewer than `N_COMPONENTS` dimensions, the remaining components are 0.
    """
    values = np.asarray(tokens, np.float64)
    centre = values.mean(axis=0)
    deviation = values - centre
    variances, vectors = np.linalg.eigh(deviation.T @ deviation / max(len(values), 1))
    axes = vectors[:, ::-1][:, :N_COMPONENTS]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    largest = float(variances[-1])
    axes = axes * signs / (np.sqrt(largest) if largest > 0 else 1)
    return PrincipalAxes(centre, np.pad(axes, ((0, 0), (0, N_COMPONENTS - axes.shape[1]))))


def interpolate_tokens(grid: TokenGrid, row: AnyArray, column: AnyArray) -> FloatArray:
    """Interpolate a grid bilinearly at pixels, float32 (n, d); constant beyond the outer points."""
    pairs = []
    for positions, n_points in ((row, grid.values.shape[0]), (column, grid.values.shape[1])):
        point = (np.asarray(positions, np.float64) + 0.5) / grid.step - 0.5
        point = np.clip(point, 0, n_points - 1)
        low = np.minimum(point.astype(np.int64), max(n_points - 2, 0))
        pairs.append((low, np.minimum(low + 1, n_points - 1), np.asarray(point - low, np.float32)))
    (top, bottom, down), (left, right, across) = pairs
    down, across = down[:, None], across[:, None]
    upper = grid.values[top, left] * (1 - across) + grid.values[top, right] * across
    lower = grid.values[bottom, left] * (1 - across) + grid.values[bottom, right] * across
    return np.asarray(upper * (1 - down) + lower * down, np.float32)
