"""A labelling as it is displayed and exported: noise treated, clusters numbered, edits applied."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.clusters.editing.edit_history import History
from core.clusters.editing.edit_replay import locate_edits, replay_edits
from core.clusters.editing.edited_labelling import EditedLabelling
from core.clusters.label_matching import renumber_labels
from core.clusters.labelling import Labelling
from core.clusters.methods.method_table import find_method
from core.clusters.noise_treatment import TreatedLabelling, treat_noise
from core.errors import WorkspaceError
from core.pipeline.chip_stages import open_chips
from core.pipeline.cluster_stages import clustered_points, find_labelling, find_tree, read_points
from core.pipeline.results.curation import Curation, number_clusters
from core.pipeline.results.current_file import load_current
from core.pipeline.results.current_result import change_edits, find_curation, numbers_key
from core.pipeline.results.stored_view import open_view
from core.pipeline.run_stages import have_same_result
from core.pipeline.scene_survey import Survey
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import NoiseSettings, RunSettings
from core.types import FloatArray


def treat_labelling(
    labelling: Labelling, points: FloatArray, settings: RunSettings, tree: Any
) -> TreatedLabelling:
    """Treat the noise of a labelling according to the settings, if its method has noise.

    `points` is the complete reduction, float32 (n, d). Distances are measured in the space of the
    method's tree, which soft membership needs, or in the columns that were clustered.
    """
    method = find_method(labelling.method)
    if not method.has_noise:
        return treat_noise(labelling, points, NoiseSettings())
    space = clustered_points(points, labelling) if tree is None else tree.space(points)
    soft = None
    membership = method.hierarchy.membership if method.hierarchy else None
    if settings.noise.method == "soft" and tree is not None and membership is not None:
        soft = membership(tree, settings, points)
    return treat_noise(labelling, space, settings.noise, soft)


def replay_history(
    treated: TreatedLabelling, ids: Mapping[int, int], history: History, chip_ids: Sequence[str]
) -> tuple[EditedLabelling, list[str]]:
    """Apply edits to a treated labelling; also return messages on edits that cannot be applied."""
    labels = renumber_labels(treated.labels, dict(ids))
    edited, problems = replay_edits(labels, locate_edits(history, chip_ids))
    return replace(edited, confidence=treated.confidence), problems


def treat_view(view: View, labelling: Labelling) -> TreatedLabelling:
    """Treat the noise of a view's labelling according to the view's settings."""
    return treat_labelling(labelling, read_points(view), view.settings, find_tree(view))


def apply_curation(
    view: View, labelling: Labelling, curation: Curation, chip_ids: Sequence[str]
) -> tuple[EditedLabelling, list[str]]:
    """Return a view's labelling as displayed with a curation.

    Also returns messages on edits that cannot be applied.
    """
    ids = number_clusters(labelling, numbers_key(view), curation.numbering, chip_ids)
    return replay_history(treat_view(view, labelling), ids, curation.history, chip_ids)


def apply_saved_edits(
    view: View, labelling: Labelling, chip_ids: Sequence[str]
) -> tuple[EditedLabelling, list[str]]:
    """Return a view's labelling as displayed with the workspace's edits and numbers."""
    return apply_curation(view, labelling, find_curation(view, chip_ids), chip_ids)


@dataclass(frozen=True)
class EditableResult:
    """The current result with its edits applied, for commands that edit it.

    `problems` are sentences on edits that do not fit the labelling.
    """

    view: View
    labelling: Labelling
    chip_ids: Sequence[str]
    history: History
    edited: EditedLabelling
    problems: Sequence[str]

    def points(self) -> FloatArray:
        """Return the principal components that were clustered, (n, d)."""
        return clustered_points(read_points(self.view), self.labelling)

    def change_history(self, change: Callable[[History], History]) -> "EditableResult":
        """Change the edits, which are saved, and return the result with them.

        Raises SettingsError if they have been changed elsewhere since this result was opened.
        """
        change_edits(self.view, self.labelling, self.chip_ids, change, self.history)
        return open_editable(self.view.workspace)


def open_editable(workspace: Workspace) -> EditableResult:
    """Open the current result of a workspace with its edits.

    Raises WorkspaceError if there is no result, or if its artifacts have been deleted.
    """
    current = load_current(workspace)
    settings = current.settings
    view = None if settings is None else open_view(workspace, settings, current.keys)
    labelling = find_labelling(view) if view else None
    chips = open_chips(view) if view else None
    if view is None or labelling is None or chips is None:
        raise WorkspaceError(
            view.reason if view and view.reason else "there are no clusters to edit",
            where=str(workspace.root),
            remedy="Run `chipscape run` first.",
        )
    chip_ids = chips.facts["chip_id"].tolist()
    edited, problems = apply_saved_edits(view, labelling, chip_ids)
    history = current.curation.history
    return EditableResult(view, labelling, chip_ids, history, edited, problems)


def stored_survey(workspace: Workspace, settings: RunSettings) -> Survey | None:
    """Return the scenes of the current result if its clusters can be displayed with the settings.

    With these scenes, `run_pipeline` continues from the current result, even if scenes have been
    added to raw/, changed or moved away since. None if there is no such result.
    """
    current = load_current(workspace)
    if current.settings is None or not have_same_result(settings, current.settings, "reduction"):
        return None
    view = open_view(workspace, current.settings, current.keys)
    return view.survey if view.has("reduction") else None
