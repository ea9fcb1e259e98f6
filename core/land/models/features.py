"""Features computed from the pixel table.

They are any combination of the options that the original notebook compares (see
docs/land_cover.md), plus NDVI and texture.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from core.errors import SettingsError, TooFewError
from core.land.context.context_groups import CONTEXT_GROUPS, is_in_groups
from core.land.context.extra_features import expand_extras
from core.land.context.token_grids import TOKENS_PREFIX
from core.land.data.bands import SENTINEL_BANDS, Bands
from core.land.data.pixel_table import PixelTable
from core.land.data.sentinel import REFLECTANCE
from core.land.models.channels import aerial_ndvi
from core.land.season.plane_sampling import Interpolation
from core.land.season.season_columns import Season
from core.neighbours.nearest import NeighbourIndex
from core.tables import Checked, one_of
from core.types import AnyArray, FloatArray

SentinelScaling = Literal["reflectance", "intensity"]
# The smallest step of stored reflectance, which replaces the divisor of an all-zero spectrum.
_REFLECTANCE_STEP = np.float32(1e-4)


@dataclass(frozen=True)
class FeatureSpec(Checked):
    """The choice of features and of their scaling.

    Attributes
    ----------
    fusion : bool
        Add Sentinel's ten bands to the aerial bands.
    robust : bool
        Subtract the median of each column and divide by its interquartile range.
    normalised : bool
        Divide each sensor's spectrum by the sum of that sensor's three visible bands.
    intensity : bool
        Append the sum of the aerial visible bands; only with `normalised`.
    extras : tuple of str
        "ndvi" (aerial) and groups of features of the surroundings (see CONTEXT_GROUPS), such as
        "texture": columns that the original notebook does not have. "context" stands for the
        recommended groups and is replaced by them. "tokens:" and the name of an encoder adds the
        principal components of its tokens.
    preset_notebook : bool
        Reproduce the errors of the original notebook's arithmetic, for comparison only.
    sentinel_scaling : {"reflectance", "intensity"}
        "reflectance": 0..1. "intensity", as in the original notebook: Sentinel's normalised
        spectrum times the pixel's aerial intensity. No effect if `normalised` is set.
    season : {"mean", "months", "indices"}
        "mean": the mean of the year. "months": twelve monthly composites of the observations that
        are clear at the pixel. "indices": their mean, and statistics of the course of spectral
        indices over the composites, which are ratios and not normalised. No effect without
        `fusion`.
    interpolation : {"blocks", "smooth"}
        "blocks": a pixel has the values of the Sentinel pixel around it. "smooth": bilinear
        between the centres of Sentinel pixels. No effect without `fusion`.
    """

    fusion: bool = False
    robust: bool = False
    normalised: bool = False
    intensity: bool = False
    extras: tuple[str, ...] = ()
    preset_notebook: bool = False
    sentinel_scaling: SentinelScaling = one_of("reflectance", SentinelScaling)
    season: Season = one_of("mean", Season)
    interpolation: Interpolation = one_of("blocks", Interpolation)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.intensity and not self.normalised:
            raise SettingsError(
                "intensity is appended only if the spectra are normalised",
                where="intensity",
                remedy="Set normalised as well; without it, the bands contain the intensity.",
            )
        if self.preset_notebook and (self.season, self.interpolation) != ("mean", "blocks"):
            raise SettingsError(
                "the original notebook uses the mean of the year, in blocks",
                where="season",
                remedy="Remove season and interpolation, or the preset.",
            )
        object.__setattr__(self, "extras", expand_extras(self.extras))

    @property
    def name(self) -> str:
        """Name in the original notebook: O or R (robust), then +N (normalised), +I (intensity)."""
        scaling = "R" if self.robust else "O"
        return scaling + "+N" * self.normalised + "+I" * self.intensity

    @property
    def title(self) -> str:
        """The sensors and the name of the configuration."""
        return f"{'aerial + Sentinel' if self.fusion else 'aerial'}, {self.name}"


@dataclass(frozen=True)
class Scaler:
    """Median and interquartile range of each column, float32 (f,).

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
        First the aerial columns: the bands of the image, 0..1 (with normalisation, the spectral
        bands are divided by the sum of the visible ones), and intensity, ndvi and the features of
        the surroundings if selected. Then Sentinel's columns.
    n_aerial : int
        Number of aerial columns. The others are Sentinel's, which are constant over blocks of
        50 x 50 pixels unless they are interpolated, or multiplied by the pixel's intensity.
    """

    matrix: FloatArray
    n_aerial: int
    names: tuple[str, ...]

    def take(self, rows: AnyArray) -> "Features":
        """Return the pixels selected by an index array or a boolean mask."""
        return replace(self, matrix=np.ascontiguousarray(self.matrix[rows]))

    def neighbour_index(self) -> NeighbourIndex:
        """Build a nearest-neighbour index of these pixels."""
        return NeighbourIndex(self.matrix, self.n_aerial)


def context_groups(spec: FeatureSpec) -> tuple[str, ...]:
    """Return the groups of features of the surroundings that a spec contains."""
    return tuple(group for group in CONTEXT_GROUPS if group in spec.extras)


def _context_names(spec: FeatureSpec) -> list[str]:
    """Return the extra features that are columns of a table's context."""
    return [
        extra for extra in spec.extras if extra in CONTEXT_GROUPS or extra.startswith(TOKENS_PREFIX)
    ]


