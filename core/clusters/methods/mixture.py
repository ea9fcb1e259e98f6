"""Gaussian mixtures fitted from several starts: Ward's hierarchy first, then k-means."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from core.clusters.labelling import labels_by_size
from core.clusters.methods.row_sample import random_rows
from core.errors import DegenerateError
from core.progress import Progress, report_step, silent
from core.types import AnyArray, DoubleArray, FloatArray, IntArray

Shape = Literal["shrunk", "full", "tied", "diag", "spherical"]
SHAPES: tuple[Shape, ...] = get_args(Shape)

MAX_ITERATIONS = 500
_TOLERANCE = 1e-4
# Weight of the pooled covariance within a shrunk one, in chips per dimension: a covariance in d
# dimensions needs more than d chips to have an inverse. Between 1 and 5, the held-out likelihood of
# real chips hardly changes.
_PRIOR_CHIPS_PER_DIM = 2
MAX_FITTED = 100_000
"""Number of chips up to which mixtures are fitted to all; more get the densities of a sample."""
# Ward's hierarchy needs memory in the square of the number of chips; more chips than this are
# assigned to the nearest centre of a sample.
_WARD_SAMPLE = 2000


@dataclass(frozen=True)
class Mixture:
    """A fitted mixture, with its components in the order of the labels.

    Attributes
    ----------
    weights : float64 array, (k,)
    means : float64 array, (k, d)
    covariances : float64 array
        (k, d, d) for shrunk and full, (d, d) for tied, (k, d) for diag, (k,) for spherical.
    responsibilities : float32 array, (n, k)
    n_parameters : float
        Number of free parameters; a shrunk covariance counts by the share that is its own.
    log_likelihood : float
        Natural logarithm of the likelihood, mean over the chips.
    bic, aic : float
        Lower is better; comparable only for the same number of principal components.
    bics : tuple of float
        BIC of each start, in order.
    collapsed : tuple of int
        Components whose variance in some direction is at most twice the regularisation.
    n_sampled : int
        Number of chips that the mixture was fitted to, if not to all; otherwise 0.
    """

    weights: DoubleArray
    means: DoubleArray
    covariances: DoubleArray
    covariance: Shape
    responsibilities: FloatArray
    n_parameters: float
    log_likelihood: float
    bic: float
    aic: float
    bics: tuple[float, ...]
    converged: bool
    collapsed: tuple[int, ...]
    n_sampled: int = 0

    @property
    def numbers(self) -> IntArray:
        """The most probable component of each chip, (n,)."""
        return np.asarray(self.responsibilities.argmax(axis=1), np.int32)


def fit_components(
    data: DoubleArray,
    k: int,
    covariance: Shape,
    regularisation: float,
    seeds: list[int],
    report: Progress = silent,
) -> Mixture:
    """Fit k Gaussians to data, (n, d), and keep the start with the highest likelihood.

    The first start is a cut of Ward's hierarchy, and there is one by k-means for each seed.
    `regularisation` is added to the diagonals, in units of the mean variance of the data. Progress
    is reported after each start. Of more than MAX_FITTED chips, a random sample of that size is
    fitted; responsibilities, likelihood and criteria are always those of all chips. Raises
    DegenerateError if a covariance has no inverse.
    """
    from threadpoolctl import threadpool_limits

    n_sampled = MAX_FITTED if len(data) > MAX_FITTED else 0
    sample = data[random_rows(len(data), n_sampled)] if n_sampled else data
    floor = regularisation * float(data.var(axis=0).mean())
    fits = []
    # One thread for BLAS and OpenMP: the matrices are small, and on a busy machine, threads that
    # wait for each other lose five times the time that they save.
    with threadpool_limits(limits=1):
        for number in range(len(seeds) + 1):
            start = _kmeans_start(sample, k, seeds[number - 1]) if number else ward_start(sample, k)
            fits.append(_fit_from(sample, start, k, covariance, floor))
            report_step(report, number + 1, len(seeds) + 1, "Gaussian mixture, starts")
        best = max(fits, key=lambda fit: fit.lower_bound_)
        bics = tuple(float(fit.bic(data)) for fit in fits)
        responsibilities = best.predict_proba(data).astype(np.float32)
        likelihood, bic, aic = best.score(data), best.bic(data), best.aic(data)
    order = _component_order(responsibilities)
    covariances = best.covariances_ if covariance == "tied" else best.covariances_[order]
    return Mixture(
        weights=best.weights_[order],
        means=best.means_[order],
        covariances=covariances,
        covariance=covariance,
        responsibilities=np.ascontiguousarray(responsibilities[:, order]),
        n_parameters=best.n_parameters,
        log_likelihood=float(likelihood),
        bic=float(bic),
        aic=float(aic),
        bics=bics,
        converged=bool(best.converged_),
        collapsed=_collapsed_components(covariances, covariance, floor, k),
        n_sampled=n_sampled,
    )


def log_densities(mixture: Mixture, points: DoubleArray) -> DoubleArray:
    """Return the log of each component's weight times its density at each point, (n, k)."""
    from scipy.stats import multivariate_normal

    k, d = mixture.means.shape
    logs = np.empty((len(points), k))
    for j in range(k):
        covariance = mixture.covariances if mixture.covariance == "tied" else mixture.covariances[j]
        # Diagonals and single variances are expanded to full matrices.
        full = np.diag(np.broadcast_to(covariance, d)) if np.ndim(covariance) < 2 else covariance
        logs[:, j] = multivariate_normal.logpdf(points, mixture.means[j], full, allow_singular=True)
    logs += np.log(np.maximum(mixture.weights, np.finfo(float).tiny))
    return logs


