"""Embeddings, and properties where wanted, to the principal components that are clustered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from core.errors import ArtifactError, DegenerateError, SettingsError, TooFewError
from core.settings import ReductionSettings
from core.types import DoubleArray, FloatArray

PROPERTIES = ("longitude", "latitude", "width", "height")

# Fixed, so that sums are added in the same order whatever the machine's memory.
_BLOCK = 8192
# A column that varies by less than float32 can tell apart from rounding carries no information.
_CONSTANT = 1e-6
# The same for a component beside the strongest one.
_RANK = 1e-7


@dataclass(frozen=True)
class Reduced:
    """Chips in the space of their principal components.

    Attributes
    ----------
    points : float32 array, (n, k)
        Scores, strongest component first, not whitened.
    explained : float64 array, (k,)
        Share of the variance of the standardised columns, 0..1, falling.
    components : float64 array, (k, d)
        Directions of length 1; the largest entry of each is positive. The columns are those of the
        embeddings, then the properties that were mixed in.
    mean, scale : float64 array, (d,)
        What is subtracted from each column, then multiplied with it; scale 0 where it is dropped.
    notes : tuple of str
        What was used and what was left out, in words.

    Raises
    ------
    ArtifactError
        If the arrays do not belong together.
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
        """The first component's scores, (n,)."""
        return self.points[:, 0]


def reduce(
    embeddings: FloatArray, properties: Mapping[str, DoubleArray], settings: ReductionSettings
) -> Reduced:
    """Standardise, mix in the weighted properties, and keep the strongest principal components.

    Parameters
    ----------
    embeddings : float32 array, (n, d)
    properties : mapping of name to float array, (n,)
        Looked up for each of `PROPERTIES` whose weight in the settings is above 0.
    settings : ReductionSettings

    Raises
    ------
    TooFewError
        For fewer than two chips.
    DegenerateError
        For values that are not finite, or chips that are all the same.
    SettingsError
        For a property that is mixed in and missing, for all chips or for some.
    """
    n = len(embeddings)
    if n < 2:
        raise TooFewError(
            f"{n} chip has no variation" if n else "there are no chips",
            where="reduction",
            remedy="Cut at least two chips.",
        )
    mixed = _mixed_in(properties, settings, n)
    extra = [np.asarray(properties[name], np.float64) for name in mixed]
    columns = _Columns(embeddings, np.stack(extra, axis=1) if extra else np.empty((n, 0)))
    mean, spread, largest = _moments(columns)
    varies = spread > _CONSTANT * largest
    if not varies.any():
        raise DegenerateError(
            f"all {n} chips have the same embedding",
            where="reduction",
            remedy="Look at the chips: they may be blank, or masked as a whole.",
        )
    weights = np.ones(len(mean))
    weights[embeddings.shape[1] :] = [getattr(settings, name) for name in mixed]
    scale = np.where(varies, weights / np.where(varies, spread, 1), 0.0)
    variances, components = _principal(columns, mean, scale)
    kept = min(settings.n_dims, int((variances > _RANK * variances[0]).sum()))
    components = _with_sign(components[:kept])
    points = [block @ components.T for block in columns.scaled(mean, scale)]
    return Reduced(
        points=np.concatenate(points).astype(np.float32),
        explained=variances[:kept] / variances.sum(),
        components=components,
        mean=mean,
        scale=scale,
        notes=_notes(settings, mixed, varies, n, kept),
    )


@dataclass(frozen=True)
class _Columns:
    """Embeddings and properties side by side, read in blocks of float64."""

    embeddings: FloatArray
    extra: DoubleArray

    def blocks(self) -> Iterator[DoubleArray]:
        for start in range(0, len(self.embeddings), _BLOCK):
            rows = slice(start, start + _BLOCK)
            yield np.hstack([self.embeddings[rows].astype(np.float64), self.extra[rows]])

    def scaled(self, mean: DoubleArray, scale: DoubleArray) -> Iterator[DoubleArray]:
        for block in self.blocks():
            yield (block - mean) * scale


def _mixed_in(
    properties: Mapping[str, DoubleArray], settings: ReductionSettings, n: int
) -> list[str]:
    """Names of the properties with a weight, checked to be there for each chip."""
    names = [name for name in PROPERTIES if getattr(settings, name) > 0]
    for name in names:
        values = np.asarray(properties.get(name, np.full(n, np.nan)), np.float64)
        missing = int((~np.isfinite(values)).sum())
        if missing:
            raise SettingsError(
                f"{missing} of {n} chips have no {name} to mix in",
                where=name,
                remedy=f"Set the weight of {name} to 0, or leave out the scenes without it.",
            )
    return names


def _moments(columns: _Columns) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Mean, standard deviation and largest magnitude of each column."""
    n = len(columns.embeddings)
    total, largest = 0.0, 0.0
    for block in columns.blocks():
        if not np.isfinite(block).all():
            bad = int((~np.isfinite(block).all(axis=1)).sum())
            raise DegenerateError(
                f"the embeddings of {bad} chips or more are not finite",
                where="reduction",
                remedy="Embed the chips again; if it stays, the encoder's weights are damaged.",
            )
        total = total + block.sum(axis=0)
        largest = np.maximum(largest, np.abs(block).max(axis=0))
    mean = np.asarray(total) / n
    squares = sum(((block - mean) ** 2).sum(axis=0) for block in columns.blocks())
    return mean, np.sqrt(np.asarray(squares) / n), np.asarray(largest)


def _principal(
    columns: _Columns, mean: DoubleArray, scale: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Variances, falling, and directions, (min(n - 1, d), d), of the scaled columns.

    By the covariance where it is the smaller matrix, by singular values otherwise.
    """
    n, d = len(columns.embeddings), len(mean)
    if n > d:
        products = sum(block.T @ block for block in columns.scaled(mean, scale))
        values, vectors = np.linalg.eigh(np.asarray(products) / (n - 1))
        return np.maximum(values[::-1], 0), vectors[:, ::-1].T
    table = np.concatenate(list(columns.scaled(mean, scale)))
    _, singular, rows = np.linalg.svd(table, full_matrices=False)
    return singular[: n - 1] ** 2 / (n - 1), rows[: n - 1]


def _with_sign(components: DoubleArray) -> DoubleArray:
    """Turn each direction so that its largest entry is positive: the solver leaves it open."""
    largest = np.abs(components).argmax(axis=1)
    signs = np.where(components[np.arange(len(components)), largest] < 0, -1.0, 1.0)
    return np.ascontiguousarray(components * signs[:, None])


def _notes(
    settings: ReductionSettings, mixed: list[str], varies: np.ndarray, n: int, kept: int
) -> tuple[str, ...]:
    notes = []
    flat = varies[: len(varies) - len(mixed)]
    if not flat.all():
        notes.append(f"{int((~flat).sum())} of {flat.size} embedding columns are constant, dropped")
    for name, used in zip(mixed, varies[flat.size :], strict=True):
        weight = getattr(settings, name)
        notes.append(
            f"{name} mixed in with weight {weight:g}" if used else f"{name} is constant, dropped"
        )
    if kept < settings.n_dims:
        reason = f"{n} chips" if kept == n - 1 else f"{n} chips in {int(varies.sum())} columns"
        notes.append(f"{settings.n_dims} components asked, {kept} kept: {reason}")
    return tuple(notes)
