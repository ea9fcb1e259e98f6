import numpy as np
import pandas as pd
import pytest

from core.clusters.editing import explanation
from core.clusters.editing.explanation import (
    axis_separation,
    cliffs_delta,
    difference_sentences,
    find_differences,
    find_exemplars,
    medoid_position,
    nearest_cluster,
    relative_distances,
    rows_near_centres,
)
from core.clusters.labelling import make_labelling
from core.errors import ArtifactError, SettingsError


def two_clusters_on_a_line():
    """Return clusters at 0 1 2 3 4 and at 10 11 12."""
    points = np.array([[0.0], [1], [2], [3], [4], [10], [11], [12]], np.float32)
    confidence = np.array([0.9, 0.8, 1, 0.7, 0.5, 0.6, 1, 0.9])
    return points, make_labelling(np.array([0] * 5 + [1] * 3), confidence, "gmm", {})


def test_find_exemplars__by_hand():
    exemplars = find_exemplars(*two_clusters_on_a_line(), n_chips=2)
    assert exemplars[0].medoid == 2
    assert exemplars[0].typical.tolist() == [2, 1]
    assert exemplars[0].uncertain.tolist() == [4, 3]
    assert exemplars[0].borderline.tolist() == [4, 3]
    assert exemplars[1].borderline[0] == 5
    assert exemplars[1].medoid == 6


def test_medoid_position__sampled_is_near_the_exact_one(monkeypatch):
    data = np.random.default_rng(0).normal(size=(800, 3))
    exact = medoid_position(data)
    sums = np.linalg.norm(data[:, None] - data[None], axis=2).sum(axis=1)
    assert exact == sums.argmin()
    monkeypatch.setattr(explanation, "_EXACT_MEDOID", 400)
    assert sums[medoid_position(data)] < 1.01 * sums[exact]


def test_rows_near_centres__nearest_first_without_negative_ids():
    points = np.array([[0.0], [1], [2], [9], [10], [14], [50]], np.float32)
    ids = np.array([3, 3, 3, 7, 7, 7, -1], np.int32)
    assert rows_near_centres(points, ids, 2) == {3: [1, 0], 7: [4, 3]}
    assert rows_near_centres(points, ids, 9)[7] == [4, 3, 5]
    assert rows_near_centres(points, np.full(7, -2, np.int32), 2) == {}


def test_cliffs_delta__by_pairs():
    rng = np.random.default_rng(0)
    values, other_values = rng.integers(0, 9, 30), rng.integers(2, 12, 40)
    signs = np.sign(values[:, None].astype(float) - other_values[None, :])
    assert cliffs_delta(values, other_values) == pytest.approx(signs.mean())


def test_find_differences__largest_first_with_sentences():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    facts = pd.DataFrame(
        {
            "scene": ["a"] * 200,
            "length": np.where(labels == 1, 30, 10) + rng.normal(size=200),
            "area": rng.normal(size=200),
        }
    )
    differences = find_differences(facts, labels, 1)
    assert [difference.fact for difference in differences] == ["length", "area"]
    assert differences[0].effect == 1
    assert differences[0].median == pytest.approx(30, abs=0.5)
    assert differences[0].other_median == pytest.approx(10, abs=0.5)
    sentences = difference_sentences(differences)
    assert len(sentences) == 1
    assert sentences[0].startswith("length is much higher: median 30")
    assert " m against " in sentences[0]
    assert find_differences(facts, labels, 0)[0].sentence.startswith("length is much lower")
    sentences = difference_sentences(find_differences(facts[["area"]], labels, 1))
    assert sentences[0].startswith("No measured value")


