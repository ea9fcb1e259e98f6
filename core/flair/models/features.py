"""From the pixel table to what a classifier sees, in every combination of the notebook's grid."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from core.errors import SettingsError, TooFewError
from core.flair.data.pixel_table import AERIAL, SENTINEL, PixelTable
from core.flair.data.sentinel import REFLECTANCE
from core.neighbours.nearest import NeighbourIndex
from core.types import AnyArray, FloatArray

SentinelScaling = Literal["reflectance", "intensity"]
Extra = Literal["ndvi", "texture"]
EXTRAS: tuple[str, ...] = get_args(Extra)


@dataclass(frozen=True)
class FeatureSpec:
    """Which features, and how they are scaled.

    Attributes
    ----------
    fusion : bool
        Sentinel's ten bands beside the aerial ones.
    robust : bool
        Each column minus its median, divided by its interquartile range.
    normalised : bool
        Each sensor's spectrum divided by the sum of its own three visible bands, once.
    intensity : bool
        The sum of the aerial visible bands as a column; only with `normalised`.
    extras : tuple of str
        "ndvi" (aerial) and "texture", pixel's own columns that the notebook does not have.
    preset_notebook : bool
        The notebook's arithmetic where the errata differ from it, for comparison only.
    sentinel_scaling : {"reflectance", "intensity"}
        Without normalisation, Sentinel as reflectance 0..1, or as the notebook has it: Sentinel's
        normalised spectrum times the pixel's aerial intensity. With normalisation both are the
        normalised spectrum.
    """

    fusion: bool = False
    robust: bool = False
    normalised: bool = False
    intensity: bool = False
    extras: tuple[str, ...] = ()
    preset_notebook: bool = False
    sentinel_scaling: SentinelScaling = "reflectance"

    def __post_init__(self) -> None:
        if self.intensity and not self.normalised:
            raise SettingsError(
                "intensity is appended only where the spectra are normalised",
                where="intensity",
                remedy="Set normalised as well; without it the intensity is in the bands.",
            )
        for extra in self.extras:
            if extra not in EXTRAS:
                raise SettingsError(f"{extra!r} is not one of {', '.join(EXTRAS)}", where="extras")
        if self.sentinel_scaling not in get_args(SentinelScaling):
            known = ", ".join(get_args(SentinelScaling))
            raise SettingsError(
                f"{self.sentinel_scaling!r} is not one of {known}", where="sentinel_scaling"
            )

    @property
    def name(self) -> str:
        """The configuration as the notebook names it: O or R, then +N, then +I."""
        scaled = "R" if self.robust else "O"
        return scaled + "+N" * self.normalised + "+I" * self.intensity

    @property
    def title(self) -> str:
        """The configuration in words."""
        return f"{'aerial + Sentinel' if self.fusion else 'aerial'}, {self.name}"


@dataclass(frozen=True)
class Scaler:
    """Median and interquartile range of each column.

    Attributes
    ----------
    median, iqr : float32 arrays, (f,)
        An interquartile range of 0 is kept as 1, as scikit-learn's RobustScaler does.
    """

    median: FloatArray
    iqr: FloatArray


@dataclass(frozen=True)
class Features:
    """What a classifier sees.

    Attributes
    ----------
    matrix : float32 array, (n, f)
        The pixel's own columns first: red, green, blue, nir, elevation as 0..1, or the four bands
        as shares of the visible intensity; then intensity (0..3), ndvi and texture where asked
        for; then Sentinel's ten.
    n_aerial : int
        How many columns are the pixel's own; the rest are Sentinel's, constant over its blocks
        unless they are multiplied by the pixel's intensity.
    names : tuple of str
    """

    matrix: FloatArray
    n_aerial: int
    names: tuple[str, ...]

    def take(self, rows: AnyArray) -> "Features":
        """Some of the pixels, by row numbers or a boolean mask."""
        return replace(self, matrix=np.ascontiguousarray(self.matrix[rows]))

    def neighbour_index(self) -> NeighbourIndex:
        """These pixels, ready for nearest-neighbour search."""
        return NeighbourIndex(self.matrix, self.n_aerial)


# The reference reads bytes as 0..1, and so do we: all columns count on one scale.
BYTE = np.float32(255)
_COUNT = np.float32(1e-4)
"""One count of Sentinel's reflectance: what a spectrum of nothing is divided by."""


def fit_scaler(table: PixelTable, spec: FeatureSpec) -> Scaler | None:
    """Median and interquartile range of the training pixels; None where the spec has no scaling.

    Parameters
    ----------
    table : PixelTable
        The training pixels only.
    spec : FeatureSpec

    Raises
    ------
    TooFewError
        If there are no pixels.
    """
    if not spec.robust:
        return None
    if not len(table):
        raise TooFewError("no pixels to fit the robust scaling on", where="features")
    matrix = build(table, replace(spec, robust=False)).matrix
    low, median, high = np.percentile(matrix.astype(np.float64), (25, 50, 75), axis=0)
    iqr = high - low
    # As scikit-learn's RobustScaler: a column that does not vary is only centred.
    iqr[iqr < 10 * np.finfo(np.float64).eps] = 1.0
    return Scaler(median.astype(np.float32), iqr.astype(np.float32))


