import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clusters.labelling import Labelling, make_labelling
from core.errors import ArtifactError


def make(numbers, confidence=None):
    numbers = np.array(numbers, int)
    return make_labelling(
        numbers, np.ones(len(numbers)) if confidence is None else confidence, "gmm", {}
    )


def test_make_labelling__largest_first_then_first_member():
    labelling = make([7, 3, 3, -1, 9, 7, 4, 4, 4])
    assert labelling.labels.tolist() == [1, 2, 2, -1, 3, 1, 0, 0, 0]
    assert labelling.sizes().tolist() == [3, 2, 2, 1]
    assert labelling.n_clusters == 4
    assert labelling.noise_fraction == pytest.approx(1 / 9)


def test_make_labelling__noise_has_no_confidence():
    assert make([0, -1, 0], np.array([0.5, 0.9, 2.0])).confidence.tolist() == [0.5, 0.0, 1.0]


@given(st.lists(st.integers(-1, 6), min_size=1, max_size=40), st.permutations(range(7)))
def test_make_labelling__cluster_numbers_do_not_matter(numbers, renumbering):
    other = [renumbering[value] if value >= 0 else -1 for value in numbers]
    np.testing.assert_array_equal(make(numbers).labels, make(other).labels)


@pytest.mark.parametrize("numbers", [[], [-1, -1]])
def test_make_labelling__no_clusters(numbers):
    labelling = make(numbers)
    assert labelling.n_clusters == 0
    assert labelling.sizes().tolist() == []
    assert labelling.noise_fraction == (1.0 if numbers else 0.0)


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
def test_labelling__refuses_invalid_arrays(labels, confidence):
    with pytest.raises(ArtifactError):
        Labelling(labels, confidence, "gmm")
