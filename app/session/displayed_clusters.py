"""The clusters that this session displays; their ids, names and colours stay with the chips."""

import dataclasses
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from app.session import cache, state
from app.widgets.palette import EXCLUDED, NOISE, Look
from core.clusters.editing.edit_history import History
from core.clusters.editing.edited_labelling import EditedLabelling, unedited
from core.clusters.label_matching import describe_changes, match_clusters, renumber_labels
from core.clusters.labelling import Labelling
from core.clusters.methods.method_table import find_method, method_of
from core.clusters.noise_treatment import TreatedLabelling
from core.errors import TooFewError
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
from core.types import FloatArray, IntArray

MOST_REMEMBERED = 60
# How long a page waits for work of about a second before it says that the work is running.
PATIENCE_SECONDS = 0.6


@dataclass(frozen=True)
class Clusters:
    """A labelling with the ids under which its clusters are displayed.

    Attributes
    ----------
    view : View
        The view that the labelling belongs to.
    labelling : Labelling
        The clusters that the method found.
    ids : int32 array, (n,)
        The displayed cluster of each chip, after noise treatment and edits; -1 for noise, -2 for
        an excluded chip. A cluster keeps its id in the next labelling if most of its chips stay.
    method_ids : int32 array, (n,)
        The same before noise treatment and edits.
    treated : TreatedLabelling
    edited : EditedLabelling
    family : str
        The name of the labellings that share these edits.
    history : History
        The edits, including undone edits.
    problems : tuple of str
        Sentences on edits that do not fit this labelling.
    changes : tuple of str
        Sentences on how the clusters differ from those displayed before.
    look : Look
        Names and colours.
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
    """Return the clusters of a view, or those displayed before, or None."""
    remembered = _remembered(view)
    last = next(reversed(remembered), None)
    previous: Clusters | None = remembered[last] if last else None
    labelling = cache.labelling(view)
    if labelling is None:
        # The clusters of the last view stay displayed, with the edits made since.
        return previous and apply_edits(previous, load_edits(view.workspace, previous.family))
    key = cache.labelling_key(view, "labelling")
    former: Clusters | None = remembered.pop(key, None)
    family = edit_family(view)
    saved = load_edits(view.workspace, family)
    ids = former.method_ids if former else keep_ids(labelling, previous, saved)
    treated = treated_labelling(view)
    clusters = Clusters(view, labelling, ids, ids, treated, unedited(ids), family)
    clusters = apply_edits(clusters, saved)
    changes: tuple[str, ...] = ()
    if previous is not None and last == key:
        changes = previous.changes
    elif previous is not None and previous.labelling.method == labelling.method:
        changes = list_changes(previous.method_ids, ids, clusters.look)
    clusters = dataclasses.replace(clusters, changes=changes)
    remembered[key] = clusters
    while len(remembered) > MOST_REMEMBERED:
        remembered.pop(next(iter(remembered)))
    return clusters


def treated_labelling(view: View) -> TreatedLabelling:
    """Return the labelling with its noise treated as requested; untreated while that is running.

    Raises
    ------
    TooFewError
        If there is no labelling.
    """
    labelling, reduction = cache.labelling(view), cache.reduction(view)
    if labelling is None or reduction is None:
        raise TooFewError("there is no labelling to treat", where="noise")
    if treats_noise(view):
        future = _treatment(view, labelling, reduction.points)
        if future.done():
            return future.result()
    untreated = dataclasses.replace(view.settings, noise=NoiseSettings())
    return treat_labelling(labelling, reduction.points, untreated, None)


def is_treating_noise(view: View) -> bool:
    """Return True while noise is being treated, which takes about a second at 20,000 chips."""
    labelling, reduction = cache.labelling(view), cache.reduction(view)
    if labelling is None or reduction is None or not treats_noise(view):
        return False
    future = _treatment(view, labelling, reduction.points)
    return not wait([future], PATIENCE_SECONDS).done


def treats_noise(view: View) -> bool:
    """Return True if the method leaves noise and the settings assign it to clusters."""
    return method_of(view.settings).has_noise and view.settings.noise.method != "keep"


def apply_edits(clusters: Clusters, saved: SavedEdits) -> Clusters:
    """Return clusters with the edits of their family instead of those that they have."""
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
    """Return the id of each chip: as displayed before, else as at the last edit, else its label."""
    if previous is not None and len(previous.method_ids) == len(labelling):
        ids = match_clusters(previous.method_ids, labelling.labels)
    else:
        ids = starting_ids(labelling, saved or SavedEdits())
    return renumber_labels(labelling.labels, ids)


def ids_by_label(labelling: Labelling, method_ids: IntArray) -> dict[int, int]:
    """Return the id under which each label is displayed."""
    labels = labelling.labels
    return {
        int(label): int(method_ids[labels == label][0]) for label in np.unique(labels[labels >= 0])
    }


def _remembered(view: View) -> dict[str, Clusters]:
    """Return the clusters of these chips that this session displayed, by key, the latest last."""
    return state.drawer(f"labellings:{view.key('chips')}", view.workspace)


def _treatment(view: View, labelling: Labelling, points: FloatArray) -> "Future[TreatedLabelling]":
    key = cache.labelling_key(view, "treated labelling", "noise")
    treat = partial(treat_labelling, labelling, points, view.settings, cache.tree(view))
    return cache.run_in_background(key, treat)
