"""Confounders: clusters that merely reflect a scene, a location, an edge, a size or blur."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.clusters.labelling import NOISE
from core.errors import ArtifactError, TooFewError
from core.progress import Progress, report_step, silent
from core.types import AnyArray, BoolArray, DoubleArray, IntArray

# Facts and measures of appearance that are tested.
FACTS = (
    "scene",
    "cut_by_edge",
    "valid_fraction",
    "area",
    "side",
    "sharpness",
    "brightness",
    "heading",
)
N_PERMUTATIONS = 199
N_BINS = 8
NEIGHBOURS = 6
# An association of at least this strength raises an alarm; a weaker one does not, even if certain.
MIN_STRENGTH = 0.2
_MAX_P_VALUE = 0.05
# A cluster is reported if at least this share of its chips are of one kind (of one scene, cut off),
# and the share of that kind among all chips is less than `_CLEARLY_LESS` times as high.
_ONE_SIDED = 0.9
_CLEARLY_LESS = 0.75
_METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class Association:
    """How strongly a labelling is associated with something that it should not follow.

    Attributes
    ----------
    name : str
        The fact, or "place" for the location on the ground.
    strength : float
        Adjusted mutual information (Vinh et al., JMLR 2010): 0 is chance, 1 is identity. For
        "place", an analogue of Moran's I for labels: the share of neighbours in the same cluster
        beyond chance, divided by the largest possible value.
    p_value : float
        Share of permutations that reach this strength; the labelling itself counts as one of them.
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
        """Whether the association is strong and unlikely to be chance."""
        return self.strength >= MIN_STRENGTH and self.p_value <= _MAX_P_VALUE


