"""Results about clusters, each computed or read once and shared by all sessions."""

import hashlib
import re
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from app.session import cache
from app.session.displayed_clusters import PATIENCE_SECONDS, Clusters
from app.widgets.palette import EXCLUDED
from core.chips.chip_set import ChipSet
from core.clusters.editing.edit_history import Edit
from core.clusters.editing.edited_labelling import (
    displayed_confidence,
    displayed_labelling,
    displayed_persistence,
)
from core.clusters.editing.edits import bisect_cluster
from core.clusters.editing.explanation import Exemplars, find_exemplars, rows_near_centres
from core.clusters.evaluation.confounders import partial_chip_warnings, single_scene_warnings
from core.clusters.evaluation.corrections import Correction, suggest_corrections
from core.clusters.evaluation.report_card import PropertyAgreement, compare_with_property
from core.clusters.evaluation.size_sweep import SizeSweep, sweep_sizes
from core.clusters.labelling import labels_by_size
from core.clusters.methods.density.icicle import Icicle, lay_out_icicle
from core.clusters.methods.method_table import method_of
from core.pipeline.chip_images import APPEARANCE
from core.pipeline.cluster_stages import clustered_points, labelling_inputs
from core.pipeline.quality_stage import Quality, alarming_facts, displayed_mark, find_quality
from core.pipeline.view import View
from core.types import BoolArray, DoubleArray, FloatArray, IntArray

PROFILED_FACTS = ("length", "breadth", "area", "heading", "side", "valid_fraction")


def size_sweep(view: View) -> SizeSweep | None:
    """Return the results of each min_cluster_size; None without a tree or until they are computed.

    Raises TooFewError if there are fewer than four chips.
    """
    tree = cache.tree(view)
    if tree is None:
        return None
    inputs = labelling_inputs(view)
    inputs["own_settings"].pop("min_cluster_size", None)
    key = view.key("reduction", name="sizes", **inputs)
    sweep = cache.run_in_background(key, partial(sweep_sizes, tree, view.settings.cut))
    return sweep.result() if wait([sweep], PATIENCE_SECONDS).done else None


def quality(clusters: Clusters, chips: ChipSet) -> Quality | None:
    """Return the report card of the displayed clusters; None if it has not been computed."""
    view, labelling, edited = clusters.view, clusters.labelling, clusters.edited
    read = partial(find_quality, view, chips, labelling, edited)
    mark = displayed_mark(labelling, edited, view.settings)
    return cache.labelling_result(view, "quality", read, mark=mark)


def persistence_by_cluster(clusters: Clusters) -> DoubleArray | None:
    """Return the persistence of each displayed cluster, by label; NaN for edited clusters."""
    tree, hierarchy = _condensed_tree(clusters), method_of(clusters.view.settings).hierarchy
    if tree is None or hierarchy is None or hierarchy.persistence is None:
        return None
    measure = partial(hierarchy.persistence, tree, clusters.view.settings)
    persistence = cache.labelling_result(clusters.view, "persistence", measure)
    if persistence is None:
        return None
    return displayed_persistence(persistence, clusters.labelling, clusters.edited)


def icicle(clusters: Clusters) -> Icicle | None:
    """Return the layout of the condensed tree, if there is one; takes 0.1 s for 20,000 chips."""
    tree, cut = _condensed_tree(clusters), clusters.view.settings.cut
    if tree is None or len(tree) < tree.resolve(cut).min_cluster_size:
        return None
    return cache.labelling_result(clusters.view, "icicle", partial(lay_out_icicle, tree, cut))


def _condensed_tree(clusters: Clusters) -> Any:
    """Return the condensed tree of the clusters; None if it is not built or has no persistence."""
    hierarchy = method_of(clusters.view.settings).hierarchy
    return cache.tree(clusters.view) if hierarchy and hierarchy.persistence else None


def bisection(clusters: Clusters, cluster: int) -> "Future[Edit] | None":
    """Return the future of the edit that splits a cluster in two; None without embeddings."""
    points, edited = clustered_space(clusters), clusters.edited
    if points is None:
        return None
    key = cache.labelling_key(clusters.view, "bisection", members=digest(edited.ids == cluster))
    return cache.run_in_background(key, partial(bisect_cluster, edited, cluster, points))


def appearance(view: View, chips: ChipSet) -> pd.DataFrame | None:
    """Return the measures of the chips' appearance; None if they have not been computed."""
    read = partial(APPEARANCE.read, view.workspace.store, chips)
    return cache.stage_result(view, "chips", "appearance", read)


def profile_facts(view: View, chips: ChipSet) -> pd.DataFrame:
    """Return the facts that describe a cluster, one row per chip."""
    facts = chips.facts[[name for name in PROFILED_FACTS if name in chips.facts]]
    measures = appearance(view, chips)
    return facts if measures is None else pd.concat([facts, measures], axis=1)