def build(table: PixelTable, spec: FeatureSpec, scaler: Scaler | None = None) -> Features:
    """Turn pixels into features.

    Parameters
    ----------
    table : PixelTable
    spec : FeatureSpec
    scaler : Scaler, optional
        From `fit_scaler` on the training pixels; needed where the spec is robust.

    Raises
    ------
    SettingsError
        If the spec asks for Sentinel, texture or a scaler that is not given.
    """
    _check(table, spec, scaler)
    own, names, total = _own_columns(table, spec)
    sentinel = _sentinel_columns(table, spec, total)
    matrix = own if sentinel is None else np.concatenate([own, sentinel], axis=1)
    if scaler is not None:
        if scaler.median.shape != matrix.shape[1:]:
            raise SettingsError(
                f"the scaler was fitted on {len(scaler.median)} columns, not {matrix.shape[1]}",
                where="features",
            )
        matrix -= scaler.median
        matrix /= scaler.iqr
    if sentinel is not None:
        names += tuple(f"Sentinel {band}" for band in SENTINEL)
    return Features(np.ascontiguousarray(matrix), own.shape[1], names)


def _check(table: PixelTable, spec: FeatureSpec, scaler: Scaler | None) -> None:
    lacking = {
        "Sentinel": spec.fusion and table.sentinel is None,
        "texture": "texture" in spec.extras and table.texture is None,
        "a fitted scaler": spec.robust and scaler is None,
    }
    for name, missing in lacking.items():
        if missing:
            raise SettingsError(f"the features need {name}, which is not given", where=spec.title)
    if scaler is not None and not spec.robust:
        raise SettingsError("a scaler is given, but the features are not robust", where=spec.title)


def _own_columns(
    table: PixelTable, spec: FeatureSpec
) -> tuple[FloatArray, tuple[str, ...], FloatArray]:
    """The pixel's own columns with their names, and its intensity 0..3."""
    scaled = table.aerial / BYTE
    total = scaled[:, 0] + scaled[:, 1] + scaled[:, 2]
    columns = [scaled]
    names: tuple[str, ...] = AERIAL
    if spec.normalised:
        # A pixel without intensity keeps a spectrum of 0; `read_pixels` names how many there are.
        divisor = np.where(total == 0, np.float32(1), total)
        if spec.preset_notebook:
            # Erratum 2: it divides twice, at extraction and again before fitting.
            divisor = divisor * divisor
        scaled[:, :4] /= divisor[:, None]
    if spec.intensity:
        columns.append(total[:, None])
        names += ("intensity",)
    if "ndvi" in spec.extras:
        columns.append(ndvi(table.aerial[:, 3], table.aerial[:, 0])[:, None])
        names += ("ndvi",)
    if "texture" in spec.extras and table.texture is not None:
        columns.append(table.texture[:, None] / BYTE)
        names += ("texture",)
    return np.concatenate(columns, axis=1), names, total


def _sentinel_columns(table: PixelTable, spec: FeatureSpec, total: FloatArray) -> FloatArray | None:
    """Sentinel's ten columns; None without fusion."""
    if not spec.fusion or table.sentinel is None:
        return None
    if spec.preset_notebook:
        shape = _notebook_shape(table.sentinel)
        # With normalisation its second division falls on Sentinel as well.
        factor = 1 / np.where(total == 0, np.float32(1), total) if spec.normalised else total
    elif spec.normalised:
        return _shape(table.sentinel)
    elif spec.sentinel_scaling == "reflectance":
        return table.sentinel
    else:
        shape, factor = _shape(table.sentinel), total
    return np.asarray(shape * np.asarray(factor, np.float32)[:, None], np.float32)


def _shape(sentinel: FloatArray) -> FloatArray:
    """Sentinel's spectra divided by the sum of their three visible bands."""
    visible = sentinel[:, 0] + sentinel[:, 1] + sentinel[:, 2]
    return np.asarray(sentinel / np.maximum(visible, _COUNT)[:, None], np.float32)


def _notebook_shape(sentinel: FloatArray) -> FloatArray:
    """Errata 4 and 5: four bands instead of three, of values over 65535, in float16."""
    half = (sentinel * np.float32(REFLECTANCE / 65535)).astype(np.float16)
    first_four = np.maximum(half[:, :4].sum(axis=1, dtype=np.float16), np.float16(1e-4))
    return np.asarray(half / first_four[:, None], np.float32)


def ndvi(nir: AnyArray, red: AnyArray) -> FloatArray:
    """Normalised difference vegetation index, -1..1; 0 where both bands are 0.

    Source: Rouse et al., NASA SP-351 (1974).
    """
    near, far = np.asarray(nir, np.float32), np.asarray(red, np.float32)
    total = near + far
    return np.asarray((near - far) / np.where(total == 0, np.float32(1), total), np.float32)
