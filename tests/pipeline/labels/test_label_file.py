"""The file of labels: atomic, sealed, and damaged."""

import pytest

from core.errors import ArtifactError
from core.labels.label_history import LabelHistory, add_label_steps, label_step, undo_label_step
from core.pipeline.labels.label_file import (
    change_labels,
    labels_path,
    labels_stamp,
    load_labels,
    load_readable_labels,
)


def add_boat(history):
    return add_label_steps(history, label_step(["a-1"], "boat"))


def test_change_labels__writes_a_file_that_is_read_again(workspace):
    assert load_labels(workspace) == LabelHistory()
    assert labels_stamp(workspace) is None
    history = change_labels(workspace, add_boat)
    assert load_labels(workspace) == history
    assert history.labels() == {"a-1": "boat"}
    change_labels(workspace, undo_label_step)
    assert load_labels(workspace).labels() == {}


def test_change_labels__that_changes_nothing_writes_nothing(workspace):
    change_labels(workspace, undo_label_step)
    assert not labels_path(workspace).exists()


@pytest.mark.parametrize("damage", ["truncated", "edited", "version"])
def test_damaged_labels__are_named_and_never_replaced(workspace, damage):
    change_labels(workspace, add_boat)
    path = labels_path(workspace)
    text = path.read_text()
    changed = {
        "truncated": text[:40],
        "edited": text.replace("boat", "b0at"),
        "version": '{"format": 99, "steps": [], "undone_steps": []}',
    }[damage]
    path.write_text(changed)
    with pytest.raises(ArtifactError, match="labels cannot be read") as caught:
        load_labels(workspace)
    assert caught.value.where == str(path)
    assert load_readable_labels(workspace) == LabelHistory()
    with pytest.raises(ArtifactError):
        change_labels(workspace, add_boat)
    assert path.read_text() == changed
