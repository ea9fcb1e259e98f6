"""What was found out about clusters, looked up once and shared: no form, no chart."""

import hashlib
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app import cached
from app.clusters import Clusters
from app.palette import EXCLUDED
from core.chips.chipset import ChipSet
from core.clusters.components import ComponentLandscape
from core.clusters.confounders import one_scene
from core.clusters.density import persistence
from core.clusters.explain import Exemplars, exemplars
from core.clusters.labelling import Labelling, in_order, labelled
from core.clusters.landscape import SizeLandscape, survey_sizes
from core.clusters.noise import Treated
from core.clusters.quality import Against, against
from core.errors import TooFewError
from core.pipeline import editing, quality, surveys
from core.pipeline.quality import Quality
from core.pipeline.views import Plan
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, RunSettings
from core.types import DoubleArray, FloatArray, IntArray

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
    """The labelling with its noise as the settings say."""

    def make() -> Treated | None:
        found, space = cached.labelling(place, ready, settings), cached.reduction(place, ready)
        if found is None or space is None:
            return None
        tree = None
        if settings.method == "hdbscan":
            tree = cached.tree(place, ready, settings)
        return editing.treated(found, space.points, settings, tree)

    what = f"treated {settings.noise} {cached.labelling_name(settings)}"
    made = cached.result(place, what, ready, "reduction", make)
    if made is None:
        raise TooFewError("there is no labelling to treat", where="noise")
    return made


def sizes(place: Workspace, ready: Plan, settings: RunSettings) -> SizeLandscape | None:
    """The landscape of min_cluster_size; None while it is surveyed or without a tree.

    Raises
    ------
    TooFewError
        For fewer than four chips.
    """
    tree = cached.tree(place, ready, settings)
    if tree is None:
        return None
    cut = settings.cut
    kept = (cut.selection, cut.epsilon, cut.max_cluster_size, cut.allow_single_cluster)
    key = f"{place.root}|sizes|{ready.keys['reduction']}|{settings.tree}|{kept}"
    try:
        return cached.soon(key, lambda: survey_sizes(tree, cut)).result(PATIENCE_SECONDS)
    except NotYetError:
        return None


def components(place: Workspace, ready: Plan, settings: GmmSettings) -> ComponentLandscape | None:
    """The comparison of mixtures, if it was made."""
    return surveys.find_components(place, ready, settings)


def report(place: Workspace, ready: Plan, chips: ChipSet, settings: RunSettings) -> Quality | None:
    """The report card, if it was made."""
    read = lambda: quality.find_quality(place, ready, chips, settings)  # noqa: E731
    what = f"quality {cached.labelling_name(settings)}"
    return cached.result(place, what, ready, "reduction", read)


def lives(place: Workspace, ready: Plan, settings: RunSettings) -> DoubleArray | None:
    """Persistence of each cluster, by label; None for methods without a tree."""
    if settings.method != "hdbscan":
        return None
    tree = cached.tree(place, ready, settings)
    read = lambda: None if tree is None else persistence(tree, settings.cut)  # noqa: E731
    return cached.result(
        place, f"lives {cached.labelling_name(settings)}", ready, "reduction", read
    )


def appearance(place: Workspace, ready: Plan, chips: ChipSet) -> pd.DataFrame | None:
    """What the chips look like, if it was measured."""
    read = lambda: quality.find_appearance(place, chips)  # noqa: E731
    return cached.result(place, "appearance", ready, "chips", read)


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
    view = labelled(kept, found.confidence, found.method, found.facts)
    return Seen(view, in_order(kept))


def space(place: Workspace, ready: Plan, clusters: Clusters) -> FloatArray | None:
    """The columns in which the clusters were sought."""
    found = cached.reduction(place, ready)
    return None if found is None else quality.clustered_points(found.points, clusters.labelling)


def examples(place: Workspace, ready: Plan, clusters: Clusters, most: int) -> dict[int, Exemplars]:
    """Chips to look at, by the id of their cluster."""

    def find() -> dict[int, Exemplars] | None:
        points, view = space(place, ready, clusters), seen(clusters)
        if points is None:
            return None
        found = exemplars(points, view.labelling, most)
        return {one: found[label] for one, label in view.labels.items()}

    what = f"examples {most} {digest(clusters.ids)} {cached.labelling_name(clusters.settings)}"
    return cached.result(place, what, ready, "reduction", find) or {}


def typical(place: Workspace, ready: Plan, clusters: Clusters, most: int) -> dict[int, list[int]]:
    """Rows of the chips nearest to each cluster's centre, by id, nearest first."""
    points = space(place, ready, clusters)
    return {} if points is None else cached.nearest_to_centres(points, clusters.ids, most)


def compared(
    clusters: Clusters, values: "pd.Series[object]", name: str
) -> tuple[Against, list[int]]:
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
    told = one_scene(np.maximum(clusters.ids, -1), chips.facts["scene"].to_numpy())
    found = report(place, ready, chips, clusters.settings)
    if found is not None:
        told += [one.sentence for one in found.associations if one.alarm]
    return told, found is not None


def digest(ids: IntArray) -> str:
    """A short name for some ids."""
    return hashlib.blake2b(ids.tobytes(), digest_size=8).hexdigest()