def confidence(clusters: Clusters) -> FloatArray:
    """Return the confidence of each chip, (n,), 0..1; 0 for noise assigned to the nearest cluster.

    The confidence of noise assigned to its most likely cluster is its membership.
    """
    return np.nan_to_num(displayed_confidence(clusters.labelling, clusters.edited))


def without_confidence(clusters: Clusters) -> BoolArray:
    """Return a mask, (n,), of noise chips without membership that are displayed in a cluster."""
    assigned_noise = (clusters.labelling.labels < 0) & (clusters.ids >= 0)
    unmeasured: BoolArray = assigned_noise & (confidence(clusters) == 0)
    return unmeasured


def rows_below(clusters: Clusters, threshold: float) -> list[int]:
    """Return the rows of clustered chips with a confidence below a threshold, lowest first."""
    values = confidence(clusters)
    rows = np.flatnonzero((clusters.ids >= 0) & (values < threshold))
    order: list[int] = rows[np.argsort(values[rows], kind="stable")].tolist()
    return order


def least_confident_rows(clusters: Clusters, fraction: float) -> list[int]:
    """Return the rows of the least confident fraction of the clustered chips, lowest first."""
    rows = rows_below(clusters, np.inf)
    return rows[: int(np.ceil(fraction * len(rows)))]


def clustered_space(clusters: Clusters) -> FloatArray | None:
    """Return the principal components in which the chips were clustered."""
    reduction = cache.reduction(clusters.view)
    return None if reduction is None else clustered_points(reduction.points, clusters.labelling)


def cluster_exemplars(clusters: Clusters, n_chips: int) -> dict[int, Exemplars]:
    """Return example chips of each cluster, by id; each list has at most `n_chips`."""

    def find() -> dict[int, Exemplars] | None:
        points = clustered_space(clusters)
        if points is None:
            return None
        labelling = displayed_labelling(clusters.labelling, clusters.edited)
        exemplars = find_exemplars(points, labelling, n_chips)
        return {cluster: exemplars[i] for cluster, i in labels_by_size(clusters.ids).items()}

    values = {"ids": digest(clusters.ids), "confidence": digest(confidence(clusters))}
    view = clusters.view
    return cache.labelling_result(view, "exemplars", find, **values, most=n_chips) or {}


def typical_rows(clusters: Clusters, n_chips: int) -> dict[int, list[int]]:
    """Return the rows of the chips nearest to each cluster's centre, by id, nearest first."""

    def find() -> dict[int, list[int]] | None:
        points = clustered_space(clusters)
        return None if points is None else rows_near_centres(points, clusters.ids, n_chips)

    values = {"ids": digest(clusters.ids), "most": n_chips}
    return cache.labelling_result(clusters.view, "typical", find, **values) or {}


def compare_with_attribute(
    clusters: Clusters, values: "pd.Series[Any]", name: str
) -> tuple[PropertyAgreement, list[int]]:
    """Return the agreement of the displayed clusters with an attribute, and the cluster id per row.

    The last row of the agreement table is noise, with the id -1; excluded chips are left out.
    """
    included = clusters.ids != EXCLUDED
    ids = clusters.ids[included]
    order = np.unique(ids[ids >= 0])
    labels = np.where(ids < 0, -1, np.searchsorted(order, ids)).astype(np.int32)
    agreement = compare_with_property(labels, values[included].tolist(), name)
    return agreement, [*order.tolist(), -1]


def confounder_warnings(clusters: Clusters, chips: ChipSet) -> tuple[list[str], bool]:
    """Return warnings about possible confounders, and whether all checks have been made."""
    ids, scenes = np.maximum(clusters.ids, -1), chips.facts["scene"].to_numpy()
    sentences = single_scene_warnings(ids, scenes) + partial_chip_warnings(ids, chips.facts)
    rename = partial(re.sub, r"^Cluster (\d+)", lambda match: clusters.look.name(int(match[1])))
    sentences = [rename(sentence) for sentence in sentences]
    card = quality(clusters, chips)
    associations = card.associations if card else ()
    sentences += [association.sentence for association in associations if association.alarm]
    return sentences, card is not None


def suggested_corrections(clusters: Clusters, chips: ChipSet) -> list[Correction]:
    """Return the corrections that may help against the facts that the clusters follow."""
    scenes = chips.facts["scene"].to_numpy()
    in_one_scene = bool(single_scene_warnings(np.maximum(clusters.ids, -1), scenes))
    facts = alarming_facts(quality(clusters, chips), in_one_scene=in_one_scene)
    harmful = cache.harmful_names(clusters.view, chips)
    return suggest_corrections(facts, clusters.view.settings, harmful)


def digest(values: IntArray | BoolArray | FloatArray) -> str:
    """Return a short hash of cluster ids, of a mask, or of one value per chip."""
    return hashlib.blake2b(values.tobytes(), digest_size=8).hexdigest()
