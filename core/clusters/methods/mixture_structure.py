"""The covariance and the number of dimensions of a mixture, chosen on chips left out of fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from core.clusters.methods.mixture import Shape, fit_components, log_densities
from core.clusters.methods.row_sample import random_rows
from core.errors import DegenerateError
from core.settings import GmmSettings
from core.types import DoubleArray, IntArray

N_FOLDS = 3
AUTO_SHAPES: tuple[Shape, ...] = ("shrunk", "tied")
AUTO_DIMS = (8, 12, 18)
SAMPLE = 2000
"""Largest number of chips on which held-out likelihoods are measured."""

# The structure is compared with this number of Gaussians, whatever number is fitted, so that it is
# the same for all of them and their likelihoods can be compared.
_N_COMPONENTS = 4
# With fewer chips, the folds are too small to compare anything.
_FEWEST = 24
# Structures whose stability is this much below that of the best are left out.
_STABILITY_MARGIN = 0.1


@dataclass(frozen=True)
class Structure:
    """The covariance type of a mixture, and the number of principal components it describes."""

    covariance: Shape
    n_dims: int


@dataclass(frozen=True)
class HeldOut:
    """Chips judged by mixtures that were fitted without them.

    Attributes
    ----------
    log_likelihood : float64 array, (n,)
        Of each chip, in nats, under the mixture that was fitted without it.
    labels : int32 array, (n_folds, n)
        The most probable component of each chip in the mixture of each fold.
    """

    log_likelihood: DoubleArray
    labels: IntArray

    @property
    def stability(self) -> float:
        """Mean adjusted mutual information between the labels of each pair of folds, at most 1."""
        from sklearn.metrics import adjusted_mutual_info_score

        pairs = combinations(self.labels, 2)
        return float(np.mean([adjusted_mutual_info_score(a, b) for a, b in pairs]))


def choose_structure(points: DoubleArray, settings: GmmSettings) -> Structure:
    """Choose the covariance if it is "auto", and the number of principal components if it is 0.

    Structures are compared by the likelihood of chips that were left out of the fit. The covariance
    is the most likely one in the fewest dimensions. Of the numbers of dimensions within one
    standard error of the most likely, those whose clusters are clearly less stable are left out,
    and the largest is taken. It is at least 8 if there are as many principal components. The points
    are (n, d).
    """
    available = points.shape[1]
    dims: Sequence[int] = [d for d in AUTO_DIMS if d <= available] or [available]
    if settings.n_dims:
        dims = [min(settings.n_dims, available)]
    shapes = AUTO_SHAPES if settings.covariance == "auto" else (settings.covariance,)
    if len(shapes) * len(dims) == 1 or len(points) < _FEWEST:
        return Structure(shapes[0], dims[0])
    sample = held_out_sample(points)
    results: dict[Structure, HeldOut] = {}
    for shape in shapes:
        _add_result(results, sample, Structure(shape, dims[0]), dims[-1], settings)
    if not results:
        return Structure(shapes[-1], dims[0])
    best_shape = max(results, key=lambda s: results[s].log_likelihood.mean()).covariance
    for n_dims in dims[1:]:
        _add_result(results, sample, Structure(best_shape, n_dims), dims[-1], settings)
    return _best_dims({s: r for s, r in results.items() if s.covariance == best_shape})


def held_out_sample(points: DoubleArray) -> DoubleArray:
    """Return the points on which held-out likelihoods are measured: all, or 2,000 at random."""
    return points if len(points) <= SAMPLE else points[random_rows(len(points), SAMPLE)]


def measure_held_out(
    points: DoubleArray,
    k: int,
    structure: Structure,
    regularisation: float,
    n_folds: int = N_FOLDS,
    widest: int = 0,
) -> HeldOut:
    """Fit a mixture of k Gaussians without each fold of the points, and judge that fold by it.

    Each fit has one start, Ward's. Columns before `widest` that the mixture does not use are
    described by one Gaussian each, because principal components are uncorrelated; mixtures in
    fewer dimensions then describe the same data (Raftery and Dean, JASA 2006). Raises
    DegenerateError if a covariance has no inverse.
    """
    n, d = len(points), structure.n_dims
    # The same folds for all mixtures.
    folds = np.random.default_rng(0).permutation(n) % n_folds
    likelihood, labels = np.empty(n), np.empty((n_folds, n), np.int32)
    for fold in range(n_folds):
        held_out = folds == fold
        fitted = points[~held_out]
        mixture = fit_components(fitted[:, :d], k, structure.covariance, regularisation, [])
        logs = log_densities(mixture, points[:, :d])
        labels[fold] = logs.argmax(axis=1)
        likelihood[held_out] = np.logaddexp.reduce(logs[held_out], axis=1)
        unused = _gaussian_log_densities(fitted[:, d:widest], points[held_out, d:widest])
        likelihood[held_out] += unused
    return HeldOut(likelihood, labels)


def standard_error(differences: DoubleArray) -> float:
    """Return the standard error of the mean of differences, (n,)."""
    return float(differences.std() / np.sqrt(len(differences)))


def _add_result(
    results: dict[Structure, HeldOut],
    points: DoubleArray,
    structure: Structure,
    widest: int,
    settings: GmmSettings,
) -> None:
    """Measure a structure; one that cannot be fitted to all folds is left out."""
    k, regularisation = _N_COMPONENTS, settings.regularisation
    try:
        results[structure] = measure_held_out(points, k, structure, regularisation, widest=widest)
    except DegenerateError:
        return


def _best_dims(results: Mapping[Structure, HeldOut]) -> Structure:
    """Return the structure with the most dimensions among the likely and stable ones."""
    best = max(results.values(), key=lambda result: result.log_likelihood.mean()).log_likelihood
    likely = {}
    for structure, result in results.items():
        shortfall = best - result.log_likelihood
        if shortfall.mean() <= standard_error(shortfall):
            likely[structure] = result.stability
    most_stable = max(likely.values())
    stable = [s for s, stability in likely.items() if stability >= most_stable - _STABILITY_MARGIN]
    return max(stable, key=lambda structure: structure.n_dims)


def _gaussian_log_densities(train: DoubleArray, points: DoubleArray) -> DoubleArray:
    """Return the log density of points, (m, d), under one Gaussian per column of `train`."""
    # A constant column has no density, but it affects all mixtures in the same way.
    variance = np.maximum(train.var(axis=0), np.finfo(np.float32).tiny)
    distance = (points - train.mean(axis=0)) ** 2 / variance
    densities: DoubleArray = -0.5 * (distance + np.log(2 * np.pi * variance)).sum(axis=1)
    return densities
