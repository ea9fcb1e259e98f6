"""Features computed from the pixel table, in all combinations of the notebook's grid."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from core.errors import SettingsError, TooFewError
from core.flair.data.pixel_table import AERIAL, SENTINEL, SIDE, PixelTable
from core.flair.data.sentinel import BLOCK, REFLECTANCE, SuperPatch
from core.neighbours.nearest import NeighbourIndex
from core.types import AnyArray, FloatArray

SentinelScaling = Literal["reflectance", "intensity"]
EXTRAS = ("ndvi", "texture")
_RED, _NIR = SENTINEL.index("B4"), SENTINEL.index("B8")
# Bytes are scaled to 0..1, as in the reference code, so that all columns share one scale.
_BYTE = np.float32(255)
# The smallest step of stored reflectance, which replaces the divisor of an all-zero spectrum.
_REFLECTANCE_STEP = np.float32(1e-4)


@dataclass(frozen=True)
class FeatureSpec:
    """Which features are computed, and how they are scaled.

    Attributes
    ----------
    fusion : bool
        Add Sentinel's ten bands to the aerial bands.
    robust : bool
        Subtract the median of each column and divide by its interquartile range.
    normalised : bool
        Divide the spectrum of each sensor once by the sum of its own three visible bands.
    intensity : bool
        Append the sum of the aerial visible bands; only with `normalised`.
    extras : tuple of str
        "ndvi" (aerial) and "texture": columns that the notebook does not have.
    preset_notebook : bool
        Reproduce the errors of the notebook's arithmetic, for comparison only.
    sentinel_scaling : {"reflectance", "intensity"}
        Without normalisation: reflectance 0..1, or as in the notebook, Sentinel's normalised
        spectrum times the pixel's aerial intensity. No effect with normalisation.
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
                "intensity is appended only if the spectra are normalised",
                where="intensity",
                remedy="Set normalised as well; otherwise the bands contain the intensity.",
            )
        for extra in self.extras:
            if extra not in EXTRAS:
                raise SettingsError(f"{extra!r} is not one of {', '.join(EXTRAS)}", where="extras")
        if self.sentinel_scaling not in get_args(SentinelScaling):
            choices = ", ".join(get_args(SentinelScaling))
            raise SettingsError(
                f"{self.sentinel_scaling!r} is not one of {choices}", where="sentinel_scaling"
            )

    @property
    def name(self) -> str:
        """The notebook's name of the configuration: O or R, then +N, then +I."""
        scaling = "R" if self.robust else "O"
        return scaling + "+N" * self.normalised + "+I" * self.intensity

    @property
    def title(self) -> str:
        """The sensors and the name of the configuration."""
        return f"{'aerial + Sentinel' if self.fusion else 'aerial'}, {self.name}"


@dataclass(frozen=True)
class Scaler:
    """Median and interquartile range of each column.

    Attributes
    ----------
    median, iqr : float32 arrays, (f,)
        An interquartile range of 0 is replaced by 1, as in scikit-learn's RobustScaler.
    """

    median: FloatArray
    iqr: FloatArray


@dataclass(frozen=True)
class Features:
    """The feature matrix of some pixels.

    Attributes
    ----------
    matrix : float32 array, (n, f)
        First the columns of the aerial pixel: red, green, blue, nir and elevation, 0..1, or with
        normalisation the four bands as shares of the visible intensity; then intensity (0..3),
        ndvi and texture if selected. Then Sentinel's ten bands.
    n_aerial : int
        Number of columns of the aerial pixel. The others are Sentinel's, which are constant over
        blocks unless they are multiplied by the pixel's intensity.
    names : tuple of str
    """

    matrix: FloatArray
    n_aerial: int
    names: tuple[str, ...]

    def take(self, rows: AnyArray) -> "Features":
        """Return the pixels of an index array or a boolean mask."""
        return replace(self, matrix=np.ascontiguousarray(self.matrix[rows]))

    def neighbour_index(self) -> NeighbourIndex:
        """Build a nearest-neighbour index of these pixels."""
        return NeighbourIndex(self.matrix, self.n_aerial)


