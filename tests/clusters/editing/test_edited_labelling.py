import dataclasses

import numpy as np
import pytest

from core.clusters.editing.edited_labelling import (
    compact_labels,
    displayed_labelling,
    displayed_persistence,
    edit_hash,
    judged_sentence,
    unedited_clusters,
)
from core.clusters.labelling import make_labelling

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, -1], np.int32)


@pytest.fixture
def labelling():
    return make_labelling(LABELS, np.linspace(0.1, 1, 10), "hdbscan", {})


def with_ids(ids):
    return dataclasses.replace(unedited_clusters(LABELS), ids=ids.astype(np.int32))


def with_excluded(excluded):
    return dataclasses.replace(unedited_clusters(LABELS), excluded=excluded)


def test_edit_mark__empty_if_only_ids_names_or_colours_differ(labelling):
    assert edit_hash(labelling, unedited_clusters(labelling.labels)) == ""
    assert edit_hash(labelling, with_ids(np.where(LABELS < 0, -1, 9 - LABELS))) == ""
    named = dataclasses.replace(
        unedited_clusters(LABELS), names={0: "boats"}, colours={1: "#123456"}
    )
    assert edit_hash(labelling, named) == ""


def test_edit_mark__differs_for_each_partition_and_exclusion(labelling):
    merged = with_ids(np.where(LABELS == 2, 1, LABELS))
    excluded = with_excluded(np.arange(10) == 9)
    marks = {edit_hash(labelling, edited) for edited in (merged, excluded)}
    assert len(marks) == 2
    assert "" not in marks


def test_compact_labels__by_falling_size_without_excluded_chips(labelling):
    excluded = with_excluded(np.arange(10) < 3)
    assert compact_labels(excluded).tolist() == [2, 0, 0, 0, 1, 1, -1]
    assert displayed_labelling(labelling, excluded).labels[:4].tolist() == [-1, -1, -1, 2]


def test_displayed_persistence__only_of_clusters_that_edits_left_unchanged(labelling):
    persistence = np.array([0.3, 0.2, 0.1])
    unchanged = displayed_persistence(persistence, labelling, unedited_clusters(labelling.labels))
    assert unchanged.tolist() == [0.3, 0.2, 0.1]
    merged = with_ids(np.where(LABELS == 2, 1, LABELS))
    displayed = displayed_persistence(persistence, labelling, merged)
    assert np.isnan(displayed[0])
    assert displayed[1] == 0.3
    halved = with_ids(np.where(np.arange(10) < 2, 5, LABELS))
    displayed = displayed_persistence(persistence, labelling, halved)
    assert np.isnan(displayed).tolist() == [False, True, True, False]
    grown = with_ids(np.where(LABELS < 0, 2, LABELS))
    displayed = displayed_persistence(persistence, labelling, grown)
    assert np.isnan(displayed).tolist() == [False, False, True]


def test_judged_sentence__names_what_the_card_evaluates(labelling):
    sentence = judged_sentence(labelling, unedited_clusters(labelling.labels))
    assert sentence.endswith("as the method returned them.")
    excluded = with_excluded(np.arange(10) == 9)
    assert "1 excluded chip is left out" in judged_sentence(labelling, excluded)
