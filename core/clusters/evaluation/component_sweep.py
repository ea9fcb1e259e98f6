"""Choice of the number of Gaussians: BIC, AIC and held-out likelihood over n_components."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from core.clusters.evaluation.size_sweep import Suggestion
from core.clusters.methods.gmm import Mixture, choose_shape, fit_mixture
from core.errors import TooFewError
from core.progress import Progress, report_step, silent
from core.settings import GmmSettings
from core.types import DoubleArray, FloatArray, IntArray

N_FOLDS = 3
# If a smaller share of the seeds agrees, the choice by BIC is a matter of luck.
_MIN_AGREEMENT = 0.6


@dataclass(frozen=True)
class ShapeRun:
    """Consecutive values of n_components that have the same covariance type and dimensions."""

    first: int
    last: int
    covariance: str
    n_dims: int


@dataclass(frozen=True)
class ComponentSweep:
    """Mixtures by n_components, each with the covariance and dimensions that `fit_gmm` chooses.

    Some mixtures may use fewer principal components than others. Each principal component that only
    other mixtures use is then modelled by one Gaussian, because principal components are
    uncorrelated. All mixtures thus describe the same data (Raftery and Dean, Variable selection for
    model-based clustering, JASA 2006).

    Attributes
    ----------
    n_components : int32 array, (m,)
    bic, aic : float64 array, (m,)
        Criteria of the start with the highest likelihood; lower is better.
    bics : float64 array, (m, n_init)
        BIC of each start.
    held_out : float64 array, (m,)
        Mean log-likelihood, in nats per chip, of chips that were left out of the fit.
    n_dims : int32 array, (m,)
        Number of principal components that each mixture uses.
    """

    n_components: IntArray
    bic: DoubleArray
    aic: DoubleArray
    bics: DoubleArray
    held_out: DoubleArray
    covariance: tuple[str, ...]
    n_dims: IntArray

    @property
    def best_by_seed(self) -> IntArray:
        """Number of components with the lowest BIC for each seed, (n_init,)."""
        best: IntArray = self.n_components[self.bics.argmin(axis=0)]
        return best

    @property
    def agreement(self) -> float:
        """Share of the seeds that prefer the most frequent number of components, 0..1."""
        votes = Counter(self.best_by_seed.tolist()).most_common(1)[0][1]
        return float(votes / self.bics.shape[1])

    @property
    def shape_runs(self) -> list[ShapeRun]:
        """The runs of mixtures with the same covariance and dimensions, by n_components."""
        shapes = zip(self.covariance, self.n_dims.tolist(), strict=True)
        mixtures = zip(shapes, self.n_components.tolist(), strict=True)
        runs = []
        for shape, group in groupby(mixtures, key=lambda mixture: mixture[0]):
            counts = [count for _, count in group]
            runs.append(ShapeRun(counts[0], counts[-1], *shape))
        return runs


def sweep_components(
    points: FloatArray, settings: GmmSettings, counts: Sequence[int], report: Progress = silent
) -> ComponentSweep:
    """Fit a mixture to the points, (n, d), for each number of components.

    The other settings stay as they are. Progress is reported after each number. Raises TooFewError
    if `counts` is empty, or if a fit without one fold has fewer chips than components, and
    DegenerateError in the same cases as `fit_mixture`.
    """
    ks = np.unique(np.asarray(counts, np.int32))
    if not len(ks):
        raise TooFewError("there is no number of components to try", where="n_components")
    shapes = [choose_shape(len(points), k, settings, points.shape[1]) for k in ks.tolist()]
    widest = max(d for _, d in shapes)
    rows = []
    for number, (k, (covariance, d)) in enumerate(zip(ks.tolist(), shapes, strict=True), 1):
        chosen = replace(settings, n_components=k, covariance=covariance, n_dims=d)
        mixture = fit_mixture(points, chosen)
        bic_rest, aic_rest = unmodelled_criteria(points[:, d:widest])
        rows.append(
            (
                mixture.bic + bic_rest,
                mixture.aic + aic_rest,
                np.array(mixture.bics) + bic_rest,
                held_out_likelihood(points, replace(settings, n_components=k), widest),
            )
        )
        report_step(report, number, len(ks), f"Gaussian mixtures, {k} components")
    covariances, n_dims = zip(*shapes, strict=True)
    bic, aic, bics, held_out = (np.array(column) for column in zip(*rows, strict=True))
    return ComponentSweep(ks, bic, aic, bics, held_out, covariances, np.array(n_dims, np.int32))


def unmodelled_criteria(points: FloatArray) -> tuple[float, float]:
    """Return the BIC and AIC of columns, (n, d), that a mixture does not use; 0 without columns.

    Each column is modelled by one Gaussian.
    """
    n, d = points.shape
    data = points.astype(np.float64)
    log_likelihood = float(_gaussian_log_density(data, data).sum())
    return 2 * d * float(np.log(n)) - 2 * log_likelihood, 4 * d - 2 * log_likelihood


def held_out_likelihood(points: FloatArray, settings: GmmSettings, widest: int = 0) -> float:
    """Return the mean log-likelihood, in nats per chip, of chips that were left out of the fit.

    There are three folds, with one start per fit. Overfitting raises the likelihood of the
    fitted chips, but lowers this one. Each column before `widest` that the mixture does not use has
    its own Gaussian. Raises TooFewError if a fit without one fold has fewer chips than components.
    """
    n = len(points)
    covariance, d = choose_shape(n, settings.n_components, settings, points.shape[1])
    chosen = replace(settings, n_init=1, covariance=covariance, n_dims=d)
    folds = np.random.default_rng(settings.seed).permutation(n) % N_FOLDS
    unused = points[:, d:widest].astype(np.float64)
    total = 0.0
    for fold in range(N_FOLDS):
        held_out = folds == fold
        mixture = fit_mixture(points[~held_out], chosen)
        total += float(log_density(mixture, points[held_out]).sum())
        total += float(_gaussian_log_density(unused[~held_out], unused[held_out]).sum())
    return total / n


def _gaussian_log_density(train: DoubleArray, points: DoubleArray) -> DoubleArray:
    """Return the log density of points, (m, d), under one Gaussian per column of `train`."""
    # A constant column has no density, but it affects all mixtures in the same way.
    variance = np.maximum(train.var(axis=0), np.finfo(np.float32).tiny)
    distance = (points - train.mean(axis=0)) ** 2 / variance
    log_density: DoubleArray = -0.5 * (distance + np.log(2 * np.pi * variance)).sum(axis=1)
    return log_density


def log_density(mixture: Mixture, points: FloatArray) -> DoubleArray:
    """Return the natural logarithm of a mixture's density at each point, (n,)."""
    from scipy.special import logsumexp
    from scipy.stats import multivariate_normal

    k, d = mixture.means.shape
    data = points[:, :d].astype(np.float64)
    logs = np.empty((len(data), k))
    for j in range(k):
        covariance = mixture.covariances if mixture.covariance == "tied" else mixture.covariances[j]
        # Diagonals and single variances are expanded to full matrices.
        full = np.diag(np.broadcast_to(covariance, d)) if np.ndim(covariance) < 2 else covariance
        logs[:, j] = multivariate_normal.logpdf(data, mixture.means[j], full, allow_singular=True)
    density: DoubleArray = logsumexp(logs + np.log(mixture.weights), axis=1)
    return density


