"""Results for a range of min_cluster_size: suggested values, and warnings of abrupt changes."""

from dataclasses import dataclass, replace

import numpy as np

from core.clusters.labelling import NOISE
from core.clusters.methods import condensed_tree
from core.clusters.methods.hdbscan_tree import SpanningTree
from core.errors import TooFewError
from core.progress import Progress, report_step, silent
from core.settings import CutSettings
from core.types import DoubleArray, IntArray

N_SIZES = 40
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
    """

    sizes: IntArray
    n_clusters: IntArray
    noise_fraction: DoubleArray
    validity: DoubleArray
    persistence: DoubleArray


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


def sizes_to_try(n: int) -> IntArray:
    """Return up to 40 whole numbers from 2 to n / 2, evenly spaced on a logarithmic scale.

    Raises TooFewError if there are fewer than four chips.
    """
    if n < 4:
        raise TooFewError(f"two clusters need at least 4 chips, got {n}", where="min_cluster_size")
    return np.unique(np.geomspace(2, n // 2, N_SIZES).round().astype(np.int32))


def sweep_sizes(tree: SpanningTree, settings: CutSettings, report: Progress = silent) -> SizeSweep:
    """Cut the tree with each size of `sizes_to_try`; the other settings stay as they are."""
    sizes = sizes_to_try(len(tree))
    rows = []
    for number, size in enumerate(sizes.tolist(), 1):
        condensed = condensed_tree.condense_tree(tree.linkage, size)
        cut = condensed_tree.cut_condensed_tree(condensed, replace(settings, min_cluster_size=size))
        noise = float((cut.numbers == NOISE).mean())
        validity = condensed_tree.relative_validity(tree.edges, cut.numbers)
        persistence = condensed_tree.node_persistence(condensed, cut)
        mean = float(persistence.mean()) if len(persistence) else np.nan
        rows.append((len(cut.nodes), noise, validity, mean))
        report_step(report, number, len(sizes), "cutting the tree")
    n_clusters, *measures = np.array(rows, np.float64).T
    return SizeSweep(sizes, n_clusters.astype(np.int32), *measures)


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
    """Suggest the size with the highest validity, and the middle of the longest level."""
    suggestions = []
    validity = np.where(sweep.noise_fraction <= _MAX_NOISE, sweep.validity, np.nan)
    if np.isfinite(validity).any():
        best = int(np.nanargmax(validity))
        reason = (
            f"Of {len(sweep.sizes)} values, this one has the highest relative validity: "
            f"{validity[best]:.2f}, with {sweep.n_clusters[best]} clusters and "
            f"{sweep.noise_fraction[best]:.0%} noise."
        )
        suggestions.append(_suggestion(sweep, "most valid", best, reason))
    levels = steady_levels(sweep)
    if levels:
        longest = max(levels, key=lambda level: _length(sweep, *level))
        suggestions.append(_suggest_level(sweep, "steadiest", *longest))
    return suggestions


def size_presets(sweep: SizeSweep) -> list[Suggestion]:
    """Suggest a coarse, a medium and a fine value: the middles of the longest levels.

    Longer levels are chosen first. A level is skipped if its number of clusters is within a factor
    of 1.5 of that of a level already chosen, so there may be fewer than three presets.
    """
    chosen: list[tuple[int, int]] = []
    for level in sorted(steady_levels(sweep), key=lambda level: -_length(sweep, *level)):
        n_clusters = sweep.n_clusters[_middle(sweep, *level)]
        counts = [sweep.n_clusters[_middle(sweep, *other)] for other in chosen]
        if all(max(n_clusters, c) >= _MIN_PRESET_RATIO * min(n_clusters, c) for c in counts):
            chosen.append(level)
        if len(chosen) == len(PRESET_NAMES):
            break
    # The names follow the number of clusters, because a smaller size may give fewer clusters.
    chosen.sort(key=lambda level: int(sweep.n_clusters[_middle(sweep, *level)]))
    names = {1: ("medium",), 2: ("coarse", "fine")}.get(len(chosen), PRESET_NAMES)
    return [_suggest_level(sweep, name, *level) for name, level in zip(names, chosen, strict=False)]


def steady_levels(sweep: SizeSweep) -> list[tuple[int, int]]:
    """Return the levels: runs of values over which the number of clusters varies by at most 10 %.

    Each level is given by the positions of its first and last size, and starts after the end of the
    previous one. Levels with fewer than two clusters, levels that end at less than 1.5 times their
    first size, and levels with more than half of the chips in noise are left out.
    """
    levels, start = [], 0
    counts = sweep.n_clusters
    for i in range(1, len(counts) + 1):
        tolerance = _LEVEL_TOLERANCE * counts[start]
        if i < len(counts) and abs(int(counts[i]) - counts[start]) <= tolerance:
            continue
        is_long = _length(sweep, start, i - 1) >= _MIN_LEVEL_LENGTH
        has_little_noise = sweep.noise_fraction[start:i].max() <= _MAX_NOISE
        if counts[start] >= 2 and is_long and has_little_noise:
            levels.append((start, i - 1))
        start = i
    return levels


def _length(sweep: SizeSweep, first: int, last: int) -> float:
    return float(np.log(sweep.sizes[last] / sweep.sizes[first]))


def _middle(sweep: SizeSweep, first: int, last: int) -> int:
    """Return the position that is nearest to the geometric middle of a level."""
    logs = np.log(sweep.sizes[first : last + 1])
    return first + int(np.abs(logs - logs[[0, -1]].mean()).argmin())


def _suggest_level(sweep: SizeSweep, name: str, first: int, last: int) -> Suggestion:
    counts = sweep.n_clusters[first : last + 1]
    fewest, most = int(counts.min()), int(counts.max())
    n_clusters = f"{most}" if most == fewest else f"{fewest} to {most}"
    reason = (
        f"Any value from {sweep.sizes[first]} to {sweep.sizes[last]} gives {n_clusters} clusters."
    )
    return _suggestion(sweep, name, _middle(sweep, first, last), reason)


def _suggestion(sweep: SizeSweep, name: str, position: int, reason: str) -> Suggestion:
    return Suggestion(name, int(sweep.sizes[position]), int(sweep.n_clusters[position]), reason)
