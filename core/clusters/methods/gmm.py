"""Gaussian mixtures with several starts and few enough parameters for the number of chips."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, get_args

import numpy as np

from core.clusters.labelling import Fact, Labelling, labels_by_size, make_labelling
from core.clusters.methods.centres import count_distinct
from core.errors import DegenerateError, TooFewError
from core.progress import Progress, report_step, silent
from core.settings import GmmSettings
from core.types import DoubleArray, FloatArray, IntArray

Shape = Literal["full", "tied", "diag", "spherical"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
"""Covariance shapes, from most to fewest parameters."""

# On data with seven known groups, more than n / 5 parameters lowered the ARI of full covariances
# from 1.0 to 0.07.
CHIPS_PER_PARAMETER = 5
MAX_AUTO_DIMS = 10
_TOLERANCE = 1e-4
_MAX_ITERATIONS = 500


@dataclass(frozen=True)
class Mixture:
    """A fitted mixture, with its components in the order of the labels.

    Attributes
    ----------
    weights : float64 array, (k,)
    means : float64 array, (k, d)
    covariances : float64 array
        (k, d, d) for full, (d, d) for tied, (k, d) for diag, (k,) for spherical.
    responsibilities : float32 array, (n, k)
    log_likelihood : float
        Natural logarithm of the likelihood, mean over the chips.
    bic, aic : float
        Lower is better; comparable only for the same number of principal components.
    bics : tuple of float
        BIC of each start, in order.
    collapsed : tuple of int
        Components whose variance in some direction is at most twice the regularisation.
    """

    weights: DoubleArray
    means: DoubleArray
    covariances: DoubleArray
    covariance: Shape
    responsibilities: FloatArray
    log_likelihood: float
    bic: float
    aic: float
    bics: tuple[float, ...]
    converged: bool
    collapsed: tuple[int, ...]


def count_parameters(k: int, d: int, covariance: Shape) -> int:
    """Return the number of free parameters of k Gaussians in d dimensions."""
    symmetric = d * (d + 1) // 2
    covariances = {"full": k * symmetric, "tied": symmetric, "diag": k * d, "spherical": k}
    # The weights, the means and the covariances.
    return (k - 1) + k * d + covariances[covariance]


def choose_shape(n: int, k: int, settings: GmmSettings, available: int) -> tuple[Shape, int]:
    """Choose the covariance if it is "auto", and the number of principal components if it is 0.

    Other values are kept. The number of principal components is the largest, up to 10, for which
    some covariance has fewer parameters than a fifth of the number of chips; the covariance is the
    one with the most parameters below that limit. On real chips, principal components carry
    more information than the shape of the covariance.

    There are `n` chips, `k` Gaussians, and `available` principal components of the points.
    """
    shapes = [shape for shape in SHAPES if settings.covariance in ("auto", shape)]
    dims = list(range(min(MAX_AUTO_DIMS, available), 0, -1))
    if settings.n_dims:
        dims = [min(settings.n_dims, available)]
    for d, shape in product(dims, shapes):
        if count_parameters(k, d, shape) * CHIPS_PER_PARAMETER < n:
            return shape, d
    return shapes[-1], dims[-1] if dims else 1


def fit_gmm(points: FloatArray, settings: GmmSettings, report: Progress = silent) -> Labelling:
    """Cluster by a Gaussian mixture: each chip gets the label of its most probable component.

    Arguments and errors are those of `fit_mixture`.
    """
    mixture = fit_mixture(points, settings, report)
    k, d = mixture.means.shape
    n_parameters = count_parameters(k, d, mixture.covariance)
    facts: dict[str, Fact] = {
        "n_components": k,
        "covariance": mixture.covariance,
        "n_dims": d,
        "n_parameters": n_parameters,
        "log_likelihood": mixture.log_likelihood,
        "bic": mixture.bic,
        "aic": mixture.aic,
        "bic_spread": max(mixture.bics) - min(mixture.bics),
    }
    numbers = mixture.responsibilities.argmax(axis=1)
    n_used = len(np.unique(numbers))
    notes = tuple(_notes(mixture, settings, n_parameters, n_used, points.shape[1]))
    return make_labelling(numbers, mixture.responsibilities.max(axis=1), "gmm", facts, notes)


def fit_mixture(points: FloatArray, settings: GmmSettings, report: Progress = silent) -> Mixture:
    """Fit a Gaussian mixture from several starts and keep the one with the highest likelihood.

    The points, (n, d), are principal components, strongest first and not whitened: whitening ruins
    the fit of full covariances if n is small. Progress is reported after each start. Raises
    TooFewError if there are fewer chips, or fewer different points, than Gaussians, and
    DegenerateError if values are not finite or a covariance has no inverse.
    """
    k = settings.n_components
    if not np.isfinite(points).all():
        raise DegenerateError("points are not finite", where="Gaussian mixture")
    shape, d = choose_shape(len(points), k, settings, points.shape[1])
    data = np.ascontiguousarray(points[:, :d], dtype=np.float64)
    n_distinct = count_distinct(data, k)
    if n_distinct < k:
        kind = "chips" if n_distinct == len(data) else "different chips"
        raise TooFewError(
            f"{k} Gaussians need at least {k} {kind}, got {n_distinct}",
            where="n_components",
            remedy=f"Set it to {max(n_distinct, 1)} or less.",
        )
    floor = settings.regularisation * float(data.var(axis=0).mean())

    from threadpoolctl import threadpool_limits

    fits = []
    # One thread for BLAS and OpenMP: the matrices are small, and on a busy machine, threads that
    # wait for each other lose five times the time that they save.
    with threadpool_limits(limits=1):
        seeds = np.random.SeedSequence(settings.seed).generate_state(settings.n_init)
        for number, seed in enumerate(seeds, 1):
            fits.append(_fit_once(data, k, shape, floor, int(seed)))
            report_step(report, number, settings.n_init, "Gaussian mixture, starts")
        best = max(fits, key=lambda fit: fit.lower_bound_)
        bics = [float(fit.bic(data)) for fit in fits]
        responsibilities = best.predict_proba(data).astype(np.float32)
        likelihood, bic, aic = best.score(data), best.bic(data), best.aic(data)
    order = _component_order(responsibilities)
    covariances = best.covariances_ if shape == "tied" else best.covariances_[order]
    return Mixture(
        weights=best.weights_[order],
        means=best.means_[order],
        covariances=covariances,
        covariance=shape,
        responsibilities=np.ascontiguousarray(responsibilities[:, order]),
        log_likelihood=float(likelihood),
        bic=float(bic),
        aic=float(aic),
        bics=tuple(bics),
        converged=bool(best.converged_),
        collapsed=_collapsed_components(covariances, shape, floor, k),
    )


def _fit_once(data: DoubleArray, k: int, shape: Shape, floor: float, seed: int) -> Any:
    """Fit scikit-learn's GaussianMixture from one start."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(
        k,
        covariance_type=shape,
        tol=_TOLERANCE,
        max_iter=_MAX_ITERATIONS,
        reg_covar=floor,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return model.fit(data)
        except ValueError as error:
            # The only ValueError left after the checks: a covariance that is not positive definite.
            raise DegenerateError(
                "a Gaussian has shrunk to a point, so its covariance has no inverse",
                where="Gaussian mixture",
                remedy="Raise the regularisation, or use fewer Gaussians or a simpler covariance.",
            ) from error


