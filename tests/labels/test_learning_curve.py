import numpy as np

from core.labels.learning_curve import MOST_POINTS, trace_learning_curve


def make_points(n=400, seed=0):
    random = np.random.default_rng(seed)
    codes = random.integers(0, 3, n).astype(np.int32)
    points = random.normal(size=(n, 10)) + 5 * np.eye(3, 10)[codes]
    return points.astype(np.float32), codes


def test_learning_curve__of_separable_classes_rises_to_one():
    points, codes = make_points()
    rows = np.arange(60)
    curve = trace_learning_curve(points, rows, codes[:60])
    assert curve.n_labels[-1] == 60
    assert len(curve.n_labels) <= MOST_POINTS
    assert curve.stability[-1] == 1
    assert curve.stability[0] < 0.9
    assert curve.agreement[-1] > 0.9
    assert np.isnan(curve.agreement[0])


def test_learning_curve__of_random_labels_agrees_by_chance():
    points, _ = make_points()
    codes = np.random.default_rng(5).integers(0, 2, 200).astype(np.int32)
    curve = trace_learning_curve(points, np.arange(200), codes)
    assert 0.2 < np.nanmean(curve.agreement) < 0.8


def test_learning_curve__is_empty_until_there_are_two_classes():
    points, _ = make_points()
    for n in (0, 5):
        curve = trace_learning_curve(points, np.arange(n), np.zeros(n, np.int32))
        assert len(curve.n_labels) == len(curve.agreement) == len(curve.stability) == 0


def test_learning_curve__starts_at_the_second_class():
    points, _ = make_points()
    curve = trace_learning_curve(points, np.arange(4), np.array([0, 0, 1, 1], np.int32))
    assert curve.n_labels.tolist() == [3, 4]
