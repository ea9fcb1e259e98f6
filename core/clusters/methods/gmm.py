"""Gaussian mixtures that do not fool: few enough parameters, cold starts, and plain warnings."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from core.clusters.labelling import Labelling, in_order, labelled
from core.errors import DegenerateError, TooFewError
from core.progress import Progress, silent, step
from core.settings import GmmSettings
from core.types import Covariance, DoubleArray, FloatArray, IntArray

Shape = Literal["full", "tied", "diag", "spherical"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
"""Covariance shapes from the richest to the poorest."""

# Above n / 5 parameters full covariance fell from ARI 1.0 to 0.07 on seven true groups.
CHIPS_PER_PARAMETER = 5
MOST_DIMS = 10
_TOLERANCE = 1e-4
_MOST_STEPS = 500


@dataclass(frozen=True)
class Mixture:
    """A fitted mixture, its components in the order of the labels.

    Attributes
    ----------
    weights : float64 array, (k,)
    means : float64 array, (k, d)
    covariances : float64 array
        (k, d, d) full, (d, d) tied, (k, d) diag, (k,) spherical.
    covariance : {"full", "tied", "diag", "spherical"}
    responsibilities : float32 array, (n, k)
    log_likelihood : float
        Natural logarithm, mean over the chips.
    bic, aic : float
        Lower is better, at one number of principal components only.
    bics : tuple of float
        BIC of each cold start, in their order.
    converged : bool
    collapsed : tuple of int
        Components thinner than twice the regularisation in some direction.
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

    @property
    def n_dims(self) -> int:
        """Principal components that the mixture saw."""
        return int(self.means.shape[1])

    @property
    def bic_spread(self) -> float:
        """Range of BIC over the cold starts."""
        return max(self.bics) - min(self.bics)


def n_parameters(k: int, d: int, covariance: Shape) -> int:
    """Free parameters of k Gaussians in d dimensions: weights, means and covariances."""
    shapes = {
        "full": k * d * (d + 1) // 2,
        "tied": d * (d + 1) // 2,
        "diag": k * d,
        "spherical": k,
    }
    return (k - 1) + k * d + shapes[covariance]


def choose(n: int, k: int, settings: GmmSettings, available: int) -> tuple[Shape, int]:
    """Covariance and number of principal components for n chips; settles "auto" and 0.

    What the user fixed is kept. Of the rest, the most principal components (10 at most) that any
    covariance affords with parameters below a fifth of the chips, and the richest covariance
    that affords them: on real chips, components carry more than a covariance's shape does.

    Parameters
    ----------
    n, k : int
        Chips; Gaussians.
    settings : GmmSettings
    available : int
        Principal components that there are.
    """
    shapes = SHAPES if settings.covariance == "auto" else (_shape(settings.covariance),)
    if settings.n_dims:
        d = min(settings.n_dims, available)
        affordable = [shape for shape in shapes if _affordable(n, k, d, shape)]
        return (affordable or list(shapes[-1:]))[0], d
    for d in range(min(MOST_DIMS, available), 0, -1):
        for shape in shapes:
            if _affordable(n, k, d, shape):
                return shape, d
    return shapes[-1], 1


def fit_gmm(points: FloatArray, settings: GmmSettings, report: Progress = silent) -> Labelling:
    """Cluster by a Gaussian mixture; arguments and errors as in `fit_mixture`."""
    return likeliest(fit_mixture(points, settings, report), settings, points.shape[1])


def likeliest(mixture: Mixture, settings: GmmSettings, available: int) -> Labelling:
    """Each chip in its likeliest component, which bears the component's number.

    Parameters
    ----------
    mixture : Mixture
    settings : GmmSettings
        It was fitted with.
    available : int
        Principal components that there are.
    """
    k = len(mixture.weights)
    parameters = n_parameters(k, mixture.n_dims, mixture.covariance)
    facts = {
        "n_components": k,
        "covariance": mixture.covariance,
        "n_dims": mixture.n_dims,
        "n_parameters": parameters,
        "log_likelihood": mixture.log_likelihood,
        "bic": mixture.bic,
        "aic": mixture.aic,
        "bic_spread": mixture.bic_spread,
    }
    raw = mixture.responsibilities.argmax(axis=1)
    notes = tuple(_notes(mixture, settings, raw, available))
    return labelled(raw, mixture.responsibilities.max(axis=1), "gmm", facts, notes)


