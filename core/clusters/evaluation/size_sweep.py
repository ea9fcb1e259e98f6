"""What each min_cluster_size would give, so that a cliff is seen before it is stepped over."""

from dataclasses import dataclass, replace

import numpy as np

from core.clusters.labelling import NOISE
from core.clusters.methods import condensed_tree
from core.clusters.methods.hdbscan_tree import Tree
from core.errors import TooFewError
from core.progress import Progress, silent, step
from core.settings import CutSettings
from core.types import DoubleArray, IntArray

N_VALUES = 40
PRESET_NAMES = ("coarse", "medium", "fine")

# A level is a run of values whose number of clusters stays within this share of the first one's.
_STEADY = 0.1
# Shorter runs, on the scale of logarithms, are chance.
_LEAST_LENGTH = np.log(1.5)
# Two presets whose numbers of clusters are nearer than this factor are one.
_APART = 1.5
# A step that halves or doubles the clusters is a cliff, or one that turns this share of the chips
# to or from noise.
_NOISE_JUMP = 0.2
# Above this a cut says little of the chips, however valid what is left.
_MOST_NOISE = 0.5


@dataclass(frozen=True)
class SizeLandscape:
    """Cuts of one tree over min_cluster_size, all arrays (m,), by rising size.

    Attributes
    ----------
    sizes : int32 array
        Values of min_cluster_size, evenly spread on a logarithmic scale.
    n_clusters : int32 array
    noise_fraction : float64 array, 0..1
    validity : float64 array, -1..1
        Relative validity; NaN for fewer than two clusters. It compares cuts of this tree only.
    persistence : float64 array, 0..1
        Mean over the clusters; NaN where there are none.
    """

    sizes: IntArray
    n_clusters: IntArray
    noise_fraction: DoubleArray
    validity: DoubleArray
    persistence: DoubleArray


@dataclass(frozen=True)
class Suggestion:
    """A value of a slider, and why.

    Attributes
    ----------
    name : str
        What it is for, for example "coarse".
    value, n_clusters : int
    reason : str
        A sentence.
    """

    name: str
    value: int
    n_clusters: int
    reason: str


@dataclass(frozen=True)
class Cliff:
    """Two neighbouring values between which the labelling changes at once.

    Attributes
    ----------
    below, above : int
        Values of min_cluster_size.
    note : str
        What changes, in a sentence.
    """

    below: int
    above: int
    note: str


