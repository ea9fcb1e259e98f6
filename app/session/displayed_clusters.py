"""The clusters that this session displays, which keep id, name and colour when sliders move."""

import dataclasses
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from app.session import cache, state
from app.widgets.palette import EXCLUDED, NOISE, Look
from core.clusters.editing.edit_history import History
from core.clusters.editing.edited_labelling import EditedLabelling, unedited_clusters
from core.clusters.label_matching import describe_changes, match_clusters, renumber_labels
from core.clusters.labelling import Labelling
from core.clusters.methods.method_table import find_method, method_of
from core.clusters.noise_treatment import TreatedLabelling, treat_noise
from core.pipeline.saved_edits import (
    SavedEdits,
    edit_family,
    load_edits,
    replay_history,
    starting_ids,
    treat_labelling,
)
from core.pipeline.view import View
from core.settings import NoiseSettings
from core.types import IntArray

MOST_REMEMBERED = 60
# How long a page waits for a background task before it displays that the task is running.
PATIENCE_SECONDS = 0.6


@dataclass(frozen=True)
class Clusters:
    """A labelling with the ids under which its clusters are displayed.

    The ids, (n,), are -1 for noise and -2 for excluded chips; a cluster keeps its id in the next
    labelling if most of its chips stay together. `method_ids` are the ids before noise treatment
    and edits. Labellings of one family share their edits; `problems` are sentences on edits that
    do not fit this labelling. `changes` are sentences on how the clusters differ from those
    displayed before.
    """

    view: View
    labelling: Labelling
    ids: IntArray
    method_ids: IntArray
    treated: TreatedLabelling
    edited: EditedLabelling
    family: str = ""
    history: History = field(default_factory=History)
    problems: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    look: Look = field(default_factory=Look)

    @property
    def n_clusters(self) -> int:
        """The number of clusters displayed."""
        return len(np.unique(self.ids[self.ids >= 0]))

    @property
    def noise_fraction(self) -> float:
        """The fraction of noise among the chips that are not excluded, as on the report card."""
        included = self.ids[self.ids != EXCLUDED]
        return float((included == NOISE).mean()) if len(included) else 0.0

    @property
    def n_excluded(self) -> int:
        """The number of chips that the user excluded."""
        return int((self.ids == EXCLUDED).sum())

    @property
    def has_noise(self) -> bool:
        """True if the method may leave chips in noise."""
        return find_method(self.labelling.method).has_noise


def displayed_clusters(view: View) -> Clusters | None:
    """Return the clusters of a view; until they are computed, the previous clusters, or None."""
    # Clusters of these chips that this session has displayed, by key, the most recent last.
    drawer = f"labellings:{view.key('chips')}"
    remembered: dict[str, Clusters] = state.drawer(drawer, view.workspace)
    last = next(reversed(remembered), None)
    previous: Clusters | None = remembered[last] if last else None
    labelling = cache.labelling(view)
    if labelling is None:
        # The clusters of the last view stay displayed, with the edits made since.
        return previous and apply_edits(previous, load_edits(view.workspace, previous.family))
    key, family = cache.labelling_key(view, "labelling"), edit_family(view)
    former, saved = remembered.pop(key, None), load_edits(view.workspace, family)
    ids = former.method_ids if former else keep_ids(labelling, previous, saved)
    treated = _treat_noise(view, labelling)
    clusters = Clusters(view, labelling, ids, ids, treated, unedited_clusters(ids), family)
    clusters = apply_edits(clusters, saved)
    if previous is not None and last == key:
        clusters = dataclasses.replace(clusters, changes=previous.changes)
    elif previous is not None and previous.labelling.method == labelling.method:
        changes = list_changes(previous.method_ids, ids, clusters.look)
        clusters = dataclasses.replace(clusters, changes=changes)
    remembered[key] = clusters
    while len(remembered) > MOST_REMEMBERED:
        remembered.pop(next(iter(remembered)))
    return clusters


def is_treating_noise(view: View) -> bool:
    """Return True while noise is being treated, which takes about a second at 20,000 chips."""
    labelling = cache.labelling(view)
    treatment = None if labelling is None else _treatment(view, labelling)
    return treatment is not None and not wait([treatment], PATIENCE_SECONDS).done


def apply_edits(clusters: Clusters, saved: SavedEdits) -> Clusters:
    """Return clusters with the saved edits of their family in place of their current edits."""
    ids = ids_by_label(clusters.labelling, clusters.method_ids)
    edited, problems = replay_history(clusters.treated, ids, saved.history)
    return dataclasses.replace(
        clusters,
        ids=np.where(edited.excluded, np.int32(EXCLUDED), edited.ids).astype(np.int32),
        edited=edited,
        history=saved.history,
        problems=tuple(problems),
        look=Look(edited.names, edited.colours),
    )


def list_changes(before: IntArray, after: IntArray, look: Look) -> tuple[str, ...]:
    """Return sentences on how the clusters changed from one labelling to the next."""
    if len(before) != len(after):
        return ()
    sentences = tuple(describe_changes(before, after).sentences())
    names = ", ".join(f"{cluster} is {name}" for cluster, name in sorted(look.names.items()))
    return (*sentences, f"By name: {names}.") if sentences and names else sentences


def keep_ids(
    labelling: Labelling, previous: Clusters | None, saved: SavedEdits | None = None
) -> IntArray:
    """Return the cluster id of each chip, (n,).

    Ids are matched to the previous clusters. Without these, they are matched to the clusters at the
    last edit; if there are no edits either, the ids are the labels.
    """
    if previous is not None and len(previous.method_ids) == len(labelling):
        ids = match_clusters(previous.method_ids, labelling.labels)
    else:
        ids = starting_ids(labelling, saved or SavedEdits())
    return renumber_labels(labelling.labels, ids)


def ids_by_label(labelling: Labelling, method_ids: IntArray) -> dict[int, int]:
    """Return the id under which each label is displayed."""
    labels, first_rows = np.unique(labelling.labels, return_index=True)
    ids = zip(labels.tolist(), method_ids[first_rows].tolist(), strict=True)
    return {label: cluster for label, cluster in ids if label >= 0}


def _treat_noise(view: View, labelling: Labelling) -> TreatedLabelling:
    """Return the labelling after the requested noise treatment; untreated until it is complete."""
    treatment = _treatment(view, labelling)
    if treatment is not None and treatment.done():
        return treatment.result()
    return treat_noise(labelling, np.empty((len(labelling), 0), np.float32), NoiseSettings())


def _treatment(view: View, labelling: Labelling) -> "Future[TreatedLabelling] | None":
    """Return the future of the noise treatment; None if noise is kept or cannot occur."""
    reduction, settings = cache.reduction(view), view.settings
    if reduction is None or not method_of(settings).has_noise or settings.noise.method == "keep":
        return None
    key = cache.labelling_key(view, "treated labelling", "noise")
    treat = partial(treat_labelling, labelling, reduction.points, settings, cache.tree(view))
    return cache.run_in_background(key, treat)
