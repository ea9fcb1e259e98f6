"""Results for a range of min_cluster_size: suggested values, and warnings of abrupt changes."""

from dataclasses import dataclass, replace

import numpy as np

from core.clusters.labelling import NOISE
from core.clusters.methods.density import condensed_tree
from core.clusters.methods.density.hdbscan_tree import SpanningTree
from core.clusters.methods.density.size_choice import sizes_to_try
from core.progress import Progress, report_step, silent
from core.settings import CutSettings
from core.types import BoolArray, DoubleArray, IntArray

PRESET_NAMES = ("coarse", "medium", "fine")

# A level is a range of sizes over which the number of clusters stays almost constant: it differs by
# at most this fraction from the number at the start of the level.
_LEVEL_TOLERANCE = 0.1
# Levels shorter than this, on a logarithmic scale, may be due to chance.
_MIN_LEVEL_LENGTH = np.log(1.5)
# Presets whose numbers of clusters differ by less than this factor count as the same.
_MIN_PRESET_RATIO = 1.5
# A cliff is a step between two sizes at which the number of clusters halves or doubles, or the
# fraction of noise changes by at least this much.
_NOISE_JUMP = 0.2
# With more noise, a cut says little about the chips, however valid its clusters are.
_MAX_NOISE = 0.5


@dataclass(frozen=True)
class SizeSweep:
    """Cuts of one tree by min_cluster_size; all arrays are (m,), ordered by size.

    Attributes
    ----------
    sizes : int32 array
        Values of min_cluster_size, evenly spaced on a logarithmic scale.
    n_clusters : int32 array
    noise_fraction : float64 array, 0..1
    validity : float64 array, -1..1
        Relative validity; NaN for fewer than two clusters. Comparable between cuts of this tree.
    persistence : float64 array, 0..1
        Mean over the clusters; NaN if there are none.
    suggested : int
        The size that is used if none is set; 0 if there is none.
    is_scored : bool
        Whether the suggested size was chosen by its clusters, not by the number of chips alone.
    """

    sizes: IntArray
    n_clusters: IntArray
    noise_fraction: DoubleArray
    validity: DoubleArray
    persistence: DoubleArray
    suggested: int = 0
    is_scored: bool = False


@dataclass(frozen=True)
class Suggestion:
    """A suggested value of a slider, and the reason.

    Attributes
    ----------
    name : str
        The name of the suggestion, for example "coarse".
    reason : str
        One or more sentences.
    """

    name: str
    value: int
    n_clusters: int
    reason: str


@dataclass(frozen=True)
class Cliff:
    """Two adjacent values of min_cluster_size, and a sentence on the change between them."""

    lower: int
    upper: int
    note: str


def sweep_sizes(tree: SpanningTree, settings: CutSettings, report: Progress = silent) -> SizeSweep:
    """Cut the tree with each size of `sizes_to_try` and the suggested size.

    The other settings stay as they are. Raises TooFewError if there are fewer than four chips.
    """
    suggested = tree.resolve(replace(settings, min_cluster_size=0)).min_cluster_size
    sizes = np.union1d(sizes_to_try(len(tree)), np.int32(suggested))
    rows = []
    for number, size in enumerate(sizes.tolist(), 1):
        condensed = condensed_tree.condense_tree(tree.linkage, size)
        cut = condensed_tree.cut_condensed_tree(condensed, replace(settings, min_cluster_size=size))
        noise = float((cut.numbers == NOISE).mean())
        by_cluster = condensed_tree.node_persistence(condensed, cut)
        mean = float(by_cluster.mean()) if len(by_cluster) else np.nan
        index = condensed_tree.relative_validity(tree.edges, cut.numbers)
        rows.append((len(cut.nodes), noise, index, mean))
        report_step(report, number, len(sizes), "cutting the tree")
    n_clusters, noise_fraction, validity, persistence = np.array(rows, np.float64).T
    return SizeSweep(
        sizes,
        n_clusters.astype(np.int32),
        noise_fraction,
        validity,
        persistence,
        suggested,
        is_scored=tree.choice is not None,
    )


def find_cliffs(sweep: SizeSweep) -> list[Cliff]:
    """Return the steps that halve or double n_clusters or change noise_fraction by 0.2 or more."""
    cliffs = []
    for i in range(len(sweep.sizes) - 1):
        before, after = sweep.n_clusters[i : i + 2].tolist()
        noise, noise_after = sweep.noise_fraction[i : i + 2].tolist()
        fewer, more = sorted((before, after))
        # A change from two clusters to one is not worth a warning.
        if (more >= 3 and fewer * 2 <= more) or abs(noise_after - noise) >= _NOISE_JUMP:
            lower, upper = sweep.sizes[i : i + 2].tolist()
            note = (
                f"Between {lower} and {upper}, the number of clusters changes from {before} to "
                f"{after}, and noise from {noise:.0%} to {noise_after:.0%}."
            )
            cliffs.append(Cliff(lower, upper, note))
    return cliffs


def suggest_sizes(sweep: SizeSweep) -> list[Suggestion]:
    """Suggest the size that is used if none is set, and the middle of the longest level."""
    suggestions = []
    if sweep.suggested:
        position = _suggested_position(sweep)
        choice = (
            "On average over resampled chips, this value gives the clusters that are the most "
            "compact and have the fewest links to each other"
            if sweep.is_scored
            else "This value is a thirtieth of the chips"
        )
        reason = (
            f"{choice}: {sweep.n_clusters[position]} clusters, with "
            f"{sweep.noise_fraction[position]:.0%} noise."
        )
        suggestions.append(_suggestion(sweep, "suggested", position, reason))
    if levels := steady_levels(sweep):
        longest = max(levels, key=lambda level: _length(sweep, *level))
        middle = _middle(sweep, *longest)
        suggestions.append(_suggest_level(sweep, "steadiest", middle, *longest))
    return suggestions


