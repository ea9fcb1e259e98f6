"""What was found out about clusters, looked up once and shared: no form, no chart."""

import dataclasses
import hashlib
import re
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from app.session import cache
from app.session.shown_clusters import Clusters
from app.widgets.palette import EXCLUDED
from core.chips.chip_set import ChipSet
from core.clusters.editing import edited_labelling, edits
from core.clusters.editing.edit_history import Edit
from core.clusters.editing.edited_labelling import shown_confidence
from core.clusters.editing.explanation import Exemplars, exemplars
from core.clusters.evaluation.component_sweep import ComponentLandscape
from core.clusters.evaluation.confounders import cut_or_partial, one_scene
from core.clusters.evaluation.report_card import Against, against
from core.clusters.evaluation.size_sweep import SizeLandscape, survey_sizes
from core.clusters.labelling import Labelling, in_order, labelled
from core.clusters.methods.hdbscan_tree import persistence
from core.clusters.methods.icicle import Icicle, icicle
from core.clusters.noise_treatment import Treated
from core.errors import TooFewError
from core.pipeline import quality_stage, saved_edits, sweep_stage
from core.pipeline.plan import Plan
from core.pipeline.quality_stage import Quality
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, NoiseSettings, RunSettings
from core.types import BoolArray, DoubleArray, FloatArray, IntArray

# A page waits this long for a survey; then it says that it is coming.
PATIENCE_SECONDS = 0.6
EXPLAINED_FACTS = ("length", "breadth", "area", "heading", "side", "valid_fraction")


@dataclass(frozen=True)
class Seen:
    """The clusters that are shown, as a labelling of their own, for what explains them.

    Attributes
    ----------
    labelling : Labelling
        Noise and excluded chips are -1.
    labels : dict
        Label of each id.
    """

    labelling: Labelling
    labels: dict[int, int]


def treated(place: Workspace, ready: Plan, settings: RunSettings) -> Treated:
    """The labelling with its noise as the settings say, or kept while that is worked out."""
    found, space = cache.labelling(place, ready, settings), cache.reduction(place, ready)
    if found is None or space is None:
        raise TooFewError("there is no labelling to treat", where="noise")
    plain = dataclasses.replace(settings, noise=NoiseSettings())
    if settings.method != "hdbscan" or settings.noise.method == "keep":
        return saved_edits.treated(found, space.points, plain, None)
    made = _treating(place, ready, settings, found, space.points)
    return made.result() if made.done() else saved_edits.treated(found, space.points, plain, None)


def treating(place: Workspace, ready: Plan, settings: RunSettings) -> bool:
    """Whether the noise is still being treated: a second or so at 20,000 chips, off the page."""
    found, space = cache.labelling(place, ready, settings), cache.reduction(place, ready)
    if found is None or space is None or settings.noise.method == "keep":
        return False
    made = _treating(place, ready, settings, found, space.points)
    return not wait([made], PATIENCE_SECONDS).done


def _treating(
    place: Workspace, ready: Plan, settings: RunSettings, found: Labelling, points: FloatArray
) -> "Future[Treated]":
    tree = cache.tree(place, ready, settings)
    what = f"treated {settings.noise} {cache.labelling_name(settings)}"
    key = f"{place.root}|{what}|{ready.keys['reduction']}"
    return cache.soon(key, lambda: saved_edits.treated(found, points, settings, tree))


def sizes(place: Workspace, ready: Plan, settings: RunSettings) -> SizeLandscape | None:
    """The landscape of min_cluster_size; None while it is surveyed or without a tree.

    Raises
    ------
    TooFewError
        For fewer than four chips.
    """
    tree = cache.tree(place, ready, settings)
    if tree is None:
        return None
    cut = settings.cut
    kept = (cut.selection, cut.epsilon, cut.max_cluster_size, cut.allow_single_cluster)
    key = f"{place.root}|sizes|{ready.keys['reduction']}|{settings.tree}|{kept}"
    try:
        return cache.soon(key, lambda: survey_sizes(tree, cut)).result(PATIENCE_SECONDS)
    except NotYetError:
        return None


def components(place: Workspace, ready: Plan, settings: GmmSettings) -> ComponentLandscape | None:
    """The comparison of mixtures, if it was made."""
    return sweep_stage.find_components(place, ready, settings)


def report(place: Workspace, ready: Plan, chips: ChipSet, clusters: Clusters) -> Quality | None:
    """The report card of the clusters as shown, if it was made."""
    settings, seen = clusters.settings, clusters.edited
    name = "" if seen is None else quality_stage.as_shown(clusters.labelling, seen, settings)
    read = lambda: quality_stage.find_quality(place, ready, chips, settings, name)  # noqa: E731
    what = f"quality {name} {cache.labelling_name(settings)}"
    return cache.result(place, what, ready, "reduction", read)


def lives(place: Workspace, ready: Plan, clusters: Clusters) -> DoubleArray | None:
    """Persistence of each cluster shown, NaN for those of edits; None for methods without it."""
    settings = clusters.settings
    if settings.method != "hdbscan" or clusters.edited is None:
        return None
    tree = cache.tree(place, ready, settings)
    read = lambda: None if tree is None else persistence(tree, settings.cut)  # noqa: E731
    own = cache.result(place, f"lives {cache.labelling_name(settings)}", ready, "reduction", read)
    return None if own is None else edited_labelling.lives(own, clusters.labelling, clusters.edited)


def condensed(place: Workspace, ready: Plan, settings: RunSettings) -> Icicle | None:
    """The condensed tree as a picture: a tenth of a second at 20,000 chips; None without a tree."""
    tree = cache.tree(place, ready, settings) if settings.method == "hdbscan" else None
    if tree is None or len(tree) < settings.cut.min_cluster_size:
        return None
    draw = lambda: icicle(tree, settings.cut)  # noqa: E731
    what = f"icicle {cache.labelling_name(settings)}"
    return cache.result(place, what, ready, "reduction", draw)