def fit_mixture(points: FloatArray, settings: GmmSettings, report: Progress = silent) -> Mixture:
    """Fit a Gaussian mixture from several cold starts and keep the likeliest.

    Parameters
    ----------
    points : float32 array, (n, d)
        Principal components, strongest first and not whitened: whitening ruins full covariance
        at small n.
    settings : GmmSettings
    report : Progress
        Called after each start.

    Raises
    ------
    TooFewError
        For fewer chips, or fewer different points, than Gaussians.
    DegenerateError
        For values that are not finite, or a covariance without an inverse.
    Cancelled
        If the listener asked to stop.
    """
    k = settings.n_components
    if not np.isfinite(points).all():
        raise DegenerateError("points are not finite", where="Gaussian mixture")
    shape, d = choose(len(points), k, settings, points.shape[1])
    data = np.ascontiguousarray(points[:, :d], dtype=np.float64)
    _check_distinct(data, k)
    floor = settings.regularisation * float(data.var(axis=0).mean())

    from threadpoolctl import threadpool_limits

    fits = []
    # One thread of BLAS and of OpenMP: the matrices are small, and threads that wait for each
    # other beside other work cost five times what they give.
    with threadpool_limits(limits=1):
        seeds = np.random.SeedSequence(settings.seed).generate_state(settings.n_init)
        for done, seed in enumerate(seeds, 1):
            fits.append(_fit_once(data, k, shape, floor, int(seed)))
            step(report, done, settings.n_init, "Gaussian mixture, cold starts")
        best = max(fits, key=lambda fit: fit.lower_bound_)
        bics = [fit.bic(data) for fit in fits]
        responsibilities = best.predict_proba(data).astype(np.float32)
        likelihood, bic, aic = best.score(data), best.bic(data), best.aic(data)
    order = _component_order(responsibilities)
    tied = shape == "tied"
    covariances = best.covariances_ if tied else best.covariances_[order]
    return Mixture(
        weights=best.weights_[order],
        means=best.means_[order],
        covariances=covariances,
        covariance=shape,
        responsibilities=np.ascontiguousarray(responsibilities[:, order]),
        log_likelihood=float(likelihood),
        bic=float(bic),
        aic=float(aic),
        bics=tuple(float(bic) for bic in bics),
        converged=bool(best.converged_),
        collapsed=_collapsed(covariances, shape, floor, k),
    )


def _shape(covariance: Covariance) -> Shape:
    return next(shape for shape in SHAPES if shape == covariance)


def _affordable(n: int, k: int, d: int, shape: Shape) -> bool:
    return n_parameters(k, d, shape) * CHIPS_PER_PARAMETER < n


def _check_distinct(data: DoubleArray, k: int) -> None:
    """Refuse fewer different points than Gaussians."""
    distinct = len(np.unique(data, axis=0)) if len(data) >= k else len(data)
    if distinct < k:
        kind = "chips" if distinct == len(data) else "different chips"
        raise TooFewError(
            f"{k} Gaussians need {k} {kind}, there are {distinct}",
            where="n_components",
            remedy=f"Set it to {max(distinct, 1)} or less.",
        )


def _fit_once(data: DoubleArray, k: int, shape: Shape, floor: float, seed: int) -> Any:
    """One cold start of scikit-learn's GaussianMixture."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(
        k,
        covariance_type=shape,
        tol=_TOLERANCE,
        max_iter=_MOST_STEPS,
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
                "a Gaussian has shrunk to a point, its covariance has no inverse",
                where="Gaussian mixture",
                remedy="Raise regularisation, or take fewer Gaussians or a simpler covariance.",
            ) from error


def _component_order(responsibilities: FloatArray) -> IntArray:
    """Components in the order of the labels; those without any chip last."""
    k = responsibilities.shape[1]
    used = list(in_order(responsibilities.argmax(axis=1)))
    return np.array(used + [j for j in range(k) if j not in used], np.int32)


def _collapsed(covariances: DoubleArray, shape: Shape, floor: float, k: int) -> tuple[int, ...]:
    """Components that stand on the regularisation alone in some direction."""
    if shape in ("full", "tied"):
        least = np.linalg.eigvalsh(covariances).min(axis=-1)
    else:
        least = covariances.reshape(k, -1).min(axis=1)
    thin = np.broadcast_to(least <= 2 * floor, (k,))
    return tuple(int(j) for j in np.flatnonzero(thin))


def _notes(mixture: Mixture, settings: GmmSettings, raw: IntArray, available: int) -> Iterator[str]:
    n, k = mixture.responsibilities.shape
    parameters = n_parameters(k, mixture.n_dims, mixture.covariance)
    if settings.n_dims > available:
        yield f"{settings.n_dims} principal components asked, there are {available}."
    if parameters * CHIPS_PER_PARAMETER >= n:
        yield (
            f"{parameters} parameters for {n} chips: above a fifth of the chips a mixture fits "
            "noise. Take fewer Gaussians, fewer principal components or a simpler covariance."
        )
    if not mixture.converged:
        yield (
            f"Not converged after {_MOST_STEPS} steps. Take fewer Gaussians or a simpler "
            "covariance."
        )
    if mixture.collapsed:
        names = ", ".join(str(j) for j in mixture.collapsed)
        yield (
            f"Without width in some direction but for the regularisation: Gaussian {names}. "
            "Take fewer Gaussians, fewer principal components, or raise regularisation."
        )
    used = len(np.unique(raw))
    if used < k:
        hold = "holds" if k - used == 1 else "hold"
        yield f"{k - used} of {k} Gaussians {hold} no chip: take {used}."
