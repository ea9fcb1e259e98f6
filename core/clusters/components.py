"""How many Gaussians: BIC, AIC and held-out likelihood over n_components, and how sure that is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.clusters.gmm import Mixture, choose, fit_mixture
from core.clusters.landscape import Suggestion
from core.errors import TooFewError
from core.progress import Progress, silent, step
from core.settings import GmmSettings
from core.types import DoubleArray, FloatArray, IntArray

FOLDS = 3
# Below this share of seeds that agree, BIC's choice is a matter of luck.
_AGREED = 0.6


@dataclass(frozen=True)
class ComponentLandscape:
    """Mixtures over n_components at one covariance and one number of principal components.

    Attributes
    ----------
    n_components : int32 array, (m,)
    bic, aic : float64 array, (m,)
        Of the likeliest start; lower is better.
    bics : float64 array, (m, n_init)
        BIC of each seed's start.
    held_out : float64 array, (m,)
        Natural logarithm of the likelihood of chips that were left out of the fit, mean a chip.
    covariance : str
    n_dims : int
    """

    n_components: IntArray
    bic: DoubleArray
    aic: DoubleArray
    bics: DoubleArray
    held_out: DoubleArray
    covariance: str
    n_dims: int

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
    """Fit a mixture for each number of components; all else as set.

    Covariance and principal components are settled for the largest number and kept for all: BIC
    compares nothing else.

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
    shape, d = choose(len(points), int(ks[-1]), settings, points.shape[1])
    rows = []
    for done, k in enumerate(ks.tolist(), 1):
        one = replace(settings, n_components=k, covariance=shape, n_dims=d)
        mixture = fit_mixture(points, one)
        rows.append((mixture.bic, mixture.aic, held_out(points, one), mixture.bics))
        step(report, done, len(ks), f"Gaussian mixtures, {k} components")
    bic, aic, outside, bics = zip(*rows, strict=True)
    return ComponentLandscape(
        ks, np.array(bic), np.array(aic), np.array(bics), np.array(outside), shape, d
    )


def held_out(points: FloatArray, settings: GmmSettings, folds: int = FOLDS) -> float:
    """Mean log-likelihood of chips that the fit did not see, in nats a chip.

    Each fold is left out once; the rest is fitted with one start. A mixture that fits noise
    gains on the chips it saw and loses here.

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
    return total / n


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