def halves(
    place: Workspace, ready: Plan, clusters: Clusters, cluster: int
) -> "Future[Edit] | None":
    """A split of a cluster in two, fitted off the page."""
    points, seen = space(place, ready, clusters), clusters.edited
    if points is None or seen is None:
        return None
    what = f"halves {digest(seen.ids == cluster)} {cache.labelling_name(clusters.settings)}"
    key = f"{place.root}|{what}|{ready.keys['reduction']}"
    return cache.soon(key, lambda: edits.halves(seen, cluster, points))


def appearance(place: Workspace, ready: Plan, chips: ChipSet) -> pd.DataFrame | None:
    """What the chips look like, if it was measured."""
    read = lambda: quality_stage.find_appearance(place, chips)  # noqa: E731
    return cache.result(place, "appearance", ready, "chips", read)


def explained(place: Workspace, ready: Plan, chips: ChipSet) -> pd.DataFrame:
    """The facts by which a cluster is explained, one row a chip."""
    known = [name for name in EXPLAINED_FACTS if name in chips.facts]
    facts = chips.facts[known]
    looks = appearance(place, ready, chips)
    return facts if looks is None else pd.concat([facts, looks], axis=1)


def seen(clusters: Clusters) -> Seen:
    """The shown clusters as a labelling."""
    kept = np.where(clusters.ids == EXCLUDED, -1, clusters.ids)
    found = clusters.labelling
    view = labelled(kept, sureness(clusters), found.method, found.facts)
    return Seen(view, in_order(kept))


def sureness(clusters: Clusters) -> FloatArray:
    """How sure each chip is in its cluster, (n,), 0..1: treated noise by its soft membership.

    0 where nothing is known, as of noise in its nearest cluster.
    """
    found, edited = clusters.labelling, clusters.edited
    sure: FloatArray = found.confidence if edited is None else shown_confidence(found, edited)
    return np.nan_to_num(sure)


def unmeasured(clusters: Clusters) -> BoolArray:
    """Noise that is shown in a cluster without a membership: the nearest, or by hand, (n,)."""
    noise = (clusters.labelling.labels < 0) & (clusters.ids >= 0)
    found: BoolArray = noise & (sureness(clusters) == 0)
    return found


def doubtful(clusters: Clusters, below: float) -> list[int]:
    """Rows of the chips shown in clusters whose confidence is lower, the least first."""
    sure = sureness(clusters)
    rows = np.flatnonzero((clusters.ids >= 0) & (sure < below))
    return [int(row) for row in rows[np.argsort(sure[rows], kind="stable")]]


def least_sure(clusters: Clusters, share: float) -> list[int]:
    """Rows of the given share of the chips shown in clusters, 0..1, the least sure first."""
    rows = doubtful(clusters, np.inf)
    return rows[: int(np.ceil(share * len(rows)))]


def space(place: Workspace, ready: Plan, clusters: Clusters) -> FloatArray | None:
    """The columns in which the clusters were sought."""
    found = cache.reduction(place, ready)
    return (
        None if found is None else quality_stage.clustered_points(found.points, clusters.labelling)
    )


def examples(place: Workspace, ready: Plan, clusters: Clusters, most: int) -> dict[int, Exemplars]:
    """Chips to look at, by the id of their cluster."""

    def find() -> dict[int, Exemplars] | None:
        points, view = space(place, ready, clusters), seen(clusters)
        if points is None:
            return None
        found = exemplars(points, view.labelling, most)
        return {one: found[label] for one, label in view.labels.items()}

    what = f"examples {most} {digest(clusters.ids)} {digest(sureness(clusters))}"
    what += f" {cache.labelling_name(clusters.settings)}"
    return cache.result(place, what, ready, "reduction", find) or {}


def typical(place: Workspace, ready: Plan, clusters: Clusters, most: int) -> dict[int, list[int]]:
    """Rows of the chips nearest to each cluster's centre, by id, nearest first."""
    points = space(place, ready, clusters)
    return {} if points is None else cache.nearest_to_centres(points, clusters.ids, most)


def compared(clusters: Clusters, values: "pd.Series[Any]", name: str) -> tuple[Against, list[int]]:
    """The shown clusters against a property, and the ids of the table's rows, noise last."""
    kept = clusters.ids != EXCLUDED
    ids = clusters.ids[kept]
    order = sorted({int(one) for one in ids if one >= 0})
    place = {one: at for at, one in enumerate(order)}
    compact = np.array([place.get(int(one), -1) for one in ids], np.int32)
    return against(compact, values[kept].tolist(), name), [*order, -1]


def alarms(
    place: Workspace, ready: Plan, chips: ChipSet, clusters: Clusters
) -> tuple[list[str], bool]:
    """Sentences on what the clusters may follow, and whether all was looked at."""
    ids = np.maximum(clusters.ids, -1)
    told = one_scene(ids, chips.facts["scene"].to_numpy()) + cut_or_partial(ids, chips.facts)
    named = lambda found: clusters.look.name(int(found[1]))  # noqa: E731
    told = [re.sub(r"^Cluster (\d+)", named, sentence) for sentence in told]
    found = report(place, ready, chips, clusters)
    if found is not None:
        told += [one.sentence for one in found.associations if one.alarm]
    return told, found is not None


def digest(ids: IntArray | BoolArray | FloatArray) -> str:
    """A short name for some ids, a selection, or a value each."""
    return hashlib.blake2b(ids.tobytes(), digest_size=8).hexdigest()
