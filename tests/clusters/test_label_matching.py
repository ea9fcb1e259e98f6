import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clusters.label_matching import MADE, match, own_ids
from core.errors import ArtifactError

LABELS = st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 5)), min_size=1, max_size=40)


def matched(old, new):
    return match(np.array(old), np.array(new))


@pytest.mark.parametrize(
    ("old", "new", "ids"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], {0: 1, 1: 0}),
        ([0, 0, 0, 0, 1], [0, 0, 0, 1, 2], {0: 0, 1: 2, 2: 1}),  # 0 splits
        ([0, 0, 1, 2, 2], [0, 0, 0, 1, 1], {0: 0, 1: 2}),  # 0 and 1 merge
        ([-1, -1, 3, 3], [0, 0, 1, 1], {0: 0, 1: 3}),  # one appears out of noise
        ([0, 0, 0, 0, 1], [0, 0, 0, 1, 0], {0: 0, 1: 2}),  # 1 vanishes, its id is not reused
        ([2, 2, 2], [-1, -1, -1], {}),
        ([0, 0, 0, 1, 1], [0, 1, 1, 0, 0], {0: 1, 1: 0}),
    ],
)
def test_match__ids_stay_with_the_chips(old, new, ids):
    assert matched(old, new) == ids


def test_match__as_many_chips_as_possible_keep_theirs():
    # Taking the largest overlap first (new 0 to old 0) would keep 3 + 0 chips, not 2 + 2.
    old = [0] * 5 + [1] * 2
    new = [0] * 3 + [1] * 2 + [0] * 2
    assert matched(old, new) == {0: 1, 1: 0}


@given(LABELS)
def test_match__each_cluster_gets_an_id_of_its_own(pairs):
    old, new = np.array(pairs).T
    ids = match(old, new)
    assert set(ids) == set(new[new >= 0].tolist())
    assert len(set(ids.values())) == len(ids)
    assert min(ids.values(), default=0) >= 0


@given(LABELS)
def test_match__same_labelling_keeps_its_ids(pairs):
    labels = np.array(pairs)[:, 0]
    assert all(key == value for key, value in match(labels, labels).items())


def test_match__other_chips():
    with pytest.raises(ArtifactError):
        matched([0, 1], [0, 1, 1])


def test_match__gives_out_no_id_of_the_edits():
    new = np.arange(MADE.stop + 2) % (MADE.start + 1)
    ids = match(np.full(len(new), -1), new)
    assert set(ids.values()) == {*range(MADE.start), MADE.stop}
    assert set(own_ids(MADE.start + 1).values()) == set(ids.values())
