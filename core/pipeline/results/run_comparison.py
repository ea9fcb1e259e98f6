"""Comparison of two runs as they are displayed, each with its own edits."""

from dataclasses import dataclass, field

from core.clusters.editing.edited_labelling import EditedLabelling
from core.clusters.labelling_comparison import LabellingComparison, compare_labellings
from core.errors import ArtifactError
from core.pipeline.chip_stages import open_chips
from core.pipeline.cluster_stages import find_labelling
from core.pipeline.results.displayed_result import apply_curation
from core.pipeline.results.run_records import RunRecord
from core.pipeline.results.stored_view import open_view
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.types import IntArray


@dataclass(frozen=True)
class StoredRun:
    """A run that was opened without computing anything.

    `problems` are sentences on edits of the run that cannot be applied.
    """

    record: RunRecord
    view: View
    chip_ids: tuple[str, ...]
    edited: EditedLabelling
    problems: tuple[str, ...] = field(default=())

    @property
    def ids(self) -> IntArray:
        """The displayed cluster of each chip; -1 for noise and -2 for excluded chips."""
        return self.edited.displayed_ids


def open_run(workspace: Workspace, record: RunRecord) -> StoredRun:
    """Open the clusters of a run, with the run's own edits.

    Raises ArtifactError if the run has no clusters, or if its artifacts have been deleted.
    """
    view = open_view(workspace, record.settings, record.keys)
    chips = open_chips(view)
    labelling = find_labelling(view)
    if chips is None or labelling is None:
        has_clusters = record.n_clusters is not None
        problem = "its stored results have been deleted" if has_clusters else "it has no clusters"
        raise ArtifactError(
            f"the run {record.name!r} cannot be opened, because {problem}",
            where=str(record.path),
            remedy=f"Compute it again: chipscape replay {record.run_id}",
        )
    chip_ids: list[str] = chips.facts["chip_id"].tolist()
    edited, problems = apply_curation(view, labelling, record.curation, chip_ids)
    return StoredRun(record, view, tuple(chip_ids), edited, tuple(problems))


def compare_runs(first: StoredRun, second: StoredRun) -> LabellingComparison:
    """Compare the displayed clusters of two runs, by chip id."""
    return compare_labellings(first.ids, first.chip_ids, second.ids, second.chip_ids)