def suggest_components(sweep: ComponentSweep) -> list[Suggestion]:
    """Suggest the numbers of components that BIC and the held-out likelihood prefer."""
    by_bic, by_held_out = int(sweep.bic.argmin()), int(sweep.held_out.argmax())
    votes = ", ".join(
        f"{n} {'prefers' if n == 1 else 'prefer'} {k}"
        for k, n in sorted(Counter(sweep.best_by_seed.tolist()).items())
    )
    n_seeds = sweep.bics.shape[1]
    bic_reason = f"The BIC is lowest here. {sweep.agreement:.0%} of {n_seeds} seeds agree: {votes}."
    if sweep.agreement < _MIN_AGREEMENT:
        bic_reason += " The seeds disagree, so do not rely on it."
    if by_bic in (0, len(sweep.bic) - 1) and len(sweep.bic) > 1:
        bic_reason += " It is the first or last value tried; try more values."
    gain = sweep.held_out[by_held_out] - sweep.held_out[by_bic]
    held_out_reason = "Chips left out of the fit have the highest likelihood here"
    if by_held_out != by_bic:
        held_out_reason += (
            f"; the log-likelihood is {gain:.2f} nats per chip higher than for the number of "
            "components with the lowest BIC"
        )
    n_bic, n_held_out = sweep.n_components[[by_bic, by_held_out]].tolist()
    return [
        Suggestion("BIC", n_bic, n_bic, bic_reason),
        Suggestion("held out", n_held_out, n_held_out, f"{held_out_reason}."),
    ]