def test_find_differences__headings_wrap_around():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 100)
    heading = np.concatenate(
        [(rng.normal(0, 8, 100)) % 180, (rng.normal(90, 8, 100)) % 180, rng.uniform(0, 180, 100)]
    )
    facts = pd.DataFrame({"heading": heading})
    across = find_differences(facts, labels, 0, 1)[0]
    assert min(across.median, 180 - across.median) < 5
    assert across.other_median == pytest.approx(90, abs=5)
    assert across.effect > 0.8
    # The same axis on both sides of north is no difference.
    assert find_differences(facts[:100], np.arange(100) % 2, 0, 1)[0].effect < 0.2
    assert find_differences(facts, labels, 0, 2)[0].effect > 0.5


def two_samples(first, other):
    """The sentence and effect for the headings of cluster 0 and cluster 1."""
    facts = pd.DataFrame({"heading": np.concatenate([first, other]) % 180})
    labels = np.repeat([0, 1], [len(first), len(other)])
    (difference,) = find_differences(facts, labels, 0, 1)
    return difference_sentences([difference])[0], difference.effect


def test_find_differences__headings_that_hardly_overlap():
    rng = np.random.default_rng(0)
    sentence, effect = two_samples(rng.normal(80, 5, 60), rng.normal(105, 5, 60))
    assert effect > 0.6
    assert sentence.startswith("heading is much different: about 80° against about 105°")
    crossed = [rng.normal(angle, 5, 60) for angle in (0, 90, 45, 135)]
    sentence, effect = two_samples(np.concatenate(crossed[:2]), np.concatenate(crossed[2:]))
    assert effect > 0.6
    assert "no common direction against no common direction" in sentence


@pytest.mark.parametrize("n", [5, 20, 400])
def test_axis_separation__samples_of_one_distribution_do_not_differ(n):
    rng = np.random.default_rng(0)
    effects = [
        axis_separation(rng.uniform(0, 180, n), rng.uniform(0, 180, 3 * n)) for _ in range(20)
    ]
    assert np.mean(effects) < 0.15
    assert np.median(effects) == 0


def test_axis_separation__does_not_depend_on_where_zero_is():
    rng = np.random.default_rng(0)
    first, other = rng.normal(20, 10, 50), rng.normal(40, 10, 70)
    effect = axis_separation(first, other)
    assert 0.4 < effect < 0.9
    assert axis_separation(first + 170, other + 170) == pytest.approx(effect, abs=0.02)
    assert axis_separation(np.full(9, 30.0), np.full(9, 120.0)) == pytest.approx(1, abs=0.01)


def test_find_differences__missing_values_are_left_out():
    facts = pd.DataFrame({"area": [1.0, np.nan, 5, 6], "empty": [np.nan] * 4})
    differences = find_differences(facts, np.array([0, 0, 1, 1]), 0)
    assert [difference.fact for difference in differences] == ["area"]
    assert differences[0].median == 1


def test_nearest_cluster__by_mean():
    points = np.array([[0.0], [5], [7]], np.float32)
    three = make_labelling(np.array([0, 1, 2]), np.ones(3), "gmm", {})
    assert [nearest_cluster(points, three, j) for j in range(3)] == [1, 2, 1]
    assert nearest_cluster(points, make_labelling(np.zeros(3), np.ones(3), "gmm", {}), 0) is None
    with pytest.raises(SettingsError):
        nearest_cluster(points, three, 3)
    with pytest.raises(ArtifactError):
        find_exemplars(points[1:], three)


def test_relative_distances__in_units_of_each_cluster():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(0, 1, (50, 3)), rng.normal(9, 20, (50, 3))])
    ids = np.repeat([3, -1], 50).astype(np.int32)
    relative = relative_distances(points.astype(np.float32), ids)
    for cluster in (3, -1):
        members = points[ids == cluster]
        distances = np.linalg.norm(members - members.mean(axis=0), axis=1)
        np.testing.assert_allclose(relative[ids == cluster], distances / np.median(distances), 1e-5)
    same = np.ones((4, 2), np.float32)
    assert relative_distances(same, np.zeros(4, np.int32)).tolist() == [0] * 4
