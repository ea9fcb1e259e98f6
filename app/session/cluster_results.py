"""Results about clusters, each computed or read once and shared by all sessions."""

import hashlib
import re
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from app.session import cache
from app.session.displayed_clusters import PATIENCE_SECONDS, Clusters
from app.widgets.palette import EXCLUDED
from core.chips.chip_set import ChipSet
from core.clusters.editing.edit_history import Edit
from core.clusters.editing.edited_labelling import displayed_confidence, displayed_persistence
from core.clusters.editing.edits import bisect_cluster
from core.clusters.editing.explanation import Exemplars, find_exemplars, rows_near_centres
from core.clusters.evaluation.confounders import partial_chip_warnings, single_scene_warnings
from core.clusters.evaluation.report_card import PropertyAgreement, compare_with_property
from core.clusters.evaluation.size_sweep import SizeSweep, sweep_sizes
from core.clusters.labelling import Labelling, labels_by_size, make_labelling
from core.clusters.methods.icicle import Icicle, lay_out_icicle
from core.clusters.methods.method import Hierarchy
from core.clusters.methods.method_table import method_of
from core.pipeline.cluster_stages import clustered_points
from core.pipeline.quality_stage import APPEARANCE, Quality, displayed_mark, find_quality
from core.pipeline.view import View
from core.types import BoolArray, DoubleArray, FloatArray, IntArray

PROFILED_FACTS = ("length", "breadth", "area", "heading", "side", "valid_fraction")


@dataclass(frozen=True)
class DisplayedLabelling:
    """The displayed clusters as a labelling, for the functions that explain a labelling.

    Attributes
    ----------
    labelling : Labelling
        Noise and excluded chips are -1.
    labels : dict of int to int
        The label of each cluster id.
    """

    labelling: Labelling
    labels: dict[int, int]


def size_sweep(view: View) -> SizeSweep | None:
    """Return what each min_cluster_size gives; None while it is computed, or without a tree.

    Raises
    ------
    TooFewError
        If there are fewer than four chips.
    """
    tree = cache.tree(view)
    if tree is None:
        return None
    inputs = cache.labelling_inputs(view)
    inputs["own_settings"].pop("min_cluster_size", None)
    key = view.key("reduction", name="sizes", **inputs)
    sweep = cache.run_in_background(key, partial(sweep_sizes, tree, view.settings.cut))
    try:
        return sweep.result(PATIENCE_SECONDS)
    except NotYetError:
        return None


def quality(clusters: Clusters, chips: ChipSet) -> Quality | None:
    """Return the report card of the displayed clusters, if it was computed."""
    view, labelling, edited = clusters.view, clusters.labelling, clusters.edited
    read = partial(find_quality, view, chips, labelling, edited)
    mark = displayed_mark(labelling, edited, view.settings)
    return cache.labelling_result(view, "quality", read, mark=mark)


def persistence_by_cluster(clusters: Clusters) -> DoubleArray | None:
    """Return the persistence of each displayed cluster, NaN for those made by edits.

    None for methods without a tree that has persistence.
    """
    tree, hierarchy = _condensed_tree(clusters)
    if tree is None or hierarchy is None or hierarchy.persistence is None:
        return None
    measure = partial(hierarchy.persistence, tree, clusters.view.settings)
    persistence = cache.labelling_result(clusters.view, "persistence", measure)
    if persistence is None:
        return None
    return displayed_persistence(persistence, clusters.labelling, clusters.edited)


def icicle(clusters: Clusters) -> Icicle | None:
    """Lay out the condensed tree, a tenth of a second at 20,000 chips; None without such a tree."""
    (tree, _), cut = _condensed_tree(clusters), clusters.view.settings.cut
    if tree is None or len(tree) < cut.min_cluster_size:
        return None
    return cache.labelling_result(clusters.view, "icicle", partial(lay_out_icicle, tree, cut))


def _condensed_tree(clusters: Clusters) -> tuple[Any, Hierarchy | None]:
    """Return the tree of the clusters and its kind; None if the tree has no persistence."""
    hierarchy = method_of(clusters.view.settings).hierarchy
    if hierarchy is None or hierarchy.persistence is None:
        return None, None
    return cache.tree(clusters.view), hierarchy


def bisection(clusters: Clusters, cluster: int) -> "Future[Edit] | None":
    """Return the split of a cluster in two, computed in the background."""
    points, edited = clustered_space(clusters), clusters.edited
    if points is None:
        return None
    members = digest(edited.ids == cluster)
    key = cache.labelling_key(clusters.view, "bisection", members=members)
    return cache.run_in_background(key, partial(bisect_cluster, edited, cluster, points))


def appearance(view: View, chips: ChipSet) -> pd.DataFrame | None:
    """Return the measures of the chips' appearance, if they were computed."""
    read = partial(APPEARANCE.read, view.workspace.store, chips)
    return cache.stage_result(view, "chips", "appearance", read)


