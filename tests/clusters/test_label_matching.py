import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clusters.label_matching import (
    EDIT_IDS,
    describe_changes,
    initial_ids,
    match_clusters,
    renumber_labels,
)
from core.errors import ArtifactError

LABEL_PAIRS = st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), min_size=1, max_size=40)
FEWER_LABELS = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=1, max_size=40)


def match(old, new):
    return match_clusters(np.array(old), np.array(new))


def match_and_describe(old, new):
    """Return the changes and the new ids, with the new labels matched to the old ones first."""
    old, new = np.array(old, np.int32), np.array(new, np.int32)
    ids = renumber_labels(new, match_clusters(old, new))
    return describe_changes(old, ids), ids


def unchanged_fraction(old, ids):
    return (np.array(old) == ids).mean()


@pytest.mark.parametrize(
    ("old", "new", "ids"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], {0: 1, 1: 0}),
        ([0, 0, 0, 0, 1], [0, 0, 0, 1, 2], {0: 0, 1: 2, 2: 1}),  # 0 splits
        ([0, 0, 1, 2, 2], [0, 0, 0, 1, 1], {0: 0, 1: 2}),  # 0 and 1 merge
        ([-1, -1, 3, 3], [0, 0, 1, 1], {0: 0, 1: 3}),  # a cluster appears out of noise
        ([0, 0, 0, 0, 1], [0, 0, 0, 1, 0], {0: 0, 1: 2}),  # 1 disappears, its id is not reused
        ([2, 2, 2], [-1, -1, -1], {}),
        ([0, 0, 0, 1, 1], [0, 1, 1, 0, 0], {0: 1, 1: 0}),
    ],
)
def test_match_clusters__ids_stay_with_the_chips(old, new, ids):
    assert match(old, new) == ids


def test_match_clusters__keeps_the_ids_of_as_many_chips_as_possible():
    # Taking the largest overlap first (new 0 to old 0) would keep 3 + 0 chips, not 2 + 2.
    old = [0] * 5 + [1] * 2
    new = [0] * 3 + [1] * 2 + [0] * 2
    assert match(old, new) == {0: 1, 1: 0}


@given(LABEL_PAIRS)
def test_match_clusters__each_cluster_gets_a_different_id(pairs):
    old, new = np.array(pairs).T
    ids = match_clusters(old, new)
    assert set(ids) == set(new[new >= 0].tolist())
    assert len(set(ids.values())) == len(ids)
    assert min(ids.values(), default=0) >= 0


@given(LABEL_PAIRS)
def test_match_clusters__an_equal_labelling_keeps_its_ids(pairs):
    labels = np.array(pairs)[:, 0]
    assert all(key == value for key, value in match_clusters(labels, labels).items())


def test_match_clusters__different_chips():
    with pytest.raises(ArtifactError):
        match([0, 1], [0, 1, 1])
    with pytest.raises(ArtifactError):
        match([0, 1], [0])


def test_match_clusters__never_assigns_ids_of_edits():
    new = np.arange(EDIT_IDS.stop + 2) % (EDIT_IDS.start + 1)
    ids = match_clusters(np.full(len(new), -1), new)
    assert set(ids.values()) == {*range(EDIT_IDS.start), EDIT_IDS.stop}
    assert set(initial_ids(EDIT_IDS.start + 1).values()) == set(ids.values())


@given(FEWER_LABELS)
def test_match_clusters__ids_survive_a_re_cut_and_back(pairs):
    first, second = np.array(pairs, np.int32).T
    recut = renumber_labels(second, match_clusters(first, second))
    back = renumber_labels(first, match_clusters(recut, first))
    # The clusters are the same; those that existed all along have kept their id.
    assert len(set(zip(first.tolist(), back.tolist(), strict=True))) == len(set(first.tolist()))
    changes, ids = match_and_describe(first, first)
    assert changes.sentences() == []
    assert unchanged_fraction(first, ids) == 1


def test_describe_changes__split_and_merge():
    changes, _ = match_and_describe([0] * 6 + [1] * 4 + [2] * 4, [0] * 4 + [2] * 2 + [1] * 8)
    assert changes.splits == {0: (0, 3)}
    assert changes.merges == {1: (1, 2)}
    assert changes.added_ids == changes.lost_ids == ()
    assert "Cluster 0 split into 0 and 3." in changes.sentences()
    assert "Clusters 1 and 2 merged into 1." in changes.sentences()


def test_describe_changes__added_and_lost_clusters():
    old = [0] * 5 + [1] * 5 + [-1] * 5
    changes, ids = match_and_describe(old, [0] * 5 + [-1] * 5 + [1] * 5)
    assert (changes.added_ids, changes.lost_ids) == ((2,), (1,))
    assert unchanged_fraction(old, ids) == pytest.approx(1 / 3)
    assert changes.sentences() == ["Cluster 2 is new.", "Cluster 1 no longer exists."]


def test_describe_changes__a_few_moved_chips_are_not_a_split():
    old = [0] * 50 + [1] * 50
    changes, ids = match_and_describe(old, [1] + [0] * 49 + [1] * 49 + [0])
    assert changes.sentences() == []
    assert unchanged_fraction(old, ids) == 0.98


def test_describe_changes__does_not_match_the_ids():
    old = np.array([0, 0, 0, 1, 1, 1], np.int32)
    # `match_clusters` would give id 0 back to the new cluster 5.
    new = np.array([5, 5, 5, 1, 1, 1], np.int32)
    changes = describe_changes(old, new)
    assert (changes.added_ids, changes.lost_ids) == ((5,), (0,))
    assert unchanged_fraction(old, new) == pytest.approx(0.5)
    assert unchanged_fraction(old, match_and_describe(old, new)[1]) == 1


def test_describe_changes__a_small_piece_with_a_new_id_is_mentioned():
    # Eight of 149 chips: less than a tenth of the old cluster, but all of the new one.
    changes, _ = match_and_describe([0] * 149 + [1] * 50, [0] * 141 + [2] * 8 + [1] * 50)
    assert changes.sentences() == ["Cluster 0 split into 0 and 2."]


@given(FEWER_LABELS)
def test_describe_changes__mentions_each_new_id_once(pairs):
    first, second = np.array(pairs, np.int32).T
    changes, ids = match_and_describe(first, second)
    present = set(ids[ids >= 0].tolist())
    pieces = [i for new in changes.splits.values() for i in new]
    mentioned = [*changes.added_ids, *changes.merges, *pieces]
    for new_id in present - set(first.tolist()):
        assert mentioned.count(new_id) == 1
    lost = set(first.tolist()) - present - {-1}
    merged = {i for old in changes.merges.values() for i in old}
    assert lost <= {*changes.lost_ids, *changes.splits, *merged}