def size_presets(sweep: SizeSweep) -> list[Suggestion]:
    """Suggest a coarse, a medium and a fine value, in the order of their numbers of clusters.

    They are the suggested value, the middle of the longest level with fewer clusters, and of the
    longest with more; if there is none, of the next longest level. A level is skipped if all its
    values are next to a cliff, or if its number of clusters is within a factor of 1.5 of that of a
    value already chosen, so there may be fewer than three presets.
    """
    cliffs = find_cliffs(sweep)
    ends = np.array([[cliff.lower, cliff.upper] for cliff in cliffs], np.int32)
    is_steep = np.isin(sweep.sizes, ends)
    chosen: list[tuple[int, int, int]] = []
    for first, last in _levels_by_rank(sweep):
        middle = _middle(sweep, first, last, is_steep)
        n_clusters, counts = sweep.n_clusters[middle], [sweep.n_clusters[row[0]] for row in chosen]
        is_new = all(max(n_clusters, c) >= _MIN_PRESET_RATIO * min(n_clusters, c) for c in counts)
        if is_new and not is_steep[middle]:
            chosen.append((middle, first, last))
        if len(chosen) == len(PRESET_NAMES):
            break
    # The names follow the number of clusters, because a smaller size may give fewer clusters.
    chosen.sort(key=lambda row: int(sweep.n_clusters[row[0]]))
    names = {1: ("medium",), 2: ("coarse", "fine")}.get(len(chosen), PRESET_NAMES)
    return [_suggest_level(sweep, name, *row) for name, row in zip(names, chosen, strict=False)]


def steady_levels(sweep: SizeSweep, min_length: float = _MIN_LEVEL_LENGTH) -> list[tuple[int, int]]:
    """Return the levels: runs of values over which the number of clusters varies by at most 10 %.

    Each level is given by the positions of its first and last size, and starts after the end of the
    previous one. Levels with fewer than two clusters, levels shorter than `min_length` (by default,
    those that end at less than 1.5 times their first size), and levels with more than half of the
    chips in noise are left out.
    """
    levels, start = [], 0
    counts = sweep.n_clusters
    for i in range(1, len(counts) + 1):
        tolerance = _LEVEL_TOLERANCE * counts[start]
        if i < len(counts) and abs(int(counts[i]) - counts[start]) <= tolerance:
            continue
        is_long = _length(sweep, start, i - 1) >= min_length
        has_little_noise = sweep.noise_fraction[start:i].max() <= _MAX_NOISE
        if counts[start] >= 2 and is_long and has_little_noise:
            levels.append((start, i - 1))
        start = i
    return levels


def _levels_by_rank(sweep: SizeSweep) -> list[tuple[int, int]]:
    """Return the suggested position, the longest levels on both sides of it, and all levels.

    The suggested position is a level of its own. It is left out if it has no clusters or much
    noise.
    """
    levels = sorted(
        steady_levels(sweep, 0.0), key=lambda level: (-_length(sweep, *level), -level[1])
    )
    position = _suggested_position(sweep)
    n_clusters, noise = sweep.n_clusters[position], sweep.noise_fraction[position]
    if not sweep.suggested or n_clusters < 2 or noise > _MAX_NOISE:
        return levels
    ratios = {level: sweep.n_clusters[_middle(sweep, *level)] / n_clusters for level in levels}
    coarser = [level for level in levels if ratios[level] * _MIN_PRESET_RATIO <= 1]
    finer = [level for level in levels if ratios[level] >= _MIN_PRESET_RATIO]
    return [(position, position), *coarser[:1], *finer[:1], *levels]


def _suggested_position(sweep: SizeSweep) -> int:
    return int(np.abs(sweep.sizes - sweep.suggested).argmin())


def _length(sweep: SizeSweep, first: int, last: int) -> float:
    return float(np.log(sweep.sizes[last] / sweep.sizes[first]))


def _middle(sweep: SizeSweep, first: int, last: int, is_steep: BoolArray | None = None) -> int:
    """Return the position nearest to the geometric middle of a level, not steep if possible."""
    logs = np.log(sweep.sizes[first : last + 1])
    distance = np.abs(logs - logs[[0, -1]].mean())
    if is_steep is not None:
        distance = np.where(is_steep[first : last + 1], np.inf, distance)
    return first + int(distance.argmin())


def _suggest_level(sweep: SizeSweep, name: str, middle: int, first: int, last: int) -> Suggestion:
    counts = sweep.n_clusters[first : last + 1]
    fewest, most = int(counts.min()), int(counts.max())
    n_clusters = f"{most}" if most == fewest else f"{fewest} to {most}"
    reason = (
        f"Any value from {sweep.sizes[first]} to {sweep.sizes[last]} gives {n_clusters} clusters."
        if first < last
        else f"This value gives {most} clusters."
    )
    if sweep.sizes[middle] == sweep.suggested:
        reason += " It is the suggested value."
    return _suggestion(sweep, name, middle, reason)


def _suggestion(sweep: SizeSweep, name: str, position: int, reason: str) -> Suggestion:
    return Suggestion(name, int(sweep.sizes[position]), int(sweep.n_clusters[position]), reason)
