"""The confounder alarm: clusters that are really a scene, a place, an edge, a size or a blur."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.clusters.labelling import NOISE
from core.errors import ArtifactError, TooFewError
from core.progress import Progress, silent, step
from core.types import AnyArray, BoolArray, DoubleArray, IntArray

# What is looked at, by the name of the fact or of the chip's appearance.
FACTS = ("scene", "cut_by_edge", "valid_fraction", "area", "side", "sharpness")
N_PERMUTATIONS = 199
N_BINS = 8
NEIGHBOURS = 6
# Shared information from here on is worth an alarm, however surely it is there.
ALARM = 0.2
# A cluster this much of one kind is that kind, if clearly less of all chips is.
_NEARLY_ALL = 0.9
_CLEARLY_LESS = 0.75
_RISK = 0.05
_METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class Association:
    """How much a labelling has to do with something it should not follow.

    Attributes
    ----------
    name : str
    strength : float
        Adjusted mutual information (Vinh et al., JMLR 2010), 0 for chance, 1 for the same; for
        "place" Moran's analogue for labels: the share of neighbours of one cluster beyond
        chance over the most there could be.
    p_value : float
        Share of permutations that give as much, the labelling itself counted: never 0.
    n : int
        Chips with a value and a cluster.
    sentence : str
    """

    name: str
    strength: float
    p_value: float
    n: int
    sentence: str

    @property
    def alarm(self) -> bool:
        """Whether it is strong, and no chance."""
        return self.strength >= ALARM and self.p_value <= _RISK


def confounders(
    labels: IntArray,
    facts: pd.DataFrame,
    report: Progress = silent,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> list[Association]:
    """Look at each fact that is there, and at place, strongest first.

    Noise is left out. Numbers are cut into bins; see `binned`. A property that the user wants
    clusters to follow may be among them (large ships are large): an alarm asks for a look.

    Parameters
    ----------
    labels : int32 array, (n,), -1 for noise
    facts : DataFrame, n rows
        See `core.chips.chip_table.facts`; "sharpness" from `appearance`.
    report : Progress
        Called after each fact.

    Raises
    ------
    ArtifactError
        If facts and labels are of different chips.
    TooFewError
        For fewer than two clusters.
    Cancelled
        If the listener asked to stop.
    """
    if len(labels) != len(facts):
        raise ArtifactError("facts and labels differ in length", where="confounders")
    if labels.max(initial=NOISE) < 1:
        raise TooFewError("fewer than two clusters have nothing to follow", where="confounders")
    found: list[Association] = []
    names = [name for name in FACTS if name in facts]
    for done, name in enumerate(names, 1):
        rng = np.random.default_rng([seed, done])
        one = associated(labels, facts[name], name, n_permutations, rng)
        found += [one] if one else []
        step(report, done, len(names) + 1, f"confounders, {name}")
    if {"longitude", "latitude", "scene"} <= set(facts):
        place = neighbourly(labels, facts, n_permutations, np.random.default_rng([seed, 0]))
        found += [place] if place else []
    step(report, len(names) + 1, len(names) + 1, "confounders, place")
    return sorted(found, key=lambda one: -one.strength)


def associated(
    labels: IntArray,
    values: "pd.Series[Any]",
    name: str,
    n_permutations: int,
    rng: np.random.Generator,
) -> Association | None:
    """Association with one fact; None where it does not vary.

    Shuffling leaves the margins as they are, so mutual information ranks as its adjusted form.
    """
    there = (labels != NOISE) & values.notna().to_numpy()
    clusters = labels[there]
    codes = binned(values[there])
    if codes.max(initial=0) == 0 or len(np.unique(clusters)) < 2:
        return None

    from sklearn.metrics import adjusted_mutual_info_score

    strength = float(adjusted_mutual_info_score(codes, clusters))
    p_value = _p_value(
        _information(clusters, codes),
        lambda: _information(clusters, rng.permutation(codes)),
        n_permutations,
    )
    sentence = (
        f"Clusters and {name.replace('_', ' ')} share {strength:.0%} of their information beyond "
        f"chance (p = {p_value:.3f})."
    )
    return Association(name, strength, p_value, len(clusters), sentence)


def neighbourly(
    labels: IntArray, facts: pd.DataFrame, n_permutations: int, rng: np.random.Generator
) -> Association | None:
    """Spatial autocorrelation of the labels: how often neighbours on the ground share one.

    Each chip's 6 nearest of the same scene; labels are shuffled within scenes, so that scenes
    alone do not make it. None without places.
    """
    place = facts[["longitude", "latitude"]].to_numpy(np.float64)
    there = (labels != NOISE) & np.isfinite(place).all(axis=1)
    clusters, scenes = labels[there], pd.factorize(facts["scene"][there])[0]
    neighbours, linked = _neighbours(place[there], scenes)
    if not linked.any():
        return None

    def joined(order: AnyArray) -> float:
        mixed = clusters[order]
        return float((mixed[neighbours] == mixed[:, None])[linked].mean())

    def shuffled() -> float:
        # Sorted by scene with random order inside, against rows sorted by scene.
        order = np.empty(len(clusters), np.int64)
        order[np.argsort(scenes, kind="stable")] = np.lexsort((rng.random(len(scenes)), scenes))
        return joined(order)

    observed = joined(np.arange(len(clusters)))
    chance = [shuffled() for _ in range(n_permutations)]
    drawn = iter(chance)
    p_value = _p_value(observed, lambda: next(drawn), n_permutations)
    expected = float(np.mean(chance))
    strength = (observed - expected) / max(1 - expected, 1e-12)
    sentence = (
        f"Neighbours on the ground share a cluster in {observed:.0%} of cases, {expected:.0%} by "
        f"chance (p = {p_value:.3f})."
    )
    return Association("place", strength, p_value, len(clusters), sentence)


def one_scene(labels: IntArray, scenes: Sequence[Any] | AnyArray) -> list[str]:
    """A sentence for each cluster that is nearly all of one scene, and not because all chips are.

    Such as ``"Cluster 7 is 96 % one scene, harbour.tif, which holds 20 % of all chips."``
    """
    names = np.asarray(scenes, dtype=object)
    told = []
    for label in np.unique(labels[labels != NOISE]).tolist():
        found, counts = np.unique(names[labels == label].astype(str), return_counts=True)
        scene, share = str(found[counts.argmax()]), counts.max() / counts.sum()
        overall = float((names.astype(str) == scene).mean())
        if share >= _NEARLY_ALL and overall < _CLEARLY_LESS * share:
            told.append(
                f"Cluster {label} is {100 * share:.0f} % one scene, {scene}, which holds "
                f"{100 * overall:.0f} % of all chips."
            )
    return told


def cut_or_partial(labels: IntArray, facts: pd.DataFrame) -> list[str]:
    """A sentence for each cluster nearly all of whose chips are cut by the edge, or partly valid.

    A small cluster tells little of all chips, so that the association with the labelling stays
    low however clear the cluster is. Such as ``"Cluster 7 is 100 % cut by the edge of a scene,
    as 6 % of all chips are."``

    Parameters
    ----------
    labels : int32 array, (n,), -1 for noise
        Or ids, with gaps.
    facts : DataFrame, n rows
        "cut_by_edge" and "valid_fraction" are looked at, where they are there.
    """
    kinds = {}
    if "cut_by_edge" in facts:
        kinds["cut by the edge of a scene"] = facts["cut_by_edge"].to_numpy(np.bool_)
    if "valid_fraction" in facts:
        kinds["only partly valid"] = facts["valid_fraction"].to_numpy(np.float64) < 1
    told = []
    for label in np.unique(labels[labels != NOISE]).tolist():
        for words, there in kinds.items():
            share, overall = float(there[labels == label].mean()), float(there.mean())
            if share >= _NEARLY_ALL and overall < _CLEARLY_LESS * share:
                told.append(
                    f"Cluster {label} is {100 * share:.0f} % {words}, as {100 * overall:.0f} % of "
                    "all chips are."
                )
    return told


def binned(values: "pd.Series[Any]", n_bins: int = N_BINS) -> IntArray:
    """A code for each value: bins of like count for many different numbers, else the value.

    A number that fills a bin alone has one of its own; between such numbers, and beyond them, are
    as many bins as their share of the values, one at least. Whole chips are valid to 1, so that
    bins of like count alone would be one bin.
    """
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numeric or values.nunique() <= n_bins:
        return pd.factorize(values, sort=False)[0].astype(np.int32)
    numbers = values.to_numpy(np.float64)
    found, counts = np.unique(numbers, return_counts=True)
    heavy = found[counts * n_bins >= len(numbers)]
    # Even places are between the heavy numbers, odd ones are those.
    place = np.searchsorted(heavy, numbers, "left") + np.searchsorted(heavy, numbers, "right")
    codes, given = np.zeros(len(numbers), np.int32), 0
    for one in np.unique(place).tolist():
        rows = place == one
        n_own = 1 if one % 2 else max(1, round(n_bins * float(rows.mean())))
        edges = np.unique(np.quantile(numbers[rows], np.linspace(0, 1, n_own + 1)))
        codes[rows] = given + np.searchsorted(edges[1:-1], numbers[rows], "right")
        given = int(codes[rows].max()) + 1
    return codes


def _information(one: IntArray, other: IntArray) -> float:
    """Mutual information of two codes, in nats."""
    width = int(other.max()) + 1
    table = np.bincount(one * width + other, minlength=(int(one.max()) + 1) * width)
    joint = table.reshape(-1, width) / len(one)
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    full = joint > 0
    return float((joint[full] * np.log(joint[full] / product[full])).sum())


def _p_value(observed: float, permuted: Callable[[], float], n: int) -> float:
    """Share of values as large as the one observed, itself counted (Phipson and Smyth, 2010)."""
    # Sums in another order differ in the last digits.
    as_large = sum(permuted() >= observed - 1e-12 for _ in range(n))
    return (as_large + 1) / (n + 1)


def _neighbours(place: DoubleArray, scenes: IntArray) -> tuple[AnyArray, BoolArray]:
    """Rows of each chip's nearest chips of its scene, (n, 6), and which of them there are."""
    from scipy.spatial import cKDTree

    rows = np.zeros((len(place), NEIGHBOURS), np.int64)
    linked = np.zeros(rows.shape, np.bool_)
    for scene in np.unique(scenes):
        mine = np.flatnonzero(scenes == scene)
        k = min(NEIGHBOURS, len(mine) - 1)
        if k < 1:
            continue
        # Degrees to metres near the scene; only the order of distances counts.
        scale = np.array([np.cos(np.deg2rad(place[mine, 1].mean())), 1.0]) * _METRES_PER_DEGREE
        metres = place[mine] * scale
        _, near = cKDTree(metres).query(metres, k=k + 1)
        others = near != np.arange(len(mine))[:, None]
        # Of chips at one place, the query may leave out the chip itself: drop the last then.
        others[others.all(axis=1), -1] = False
        rows[mine[:, None], np.arange(k)] = mine[near[others].reshape(len(mine), k)]
        linked[mine[:, None], np.arange(k)] = True
    return rows, linked
