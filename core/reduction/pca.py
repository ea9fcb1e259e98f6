"""Reduction of embeddings, with weighted properties of the chips, to principal components."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ArtifactError, DegenerateError, SettingsError, TooFewError
from core.reduction.harmonisation import fit_scene_centring, regress_out
from core.reduction_settings import ReductionSettings
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

PROPERTIES = ("longitude", "latitude", "width", "height")

# A column whose spread, relative to its largest value, is within float32 rounding is constant.
_CONSTANT = 1e-6
# Components with less variance than this, relative to the strongest one, are rounding errors.
_RANK = 1e-7
BLOCK_ROWS = 50_000
"""Number of chips up to which all columns are held in memory as float64 at a time."""


@dataclass(frozen=True)
class Reduction:
    """The principal components of the chips.

    Attributes
    ----------
    points : float32 array, (n, k)
        Scores, strongest component first, not whitened.
    explained : float64 array, (k,)
        Fraction of the variance of the standardised columns, 0..1, in descending order.
    components : float64 array, (k, d)
        Unit vectors whose largest entry is positive. The d columns are those of the embeddings,
        followed by the properties of the chips that were added with a weight.
    mean, scale : float64 array, (d,)
        Each column is standardised by subtracting its mean and multiplying by its scale, which is
        0 for columns that were dropped. Scenes and nuisances are corrected after that.
    notes : tuple of str
        Notes for the user on what was used and what was dropped.
    """

    points: FloatArray
    explained: DoubleArray
    components: DoubleArray
    mean: DoubleArray
    scale: DoubleArray
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        k, d = self.components.shape
        fits = self.points.ndim == 2 and self.points.shape[1] == k == len(self.explained)
        if not fits or not self.mean.shape == self.scale.shape == (d,):
            raise ArtifactError("points, components and scale do not match", where="reduction")
        if self.points.dtype != np.float32 or not np.isfinite(self.points).all():
            raise ArtifactError("points are not finite float32", where="reduction")

    @property
    def pca_1d(self) -> FloatArray:
        """Scores of the first component, (n,)."""
        return self.points[:, 0]


def reduce_embeddings(
    embeddings: FloatArray,
    properties: Mapping[str, DoubleArray],
    settings: ReductionSettings,
    scenes: Sequence[Any] | AnyArray = (),
) -> Reduction:
    """Standardise embeddings (n, d), add weighted properties and compute principal components.

    `properties` contains an array, (n,), for each of `PROPERTIES` with a weight above 0, and for
    the nuisance of the settings. `scenes`, (n,), is needed only to centre the embeddings by scene.

    Raises TooFewError if there are fewer than two chips, DegenerateError if values are not finite,
    all chips have the same embedding or nothing remains after a correction, and SettingsError if a
    property with a weight is missing for some chips.
    """
    n = len(embeddings)
    if n < 2:
        raise TooFewError(
            f"{n} chip has no variation" if n else "there are no chips",
            where="reduction",
            remedy="Cut at least two chips.",
        )
    names = _weighted_properties(properties, settings, n)
    extra = [np.asarray(properties[name], np.float64)[:, None] for name in names]
    # The corrections need the columns of all chips.
    is_corrected = settings.harmonisation != "none" or settings.nuisance != "none"
    rows = n if is_corrected else BLOCK_ROWS
    mean, spread, largest = _column_moments(_ColumnBlocks(embeddings, extra, rows), n)
    varies = spread > _CONSTANT * largest
    if not varies.any():
        raise DegenerateError(
            f"all {n} chips have the same embedding",
            where="reduction",
            remedy="Look at the chips: they may be blank or completely masked.",
        )
    weights = np.ones(len(mean))
    weights[embeddings.shape[1] :] = [getattr(settings, name) for name in names]
    scale = np.where(varies, weights / np.where(varies, spread, 1), 0.0)
    blocks: Iterable[DoubleArray] = _ColumnBlocks(embeddings, extra, rows, mean, scale)
    corrections: list[str] = []
    if n <= rows:
        blocks = list(blocks)
        columns = blocks[0][:, : embeddings.shape[1]]
        corrections = _remove_confounders(columns, properties, settings, scenes)
    directions, variances, shares = _fit_axes(blocks, n)
    n_dims = min(settings.n_dims, int((variances > _RANK * variances[0]).sum()))
    components = np.ascontiguousarray(directions[:n_dims])
    return Reduction(
        points=np.concatenate([(block @ components.T).astype(np.float32) for block in blocks]),
        explained=shares[:n_dims],
        components=components,
        mean=mean,
        scale=scale,
        notes=(*corrections, *_notes(settings, names, varies, n, n_dims)),
    )


def standardise_columns(
    reduction: Reduction,
    embeddings: FloatArray,
    properties: Mapping[str, DoubleArray],
    settings: ReductionSettings,
) -> DoubleArray:
    """Return the columns of chips, (m, d), standardised as in an existing reduction.

    The chips need not be those of the reduction. The product with the transposed components gives
    their principal components. The arguments are those of `reduce_embeddings`, with the settings of
    the reduction, which must be without corrections. Raises ArtifactError if the embeddings have
    another number of columns, and the errors of `reduce_embeddings` for invalid values.
    """
    names = _weighted_properties(properties, settings, len(embeddings))
    extra = [np.asarray(properties[name], np.float64)[:, None] for name in names]
    columns = np.hstack([np.asarray(embeddings, np.float64), *extra])
    if columns.shape[1] != len(reduction.mean):
        raise ArtifactError(
            f"the chips have {columns.shape[1]} columns, the reduction {len(reduction.mean)}",
            where="reduction",
        )
    _require_finite(_count_non_finite(columns))
    return np.asarray((columns - reduction.mean) * reduction.scale)


def _remove_confounders(
    columns: DoubleArray,
    properties: Mapping[str, DoubleArray],
    settings: ReductionSettings,
    scenes: Sequence[Any] | AnyArray,
) -> list[str]:
    """Correct the standardised columns of the embeddings in place; return notes for the user."""
    notes, centring = [], None
    if settings.harmonisation == "centre":
        centring = fit_scene_centring(columns, scenes)
        columns[:] = centring.subtract_means(columns)
        notes.append(centring.note)
    if settings.nuisance != "none":
        values = properties[settings.nuisance]
        columns[:], note = regress_out(columns, values, settings.nuisance, centring)
        notes.append(note)
    # Before the corrections, the mean square of each column that varies is 1.
    if notes and np.abs(columns).max() < _CONSTANT:
        raise DegenerateError(
            "nothing remains of the embeddings after removing the confounders",
            where="reduction",
            remedy="Set the harmonisation and the nuisance to none.",
        )
    return notes


class _ColumnBlocks:
    """The columns of all chips in blocks of rows, float64 (m, d), minus a mean and times a scale.

    They can be iterated several times.
    """

    def __init__(
        self,
        embeddings: FloatArray,
        extra: Sequence[DoubleArray],
        rows: int,
        mean: DoubleArray | float = 0.0,
        scale: DoubleArray | float = 1.0,
    ) -> None:
        self._parts: tuple[AnyArray, ...] = (embeddings, *extra)
        self._rows, self._mean, self._scale = rows, mean, scale

    def __iter__(self) -> Iterator[DoubleArray]:
        for start in range(0, len(self._parts[0]), self._rows):
            block = slice(start, start + self._rows)
            columns = np.hstack([np.asarray(part[block], np.float64) for part in self._parts])
            columns -= self._mean
            columns *= self._scale
            yield columns


def _column_moments(
    blocks: Iterable[DoubleArray], n: int
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return the mean, standard deviation and largest absolute value of each column, (d,).

    Raises DegenerateError if values are not finite.
    """
    sums, peaks, n_bad = [], [], 0
    for columns in blocks:
        n_bad += _count_non_finite(columns)
        sums.append(columns.sum(axis=0))
        peaks.append(np.abs(columns).max(axis=0))
    _require_finite(n_bad)
    mean = np.sum(sums, axis=0) / n
    squares = np.sum([((columns - mean) ** 2).sum(axis=0) for columns in blocks], axis=0)
    return mean, np.sqrt(squares / n), np.max(peaks, axis=0)