def fit_scaler(table: PixelTable, spec: FeatureSpec) -> Scaler | None:
    """Fit the robust scaling to the training pixels alone; None if the spec is not robust.

    Raises TooFewError if there are no pixels.
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

    A robust spec requires the result of `fit_scaler` for the training pixels. Raises SettingsError
    if Sentinel, a group of features of the surroundings, or the scaler is missing.
    """
    _check_inputs(table, spec, scaler)
    aerial, names, intensity = _aerial_columns(table, spec)
    matrix = aerial
    if spec.fusion and table.sentinel is not None:
        sentinel = _sentinel_columns(table, table.sentinel, spec, intensity)
        matrix = np.concatenate([aerial, sentinel], axis=1)
        sensor = "Sentinel " if table.series_bands == SENTINEL_BANDS else ""
        names += tuple(f"{sensor}{name}" for name in table.sentinel_names)
    if scaler is not None:
        if scaler.median.shape != matrix.shape[1:]:
            raise SettingsError(
                f"the scaler was fitted to {len(scaler.median)} columns, not {matrix.shape[1]}",
                where="features",
            )
        matrix -= scaler.median
        matrix /= scaler.iqr
    return Features(np.ascontiguousarray(matrix), aerial.shape[1], names)


def _check_inputs(table: PixelTable, spec: FeatureSpec, scaler: Scaler | None) -> None:
    present = {name.split(": ")[0] for name in table.context_names}
    requirements = {
        "Sentinel": spec.fusion and table.sentinel is None,
        f"season {spec.season}": spec.fusion and table.season != spec.season,
        **{group: group not in present for group in _context_names(spec)},
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
    """Return the columns of the aerial pixels, their names, and the intensity."""
    # FLAIR's bytes are scaled to 0..1, as in its reference code, so that columns share one scale.
    scale = np.float32(table.bands.divisor)
    bands = table.aerial / scale
    intensity = bands[:, table.bands.visible[0]].copy()
    for position in table.bands.visible[1:]:
        intensity += bands[:, position]
    columns = [bands]
    names: tuple[str, ...] = table.bands.names
    if spec.normalised:
        # The spectrum of a pixel that is black in the visible bands is divided by 1, so its near
        # infrared keeps its value; `read_pixels` reports how many such pixels there are.
        divisor = np.where(intensity == 0, np.float32(1), intensity)
        if spec.preset_notebook:
            # The original notebook divides twice, at extraction and again before fitting.
            divisor = divisor * divisor
        bands[:, list(table.bands.spectral)] /= divisor[:, None]
    if spec.intensity:
        columns.append(intensity[:, None])
        names += ("intensity",)
    if "ndvi" in spec.extras:
        columns.append(aerial_ndvi(table)[:, None])
        names += ("ndvi",)
    if table.context is not None:
        groups = _context_names(spec)
        included = [is_in_groups(name, groups) for name in table.context_names]
        columns.append(table.context[:, included])
        names += tuple(name for name in table.context_names if is_in_groups(name, groups))
    return np.concatenate(columns, axis=1), names, intensity


def _sentinel_columns(
    table: PixelTable, sentinel: FloatArray, spec: FeatureSpec, intensity: FloatArray
) -> FloatArray:
    """Return Sentinel's columns, given the table's values and the aerial intensity."""
    if spec.season == "indices":
        # Indices are ratios of bands, so only the mean spectrum before them is scaled.
        mean, indices = np.split(sentinel, [len(table.series_bands)], axis=1)
        spectrum = _sentinel_columns(table, mean, replace(spec, season="mean"), intensity)
        return np.concatenate([spectrum, indices], axis=1)
    if spec.preset_notebook:
        spectrum = _notebook_spectrum(sentinel)
        # With normalisation, the original notebook's second division also applies to Sentinel.
        divisor = np.where(intensity == 0, np.float32(1), intensity)
        factor = 1 / divisor if spec.normalised else intensity
    elif spec.normalised:
        return _normalise(sentinel, table.series_bands)
    elif spec.sentinel_scaling == "reflectance":
        return sentinel
    else:
        spectrum, factor = _normalise(sentinel, table.series_bands), intensity
    return np.asarray(spectrum * np.asarray(factor, np.float32)[:, None], np.float32)


def _normalise(sentinel: FloatArray, bands: Bands) -> FloatArray:
    """Divide each spectrum, of which a pixel may have several, by the sum of its visible bands."""
    spectra = sentinel.reshape(len(sentinel), -1, len(bands))
    first, *further = sorted(bands.visible)
    visible = spectra[..., first].copy()
    for position in further:
        visible += spectra[..., position]
    scaled = spectra / np.maximum(visible, _REFLECTANCE_STEP)[..., None]
    return np.asarray(scaled.reshape(sentinel.shape), np.float32)


def _notebook_spectrum(sentinel: FloatArray) -> FloatArray:
    """Normalise as the original notebook does: by four bands, with scale 65535 and in float16."""
    half = (sentinel * np.float32(REFLECTANCE / 65535)).astype(np.float16)
    first_four = np.maximum(half[:, :4].sum(axis=1, dtype=np.float16), np.float16(1e-4))
    return np.asarray(half / first_four[:, None], np.float32)