def sizes_to_try(n: int, n_values: int = N_VALUES) -> IntArray:
    """Up to n_values whole numbers from 2 to half the chips, evenly on a logarithmic scale.

    Raises
    ------
    TooFewError
        For fewer than four chips.
    """
    if n < 4:
        raise TooFewError(f"{n} chips make no two clusters", where="min_cluster_size")
    return np.unique(np.geomspace(2, n // 2, n_values).round().astype(np.int32))


def survey_sizes(
    tree: Tree, settings: CutSettings, n_values: int = N_VALUES, report: Progress = silent
) -> SizeLandscape:
    """Cut the tree at each size; all else as set.

    Raises
    ------
    TooFewError
        For fewer than four chips.
    Cancelled
        If the listener asked to stop.
    """
    sizes = sizes_to_try(len(tree), n_values)
    rows = []
    for done, size in enumerate(sizes.tolist(), 1):
        condensed = condensed_tree.condense(tree.linkage, size)
        found = condensed_tree.cut(condensed, replace(settings, min_cluster_size=size))
        lives = condensed_tree.persistence(condensed, found)
        rows.append(
            (
                len(found.nodes),
                float((found.raw == NOISE).mean()),
                condensed_tree.relative_validity(tree.edges, found.raw),
                float(lives.mean()) if len(lives) else np.nan,
            )
        )
        step(report, done, len(sizes), "cutting the tree")
    n_clusters, noise, validity, persistence = np.array(rows, np.float64).T
    return SizeLandscape(sizes, n_clusters.astype(np.int32), noise, validity, persistence)


def cliffs(found: SizeLandscape) -> list[Cliff]:
    """Where one step of the slider, either way, halves the clusters or moves a fifth of the chips.

    Chips move to noise or out of it.
    """
    edges = []
    for i in range(len(found.sizes) - 1):
        before, after = int(found.n_clusters[i]), int(found.n_clusters[i + 1])
        jump = float(found.noise_fraction[i + 1] - found.noise_fraction[i])
        fewer, more = sorted((before, after))
        # Three clusters are the least of which a halving is news.
        if (more >= 3 and fewer * 2 <= more) or abs(jump) >= _NOISE_JUMP:
            below, above = int(found.sizes[i]), int(found.sizes[i + 1])
            note = (
                f"Between {below} and {above}, {before} clusters become {after} and noise goes "
                f"from {found.noise_fraction[i]:.0%} to {found.noise_fraction[i + 1]:.0%}."
            )
            edges.append(Cliff(below, above, note))
    return edges


def suggest_sizes(found: SizeLandscape) -> list[Suggestion]:
    """Values worth a look: the most valid cut, and the middle of the longest level.

    Empty where no cut gives two clusters.
    """
    suggestions = []
    usable = np.where(found.noise_fraction <= _MOST_NOISE, found.validity, np.nan)
    if np.isfinite(usable).any():
        best = int(np.nanargmax(usable))
        reason = (
            f"Of {len(found.sizes)} values this one has the highest relative validity, "
            f"{found.validity[best]:.2f}, with {found.n_clusters[best]} clusters and "
            f"{found.noise_fraction[best]:.0%} noise."
        )
        suggestions.append(_suggestion(found, "most valid", best, reason))
    runs = levels(found)
    if runs:
        start, stop = max(runs, key=lambda run: _length(found, *run))
        suggestions.append(_level(found, "steadiest", start, stop))
    return suggestions


def presets(found: SizeLandscape) -> list[Suggestion]:
    """Coarse, medium and fine, from the levels that persist longest; fewer where fewer do.

    Each is the middle of a level, a run of values over which the number of clusters stays
    within a tenth; its persistence is the run's length on the logarithmic scale. Longer runs are
    taken first, and none whose number of clusters is within a factor of 1.5 of one taken.
    """
    runs = sorted(levels(found), key=lambda run: -_length(found, *run))
    taken: list[tuple[int, int]] = []
    for run in runs:
        count = found.n_clusters[_middle(found, *run)]
        others = [found.n_clusters[_middle(found, *other)] for other in taken]
        if all(max(count, o) >= _APART * min(count, o) for o in others):
            taken.append(run)
        if len(taken) == len(PRESET_NAMES):
            break
    # A smaller size may give fewer clusters: the names follow the clusters.
    taken.sort(key=lambda run: int(found.n_clusters[_middle(found, *run)]))
    names = {1: ("medium",), 2: ("coarse", "fine")}.get(len(taken), PRESET_NAMES)
    return [_level(found, name, *run) for name, run in zip(names, taken, strict=False)]


def levels(found: SizeLandscape) -> list[tuple[int, int]]:
    """First and last position of each run of values with a steady number of clusters.

    A run begins where the one before ends. Left out are those of fewer than two clusters, those
    whose end is not half as large again as their beginning, and those mostly of noise.
    """
    runs, start = [], 0
    counts = found.n_clusters
    for i in range(1, len(counts) + 1):
        if i < len(counts) and abs(int(counts[i]) - counts[start]) <= _STEADY * counts[start]:
            continue
        long = _length(found, start, i - 1) >= _LEAST_LENGTH
        quiet = found.noise_fraction[start:i].max() <= _MOST_NOISE
        if counts[start] >= 2 and long and quiet:
            runs.append((start, i - 1))
        start = i
    return runs


def _length(found: SizeLandscape, start: int, stop: int) -> float:
    return float(np.log(found.sizes[stop] / found.sizes[start]))


def _middle(found: SizeLandscape, start: int, stop: int) -> int:
    """The position nearest to a run's geometric middle."""
    logs = np.log(found.sizes[start : stop + 1])
    return start + int(np.abs(logs - logs[[0, -1]].mean()).argmin())


def _level(found: SizeLandscape, name: str, start: int, stop: int) -> Suggestion:
    most, fewest = int(found.n_clusters[start]), int(found.n_clusters[start : stop + 1].min())
    most = max(most, int(found.n_clusters[start : stop + 1].max()))
    count = f"{most}" if most == fewest else f"{fewest} to {most}"
    reason = (
        f"From {found.sizes[start]} to {found.sizes[stop]} the tree keeps {count} clusters, "
        "whatever the exact value."
    )
    return _suggestion(found, name, _middle(found, start, stop), reason)


def _suggestion(found: SizeLandscape, name: str, at: int, reason: str) -> Suggestion:
    return Suggestion(name, int(found.sizes[at]), int(found.n_clusters[at]), reason)
