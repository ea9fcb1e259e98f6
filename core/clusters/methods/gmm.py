"""Clustering by a Gaussian mixture, with notes on what the chips do not support."""

import math
from collections.abc import Iterator

import numpy as np

from core.clusters.labelling import Fact, Labelling, make_labelling
from core.clusters.methods.centres import count_distinct
from core.clusters.methods.mixture import MAX_ITERATIONS, Mixture, fit_components
from core.clusters.methods.mixture_structure import (
    Structure,
    choose_structure,
    held_out_sample,
    measure_held_out,
)
from core.errors import DegenerateError, TooFewError
from core.progress import Progress, silent
from core.settings import GmmSettings
from core.types import DoubleArray, FloatArray

# On data with seven known groups, more than n / 5 parameters without shrinkage lowered the ARI of
# full covariances from 1.0 to 0.07.
CHIPS_PER_PARAMETER = 5
# With fewer chips per Gaussian, leaving a third of them out leaves too few to judge by; with more
# than the second number, a shrunk mixture hardly fits noise.
CHIPS_PER_GAUSSIAN, _PLENTY_PER_GAUSSIAN = 5, 30
# Ratios of likelihoods that are not written as numbers.
_LEAST_RATIO, _LARGE_RATIO = 1.05, 1000


def fit_gmm(points: FloatArray, settings: GmmSettings, report: Progress = silent) -> Labelling:
    """Cluster by a Gaussian mixture: each chip gets the label of its most probable component.

    Arguments and errors are those of `fit_mixture`.
    """
    mixture = fit_mixture(points, settings, report)
    k, d = mixture.means.shape
    facts: dict[str, Fact] = {
        "n_components": k,
        "covariance": mixture.covariance,
        "n_dims": d,
        "n_parameters": round(mixture.n_parameters),
        "log_likelihood": mixture.log_likelihood,
        "bic": mixture.bic,
        "aic": mixture.aic,
        "bic_spread": max(mixture.bics) - min(mixture.bics),
    }
    if mixture.n_sampled:
        facts["n_sampled"] = mixture.n_sampled
    notes = tuple(_notes(mixture, settings, np.asarray(points, np.float64)))
    confidence = mixture.responsibilities.max(axis=1)
    return make_labelling(mixture.numbers, confidence, "gmm", facts, notes)


def fit_mixture(points: FloatArray, settings: GmmSettings, report: Progress = silent) -> Mixture:
    """Fit a Gaussian mixture from several starts and keep the one with the highest likelihood.

    The points, (n, d), are principal components, strongest first and not whitened: whitening ruins
    the fit of full covariances if n is small. Automatic settings are resolved by
    `choose_structure`. The first start is Ward's hierarchy, the others are k-means. Progress is
    reported after each start. Raises TooFewError if there are fewer chips, or fewer different
    points, than Gaussians, and DegenerateError if values are not finite or a covariance has no
    inverse.
    """
    if not np.isfinite(points).all():
        raise DegenerateError("points are not finite", where="Gaussian mixture")
    everything = np.asarray(points, np.float64)
    k = settings.n_components
    _require_distinct(everything, k)
    structure = choose_structure(everything, settings)
    data = np.ascontiguousarray(everything[:, : structure.n_dims])
    _require_distinct(data, k)
    seeds = np.random.SeedSequence(settings.seed).generate_state(settings.n_init)[1:].tolist()
    return fit_components(data, k, structure.covariance, settings.regularisation, seeds, report)


def supported_clusters(n_chips: int) -> int:
    """Return the largest number of clusters, 1 or more, with enough chips to judge each of them."""
    return max(n_chips // CHIPS_PER_GAUSSIAN, 1)


def _require_distinct(data: DoubleArray, k: int) -> None:
    """Raise TooFewError if there are fewer different chips than Gaussians."""
    n_distinct = count_distinct(data, k)
    if n_distinct < k:
        kind = "chips" if n_distinct == len(data) else "different chips"
        raise TooFewError(
            f"{k} Gaussians need at least {k} {kind}, got {n_distinct}",
            where="n_components",
            remedy=f"Set it to {max(n_distinct, 1)} or less.",
        )


def _notes(mixture: Mixture, settings: GmmSettings, points: DoubleArray) -> Iterator[str]:
    n, k = mixture.responsibilities.shape
    available = points.shape[1]
    if settings.n_dims > available:
        yield (
            f"{settings.n_dims} principal components were requested, but only {available} are "
            "available."
        )
    if mixture.n_sampled:
        yield (
            f"The mixture was fitted to a random sample of {mixture.n_sampled:,} of {n:,} chips; "
            "every chip gets the label of its most probable Gaussian."
        )
    if mixture.covariance == "shrunk":
        yield from _support_notes(mixture, points, settings.regularisation)
    elif mixture.n_parameters * CHIPS_PER_PARAMETER >= n:
        yield (
            f"The mixture has {mixture.n_parameters:.0f} parameters for {n} chips. With "
            f"{CHIPS_PER_PARAMETER} or fewer chips per parameter, a mixture fits noise. Use fewer "
            "Gaussians, fewer principal components or a simpler covariance."
        )
    if not mixture.converged:
        yield (
            f"The fit did not converge in {MAX_ITERATIONS} iterations. Use fewer Gaussians or a "
            "simpler covariance."
        )
    if mixture.collapsed:
        noun, verb = ("Gaussian", "has") if len(mixture.collapsed) == 1 else ("Gaussians", "have")
        yield (
            f"{noun} {', '.join(map(str, mixture.collapsed))} {verb} collapsed: in some direction, "
            "the width comes from the regularisation only. Use fewer Gaussians or fewer principal "
            "components, or raise the regularisation."
        )
    n_used = len(np.unique(mixture.numbers))
    if n_used < k:
        hold = "holds" if k - n_used == 1 else "hold"
        yield f"{k - n_used} of {k} Gaussians {hold} no chips. Set n_components to {n_used}."


def _support_notes(mixture: Mixture, points: DoubleArray, regularisation: float) -> Iterator[str]:
    """Warn if chips left out of the fit are no more likely than under a single Gaussian."""
    n, k = mixture.responsibilities.shape
    if k == 1 or n >= _PLENTY_PER_GAUSSIAN * k:
        return
    if n < CHIPS_PER_GAUSSIAN * k:
        yield (
            f"There are only {n} chips for {k} Gaussians. With fewer than {CHIPS_PER_GAUSSIAN} "
            f"chips per Gaussian, clusters are a matter of chance. Set n_components to "
            f"{supported_clusters(n)} or less."
        )
        return
    structure = Structure(mixture.covariance, mixture.means.shape[1])
    sample = held_out_sample(points)
    try:
        by_count = [
            measure_held_out(sample, count, structure, regularisation).log_likelihood.mean()
            for count in (1, k)
        ]
    except DegenerateError:
        # A fold without the few chips that differ cannot be fitted, unlike all chips.
        return
    if by_count[1] <= by_count[0]:
        yield (
            f"The chips do not support {k} Gaussians: chips left out of the fit are "
            f"{_describe_ratio(by_count[0] - by_count[1])} than under a single Gaussian. Use fewer "
            "Gaussians."
        )


def _describe_ratio(difference: float) -> str:
    """Return in words how much less likely chips are, from a difference of log-likelihoods."""
    ratio = math.exp(min(difference, math.log(_LARGE_RATIO)))
    if ratio < _LEAST_RATIO:
        return "no more likely"
    if ratio >= _LARGE_RATIO:
        return f"on average more than {_LARGE_RATIO:,} times less likely"
    return f"on average {ratio:.2g} times less likely"