def _component_order(responsibilities: FloatArray) -> IntArray:
    """Return the components in the order of the labels; those without chips come last."""
    used = list(labels_by_size(responsibilities.argmax(axis=1)))
    unused = [j for j in range(responsibilities.shape[1]) if j not in used]
    return np.array(used + unused, np.int32)


def _collapsed_components(
    covariances: DoubleArray, shape: Shape, floor: float, k: int
) -> tuple[int, ...]:
    """Return the components whose width in some direction comes from the regularisation only."""
    if shape in ("full", "tied"):
        smallest = np.linalg.eigvalsh(covariances).min(axis=-1)
    else:
        smallest = covariances.reshape(k, -1).min(axis=1)
    return tuple(np.flatnonzero(np.broadcast_to(smallest <= 2 * floor, k)).tolist())


def _notes(
    mixture: Mixture, settings: GmmSettings, n_parameters: int, n_used: int, available: int
) -> Iterator[str]:
    n, k = mixture.responsibilities.shape
    if settings.n_dims > available:
        yield (
            f"{settings.n_dims} principal components were requested, but only {available} are "
            "available."
        )
    if n_parameters * CHIPS_PER_PARAMETER >= n:
        yield (
            f"The mixture has {n_parameters} parameters for {n} chips. With "
            f"{CHIPS_PER_PARAMETER} or fewer chips per parameter, a mixture fits noise. Use fewer "
            "Gaussians, fewer principal components or a simpler covariance."
        )
    if not mixture.converged:
        yield (
            f"The fit did not converge in {_MAX_ITERATIONS} iterations. Use fewer Gaussians or a "
            "simpler covariance."
        )
    if mixture.collapsed:
        noun, verb = ("Gaussian", "has") if len(mixture.collapsed) == 1 else ("Gaussians", "have")
        yield (
            f"{noun} {', '.join(map(str, mixture.collapsed))} {verb} collapsed: in some direction, "
            "the width comes from the regularisation only. Use fewer Gaussians or fewer principal "
            "components, or raise the regularisation."
        )
    if n_used < k:
        hold = "holds" if k - n_used == 1 else "hold"
        yield f"{k - n_used} of {k} Gaussians {hold} no chips. Set n_components to {n_used}."
