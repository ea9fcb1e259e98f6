"""How many clusters the chips support: held-out likelihood, BIC and AIC over n_components."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.clusters.evaluation.size_sweep import Suggestion
from core.clusters.methods.centres import count_distinct
from core.clusters.methods.gmm import fit_mixture
from core.clusters.methods.mixture_structure import (
    Structure,
    choose_structure,
    held_out_sample,
    measure_held_out,
)
from core.errors import DegenerateError, TooFewError
from core.progress import Progress, report_step, silent
from core.settings import GmmSettings
from core.types import DoubleArray, FloatArray, IntArray

N_FOLDS = 5
# Real groups are not Gaussian, so ever more Gaussians describe many chips a little better. On
# generated groups, a tenth of the gain is worth less than stable clusters.
_ENOUGH = 0.9


@dataclass(frozen=True)
class ComponentSweep:
    """Mixtures by n_components, all with the covariance and dimensions that `fit_gmm` chooses.

    Attributes
    ----------
    n_components : int32 array, (m,)
    bic, aic : float64 array, (m,)
        Criteria of the start with the highest likelihood; lower is better.
    bics : float64 array, (m, n_init)
        BIC of each start.
    held_out : float64 array, (m,)
        Mean log-likelihood, in nats per chip, of chips that were left out of the fit.
    stability : float64 array, (m,), at most 1
        Mean agreement (adjusted mutual information) of the clusters of mixtures that were fitted to
        different chips.
    n_dims : int32 array, (m,)
        Number of principal components that each mixture uses.
    single : float
        Held-out log-likelihood of a single Gaussian.
    """

    n_components: IntArray
    bic: DoubleArray
    aic: DoubleArray
    bics: DoubleArray
    held_out: DoubleArray
    stability: DoubleArray
    covariance: tuple[str, ...]
    n_dims: IntArray
    single: float

    @property
    def best_by_seed(self) -> IntArray:
        """Number of components with the lowest BIC for each start, (n_init,)."""
        best: IntArray = self.n_components[self.bics.argmin(axis=0)]
        return best

    @property
    def agreement(self) -> float:
        """Share of the starts that prefer the most frequent number of components, 0..1."""
        votes = Counter(self.best_by_seed.tolist()).most_common(1)[0][1]
        return float(votes / self.bics.shape[1])

    @property
    def interval(self) -> tuple[int, int]:
        """The lowest and highest plausible number of clusters.

        The highest is the number with the largest gain in held-out likelihood over a single
        Gaussian, and the lowest the first with at least 90 % of that gain. Both are 1 if no number
        has a gain.
        """
        gains = self.held_out - self.single
        best = int(gains.argmax())
        if gains[best] <= 0:
            return 1, 1
        first = int((gains >= _ENOUGH * gains[best]).argmax())
        return int(self.n_components[first]), int(self.n_components[best])

    @property
    def suggestion(self) -> int:
        """The plausible number with the most stable clusters; 1 if one Gaussian is most likely."""
        lowest, highest = self.interval
        if highest == 1:
            return 1
        plausible = (self.n_components >= lowest) & (self.n_components <= highest)
        return int(self.n_components[np.where(plausible, self.stability, -np.inf).argmax()])


def sweep_components(
    points: FloatArray, settings: GmmSettings, counts: Sequence[int], report: Progress = silent
) -> ComponentSweep:
    """Fit a mixture to the points, (n, d), for each number of components.

    The other settings stay as they are. Held-out likelihoods come from five folds of at most 2,000
    chips. Numbers for which there are too few chips are left out. Progress is reported after each
    number. Raises TooFewError if no number is left, and DegenerateError in the same cases as
    `fit_mixture`.
    """
    if not np.isfinite(points).all():
        raise DegenerateError("points are not finite", where="Gaussian mixture")
    data = np.asarray(points, np.float64)
    sample, structure = held_out_sample(data), choose_structure(data, settings)
    # The smallest of five folds leaves at least this many chips for a fit, and no mixture has more
    # Gaussians than there are different chips.
    most = len(sample) - -(-len(sample) // N_FOLDS)
    most = min(most, count_distinct(data[:, : structure.n_dims], most))
    ks = np.unique(np.asarray([k for k in counts if k <= most], np.int32))
    if not len(ks) or len(data) < N_FOLDS:
        raise TooFewError(
            f"{len(data)} chips are too few for the numbers of components to compare",
            where="n_components",
            remedy="Extract more chips, or compare smaller numbers.",
        )
    fixed = replace(settings, covariance=structure.covariance, n_dims=structure.n_dims)
    criteria, measures = [], []
    single = _measure(sample, 1, structure, settings)[0]
    for number, k in enumerate(ks.tolist(), 1):
        mixture = fit_mixture(points, replace(fixed, n_components=k))
        criteria.append((mixture.bic, mixture.aic, np.array(mixture.bics)))
        measures.append(_measure(sample, k, structure, settings))
        report_step(report, number, len(ks), f"Gaussian mixtures, {k} components")
    bic, aic, bics = (np.array(column) for column in zip(*criteria, strict=True))
    held_out, stability = np.array(measures).T
    covariances = (structure.covariance,) * len(ks)
    n_dims = np.full(len(ks), structure.n_dims, np.int32)
    return ComponentSweep(ks, bic, aic, bics, held_out, stability, covariances, n_dims, single)


def _measure(
    sample: DoubleArray, k: int, structure: Structure, settings: GmmSettings
) -> tuple[float, float]:
    """Return the mean held-out log-likelihood of k Gaussians, and the stability of the clusters."""
    held_out = measure_held_out(sample, k, structure, settings.regularisation, N_FOLDS)
    return float(held_out.log_likelihood.mean()), held_out.stability


def suggest_components(sweep: ComponentSweep) -> list[Suggestion]:
    """Suggest a number of clusters, with the reason and an interval.

    On generated data with a known number of overlapping groups, the suggestion was within 1 of that
    number in 9 of 10 sets; BIC and prediction strength (Tibshirani and Walther, 2005) in 4 of 10.
    """
    number, (lowest, highest) = sweep.suggestion, sweep.interval
    if number == 1:
        reason = (
            "Chips left out of the fit are most likely under a single Gaussian: these chips show "
            "no clusters."
        )
    elif lowest == highest:
        reason = "Chips left out of the fit are clearly most likely with this number of Gaussians."
    else:
        reason = (
            f"Chips left out of the fit are almost equally likely with {lowest} to {highest} "
            "Gaussians. Of these numbers, this one gives the most stable clusters."
        )
    if number == sweep.n_components[-1] and len(sweep.n_components) > 1:
        reason += " It is the highest number tried; try more."
    return [Suggestion("suggested", number, number, reason)]
