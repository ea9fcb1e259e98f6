"""Reduction of embeddings, with weighted properties of the chips, to principal components."""

from collections.abc import Mapping, Sequence
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
    columns = np.hstack([np.asarray(embeddings, np.float64), *extra])
    _require_finite(columns)
    mean, spread = columns.mean(axis=0), columns.std(axis=0)
    varies = spread > _CONSTANT * np.abs(columns).max(axis=0)
    if not varies.any():
        raise DegenerateError(
            f"all {n} chips have the same embedding",
            where="reduction",
            remedy="Look at the chips: they may be blank or completely masked.",
        )
    weights = np.ones(len(mean))
    weights[embeddings.shape[1] :] = [getattr(settings, name) for name in names]
    scale = np.where(varies, weights / np.where(varies, spread, 1), 0.0)
    columns -= mean
    columns *= scale
    corrections = _remove_confounders(
        columns[:, : embeddings.shape[1]], properties, settings, scenes
    )
    pca = _fit_pca(columns)
    variances = pca.explained_variance_
    n_dims = min(settings.n_dims, int((variances > _RANK * variances[0]).sum()))
    components = np.ascontiguousarray(pca.components_[:n_dims])
    return Reduction(
        points=(columns @ components.T).astype(np.float32),
        explained=pca.explained_variance_ratio_[:n_dims],
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
    _require_finite(columns)
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


def _fit_pca(columns: DoubleArray) -> Any:
    """Fit scikit-learn's PCA, by the covariance matrix if that is smaller than the data.

    Both solvers orient each direction so that its largest entry is positive.
    """
    from sklearn.decomposition import PCA

    n, d = columns.shape
    solver = "covariance_eigh" if n > d else "full"
    return PCA(n_components=min(n - 1, d), svd_solver=solver).fit(columns)


def _require_finite(columns: DoubleArray) -> None:
    n_bad = int((~np.isfinite(columns).all(axis=1)).sum())
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
