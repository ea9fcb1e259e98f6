"""The two-dimensional projection by t-SNE, with progress and cancellation.

van der Maaten and Hinton, Visualizing data using t-SNE, JMLR 2008; openTSNE, Policar et al., JSS
2024. Initialisation by principal components: Kobak and Berens, Nature Communications 2019.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ArtifactError, DegenerateError, SettingsError, TooFewError
from core.progress import Progress, report_step, silent
from core.reduction.affinities import neighbour_affinities
from core.reduction_settings import ProjectionSettings
from core.types import DoubleArray, FloatArray, Metric

Watch = Callable[[FloatArray], None]
"""``watch(coordinates)``, called with the positions of the current iteration, float32 (n, 2)."""
DEFAULT_PERPLEXITY = 30.0
MIN_PERPLEXITY = 2.0
EARLY_ITERATIONS = 250

# openTSNE uses 3 x perplexity neighbours, and each of 7 chips has 6, enough for perplexity 2.
_MIN_CHIPS = 7
_REPORT_EVERY = 10
# Large projections report between these iterations, too, so that they can be stopped.
_SECONDS_PER_REPORT = 0.5
# openTSNE's default: a start this small lets early exaggeration arrange the clusters.
_START_SPREAD = 1e-4


@dataclass(frozen=True)
class Projection:
    """The positions of the chips in two dimensions.

    Attributes
    ----------
    coordinates : float32 array, (n, 2)
        Without unit. Nearby points are similar; large distances are not meaningful.
    kl_divergence : float
        Kullback-Leibler divergence in nats: the information about neighbourhoods that the
        projection loses. Comparable at equal perplexity only.
    perplexity : float
        The perplexity that was used.
    """

    coordinates: FloatArray
    kl_divergence: float
    perplexity: float

    def __post_init__(self) -> None:
        shape = self.coordinates.shape
        if len(shape) != 2 or shape[1] != 2 or self.coordinates.dtype != np.float32:
            raise ArtifactError("coordinates are not float32 pairs", where="projection")
        if not np.isfinite(self.coordinates).all():
            raise ArtifactError("coordinates are not finite", where="projection")


def effective_perplexity(n: int, settings: ProjectionSettings) -> float:
    """Return the perplexity for n chips; a setting of 0 is replaced by the default.

    The largest perplexity is a third of the number of other chips, (n - 1) / 3. Raises TooFewError
    if there are fewer than 7 chips, and SettingsError if the perplexity is below 2 or too large.
    """
    if n < _MIN_CHIPS:
        raise TooFewError(
            f"t-SNE needs at least {_MIN_CHIPS} chips, but there are {n}",
            where="projection",
            remedy="Annotate more objects, or add scenes.",
        )
    largest = (n - 1) / 3
    if settings.perplexity == 0:
        return min(DEFAULT_PERPLEXITY, largest)
    if not MIN_PERPLEXITY <= settings.perplexity <= largest:
        # Rounded down, so that the value in the message is valid.
        limit = np.floor(largest * 10) / 10
        raise SettingsError(
            f"{n} chips allow a perplexity from 2 to {limit:g}, not {settings.perplexity:g}",
            where="perplexity",
            remedy=f"Set it to {limit:g} or less, or to 0 for the default.",
        )
    return settings.perplexity


def metric_space(points: FloatArray, metric: Metric) -> FloatArray:
    """Return points, (n, k), in the space whose Euclidean distances the metric ranks by.

    For "cosine" these are unit vectors, whose squared Euclidean distances are twice the cosine
    distances. A point at the origin has no direction and stays where it is.
    """
    if metric == "euclidean":
        return points
    lengths = np.linalg.norm(points.astype(np.float64), axis=1, keepdims=True)
    return (points / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def project_tsne(
    points: FloatArray,
    settings: ProjectionSettings,
    report: Progress = silent,
    *,
    watch: Watch | None = None,
) -> Projection:
    """Project chips to two dimensions by t-SNE; equal input gives identical results.

    Parameters
    ----------
    points : float32 array, (n, k)
        Principal components, strongest first.
    report : Progress
        Called every 10 iterations, and about once a second if iterations or the search for
        neighbours take longer.
    watch : Watch, optional
        Called every 10 iterations.

    Raises
    ------
    TooFewError, SettingsError
        See `effective_perplexity`.
    DegenerateError
        If values are not finite, or all points are equal.
    """
    n = len(points)
    perplexity = effective_perplexity(n, settings)
    if not np.isfinite(points).all():
        raise DegenerateError("points are not finite", where="projection")
    if (points == points[0]).all():
        raise DegenerateError("all points are the same", where="projection")
    total = EARLY_ITERATIONS + settings.n_iter
    affinities = neighbour_affinities(
        metric_space(points, settings.metric),
        perplexity,
        lambda completed, n, note: report(0, total, f"{note}, {completed / n:.0%}"),
    )
    start = _initial_positions(points, settings, affinities)

    from openTSNE import TSNE
    from openTSNE.affinity import PrecomputedAffinities

    from core.reduction.tsne_gradient import TsneGradient

    progress = _ProgressCallback(report, total, watch)
    embedding = TSNE(
        early_exaggeration_iter=EARLY_ITERATIONS,
        n_iter=settings.n_iter,
        exaggeration=settings.exaggeration,
        negative_gradient_method=TsneGradient(progress.repeat),
        random_state=settings.seed,
        callbacks=progress,
        callbacks_every_iters=_REPORT_EVERY,
    ).fit(affinities=PrecomputedAffinities(affinities, normalize=False), initialization=start)
    report_step(report, total, total, "t-SNE done")
    coordinates = np.ascontiguousarray(embedding, dtype=np.float32)
    return Projection(coordinates, float(embedding.kl_divergence), perplexity)


class _ProgressCallback:
    """Counts iterations over both phases; openTSNE starts each phase from 1."""

    def __init__(self, report: Progress, total: int, watch: Watch | None) -> None:
        self.report = report
        self.total = total
        self.watch = watch
        self.phase = 0
        self.latest = (0, "t-SNE starts")
        self.latest_time = time.monotonic()

    def optimization_about_to_start(self) -> None:
        self.phase += 1

    def __call__(self, iteration: int, error: float, embedding: DoubleArray) -> bool:
        if self.watch is not None:
            self.watch(np.asarray(embedding, np.float32))
        early = self.phase == 1
        completed = iteration + (0 if early else EARLY_ITERATIONS)
        name = "early exaggeration" if early else "optimising"
        self.latest = (completed, f"t-SNE, {name}, KL divergence {error:.3f}")
        self._report_latest()
        return False

    def repeat(self) -> None:
        """Repeat the latest report if it is more than half a second old."""
        if time.monotonic() - self.latest_time > _SECONDS_PER_REPORT:
            self._report_latest()

    def _report_latest(self) -> None:
        self.latest_time = time.monotonic()
        completed, note = self.latest
        report_step(self.report, completed, self.total, note)


def _initial_positions(
    points: FloatArray, settings: ProjectionSettings, affinities: Any
) -> DoubleArray:
    """Return initial positions, (n, 2), so close together that the first steps arrange them."""
    random = np.random.default_rng(settings.seed)
    if settings.initialisation == "random":
        return np.asarray(random.normal(0, _START_SPREAD, (len(points), 2)))
    start = np.zeros((len(points), 2))
    if settings.initialisation == "spectral":
        columns = _spectral_positions(affinities, settings.seed)
    else:
        columns = points[:, :2].astype(np.float64)
    start[:, : columns.shape[1]] = columns - columns.mean(axis=0)
    spread = start[:, 0].std() or 1.0
    # Noise separates equal points.
    noise = random.normal(0, 0.01, start.shape)
    positions: DoubleArray = (start / spread + noise) * _START_SPREAD
    return positions


def _spectral_positions(affinities: Any, seed: int) -> DoubleArray:
    """Return the first two coordinates of a diffusion map of the neighbour graph, (n, 2)."""
    from openTSNE.initialization import spectral
    from scipy.sparse.linalg import ArpackError

    try:
        return np.asarray(spectral(affinities + affinities.T, random_state=seed, add_jitter=False))
    except ArpackError as error:
        raise DegenerateError(
            "the neighbour graph has no spectral coordinates",
            where="projection",
            remedy='Set the initialisation to "pca".',
        ) from error
