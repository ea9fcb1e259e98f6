import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from core.errors import ArtifactError, TooFewError
from core.labels import chip_classifier
from core.labels.chip_classifier import (
    held_out_probabilities,
    label_space,
    predict_probabilities,
    suggest_labels,
)


def make_points(n=300, n_classes=3, distance=2.0, seed=0):
    random = np.random.default_rng(seed)
    codes = random.integers(0, n_classes, n).astype(np.int32)
    points = random.normal(size=(n, 30)) + distance * np.eye(n_classes, 30)[codes] * 2
    return points.astype(np.float32), codes


def test_label_space__has_a_mean_squared_length_of_one_whatever_the_unit():
    points, _ = make_points()
    space = label_space(points)
    assert space.shape == (300, chip_classifier.N_COMPONENTS)
    assert (space**2).sum(axis=1).mean() == pytest.approx(1)
    assert np.allclose(label_space(points * 50), space)


def test_label_space__of_equal_chips_is_zero_and_not_finite_values_are_an_error():
    assert (label_space(np.zeros((4, 2), np.float32)) == 0).all()
    with pytest.raises(ArtifactError, match="not finite"):
        label_space(np.full((4, 2), np.nan, np.float32))


def test_predict_probabilities__without_cells_equals_logistic_regression(monkeypatch):
    monkeypatch.setattr(chip_classifier, "SHARE_OF_MEAN", 0.0)
    points, codes = make_points()
    space, rows = label_space(points), np.arange(0, 300, 10)
    model = LogisticRegression(C=chip_classifier.INVERSE_PENALTY, class_weight="balanced")
    expected = model.fit(space[rows], codes[rows]).predict_proba(space)
    assert np.allclose(predict_probabilities(space, rows, codes[rows]), expected, atol=1e-3)


def test_predict_probabilities__moves_labelled_chips_to_the_chips_they_stand_for(monkeypatch):
    # Two labelled chips, which are outliers of their groups in the second column.
    random = np.random.default_rng(3)
    codes = np.repeat(np.array([0, 1], np.int32), 100)
    space = np.column_stack([codes * 4.0 - 2, random.normal(0, 1, 200)])
    space[0, 1], space[100, 1] = 4, -4

    def share_right():
        probabilities = predict_probabilities(space, np.array([0, 100]), codes[[0, 100]])
        return (probabilities.argmax(axis=1) == codes).mean()

    with_means = share_right()
    monkeypatch.setattr(chip_classifier, "SHARE_OF_MEAN", 0.0)
    assert with_means > share_right() + 0.02


def test_predict_probabilities__gives_absent_classes_no_probability():
    points, codes = make_points()
    rows = np.flatnonzero(codes != 1)[:40]
    probabilities = predict_probabilities(label_space(points), rows, codes[rows])
    assert probabilities.shape == (300, 3)
    assert (probabilities[:, 1] == 0).all()
    assert np.allclose(probabilities.sum(axis=1), 1)


def test_predict_probabilities__of_one_class_is_an_error():
    points, _ = make_points()
    with pytest.raises(TooFewError, match="two different labels"):
        predict_probabilities(label_space(points), np.arange(4), np.zeros(4, np.int32))


def test_suggest_labels__are_mostly_right_and_confident_in_proportion():
    points, codes = make_points(n=2000, distance=1.0)
    rows = np.arange(0, 2000, 20)
    suggestions = suggest_labels(points, rows, codes[rows])
    others = np.setdiff1d(np.arange(2000), rows)
    right = (suggestions.codes == codes)[others]
    assert right.mean() > 0.75
    assert suggestions.confidence[others].mean() == pytest.approx(right.mean(), abs=0.08)
    confident = suggestions.confidence[others] > np.median(suggestions.confidence[others])
    assert right[confident].mean() > right[~confident].mean() + 0.1


def test_suggest_labels__name_the_nearest_labelled_chips_of_the_suggested_class():
    points, codes = make_points(n=60)
    rows = np.arange(0, 60, 6)
    suggestions = suggest_labels(points, rows, codes[rows])
    space = label_space(points)
    for chip in range(60):
        members = rows[codes[rows] == suggestions.codes[chip]]
        distances = np.linalg.norm(space[members] - space[chip], axis=1)
        expected = members[np.argsort(distances, kind="stable")][: chip_classifier.MOST_NEAREST]
        listed = suggestions.nearest[chip]
        assert listed[listed >= 0].tolist() == expected.tolist()


def test_suggest_labels__need_only_two_labels():
    points, codes = make_points()
    rows = np.array([int(np.argmax(codes == 0)), int(np.argmax(codes == 1))])
    suggestions = suggest_labels(points, rows, codes[rows])
    assert set(suggestions.codes) == {0, 1}
    assert ((suggestions.confidence >= 0.5) & (suggestions.confidence <= 1)).all()


def test_held_out_probabilities__do_not_see_the_chip_itself():
    # With random labels, models that had seen the chip would predict them better than chance.
    random = np.random.default_rng(0)
    space = label_space(random.normal(size=(200, 20)).astype(np.float32))
    codes = random.integers(0, 2, 200).astype(np.int32)
    held_out = held_out_probabilities(space, np.arange(200), codes)
    assert (held_out.argmax(axis=1) == codes).mean() < 0.54
    seen = predict_probabilities(space, np.arange(200), codes)
    assert (seen.argmax(axis=1) == codes).mean() > 0.56


def test_held_out_probabilities__are_unknown_where_no_two_classes_remain():
    space = label_space(np.eye(3, dtype=np.float32))
    held_out = held_out_probabilities(space, np.arange(3), np.array([0, 0, 1], np.int32))
    assert np.isnan(held_out[2]).all()
    assert not np.isnan(held_out[:2]).any()
