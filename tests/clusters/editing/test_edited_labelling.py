import dataclasses

import numpy as np
import pytest

from core.clusters.editing import edited_labelling, edits
from core.clusters.labelling import labelled

RAW = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, -1], np.int32)


@pytest.fixture
def labelling():
    return labelled(RAW, np.linspace(0.1, 1, 10), "hdbscan", {})


def test_mark__empty_for_what_the_method_gave_under_any_ids(labelling):
    plain = edits.start(labelling.labels)
    assert edited_labelling.mark(labelling, plain) == ""
    other = dataclasses.replace(plain, ids=np.where(RAW < 0, -1, 9 - RAW).astype(np.int32))
    assert edited_labelling.mark(labelling, other) == ""
    named = dataclasses.replace(plain, names={0: "boats"}, colours={1: "#123456"})
    assert edited_labelling.mark(labelling, named) == ""


def test_mark__other_for_each_partition_and_exclusion(labelling):
    plain = edits.start(labelling.labels)
    merged = dataclasses.replace(plain, ids=np.where(RAW == 2, 1, RAW).astype(np.int32))
    gone = dataclasses.replace(plain, excluded=np.arange(10) == 9)
    marks = {edited_labelling.mark(labelling, one) for one in (merged, gone)}
    assert len(marks) == 2
    assert "" not in marks


def test_compact__by_falling_size_without_the_excluded(labelling):
    plain = edits.start(labelling.labels)
    gone = dataclasses.replace(plain, excluded=np.arange(10) < 3)
    assert edited_labelling.compact(gone).tolist() == [2, 0, 0, 0, 1, 1, -1]
    assert edited_labelling.as_labelling(labelling, gone).labels[:4].tolist() == [-1, -1, -1, 2]


def test_lives__only_of_clusters_that_are_as_the_method_gave_them(labelling):
    own = np.array([0.3, 0.2, 0.1])
    plain = edits.start(labelling.labels)
    assert edited_labelling.lives(own, labelling, plain).tolist() == [0.3, 0.2, 0.1]
    merged = dataclasses.replace(plain, ids=np.where(RAW == 2, 1, RAW).astype(np.int32))
    found = edited_labelling.lives(own, labelling, merged)
    assert np.isnan(found[0])
    assert found[1] == 0.3
    halved = dataclasses.replace(plain, ids=np.where(np.arange(10) < 2, 5, RAW).astype(np.int32))
    assert np.isnan(edited_labelling.lives(own, labelling, halved)).tolist() == [
        False,
        True,
        True,
        False,
    ]
    grown = dataclasses.replace(plain, ids=np.where(RAW < 0, 2, RAW).astype(np.int32))
    assert np.isnan(edited_labelling.lives(own, labelling, grown)).tolist() == [False, False, True]


def test_sentence__says_what_is_judged(labelling):
    plain = edits.start(labelling.labels)
    assert edited_labelling.sentence(labelling, plain).endswith("as the method gave them.")
    gone = dataclasses.replace(plain, excluded=np.arange(10) == 9)
    assert "1 excluded chips are left out" in edited_labelling.sentence(labelling, gone)
