"""Embeddings, and properties where wanted, to the principal components that are clustered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ArtifactError, DegenerateError, SettingsError, TooFewError
from core.settings import ReductionSettings
from core.types import DoubleArray, FloatArray

PROPERTIES = ("longitude", "latitude", "width", "height")

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
    extra = [np.asarray(properties[name], np.float64)[:, None] for name in mixed]
    columns = np.hstack([np.asarray(embeddings, np.float64), *extra])
    _check_finite(columns)
    mean, spread = columns.mean(axis=0), columns.std(axis=0)
    varies = spread > _CONSTANT * np.abs(columns).max(axis=0)
    if not varies.any():
        raise DegenerateError(
            f"all {n} chips have the same embedding",
            where="reduction",
            remedy="Look at the chips: they may be blank, or masked as a whole.",
        )
    weights = np.ones(len(mean))
    weights[embeddings.shape[1] :] = [getattr(settings, name) for name in mixed]
    scale = np.where(varies, weights / np.where(varies, spread, 1), 0.0)
    columns -= mean
    columns *= scale
    fitted = _fit(columns)
    variances = fitted.explained_variance_
    kept = min(settings.n_dims, int((variances > _RANK * variances[0]).sum()))
    components = np.ascontiguousarray(fitted.components_[:kept])
    return Reduced(
        points=(columns @ components.T).astype(np.float32),
        explained=fitted.explained_variance_ratio_[:kept],
        components=components,
        mean=mean,
        scale=scale,
        notes=_notes(settings, mixed, varies, n, kept),
    )


def _fit(columns: DoubleArray) -> Any:
    """Scikit-learn's PCA by the covariance where that is the smaller matrix.

    Its solvers turn each direction so that the largest entry is positive.
    """
    from sklearn.decomposition import PCA

    n, d = columns.shape
    solver = "covariance_eigh" if n > d else "full"
    return PCA(n_components=min(n - 1, d), svd_solver=solver).fit(columns)


def _check_finite(columns: DoubleArray) -> None:
    bad = int((~np.isfinite(columns).all(axis=1)).sum())
    if bad:
        raise DegenerateError(
            f"the embeddings of {bad} chips are not finite",
            where="reduction",
            remedy="Embed the chips again; if it stays, the encoder's weights are damaged.",
        )


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
