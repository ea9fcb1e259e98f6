import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ArtifactError, SettingsError
from core.labels.label_history import (
    LabelHistory,
    LabelStep,
    add_label_steps,
    label_step,
    labels_from_document,
    labels_to_document,
    redo_label_step,
    undo_label_step,
)

KINDS = {"label": "boat", "accept": "quay", "skip": "", "clear": ""}
STEPS = st.builds(
    lambda kind, chips: LabelStep(kind, tuple(chips), KINDS[kind]),
    st.sampled_from(list(KINDS)),
    st.lists(st.sampled_from("abcd"), min_size=1, unique=True),
)


def history_of(*steps):
    history = LabelHistory()
    for step in steps:
        history = add_label_steps(history, step)
    return history


def test_labels__are_those_given_last_in_that_order():
    history = history_of(
        label_step(["a", "b"], "boat"),
        label_step(["c"], "quay", "accept"),
        label_step(["a"], "barge"),
        LabelStep("skip", ("d",)),
        LabelStep("clear", ("b",)),
    )
    assert list(history.labels().items()) == [("c", "quay"), ("a", "barge")]
    assert history.accepted_chips() == {"c"}
    assert history.skipped_chips() == {"d"}
    assert history.names() == ["quay", "barge"]


def test_skipping__removes_a_label():
    history = history_of(label_step(["a"], "boat"), LabelStep("skip", ("a",)))
    assert history.labels() == {}


@given(st.lists(STEPS, max_size=8))
def test_undo_and_redo__are_inverse(steps):
    history = history_of(*steps)
    undone = history
    for _ in steps:
        undone = undo_label_step(undone)
    assert undone.steps == ()
    assert undo_label_step(undone) == undone
    for _ in steps:
        undone = redo_label_step(undone)
    assert undone == redo_label_step(undone) == history


@given(st.lists(STEPS, max_size=8))
def test_documents__return_the_same_history(steps):
    history = undo_label_step(history_of(*steps))
    document = json.loads(json.dumps(labels_to_document(history)))
    assert labels_from_document(document) == history


@pytest.mark.parametrize(
    "document",
    [{}, {"steps": [["paint", "", ["a"]]], "undone_steps": []}, {"steps": 3, "undone_steps": []}],
)
def test_documents__that_are_damaged_are_an_error(document):
    with pytest.raises(ArtifactError, match="cannot be read"):
        labels_from_document(document)


@pytest.mark.parametrize("label", ["", "  ", "x" * 81, "two\nlines"])
def test_label_step__rejects_labels_that_cannot_be_shown(label):
    with pytest.raises(SettingsError, match="cannot be used as a label"):
        label_step(["a"], label)


def test_label_step__removes_white_space():
    assert label_step(["a"], " fishing boat ").label == "fishing boat"