def fit_scaler(table: PixelTable, spec: FeatureSpec) -> Scaler | None:
    """Fit the robust scaling to training pixels; None if the spec has none.

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
        raise TooFewError("there are no pixels to fit the robust scaling to", where="features")
    matrix = build_features(table, replace(spec, robust=False)).matrix
    lower, median, upper = np.percentile(matrix.astype(np.float64), (25, 50, 75), axis=0)
    iqr = upper - lower
    # As in scikit-learn's RobustScaler, a constant column is only centred.
    iqr[iqr < 10 * np.finfo(np.float64).eps] = 1.0
    return Scaler(median.astype(np.float32), iqr.astype(np.float32))


def build_features(table: PixelTable, spec: FeatureSpec, scaler: Scaler | None = None) -> Features:
    """Compute the features of pixels.

    Parameters
    ----------
    table : PixelTable
    spec : FeatureSpec
    scaler : Scaler, optional
        Result of `fit_scaler` for the training pixels; required if the spec is robust.

    Raises
    ------
    SettingsError
        If the spec needs Sentinel, texture or a scaler that is missing.
    """
    _check_inputs(table, spec, scaler)
    aerial, names, intensity = _aerial_columns(table, spec)
    sentinel = _sentinel_columns(table, spec, intensity)
    matrix = aerial if sentinel is None else np.concatenate([aerial, sentinel], axis=1)
    if scaler is not None:
        if scaler.median.shape != matrix.shape[1:]:
            raise SettingsError(
                f"the scaler was fitted to {len(scaler.median)} columns, not {matrix.shape[1]}",
                where="features",
            )
        matrix -= scaler.median
        matrix /= scaler.iqr
    if sentinel is not None:
        names += tuple(f"Sentinel {band}" for band in SENTINEL)
    return Features(np.ascontiguousarray(matrix), aerial.shape[1], names)


def _check_inputs(table: PixelTable, spec: FeatureSpec, scaler: Scaler | None) -> None:
    requirements = {
        "Sentinel": spec.fusion and table.sentinel is None,
        "texture": "texture" in spec.extras and table.texture is None,
        "a fitted scaler": spec.robust and scaler is None,
    }
    for name, is_missing in requirements.items():
        if is_missing:
            raise SettingsError(f"the features need {name}, which is missing", where=spec.title)
    if scaler is not None and not spec.robust:
        raise SettingsError(
            "a scaler was passed, but the features are not robust", where=spec.title
        )


def _aerial_columns(
    table: PixelTable, spec: FeatureSpec
) -> tuple[FloatArray, tuple[str, ...], FloatArray]:
    """Return the columns of the aerial pixels, their names, and the intensity, 0..3."""
    bands = table.aerial / _BYTE
    intensity = bands[:, 0] + bands[:, 1] + bands[:, 2]
    columns = [bands]
    names: tuple[str, ...] = AERIAL
    if spec.normalised:
        # A pixel without intensity keeps a spectrum of 0; `read_pixels` reports how many there are.
        divisor = np.where(intensity == 0, np.float32(1), intensity)
        if spec.preset_notebook:
            # Erratum 2: the notebook divides at extraction and again before fitting.
            divisor = divisor * divisor
        bands[:, :4] /= divisor[:, None]
    if spec.intensity:
        columns.append(intensity[:, None])
        names += ("intensity",)
    if "ndvi" in spec.extras:
        columns.append(ndvi(table.aerial[:, 3], table.aerial[:, 0])[:, None])
        names += ("ndvi",)
    if "texture" in spec.extras and table.texture is not None:
        columns.append(table.texture[:, None] / _BYTE)
        names += ("texture",)
    return np.concatenate(columns, axis=1), names, intensity


def _sentinel_columns(
    table: PixelTable, spec: FeatureSpec, intensity: FloatArray
) -> FloatArray | None:
    """Return Sentinel's ten columns; None without fusion."""
    if not spec.fusion or table.sentinel is None:
        return None
    if spec.preset_notebook:
        spectrum = _notebook_spectrum(table.sentinel)
        # With normalisation the notebook's second division applies to Sentinel as well.
        divisor = np.where(intensity == 0, np.float32(1), intensity)
        factor = 1 / divisor if spec.normalised else intensity
    elif spec.normalised:
        return _normalise(table.sentinel)
    elif spec.sentinel_scaling == "reflectance":
        return table.sentinel
    else:
        spectrum, factor = _normalise(table.sentinel), intensity
    return np.asarray(spectrum * np.asarray(factor, np.float32)[:, None], np.float32)


def _normalise(sentinel: FloatArray) -> FloatArray:
    """Divide Sentinel's spectra by the sum of their three visible bands."""
    visible = sentinel[:, 0] + sentinel[:, 1] + sentinel[:, 2]
    return np.asarray(sentinel / np.maximum(visible, _REFLECTANCE_STEP)[:, None], np.float32)


def _notebook_spectrum(sentinel: FloatArray) -> FloatArray:
    """Normalise with errata 4 and 5: by four bands, on the scale of 65535, in float16."""
    half = (sentinel * np.float32(REFLECTANCE / 65535)).astype(np.float16)
    first_four = np.maximum(half[:, :4].sum(axis=1, dtype=np.float16), np.float16(1e-4))
    return np.asarray(half / first_four[:, None], np.float32)


def ndvi(nir: AnyArray, red: AnyArray) -> FloatArray:
    """Compute the normalised difference vegetation index, -1..1; 0 where both bands are 0.

    Source: Rouse et al., NASA SP-351 (1974).
    """
    near_infrared, visible_red = np.asarray(nir, np.float32), np.asarray(red, np.float32)
    total = near_infrared + visible_red
    difference = near_infrared - visible_red
    return np.asarray(difference / np.where(total == 0, np.float32(1), total), np.float32)


def channel_values(table: PixelTable, name: str) -> FloatArray:
    """Return a band of every pixel, or its NDVI: "ndvi" of the aerial, "ndvi10" of Sentinel's."""
    if name == "ndvi":
        return ndvi(table.band("nir"), table.band("red"))
    if name == "ndvi10":
        return ndvi(table.band("B8"), table.band("B4"))
    return table.band(name)


def patch_ndvi(super_patch: SuperPatch) -> list[float]:
    """Compute the mean NDVI of the Sentinel pixels of a patch on each date of its time series."""
    row, column = super_patch.centre
    half = SIDE // BLOCK // 2
    rows, columns = slice(row - half, row + half), slice(column - half, column + half)
    dates = np.asarray(super_patch.series.data)[:, :, rows, columns]
    return [float(ndvi(bands[_NIR], bands[_RED]).mean()) for bands in dates]
