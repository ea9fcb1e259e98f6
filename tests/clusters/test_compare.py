import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clusters.label_matching import between, compare, renumbered
from core.errors import ArtifactError

LABELS = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=1, max_size=40)


def compared(old, new):
    return compare(np.array(old, np.int32), np.array(new, np.int32))


def test_compare__split_and_merge():
    found = compared([0] * 6 + [1] * 4 + [2] * 4, [0] * 4 + [2] * 2 + [1] * 8)
    assert found.split == {0: (0, 3)}
    assert found.merged == {1: (1, 2)}
    assert found.appeared == found.vanished == ()
    assert "Cluster 0 split into 0 and 3." in found.sentences()
    assert "Clusters 1 and 2 merged into 1." in found.sentences()


def test_compare__appeared_and_vanished():
    found = compared([0] * 5 + [1] * 5 + [-1] * 5, [0] * 5 + [-1] * 5 + [1] * 5)
    assert (found.appeared, found.vanished) == ((2,), (1,))
    assert found.kept_fraction == pytest.approx(1 / 3)
    assert found.sentences() == ["Cluster 2 is new.", "Cluster 1 is gone."]


def test_compare__a_few_chips_that_move_are_no_piece():
    old = [0] * 50 + [1] * 50
    found = compared(old, [1] + [0] * 49 + [1] * 49 + [0])
    assert found.sentences() == []
    assert found.kept_fraction == 0.98


@given(LABELS)
def test_compare__ids_stay_after_a_re_cut_and_back(pairs):
    first, second = np.array(pairs, np.int32).T
    there = renumbered(second, compare(first, second).ids)
    back = renumbered(first, compare(there, first).ids)
    # The clusters are the same ones; those that lived on all along have their id.
    assert len(set(zip(first.tolist(), back.tolist(), strict=True))) == len(set(first.tolist()))
    assert compare(first, first).sentences() == []
    assert compare(first, first).kept_fraction == 1


def test_compare__other_chips():
    with pytest.raises(ArtifactError):
        compared([0, 1], [0])


def test_between__ids_are_taken_as_they_are():
    old = np.array([0, 0, 0, 1, 1, 1], np.int32)
    # `match` would give the new cluster 5 the id 0 back; `between` is told that it is 5.
    now = np.array([5, 5, 5, 1, 1, 1], np.int32)
    found = between(old, now)
    assert found.ids == {1: 1, 5: 5}
    assert found.kept_fraction == pytest.approx(0.5)
    assert compare(old, now).kept_fraction == 1


def test_compare__a_small_piece_that_gets_an_id_of_its_own_is_told():
    # Eight of 149 chips: no tenth of the old cluster, but all of the new one.
    found = compared([0] * 149 + [1] * 50, [0] * 141 + [2] * 8 + [1] * 50)
    assert found.sentences() == ["Cluster 0 split into 0 and 2."]


@given(LABELS)
def test_compare__each_new_id_is_told_once(pairs):
    first, second = np.array(pairs, np.int32).T
    found = compare(first, second)
    told = [*found.appeared, *found.merged, *(one for new in found.split.values() for one in new)]
    for one in set(found.ids.values()) - set(first.tolist()):
        assert told.count(one) == 1
    gone = set(first.tolist()) - set(found.ids.values()) - {-1}
    parted = {*found.vanished, *found.split, *(i for old in found.merged.values() for i in old)}
    assert gone <= parted