def profile_facts(view: View, chips: ChipSet) -> pd.DataFrame:
    """Return the facts that describe a cluster, one row per chip."""
    facts = chips.facts[[name for name in PROFILED_FACTS if name in chips.facts]]
    measures = appearance(view, chips)
    return facts if measures is None else pd.concat([facts, measures], axis=1)


def labelling_on_display(clusters: Clusters) -> DisplayedLabelling:
    """Return the displayed clusters as a labelling."""
    ids = np.where(clusters.ids == EXCLUDED, -1, clusters.ids)
    labelling = clusters.labelling
    displayed = make_labelling(ids, confidence(clusters), labelling.method, labelling.facts)
    return DisplayedLabelling(displayed, labels_by_size(ids))


def confidence(clusters: Clusters) -> FloatArray:
    """Return the confidence of each chip, (n,), 0..1; of treated noise, its membership.

    0 if it is not known, as for noise that was assigned to the nearest cluster.
    """
    return np.nan_to_num(displayed_confidence(clusters.labelling, clusters.edited))


def without_confidence(clusters: Clusters) -> BoolArray:
    """Return which noise chips are displayed in a cluster without any membership, (n,)."""
    noise = (clusters.labelling.labels < 0) & (clusters.ids >= 0)
    unmeasured: BoolArray = noise & (confidence(clusters) == 0)
    return unmeasured


def rows_below(clusters: Clusters, threshold: float) -> list[int]:
    """Return the rows of clustered chips of lower confidence, the least confident first."""
    values = confidence(clusters)
    rows = np.flatnonzero((clusters.ids >= 0) & (values < threshold))
    order: list[int] = rows[np.argsort(values[rows], kind="stable")].tolist()
    return order


def least_confident_rows(clusters: Clusters, fraction: float) -> list[int]:
    """Return the rows of a fraction of the clustered chips, the least confident first."""
    rows = rows_below(clusters, np.inf)
    return rows[: int(np.ceil(fraction * len(rows)))]


def clustered_space(clusters: Clusters) -> FloatArray | None:
    """Return the principal components in which the chips were clustered."""
    reduction = cache.reduction(clusters.view)
    return None if reduction is None else clustered_points(reduction.points, clusters.labelling)


def cluster_exemplars(clusters: Clusters, n_chips: int) -> dict[int, Exemplars]:
    """Return example chips of each cluster, by id; each list has at most `n_chips`."""

    def find() -> dict[int, Exemplars] | None:
        points, displayed = clustered_space(clusters), labelling_on_display(clusters)
        if points is None:
            return None
        exemplars = find_exemplars(points, displayed.labelling, n_chips)
        return {cluster: exemplars[label] for cluster, label in displayed.labels.items()}

    values = {"ids": digest(clusters.ids), "confidence": digest(confidence(clusters))}
    view = clusters.view
    return cache.labelling_result(view, "exemplars", find, **values, most=n_chips) or {}


def typical_rows(clusters: Clusters, n_chips: int) -> dict[int, list[int]]:
    """Return the rows of the chips nearest to each cluster's centre, by id, nearest first."""
    points = clustered_space(clusters)
    return {} if points is None else rows_near_centres(points, clusters.ids, n_chips)


def compare_with_attribute(
    clusters: Clusters, values: "pd.Series[Any]", name: str
) -> tuple[PropertyAgreement, list[int]]:
    """Compare the displayed clusters with an attribute; also return the ids of the table's rows.

    Noise comes last; excluded chips are left out.
    """
    included = clusters.ids != EXCLUDED
    ids = clusters.ids[included]
    order = np.unique(ids[ids >= 0])
    labels = np.where(ids < 0, -1, np.searchsorted(order, ids)).astype(np.int32)
    agreement = compare_with_property(labels, values[included].tolist(), name)
    return agreement, [*order.tolist(), -1]


def list_alarms(clusters: Clusters, chips: ChipSet) -> tuple[list[str], bool]:
    """Return warnings about what the clusters may depend on, and whether all checks were made."""
    ids, scenes = np.maximum(clusters.ids, -1), chips.facts["scene"].to_numpy()
    sentences = single_scene_warnings(ids, scenes) + partial_chip_warnings(ids, chips.facts)
    sentences = [
        re.sub(r"^Cluster (\d+)", lambda match: clusters.look.name(int(match[1])), sentence)
        for sentence in sentences
    ]
    card = quality(clusters, chips)
    associations = card.associations if card else ()
    sentences += [association.sentence for association in associations if association.alarm]
    return sentences, card is not None


def digest(values: IntArray | BoolArray | FloatArray) -> str:
    """Return a short name for ids, a selection, or a value per chip."""
    return hashlib.blake2b(values.tobytes(), digest_size=8).hexdigest()