def find_confounders(
    labels: IntArray,
    facts: pd.DataFrame,
    report: Progress = silent,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> list[Association]:
    """Test the labelling for association with each available fact and with location.

    The strongest association comes first. Noise is left out. Numbers are binned; see `bin_values`.
    The result may include a fact that clusters are meant to follow, such as the size of ships, so
    an alarm is only a reason to look at the chips. Raises ArtifactError if facts and labels are of
    different chips, and TooFewError if there are fewer than two clusters.

    Parameters
    ----------
    labels : int32 array, (n,), -1 for noise
    facts : DataFrame, n rows
        See `core.chips.chip_table.chip_facts`; "brightness" and "sharpness" come from
        `core.clusters.evaluation.appearance`.
    """
    if len(labels) != len(facts):
        raise ArtifactError("facts and labels differ in length", where="confounders")
    if labels.max(initial=NOISE) < 1:
        raise TooFewError("at least two clusters are needed", where="confounders")
    associations = []
    names = [name for name in FACTS if name in facts]
    for number, name in enumerate(names, 1):
        rng = np.random.default_rng([seed, number])
        associations.append(associate_fact(labels, facts[name], name, n_permutations, rng))
        report_step(report, number, len(names) + 1, f"confounders, {name.replace('_', ' ')}")
    if {"longitude", "latitude", "scene"} <= set(facts):
        rng = np.random.default_rng([seed, 0])
        associations.append(associate_location(labels, facts, n_permutations, rng))
    report_step(report, len(names) + 1, len(names) + 1, "confounders, location")
    return sorted(filter(None, associations), key=lambda association: -association.strength)


def associate_fact(
    labels: IntArray,
    values: "pd.Series[Any]",
    name: str,
    n_permutations: int,
    rng: np.random.Generator,
) -> Association | None:
    """Test the association of a labelling with one fact; None if the fact does not vary.

    The permutations keep the sizes of clusters and bins, so mutual information ranks them in the
    same order as adjusted mutual information does.
    """
    usable = (labels != NOISE) & values.notna().to_numpy()
    clusters = labels[usable]
    codes = bin_values(values[usable])
    if codes.max(initial=0) == 0 or len(np.unique(clusters)) < 2:
        return None

    from sklearn.metrics import adjusted_mutual_info_score

    strength = float(adjusted_mutual_info_score(codes, clusters))
    orders = (rng.permutation(codes) for _ in range(n_permutations))
    permuted = [_mutual_information(clusters, order) for order in orders]
    p_value = _p_value(_mutual_information(clusters, codes), permuted)
    words = "being cut by an edge" if name == "cut_by_edge" else name.replace("_", " ")
    sentence = (
        f"Clusters and {words} share {strength:.0%} of their information beyond "
        f"chance (p = {p_value:.3f})."
    )
    return Association(name, strength, p_value, len(clusters), sentence)


def associate_location(
    labels: IntArray, facts: pd.DataFrame, n_permutations: int, rng: np.random.Generator
) -> Association | None:
    """Test the spatial autocorrelation of the labels: how often neighbours share a cluster.

    The neighbours of a chip are the 6 nearest chips of the same scene. Labels are permuted within
    scenes, so that differences between scenes alone have no effect. None if no chip has a location
    and a neighbour.
    """
    located = facts[["longitude", "latitude"]].to_numpy(np.float64)
    usable = (labels != NOISE) & np.isfinite(located).all(axis=1)
    clusters, scenes = labels[usable], pd.factorize(facts["scene"][usable])[0]
    neighbours, exists = _nearest_chips(located[usable], scenes)
    if not exists.any():
        return None

    def shared_fraction(order: AnyArray) -> float:
        ordered = clusters[order]
        return float((ordered[neighbours] == ordered[:, None])[exists].mean())

    def permutation() -> AnyArray:
        # Rows are exchanged only within a scene: both index arrays are sorted by scene.
        order = np.empty(len(clusters), np.int64)
        order[np.argsort(scenes, kind="stable")] = np.lexsort((rng.random(len(scenes)), scenes))
        return order

    observed = shared_fraction(np.arange(len(clusters)))
    permuted = [shared_fraction(permutation()) for _ in range(n_permutations)]
    p_value, expected = _p_value(observed, permuted), float(np.mean(permuted))
    strength = (observed - expected) / max(1 - expected, 1e-12)
    sentence = (
        f"Neighbouring chips share a cluster in {observed:.0%} of cases, against {expected:.0%} by "
        f"chance (p = {p_value:.3f})."
    )
    return Association("place", strength, p_value, len(clusters), sentence)


def single_scene_warnings(labels: IntArray, scenes: Sequence[Any] | AnyArray) -> list[str]:
    """Return a sentence for each cluster whose chips nearly all come from one scene.

    For example ``"Cluster 7: 96% of its chips are from one scene, harbour.tif, which holds 20% of
    all chips."`` Clusters are skipped if nearly all chips come from that scene.
    """
    names = np.asarray(scenes, dtype=object).astype(str)
    warnings = []
    for label in np.unique(labels[labels != NOISE]).tolist():
        cluster_scenes, counts = np.unique(names[labels == label], return_counts=True)
        scene, share = cluster_scenes[counts.argmax()], counts.max() / counts.sum()
        overall = float((names == scene).mean())
        if share >= _ONE_SIDED and overall < _CLEARLY_LESS * share:
            warnings.append(
                f"Cluster {label}: {share:.0%} of its chips are from one scene, {scene}, which "
                f"holds {overall:.0%} of all chips."
            )
    return warnings


def partial_chip_warnings(labels: IntArray, facts: pd.DataFrame) -> list[str]:
    """Return a sentence for each cluster nearly all of whose chips are cut off or partly valid.

    A small cluster has little effect on the association of the whole labelling, which stays weak
    however clear the cluster is. For example ``"Cluster 7: 100% of its chips are cut by the edge of
    a scene, against 6% of all chips."`` The columns "cut_by_edge" and "valid_fraction" of the facts
    are used if available.
    """
    kinds = {}
    if "cut_by_edge" in facts:
        kinds["cut by the edge of a scene"] = facts["cut_by_edge"].to_numpy(np.bool_)
    if "valid_fraction" in facts:
        kinds["only partly valid"] = facts["valid_fraction"].to_numpy(np.float64) < 1
    warnings = []
    for label in np.unique(labels[labels != NOISE]).tolist():
        for kind, partial in kinds.items():
            share, overall = float(partial[labels == label].mean()), float(partial.mean())
            if share >= _ONE_SIDED and overall < _CLEARLY_LESS * share:
                warnings.append(
                    f"Cluster {label}: {share:.0%} of its chips are {kind}, against {overall:.0%} "
                    "of all chips."
                )
    return warnings


def bin_values(values: "pd.Series[Any]") -> IntArray:
    """Return a code for each value; if there are many different numbers, these are binned.

    Bins hold similar numbers of values. A number that is frequent enough to fill a bin has its own
    bin; the ranges between and beyond such numbers get bins in proportion to their counts, but at
    least one. With quantiles alone, valid fractions, mostly 1, would all be in one bin.
    """
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numeric or values.nunique() <= N_BINS:
        return pd.factorize(values, sort=False)[0].astype(np.int32)
    numbers = values.to_numpy(np.float64)
    distinct, counts = np.unique(numbers, return_counts=True)
    frequent = distinct[counts * N_BINS >= len(numbers)]
    # Intervals with even numbers lie between the frequent values, odd ones are those values.
    interval = sum(np.searchsorted(frequent, numbers, side) for side in ("left", "right"))
    codes, n_codes = np.zeros(len(numbers), np.int32), 0
    for i in np.unique(interval).tolist():
        rows = interval == i
        n_bins = 1 if i % 2 else max(1, round(N_BINS * float(rows.mean())))
        edges = np.unique(np.quantile(numbers[rows], np.linspace(0, 1, n_bins + 1)))
        codes[rows] = n_codes + np.searchsorted(edges[1:-1], numbers[rows], "right")
        n_codes = int(codes[rows].max()) + 1
    return codes


def _mutual_information(first: IntArray, second: IntArray) -> float:
    """Return the mutual information of two codes, in nats."""
    width = int(second.max()) + 1
    table = np.bincount(first * width + second, minlength=(int(first.max()) + 1) * width)
    joint = table.reshape(-1, width) / len(first)
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    occupied = joint > 0
    return float((joint[occupied] * np.log(joint[occupied] / product[occupied])).sum())


def _p_value(observed: float, permuted: Sequence[float]) -> float:
    """Return the share of permutations that reach the observed value (Phipson and Smyth, 2010)."""
    # The tolerance is for sums that differ in the last digits because of their order.
    n_as_large = sum(value >= observed - 1e-12 for value in permuted)
    return (n_as_large + 1) / (len(permuted) + 1)


def _nearest_chips(located: DoubleArray, scenes: IntArray) -> tuple[AnyArray, BoolArray]:
    """Return each chip's 6 nearest rows in its scene, and whether each exists, both (n, 6)."""
    from scipy.spatial import cKDTree

    neighbours = np.zeros((len(located), NEIGHBOURS), np.int64)
    exists = np.zeros(neighbours.shape, np.bool_)
    for scene in np.unique(scenes):
        rows = np.flatnonzero(scenes == scene)
        k = min(NEIGHBOURS, len(rows) - 1)
        if k < 1:
            continue
        # Approximate metres are enough, because only the order of the distances matters.
        scale = np.array([np.cos(np.deg2rad(located[rows, 1].mean())), 1.0]) * _METRES_PER_DEGREE
        metres = located[rows] * scale
        _, near = cKDTree(metres).query(metres, k=k + 1)
        is_other = near != np.arange(len(rows))[:, None]
        # If chips coincide, the query may omit the chip itself; then the last one is dropped.
        is_other[is_other.all(axis=1), -1] = False
        neighbours[rows[:, None], np.arange(k)] = rows[near[is_other].reshape(len(rows), k)]
        exists[rows[:, None], np.arange(k)] = True
    return neighbours, exists
