"""The minimum cluster size that HDBSCAN uses if none is set: one whose clusters hold.

A cut is scored by the geometric mean of two measures that err in opposite directions. The
silhouette in the principal components favours few clusters; modularity, the excess of links inside
clusters, favours many. Chips in noise count as unclustered in both. Scores are averaged over
resamples of the chips and over similar sizes, because those of a single tree are erratic.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from core.clusters.labelling import NOISE
from core.clusters.methods.centres import count_distinct
from core.clusters.methods.density import condensed_tree
from core.clusters.methods.density.neighbour_graph import MIN_CHIPS, GraphSpace
from core.errors import TooFewError
from core.settings import CutSettings
from core.types import AnyArray, CutMethod, DoubleArray, FloatArray, IntArray

N_SIZES = 40
MAX_NOISE = 0.3
"""Cuts with a larger fraction of noise are not suggested if there is another."""
N_RESAMPLES = 10

# Each resample has this share of the chips. With more chips than the maximum, a single tree gives
# the same number of clusters for resampled chips, and resamples would take minutes.
_RESAMPLE_SHARE, _MAX_RESAMPLED = 0.8, 2000
# Standard deviation, in logarithms of the size, of the average over similar sizes; neighbouring
# sizes of 1,000 chips differ by 0.16.
_SMOOTHING = 0.15
# Random points to compare with: their number of sets, and the factor below which the score of the
# chips is hardly better than theirs. Uniform noise in 10 dimensions reached 1.35.
_N_REFERENCES, _MIN_CONTRAST = 3, 1.5
# The silhouette needs all distances, so it is computed for at most this many chips, evenly spaced.
_MAX_COMPARED = 2000
# More clusters than an analyst would look at; scoring them would take seconds.
_MAX_SCORED = 200

_SELECTIONS: tuple[CutMethod, ...] = get_args(CutMethod)

Link = Callable[[FloatArray], tuple[GraphSpace, DoubleArray]]
"""Returns the graph space of points and the single linkage of their tree."""


@dataclass(frozen=True)
class SizeChoice:
    """The suggested sizes of a tree, and how distinct its clusters are.

    Attributes
    ----------
    sizes : mapping of str to int
        Suggested min_cluster_size for each kind of selection.
    score, reference : float, 0..1
        Best score of the tree's cuts, and of cuts of random points without clusters.
    """

    sizes: Mapping[str, int]
    score: float
    reference: float

    def scale(self, factor: float) -> "SizeChoice":
        """Return the choice for a number of chips that is `factor` times as large."""
        sizes = {name: max(2, round(size * factor)) for name, size in self.sizes.items()}
        return replace(self, sizes=sizes)

    @property
    def is_distinct(self) -> bool:
        """Whether the clusters are clearly more distinct than those of random points."""
        return self.score > _MIN_CONTRAST * self.reference


def sizes_to_try(n: int) -> IntArray:
    """Return up to 40 whole numbers from 2 to n / 2, evenly spaced on a logarithmic scale.

    Raises TooFewError if there are fewer than four chips.
    """
    if n < 4:
        raise TooFewError(f"two clusters need at least 4 chips, got {n}", where="min_cluster_size")
    return np.unique(np.geomspace(2, n // 2, N_SIZES).round().astype(np.int32))


def choose_sizes(
    points: FloatArray, space: GraphSpace, linkage: DoubleArray, link: Link
) -> SizeChoice:
    """Return the suggested minimum cluster size of a tree for each kind of selection.

    The points, (n, d), are the principal components from which the space and the linkage were
    computed by `link`. The same points always give the same result.
    """
    sizes = sizes_to_try(len(points))
    tables = [_score_sizes(points, space, linkage, sizes)]
    for subset in _resamples(points):
        share = len(subset) / len(points)
        tables.append(_score_sizes(subset, *link(subset), np.maximum(2, (sizes * share).round())))
    logs = np.log(sizes)
    weights = np.exp(-(((logs[:, None] - logs[None, :]) / _SMOOTHING) ** 2) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    n_clusters, noise, own_scores = tables[0].swapaxes(0, 1)
    smooth = np.mean([table[:, 2] for table in tables], axis=0) @ weights.T
    positions = map(_best_position, n_clusters, noise, smooth)
    chosen = (int(sizes[i]) for i in positions)
    choices: dict[str, int] = dict(zip(_SELECTIONS, chosen, strict=True))
    return SizeChoice(choices, float(own_scores.max()), _score_random_points(points, link))


class CutScorer:
    """Scores partitions of the same points, (n, d), which have a graph space."""

    def __init__(self, points: FloatArray, space: GraphSpace) -> None:
        from scipy.spatial.distance import cdist

        n, self.rows = len(points), space.rows
        self.sample = np.unique(np.linspace(0, n - 1, min(n, _MAX_COMPARED)).round().astype(int))
        self.distances = cdist(points[self.sample], points[self.sample])
        self.edges = space.graph.tocoo()
        self.degrees = np.asarray(space.graph.sum(axis=1)).ravel()

    def score(self, numbers: IntArray) -> float:
        """Return the geometric mean of modularity and silhouette, 0..1; 0 if one is negative."""
        product = max(self.modularity(numbers), 0.0) * max(self.silhouette(numbers), 0.0)
        return float(np.sqrt(product))

    def modularity(self, numbers: IntArray) -> float:
        """Return the modularity of the graph (Newman and Girvan, 2004); noise is left single."""
        numbers = numbers[self.rows]
        first, second = numbers[self.edges.row], numbers[self.edges.col]
        is_inside, is_clustered = (first == second) & (first != NOISE), numbers != NOISE
        total = self.degrees.sum()
        shares = np.bincount(numbers[is_clustered], self.degrees[is_clustered]) / total
        return float(self.edges.data[is_inside].sum() / total - (shares**2).sum())

    def silhouette(self, numbers: IntArray) -> float:
        """Return the mean silhouette (Rousseeuw, 1987), in which noise counts as 0."""
        labels = numbers[self.sample]
        clusters, members = np.unique(labels[labels != NOISE], return_inverse=True)
        if len(clusters) < 2:
            return 0.0
        rows, order = np.flatnonzero(labels != NOISE), np.arange(len(members))
        belongs = np.zeros((len(rows), len(clusters)))
        belongs[order, members] = 1
        sizes = belongs.sum(axis=0)
        sums = self.distances[np.ix_(rows, rows)] @ belongs
        within = sums[order, members] / np.maximum(sizes[members] - 1, 1)
        means = sums / sizes
        means[order, members] = np.inf
        between = means.min(axis=1)
        largest = np.maximum(np.maximum(within, between), np.finfo(float).tiny)
        values = np.where(sizes[members] > 1, (between - within) / largest, 0.0)
        return float(values.sum() / len(labels))


def _resamples(points: FloatArray) -> Iterator[FloatArray]:
    """Yield the points of each resample, drawn without replacement, in their order."""
    rng = np.random.default_rng(0)
    n = len(points)
    for _ in range(N_RESAMPLES if n <= _MAX_RESAMPLED else 0):
        subset = points[np.sort(rng.choice(n, round(_RESAMPLE_SHARE * n), replace=False))]
        if count_distinct(subset, MIN_CHIPS) >= MIN_CHIPS:
            yield subset


def _score_sizes(
    points: FloatArray, space: GraphSpace, linkage: DoubleArray, sizes: AnyArray
) -> DoubleArray:
    """Return n_clusters, noise and score for each selection and size, (n_selections, 3, m)."""
    scorer, scores = CutScorer(points, space), {}
    table = np.zeros((len(_SELECTIONS), 3, len(sizes)))
    for column, size in enumerate(sizes.astype(int).tolist()):
        condensed = condensed_tree.condense_tree(linkage, size)
        for row, selection in enumerate(_SELECTIONS):
            settings = CutSettings(size, selection)
            numbers = condensed_tree.cut_condensed_tree(condensed, settings).numbers
            n_clusters, noise = int(numbers.max()) + 1, float((numbers == NOISE).mean())
            key = numbers.tobytes()
            if key not in scores:
                is_scored = 2 <= n_clusters <= _MAX_SCORED and noise <= MAX_NOISE
                scores[key] = scorer.score(numbers) if is_scored else 0.0
            table[row, :, column] = n_clusters, noise, scores[key]
    return table


def _score_random_points(points: FloatArray, link: Link) -> float:
    """Return the mean best score of normally distributed points with the same variances."""
    rng = np.random.default_rng(0)
    n, spread = min(len(points), _MAX_RESAMPLED), points.std(axis=0)
    best = []
    for _ in range(_N_REFERENCES):
        reference = (rng.normal(size=(n, len(spread))) * spread).astype(np.float32)
        table = _score_sizes(reference, *link(reference), sizes_to_try(n))
        best.append(table[:, 2].max())
    return float(np.mean(best))


def _best_position(n_clusters: DoubleArray, noise: DoubleArray, score: DoubleArray) -> int:
    """Return the position of the best score among cuts with two clusters and little noise.

    From there it moves to the middle of the sizes that give the same number of clusters, away from
    abrupt changes.
    """
    is_divided = n_clusters >= 2
    is_usable = is_divided & (noise <= MAX_NOISE)
    if not is_usable.any():
        return int(np.where(is_divided, noise, 2).argmin())
    best = int(np.where(is_usable, score, -1).argmax())
    is_other = ~is_usable | (n_clusters != n_clusters[best])
    first = np.flatnonzero(is_other[:best]).max(initial=-1) + 1
    last = best + np.flatnonzero(is_other[best:]).min(initial=len(is_other) - best) - 1
    return int(first + last) // 2
