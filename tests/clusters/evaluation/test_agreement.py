import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier

from core.clusters.evaluation.agreement import score_labelling
from core.clusters.evaluation.held_out_votes import vote_with_groups_held_out
from core.errors import ArtifactError, DegenerateError, TooFewError


def blobs(n=120, k=3, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    classes = np.arange(n) % k
    points = rng.normal(0, spread, (n, 4)) + 10 * classes[:, None]
    return points.astype(np.float32), classes, np.array(list("abc"), object)[classes]


def reference(points, classes, groups):
    """Return the balanced accuracy by scikit-learn, leaving one group out at a time."""
    votes = np.empty_like(classes)
    for group in np.unique(groups):
        left_out = groups == group
        model = KNeighborsClassifier(5).fit(points[~left_out], classes[~left_out])
        votes[left_out] = model.predict(points[left_out])
    return balanced_accuracy_score(classes, votes)


def test_score_labelling__agreement():
    points, classes, truth = blobs()
    scores = score_labelling(classes, points, truth, classes * 0)
    assert (scores.ari, scores.nmi, scores.ami) == pytest.approx((1, 1, 1))
    assert scores.balanced_accuracy == 1
    assert scores.balanced_accuracy_across_scenes is None
    assert (scores.n, scores.n_missing, scores.n_classes) == (120, 0, 3)
    assert scores.notes == (
        "No class occurs in two scenes, so there is no accuracy across scenes.",
    )


def test_score_labelling__chance():
    points, _, truth = blobs(spread=500)
    labels = np.random.default_rng(1).integers(0, 3, 120)
    scores = score_labelling(labels, points, truth, np.arange(120) % 2)
    assert abs(scores.ari) < 0.1
    assert abs(scores.ami) < 0.1
    assert abs(scores.balanced_accuracy - 1 / 3) < 0.15


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_score_labelling__agrees_with_scikit_learn(seed, monkeypatch):
    monkeypatch.setattr("core.clusters.evaluation.held_out_votes._BLOCK", 50)
    # With two classes and five votes there are no ties, which scikit-learn breaks differently.
    points, classes, truth = blobs(k=2, spread=8, seed=seed)
    scenes = np.random.default_rng(seed).integers(0, 4, 120)
    scores = score_labelling(classes, points, truth, scenes)
    assert scores.balanced_accuracy == pytest.approx(reference(points, classes, np.arange(120)))
    across = reference(points, classes, scenes)
    assert scores.balanced_accuracy_across_scenes == pytest.approx(across)
    assert 0.6 < across < 0.99


def test_score_labelling__far_from_the_origin():
    points, classes, truth = blobs(spread=3)
    near, far = (
        score_labelling(classes, points + np.float32(offset), truth, classes * 0)
        for offset in (0, 2**16)
    )
    assert near.balanced_accuracy < 1
    assert far.balanced_accuracy == pytest.approx(near.balanced_accuracy, abs=0.02)


def test_score_labelling__the_nearest_chip_decides_ties():
    # Neighbours of the first chip by distance: b a a b c.
    points = np.array([[0.0], [1], [2], [3], [4], [5], [100], [101]], np.float32)
    truth = list("bbaabccc")
    codes = np.array(["abc".index(value) for value in truth], np.int32)
    single = np.arange(8, dtype=np.int32)
    assert vote_with_groups_held_out(points, codes, [single])[0].correct[0]
    swapped = codes.copy()
    swapped[[1, 2]] = codes[[2, 1]]
    assert not vote_with_groups_held_out(points, swapped, [single])[0].correct[0]


def test_score_labelling__noise_counts_as_one_more_cluster():
    points, classes, truth = blobs()
    labels = np.where(np.arange(120) < 40, -1, classes)
    scores = score_labelling(labels, points, truth, classes * 0)
    assert scores.ari == pytest.approx(adjusted_rand_score(classes, labels))
    assert scores.ari < 1


def test_score_labelling__across_scenes_is_not_inflated_by_neighbours():
    # In each scene, one class looks like the other class in the next scene.
    points, classes, truth = blobs(k=2)
    scenes = np.arange(120) // 30
    shifted = np.hstack([points + 10 * scenes[:, None], 15 * scenes[:, None]]).astype(np.float32)
    scores = score_labelling(classes, shifted, truth, scenes)
    assert scores.balanced_accuracy == 1
    assert scores.balanced_accuracy_across_scenes < 0.5


@pytest.mark.parametrize("missing", [None, np.nan, "", " "])
def test_score_labelling__missing_values_are_left_out_and_counted(missing):
    points, classes, truth = blobs()
    truth[:10] = missing
    points[0] = np.nan
    scores = score_labelling(classes, points, truth, classes * 0)
    assert (scores.n, scores.n_missing, scores.n_classes) == (110, 10, 3)
    assert scores.balanced_accuracy == 1
    assert scores.notes[0] == "10 of 120 chips have no attribute and were left out."


def test_score_labelling__classes_that_cannot_be_predicted_are_counted():
    points, classes, truth = blobs()
    truth[0] = "only"
    scenes = np.where(truth == "b", 0, np.arange(120) % 2)
    scores = score_labelling(classes, points, truth, scenes, "kind")
    assert scores.balanced_accuracy == 1
    assert scores.balanced_accuracy_across_scenes == 1
    assert "no other chip has their class: 1." in scores.notes[0]
    assert "their class occurs in one scene only: 41." in scores.notes[1]


def test_score_labelling__fewer_voters_than_neighbours():
    # Outside its scene, the first chip has two voters; the nearer one has its class.
    points = np.array([[0.0], [10], [11], [12], [1], [13]], np.float32)
    scores = score_labelling(np.zeros(6, int), points, list("abbbab"), [0, 0, 0, 0, 1, 1])
    # Of the two chips of class a, the second one is outvoted.
    assert scores.balanced_accuracy_across_scenes == (0.5 + 1) / 2


@pytest.mark.parametrize(
    "truth", [["x"] * 120, [None] * 120, ["x"] * 60 + [None] * 60, [str(i) for i in range(120)]]
)
def test_score_labelling__nothing_to_compare(truth):
    points, classes, _ = blobs()
    with pytest.raises(TooFewError) as caught:
        score_labelling(classes, points, truth, classes * 0, "kind")
    assert caught.value.where == "kind"


def test_score_labelling__not_finite():
    points, classes, truth = blobs()
    points[5] = np.inf
    with pytest.raises(DegenerateError):
        score_labelling(classes, points, truth, classes)


def test_score_labelling__lengths_differ():
    points, classes, truth = blobs()
    with pytest.raises(ArtifactError):
        score_labelling(classes[1:], points, truth, classes)


def test_score_labelling__states_the_sample(monkeypatch):
    monkeypatch.setattr("core.clusters.evaluation.held_out_votes.MAX_EXACT", 100)
    monkeypatch.setattr("core.clusters.evaluation.held_out_votes.SAMPLE", 30)
    points, classes, truth = blobs()
    truth[0] = None
    scores = score_labelling(classes, points, truth, np.arange(120) % 2)
    assert scores.n == 119
    assert scores.balanced_accuracy == 1
    assert "estimated from 30 of 119 chips, drawn at random" in " ".join(scores.notes)