def ward_start(data: DoubleArray, k: int) -> IntArray:
    """Return the clusters of a cut of Ward's hierarchy, (n,), from a sample if there are many."""
    from scipy.cluster.hierarchy import fcluster, ward
    from scipy.spatial.distance import cdist

    if k == 1:
        return np.zeros(len(data), np.int32)
    rows: AnyArray = np.arange(len(data))
    if len(data) > _WARD_SAMPLE:
        # The same sample for each number of components.
        rows = np.random.default_rng(0).choice(len(data), _WARD_SAMPLE, replace=False)
    sample = data[rows]
    numbers = fcluster(ward(sample), k, "maxclust") - 1
    if len(np.unique(numbers)) < k:
        # Because of ties, no cut has k clusters.
        return _kmeans_start(data, k, 0)
    if len(sample) == len(data):
        return np.asarray(numbers, np.int32)
    centres = np.array([sample[numbers == j].mean(axis=0) for j in range(k)])
    return np.asarray(cdist(data, centres).argmin(axis=1), np.int32)


def _kmeans_start(data: DoubleArray, k: int, seed: int) -> IntArray:
    """Return the clusters of one run of k-means, (n,)."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Equal chips can leave fewer clusters than requested.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(KMeans(k, n_init=1, random_state=seed).fit_predict(data), np.int32)


def _fit_from(data: DoubleArray, start: IntArray, k: int, shape: Shape, floor: float) -> Any:
    """Fit a mixture from the cluster of each chip, (n,)."""
    from sklearn.exceptions import ConvergenceWarning

    from core.internals.mixture_internals import StartedMixture

    shrinkage: dict[str, float] = {}
    if shape == "shrunk":
        shrinkage["prior_chips"] = _PRIOR_CHIPS_PER_DIM * data.shape[1]
        shrinkage["diagonal_share"] = _diagonal_share(data, start)
    model = StartedMixture(
        k,
        start=start,
        covariance_type="full" if shape == "shrunk" else shape,
        tol=_TOLERANCE,
        max_iter=MAX_ITERATIONS,
        reg_covar=floor,
        **shrinkage,
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


def _diagonal_share(data: DoubleArray, start: IntArray) -> float:
    """Return by how much to reduce the correlations within clusters, 0..1 (Ledoit and Wolf)."""
    from sklearn.covariance import ledoit_wolf_shrinkage

    sums = np.zeros((int(start.max()) + 1, data.shape[1]))
    np.add.at(sums, start, data)
    residuals = data - (sums / np.maximum(np.bincount(start), 1)[:, None])[start]
    spread = residuals.std(axis=0)
    varies = spread > 0
    if not varies.any():
        return 1.0
    return float(ledoit_wolf_shrinkage(residuals[:, varies] / spread[varies]))


def _component_order(responsibilities: FloatArray) -> IntArray:
    """Return the components in the order of the labels; those without chips come last."""
    used = list(labels_by_size(responsibilities.argmax(axis=1)))
    unused = [j for j in range(responsibilities.shape[1]) if j not in used]
    return np.array(used + unused, np.int32)


def _collapsed_components(
    covariances: DoubleArray, shape: Shape, floor: float, k: int
) -> tuple[int, ...]:
    """Return the components whose width in some direction comes from the regularisation only."""
    if shape in ("shrunk", "full", "tied"):
        smallest = np.linalg.eigvalsh(covariances).min(axis=-1)
    else:
        smallest = covariances.reshape(k, -1).min(axis=1)
    return tuple(np.flatnonzero(np.broadcast_to(smallest <= 2 * floor, k)).tolist())
