"""The file of the labels that the user gave to the chips of a workspace."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from core.artifacts.integrity import file_stamp, read_versioned_json, write_sealed_json
from core.chips.chip_set import ChipSet
from core.errors import ArtifactError
from core.labels.label_history import LabelHistory, labels_from_document, labels_to_document
from core.pipeline.results.current_file import results_lock
from core.pipeline.workspace import Workspace

FORMAT = 1
# Name of the attribute of chips that holds the labels.
LABEL_ATTRIBUTE = "chip_label"
REMEDY = "Restore the file from a copy, or rename it; the labels then begin anew."


def labels_path(workspace: Workspace) -> Path:
    """Return the path of the file of labels."""
    return workspace.results / "labels.json"


def labels_stamp(workspace: Workspace) -> tuple[int, int] | None:
    """Return numbers that change with the labels; None if there is no file."""
    return file_stamp(labels_path(workspace))


def load_labels(workspace: Workspace) -> LabelHistory:
    """Load the labels; empty if there are none.

    Raises ArtifactError if the file is damaged or of another version.
    """
    stamp = labels_stamp(workspace)
    return LabelHistory() if stamp is None else _read_labels(labels_path(workspace), *stamp)


def load_readable_labels(workspace: Workspace) -> LabelHistory:
    """Load the labels; empty if there are none or if their file is damaged."""
    try:
        return load_labels(workspace)
    except ArtifactError:
        return LabelHistory()


def add_label_attribute(chips: ChipSet, workspace: Workspace) -> ChipSet:
    """Return the chips with the labels as the attribute `LABEL_ATTRIBUTE`, if there are any."""
    labels = load_readable_labels(workspace).labels()
    return chips.with_attribute(LABEL_ATTRIBUTE, labels) if labels else chips


def change_labels(
    workspace: Workspace, change: Callable[[LabelHistory], LabelHistory]
) -> LabelHistory:
    """Change the labels and return them; only one process at a time changes the file."""
    with results_lock(workspace.results):
        former = load_labels(workspace)
        history = change(former)
        if history != former:
            document = {"format": FORMAT, **labels_to_document(history)}
            write_sealed_json(labels_path(workspace), document)
    return history


@lru_cache(maxsize=8)
def _read_labels(path: Path, _changed: int, _size: int) -> LabelHistory:
    try:
        return labels_from_document(read_versioned_json(path, FORMAT))
    except (ArtifactError, KeyError, TypeError) as error:
        reason = error.__cause__ or getattr(error, "problem", error)
        problem = f"the labels cannot be read ({reason})"
        raise ArtifactError(problem, where=str(path), remedy=REMEDY) from error
