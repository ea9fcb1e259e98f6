"""How many Gaussians: BIC, AIC and held-out likelihood over n_components, and how sure that is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.clusters.evaluation.size_sweep import Suggestion
from core.clusters.methods.gmm import Mixture, choose, fit_mixture
from core.errors import TooFewError
from core.progress import Progress, silent, step
from core.settings import GmmSettings
from core.types import DoubleArray, FloatArray, IntArray

FOLDS = 3
# Below this share of seeds that agree, BIC's choice is a matter of luck.
_AGREED = 0.6


@dataclass(frozen=True)
class ComponentLandscape:
    """Mixtures over n_components, each with the covariance and dimensions of the slider's fit.

    Where these differ, what a mixture does not see of the widest one's principal components counts
    as one Gaussian, so that all describe the same data (Raftery and Dean, Variable selection for
    model-based clustering, JASA 2006); principal components are uncorrelated.

    Attributes
    ----------
    n_components : int32 array, (m,)
    bic, aic : float64 array, (m,)
        Of the likeliest start, in the widest fit's components; lower is better.
    bics : float64 array, (m, n_init)
        BIC of each seed's start.
    held_out : float64 array, (m,)
        Natural logarithm of the likelihood of chips that were left out of the fit, mean a chip.
    covariance : tuple of str, m of them
    n_dims : int32 array, (m,)
        Principal components that each mixture sees.
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
        """The number of components that each seed's BIC prefers, (n_init,)."""
        best: IntArray = self.n_components[self.bics.argmin(axis=0)]
        return best

    @property
    def agreement(self) -> float:
        """Share of the seeds that prefer what most of them prefer, 0..1."""
        votes = Counter(self.best_by_seed.tolist()).most_common(1)[0][1]
        return float(votes / self.bics.shape[1])


def survey_components(
    points: FloatArray,
    settings: GmmSettings,
    counts: Sequence[int],
    report: Progress = silent,
) -> ComponentLandscape:
    """Fit a mixture for each number of components as `fit_gmm` does; all else as set.

    Parameters
    ----------
    points : float32 array, (n, d)
    settings : GmmSettings
    counts : sequence of int
        Values of n_components.
    report : Progress
        Called after each value.

    Raises
    ------
    TooFewError
        For no values, or fewer chips outside a fold than components.
    DegenerateError
        As in `fit_mixture`.
    Cancelled
        If the listener asked to stop.
    """
    ks = np.unique(np.asarray(counts, np.int32))
    if not len(ks):
        raise TooFewError("no number of components to try", where="n_components")
    fits = [replace(settings, n_components=k) for k in ks.tolist()]
    settled = [choose(len(points), one.n_components, one, points.shape[1]) for one in fits]
    widest = max(d for _, d in settled)
    rows = []
    for done, (one, (shape, d)) in enumerate(zip(fits, settled, strict=True), 1):
        mixture = fit_mixture(points, replace(one, covariance=shape, n_dims=d))
        bic, aic = unseen(points[:, d:widest])
        outside = held_out(points, one, widest=widest)
        rows.append(
            (mixture.bic + bic, mixture.aic + aic, outside, np.array(mixture.bics) + bic, shape, d)
        )
        step(report, done, len(ks), f"Gaussian mixtures, {one.n_components} components")
    bics, aics, outsides, starts, shapes, dims = zip(*rows, strict=True)
    return ComponentLandscape(
        n_components=ks,
        bic=np.array(bics),
        aic=np.array(aics),
        bics=np.array(starts),
        held_out=np.array(outsides),
        covariance=shapes,
        n_dims=np.array(dims, np.int32),
    )


def unseen(points: FloatArray) -> tuple[float, float]:
    """BIC and AIC of columns that a mixture does not see, (n, d): a Gaussian each; 0 for none."""
    n, d = points.shape
    data = points.astype(np.float64)
    likelihood = float(_one_gaussian(data, data).sum())
    return 2 * d * float(np.log(n)) - 2 * likelihood, 4 * d - 2 * likelihood


def held_out(
    points: FloatArray, settings: GmmSettings, folds: int = FOLDS, widest: int = 0
) -> float:
    """Mean log-likelihood of chips that the fit did not see, in nats a chip.

    Each fold is left out once; the rest is fitted with one start. A mixture that fits noise
    gains on the chips it saw and loses here. Of the first `widest` columns, those that the
    mixture does not see count as a Gaussian each.

    Raises
    ------
    TooFewError
        If the chips outside a fold are fewer than the components.
    """
    n = len(points)
    one = replace(settings, n_init=1)
    shape, d = choose(n, settings.n_components, settings, points.shape[1])
    fold = np.random.default_rng(settings.seed).permutation(n) % folds
    total = 0.0
    for out in range(folds):
        away = fold == out
        mixture = fit_mixture(points[~away], replace(one, covariance=shape, n_dims=d))
        total += float(log_density(mixture, points[away]).sum())
        rest = points[:, d:widest].astype(np.float64)
        total += float(_one_gaussian(rest[~away], rest[away]).sum())
    return total / n


def _one_gaussian(learnt: DoubleArray, points: DoubleArray) -> DoubleArray:
    """Logarithm of the density of points, (m, d), under a Gaussian a column of others."""
    # A column that does not vary says the same of every mixture, but has no density.
    variance = np.maximum(learnt.var(axis=0), np.finfo(np.float32).tiny)
    distance = (points - learnt.mean(axis=0)) ** 2 / variance
    density: DoubleArray = -0.5 * (distance + np.log(2 * np.pi * variance)).sum(axis=1)
    return density


def log_density(mixture: Mixture, points: FloatArray) -> DoubleArray:
    """Natural logarithm of a mixture's density at each point, (n,)."""
    from scipy.special import logsumexp
    from scipy.stats import multivariate_normal

    k, d = mixture.means.shape
    data = points[:, :d].astype(np.float64)
    logs = np.empty((len(data), k))
    for j in range(k):
        covariance = mixture.covariances if mixture.covariance == "tied" else mixture.covariances[j]
        # A diagonal or a single variance is a matrix of its own to SciPy.
        full = np.diag(np.broadcast_to(covariance, d)) if np.ndim(covariance) < 2 else covariance
        logs[:, j] = multivariate_normal.logpdf(data, mixture.means[j], full, allow_singular=True)
    density: DoubleArray = logsumexp(logs + np.log(mixture.weights), axis=1)
    return density


def suggest_components(found: ComponentLandscape) -> list[Suggestion]:
    """What BIC and the held-out likelihood prefer, each with its reason and its doubts."""
    best = int(found.bic.argmin())
    votes = Counter(found.best_by_seed.tolist())
    spread = ", ".join(f"{k} ({n})" for k, n in sorted(votes.items()))
    doubt = "" if found.agreement >= _AGREED else " The seeds disagree: do not trust it."
    if best in (0, len(found.bic) - 1) and len(found.bic) > 1:
        doubt += " It lies at the end of what was tried: try further values."
    bic_reason = (
        f"BIC is lowest; {found.agreement:.0%} of {found.bics.shape[1]} seeds agree: {spread}."
        + doubt
    )
    outside = int(found.held_out.argmax())
    gain = found.held_out[outside] - found.held_out[best]
    out_reason = "Chips left out of the fit are likeliest here" + (
        f", by {gain:.2f} nats a chip beside BIC's choice." if outside != best else ", too."
    )
    pairs = (("BIC", best, bic_reason), ("held out", outside, out_reason))
    return [
        Suggestion(name, int(found.n_components[at]), int(found.n_components[at]), reason)
        for name, at, reason in pairs
    ]
