"""The clusters that this session displays, which keep id, name and colour when sliders move."""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from app.session import cache, state
from app.session.views import known_current, remember_current, requested_settings, requested_view
from app.widgets.palette import EXCLUDED, NOISE, Look
from core.clusters.editing.edit_history import History
from core.clusters.editing.edited_labelling import EditedLabelling, unedited_clusters
from core.clusters.label_matching import describe_changes, renumber_labels
from core.clusters.labelling import Labelling
from core.clusters.methods.method_table import find_method, method_of
from core.clusters.noise_treatment import TreatedLabelling, treat_noise
from core.pipeline.cluster_stages import tree_inputs
from core.pipeline.results.curation import Curation, number_clusters
from core.pipeline.results.current_file import find_damage, load_readable
from core.pipeline.results.current_result import find_curation, keep_result, numbers_key
from core.pipeline.results.displayed_result import replay_history, treat_labelling
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import NoiseSettings
from core.types import IntArray

# How long a page waits for a background task before it displays that the task is running.
PATIENCE_SECONDS = 0.6


@dataclass(frozen=True)
class Clusters:
    """A labelling with the ids under which its clusters are displayed.

    The ids, (n,), are -1 for noise and -2 for excluded chips; a cluster keeps its id in the next
    labelling if most of its chips stay together. `method_ids` are the ids before noise treatment
    and edits. `problems` are sentences on edits that do not fit this labelling. `changes` are
    sentences on how the clusters differ from those displayed before.
    """

    view: View
    labelling: Labelling
    ids: IntArray
    method_ids: IntArray
    treated: TreatedLabelling
    edited: EditedLabelling
    chip_ids: Sequence[str] = ()
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
    """Return the clusters of a view; until they are computed, the previous clusters, or None.

    The clusters of the requested settings become the current result of the workspace.
    """
    last = state.drawer(f"labellings:{view.key('chips')}", view.workspace)
    previous: Clusters | None = last.get("displayed")
    chips = cache.chips(view)
    labelling = cache.labelling(view)
    if labelling is None or chips is None:
        # The clusters of the last view stay displayed, with the edits made since.
        return previous and apply_edits(previous, _find_curation(previous.view, previous.chip_ids))
    chip_ids = cache.chip_id_list(view, chips)
    keep_displayed(view, labelling, chip_ids)
    curation = _find_curation(view, chip_ids)
    numbers = number_clusters(labelling, numbers_key(view), curation.numbering, chip_ids)
    ids = renumber_labels(labelling.labels, numbers)
    treated, unedited = _treat_noise(view, labelling), unedited_clusters(ids)
    clusters = Clusters(view, labelling, ids, ids, treated, unedited, chip_ids)
    clusters = apply_edits(clusters, curation)
    key = cache.labelling_key(view, "labelling")
    if previous is not None and last.get("key") == key:
        clusters = dataclasses.replace(clusters, changes=previous.changes)
    elif previous is not None and _is_comparable(previous, view, labelling):
        changes = list_changes(previous.method_ids, ids, clusters.look)
        clusters = dataclasses.replace(clusters, changes=changes)
    last |= {"displayed": clusters, "key": key}
    return clusters


def _find_curation(view: View, chip_ids: Sequence[str]) -> Curation:
    """Return the saved curation; an empty one while the file of the current result is damaged."""
    return Curation() if find_damage(view.workspace) else find_curation(view, chip_ids)


def _is_comparable(previous: Clusters, view: View, labelling: Labelling) -> bool:
    """Return True if clusters can be described as changes of the previous ones."""
    same_space = previous.view.key("reduction") == view.key("reduction")
    return same_space and previous.labelling.method == labelling.method


def keep_requested_result(workspace: Workspace) -> None:
    """Make the requested result the current one, if it is complete, even if no page displays it."""
    view = requested_view(workspace)
    if view.settings != load_readable(workspace).settings and view.has("projection"):
        labelling, chips = cache.labelling(view), cache.chips(view)
        if labelling is not None and chips is not None:
            keep_displayed(view, labelling, cache.chip_id_list(view, chips))


def keep_displayed(view: View, labelling: Labelling, chip_ids: Sequence[str]) -> None:
    """Make a view the current result if it is complete and has the requested settings.

    If another session has replaced the current result during this run of the script, the next run
    displays it. A damaged file of the current result is not replaced.
    """
    workspace = view.workspace
    if find_damage(workspace) or load_readable(workspace).settings not in (
        None,
        view.settings,
        known_current(workspace),
    ):
        return
    if view.has("projection") and view.settings == requested_settings(workspace):
        keep_result(view, labelling, chip_ids)
        remember_current(workspace, view.settings)


def prepare_next_cut(workspace: Workspace) -> None:
    """Cut the tree of the requested settings in the background, once.

    The result is not needed, but the first cut imports compiled functions, for which the first
    move of a slider would wait for seconds. Call this after the page is drawn.
    """
    view = requested_view(workspace)
    tree, hierarchy = cache.tree(view), method_of(view.settings).hierarchy
    reduction = cache.reduction(view)
    if tree is None or hierarchy is None or reduction is None:
        return

    def cut() -> None:
        hierarchy.cut(tree, reduction.points, view.settings)

    key = view.key("reduction", name="prepared cut", tree=tree_inputs(view))
    cache.run_in_background(key, cut)


def is_treating_noise(view: View) -> bool:
    """Return True while noise is being treated, which takes about a second at 20,000 chips."""
    labelling = cache.labelling(view)
    treatment = None if labelling is None else _treatment(view, labelling)
    return treatment is not None and not wait([treatment], PATIENCE_SECONDS).done


def apply_edits(clusters: Clusters, curation: Curation) -> Clusters:
    """Return clusters with the edits of a curation in place of their current edits."""
    ids, history = ids_by_label(clusters.labelling, clusters.method_ids), curation.history
    edited, problems = replay_history(clusters.treated, ids, history, clusters.chip_ids)
    return dataclasses.replace(
        clusters,
        ids=edited.displayed_ids,
        edited=edited,
        history=history,
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
