import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clusters.labelling import Labelling, labelled
from core.errors import ArtifactError


def make(raw, confidence=None):
    raw = np.array(raw, int)
    return labelled(raw, np.ones(len(raw)) if confidence is None else confidence, "gmm", {})


def test_labelled__largest_first_then_first_member():
    labelling = make([7, 3, 3, -1, 9, 7, 4, 4, 4])
    assert labelling.labels.tolist() == [1, 2, 2, -1, 3, 1, 0, 0, 0]
    assert labelling.sizes().tolist() == [3, 2, 2, 1]
    assert labelling.n_clusters == 4
    assert labelling.noise_fraction == pytest.approx(1 / 9)


def test_labelled__noise_has_no_confidence():
    assert make([0, -1, 0], np.array([0.5, 0.9, 2.0])).confidence.tolist() == [0.5, 0.0, 1.0]


@given(st.lists(st.integers(-1, 6), min_size=1, max_size=40), st.permutations(range(7)))
def test_labelled__raw_numbers_do_not_matter(raw, renamed):
    other = [renamed[value] if value >= 0 else -1 for value in raw]
    np.testing.assert_array_equal(make(raw).labels, make(other).labels)


@pytest.mark.parametrize("raw", [[], [-1, -1]])
def test_labelled__nothing_found(raw):
    labelling = make(raw)
    assert labelling.n_clusters == 0
    assert labelling.sizes().tolist() == []
    assert labelling.noise_fraction == (1.0 if raw else 0.0)


@pytest.mark.parametrize(
    ("labels", "confidence"),
    [
        (np.array([0, 0], np.int32), np.ones(3, np.float32)),
        (np.array([0, 1, 1], np.int32), np.ones(3, np.float32)),
        (np.array([0, 2, 0], np.int32), np.ones(3, np.float32)),
        (np.array([0, -2], np.int32), np.ones(2, np.float32)),
        (np.array([0, 0]), np.ones(2, np.float32)),
        (np.array([0, 0], np.int32), np.array([0.5, np.nan], np.float32)),
        (np.array([0, 0], np.int32), np.array([0.5, 1.5], np.float32)),
    ],
)
def test_labelling__checks_itself(labels, confidence):
    with pytest.raises(ArtifactError):
        Labelling(labels, confidence, "gmm")