def _fit_axes(
    blocks: Iterable[DoubleArray], n: int
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return the directions of all components, their variances and their shares of the variance.

    One block is fitted by scikit-learn's PCA; several are added up to a covariance matrix, as
    scikit-learn does with one block of more rows than columns. Each direction is oriented so that
    its largest entry is positive.
    """
    from sklearn.decomposition import PCA

    if isinstance(blocks, list):
        (columns,) = blocks
        d = columns.shape[1]
        solver = "covariance_eigh" if n > d else "full"
        pca = PCA(n_components=min(n - 1, d), svd_solver=solver).fit(columns)
        return pca.components_, pca.explained_variance_, pca.explained_variance_ratio_
    # The columns are centred, so their products are the covariance.
    products = [columns.T @ columns for columns in blocks]
    covariance = np.sum(products, axis=0) / (n - 1)
    variances, directions = np.linalg.eigh(covariance)
    variances = np.maximum(variances[::-1], 0)
    directions = directions.T[::-1]
    peaks = directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    return directions * np.sign(peaks)[:, None], variances, variances / variances.sum()


def _count_non_finite(columns: DoubleArray) -> int:
    return int((~np.isfinite(columns).all(axis=1)).sum())


def _require_finite(n_bad: int) -> None:
    if n_bad:
        raise DegenerateError(
            f"the embeddings of {n_bad} chips are not finite",
            where="reduction",
            remedy="Embed the chips again; if the error remains, the encoder's weights are "
            "damaged.",
        )


def _weighted_properties(
    properties: Mapping[str, DoubleArray], settings: ReductionSettings, n: int
) -> list[str]:
    """Return the names of the properties with a weight; raises SettingsError if one is missing."""
    names = [name for name in PROPERTIES if getattr(settings, name) > 0]
    for name in names:
        values = np.asarray(properties.get(name, np.full(n, np.nan)), np.float64)
        n_missing = int((~np.isfinite(values)).sum())
        if n_missing:
            raise SettingsError(
                f"{n_missing} of {n} chips have no {name}, so it cannot be mixed in",
                where=name,
                remedy=f"Set the weight of {name} to 0, or leave out the scenes without it.",
            )
    return names


def _notes(
    settings: ReductionSettings, names: list[str], varies: BoolArray, n: int, n_dims: int
) -> tuple[str, ...]:
    notes = []
    embedding = varies[: len(varies) - len(names)]
    if not embedding.all():
        n_constant = int((~embedding).sum())
        notes.append(f"{n_constant} constant embedding columns of {embedding.size} were dropped")
    for name, used in zip(names, varies[embedding.size :], strict=True):
        weight = getattr(settings, name)
        mixed = f"was mixed in with weight {weight:g}"
        notes.append(f"{name} {mixed if used else 'is constant and was dropped'}")
    if n_dims < settings.n_dims:
        reason = f"{n} chips" if n_dims == n - 1 else f"{n} chips in {int(varies.sum())} columns"
        notes.append(f"{n_dims} of {settings.n_dims} components were kept: there are {reason}")
    return tuple(notes)
