"""The two-dimensional picture: t-SNE with progress, cancel, and a perplexity that n carries.

van der Maaten and Hinton, Visualizing data using t-SNE, JMLR 2008; openTSNE, Policar et al.,
JSS 2024. Start from the principal components, Kobak and Berens, Nature Communications 2019.
"""

from dataclasses import dataclass

import numpy as np

from core.errors import ArtifactError, DegenerateError, SettingsError, TooFewError
from core.progress import Progress, silent, step
from core.settings import ProjectionSettings
from core.types import DoubleArray, FloatArray

DEFAULT_PERPLEXITY = 30.0
LEAST_PERPLEXITY = 2.0
EARLY_ITERATIONS = 250

# openTSNE looks at 3 x perplexity neighbours, and 7 chips have 6 neighbours for perplexity 2.
_LEAST_CHIPS = 7
_EVERY = 10
# One thread: at 5,000 points Barnes-Hut and interpolation take the same time, below that
# Barnes-Hut is up to 6 times as fast, above it falls behind.
_INTERPOLATE_FROM = 5000
# openTSNE's own: a start this small lets early exaggeration place the clusters.
_START_SPREAD = 1e-4


@dataclass(frozen=True)
class Projection:
    """The chips' places in the picture.

    Attributes
    ----------
    coordinates : float32 array, (n, 2)
        Without unit: only nearness means something.
    kl_divergence : float
        What the picture loses of the neighbourhoods, in nats; compare at one perplexity only.
    perplexity : float
        The perplexity that was used.

    Raises
    ------
    ArtifactError
        If the coordinates are not finite float32 pairs.
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


def largest_perplexity(n: int) -> float:
    """The largest perplexity that n chips carry: a third of each chip's neighbours."""
    return (n - 1) / 3


def chosen_perplexity(n: int, settings: ProjectionSettings) -> float:
    """The perplexity for n chips: the one set, or for 0 the default or what n carries.

    Raises
    ------
    TooFewError
        For fewer than 7 chips.
    SettingsError
        For a perplexity below 2, or above what n carries.
    """
    if n < _LEAST_CHIPS:
        raise TooFewError(
            f"t-SNE needs {_LEAST_CHIPS} chips, there are {n}",
            where="projection",
            remedy="Annotate or add more.",
        )
    largest = largest_perplexity(n)
    if settings.perplexity == 0:
        return min(DEFAULT_PERPLEXITY, largest)
    if not LEAST_PERPLEXITY <= settings.perplexity <= largest:
        # Rounded down, so that the value shown is one that works.
        shown = np.floor(largest * 10) / 10
        raise SettingsError(
            f"{n} chips carry a perplexity from 2 to {shown:g}, not {settings.perplexity:g}",
            where="perplexity",
            remedy=f"Set it to {shown:g} or less, or to 0 for the default.",
        )
    return settings.perplexity


def project(
    points: FloatArray,
    settings: ProjectionSettings,
    report: Progress = silent,
    *,
    n_jobs: int = 1,
) -> Projection:
    """Draw the chips in two dimensions.

    Parameters
    ----------
    points : float32 array, (n, k)
        Principal components, strongest first: the first two are the start.
    settings : ProjectionSettings
    report : Progress
        Called every 10 iterations, in early exaggeration and after it.
    n_jobs : int
        Threads. With 1 the same input gives the same bytes; with more, the same to about 1 % of
        the KL divergence.

    Raises
    ------
    TooFewError, SettingsError
        See `chosen_perplexity`.
    DegenerateError
        For values that are not finite, or points that are all the same.
    Cancelled
        If the listener asked to stop.
    """
    n = len(points)
    perplexity = chosen_perplexity(n, settings)
    start = _start(points, settings.seed)
    total = EARLY_ITERATIONS + settings.n_iter
    step(report, 0, total, "finding neighbours")

    from openTSNE import TSNE
    from openTSNE.affinity import PerplexityBasedNN

    affinities = PerplexityBasedNN(
        points, perplexity, method="exact", n_jobs=n_jobs, random_state=settings.seed
    )
    embedding = TSNE(
        early_exaggeration_iter=EARLY_ITERATIONS,
        n_iter=settings.n_iter,
        exaggeration=settings.exaggeration,
        negative_gradient_method="bh" if n < _INTERPOLATE_FROM else "fft",
        n_jobs=n_jobs,
        random_state=settings.seed,
        callbacks=_Listener(report, total),
        callbacks_every_iters=_EVERY,
    ).fit(affinities=affinities, initialization=start)
    step(report, total, total, "t-SNE done")
    coordinates = np.ascontiguousarray(embedding, dtype=np.float32)
    return Projection(coordinates, float(embedding.kl_divergence), perplexity)


class _Listener:
    """Counts iterations over both phases; openTSNE starts from 1 in each."""

    def __init__(self, report: Progress, total: int) -> None:
        self.report = report
        self.total = total
        self.phase = 0

    def optimization_about_to_start(self) -> None:
        self.phase += 1

    def __call__(self, iteration: int, error: float, embedding: DoubleArray) -> bool:  # noqa: ARG002
        early = self.phase == 1
        done = iteration + (0 if early else EARLY_ITERATIONS)
        name = "early exaggeration" if early else "optimising"
        step(self.report, done, self.total, f"t-SNE, {name}, KL divergence {error:.3f}")
        return False


def _start(points: FloatArray, seed: int) -> DoubleArray:
    """The first two components, small, with a little noise that parts equal points."""
    if not np.isfinite(points).all():
        raise DegenerateError("points are not finite", where="projection")
    start = np.zeros((len(points), 2))
    columns = points[:, :2].astype(np.float64)
    start[:, : columns.shape[1]] = columns - columns.mean(axis=0)
    spread = start[:, 0].std()
    if spread == 0:
        raise DegenerateError("all points are the same", where="projection")
    noise = np.random.default_rng(seed).normal(0, 0.01, start.shape)
    placed: DoubleArray = (start / spread + noise) * _START_SPREAD
    return placed
