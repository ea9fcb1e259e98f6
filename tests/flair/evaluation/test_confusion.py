import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SceneError
from core.flair.evaluation.confusion import (
    bootstrap,
    count,
    iou,
    miou,
    notebook_miou,
    row_shares,
    scores,
    without_other,
)

TRUTH = np.array([1, 1, 1, 2, 2, 13], np.uint8)
SAID = np.array([1, 1, 2, 2, 2, 1], np.uint8)


def test_count__by_hand():
    counts = count(TRUTH, SAID)
    assert counts.shape == (13, 13)
    assert counts[0, 0] == 2
    assert counts[0, 1] == 1
    assert counts[1, 1] == 2
    assert counts[12, 0] == 1
    assert counts.sum() == 6


def test_count__unlabelled_pixels_are_left_out():
    assert count(np.array([0, 3]), np.array([3, 3])).sum() == 1


@pytest.mark.parametrize(("truth", "said"), [([14], [1]), ([1], [0]), ([1], [14])])
def test_count__class_that_does_not_exist(truth, said):
    with pytest.raises(SceneError, match="class"):
        count(np.array(truth), np.array(said))


def test_count__other_shape():
    with pytest.raises(SceneError, match="true"):
        count(TRUTH, SAID[:3])


def test_scores__by_hand():
    """Class 1: 2 hits, 1 missed, 1 of "other" on top; class 2: 2 hits, 1 false."""
    result = scores(count(TRUTH, SAID))
    assert result.iou[0] == pytest.approx(2 / 4)
    assert result.iou[1] == pytest.approx(2 / 3)
    assert result.iou[12] == 0
    assert np.isnan(result.iou[2:12]).all()
    assert result.n_classes == 2
    assert result.miou == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert result.overall_accuracy == pytest.approx(4 / 6)
    assert result.users[0] == pytest.approx(2 / 3)
    assert result.producers[0] == pytest.approx(2 / 3)
    assert result.f1[1] == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert result.support.tolist()[:2] == [3, 2]
    chance = (3 * 3 + 2 * 3) / 36
    assert result.kappa == pytest.approx((4 / 6 - chance) / (1 - chance))


def test_scores__a_class_only_predicted_counts_as_zero():
    result = scores(count(np.array([1, 1]), np.array([1, 5])))
    assert result.iou[4] == 0
    assert result.n_classes == 2
    assert result.miou == pytest.approx(0.25)


def test_scores__nothing_counted():
    result = scores(np.zeros((13, 13), np.int64))
    assert np.isnan(result.miou)
    assert result.n_classes == 0
    assert np.isnan(result.notebook_miou)


def test_without_other__errors_of_other_vanish():
    assert without_other(count(TRUTH, SAID))[12].sum() == 0
    assert iou(without_other(count(TRUTH, SAID)))[0] == pytest.approx(2 / 3)


def test_notebook_miou__by_hand():
    """Rows as shares: [2/3, 1/3], [0, 1]; plowed land (12) left out though it is right."""
    truth = np.array([1, 1, 1, 2, 2, 12, 13])
    said = np.array([1, 1, 2, 2, 2, 12, 1])
    first, second = (2 / 3) / 1, 1 / (1 + 4 / 3 - 1)
    assert notebook_miou(count(truth, said)) == pytest.approx((first + second) / 2)


def test_row_shares__rows_add_up():
    shares = row_shares(count(TRUTH, SAID))
    assert shares[0].sum() == pytest.approx(1)
    assert np.isnan(shares[2]).all()


def test_bootstrap__holds_the_figure_and_says_the_units():
    random = np.random.default_rng(0)
    counts = random.integers(0, 20, (9, 13, 13)) + np.eye(13, dtype=int) * 60
    interval = bootstrap(counts, n_draws=500)
    assert interval is not None
    assert (interval.n_units, interval.n_draws) == (9, 500)
    assert interval.low < float(miou(counts.sum(axis=0))) < interval.high
    assert interval == bootstrap(counts, n_draws=500)


def test_bootstrap__equal_units_leave_no_spread():
    counts = np.repeat(count(TRUTH, SAID)[None], 5, axis=0)
    interval = bootstrap(counts, n_draws=50)
    assert interval is not None
    assert interval.low == pytest.approx(interval.high)


def test_bootstrap__one_unit_says_nothing():
    assert bootstrap(count(TRUTH, SAID)[None]) is None


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 400))
def test_scores__equal_scikit_learn(seed, n):
    from sklearn import metrics

    random = np.random.default_rng(seed)
    truth, said = random.integers(1, 14, n), random.integers(1, 14, n)
    counts, names = count(truth, said), list(range(1, 14))
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(truth, said, labels=names))
    result = scores(counts)
    there = ~np.isnan(result.iou)
    jaccard = metrics.jaccard_score(truth, said, labels=names, average=None, zero_division=0)
    np.testing.assert_allclose(result.iou[there], jaccard[there])
    assert result.miou == pytest.approx(jaccard[:12][there[:12]].mean(), nan_ok=True)
    assert result.overall_accuracy == pytest.approx(metrics.accuracy_score(truth, said))
    if len({*truth.tolist(), *said.tolist()}) > 1:
        assert result.kappa == pytest.approx(metrics.cohen_kappa_score(truth, said))
