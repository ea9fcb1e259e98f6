import numpy as np
import pytest
from hdbscan.validity import validity_index
from sklearn.metrics import silhouette_score, v_measure_score

from core.clusters.evaluation import report_card as report_cards
from core.clusters.evaluation.measures import MEASURES
from core.clusters.evaluation.report_card import (
    compare_with_property,
    make_report_card,
    score_dbcv,
    score_silhouettes,
)
from core.clusters.labelling import make_labelling
from core.errors import ArtifactError, DegenerateError, TooFewError


def blobs(n=200, spread=1.0):
    rng = np.random.default_rng(0)
    labels = (np.arange(n) % 4).astype(np.int32)
    centres = np.array([[0, 0], [9, 0], [0, 9], [9, 9]])
    points = (centres[labels] + spread * rng.normal(size=(n, 2))).astype(np.float32)
    labels[labels == 3] = -1
    return points, labels


def test_score_silhouettes__equal_scikit_learn_without_noise():
    points, labels = blobs(spread=3)
    clustered = labels >= 0
    overall, by_cluster = score_silhouettes(points, labels, [])
    assert overall == pytest.approx(silhouette_score(points[clustered], labels[clustered]))
    assert by_cluster.mean() == pytest.approx(overall)


def test_score_dbcv__equals_hdbscan():
    points, labels = blobs(spread=2)
    overall, by_cluster = score_dbcv(points, labels, [])
    expected = validity_index(points.astype(float), labels, per_cluster_scores=True)
    assert overall == pytest.approx(expected[0])
    np.testing.assert_allclose(by_cluster, expected[1])


def test_make_report_card__good_clusters_score_higher_than_bad_ones():
    points, labels = blobs()
    good = make_report_card(points, make_labelling(labels, np.ones(200), "hdbscan", {}))
    shuffled = np.random.default_rng(1).permutation(labels)
    bad = make_report_card(points, make_labelling(shuffled, np.ones(200), "hdbscan", {}))
    assert good.silhouette > 0.7
    assert bad.silhouette < 0.1
    assert good.dbcv > bad.dbcv + 0.5
    assert good.noise_fraction == 0.25
    assert good.notes == ()


def test_make_report_card__clusters():
    points, labels = blobs()
    area = np.full(200, 500.0)
    area[:50] = np.nan
    values = np.array([0.5, 0.4, np.nan])
    card = make_report_card(
        points, make_labelling(labels, np.ones(200), "gmm", {}), area, values, values
    )
    first, last = card.clusters[0], card.clusters[2]
    assert (first.label, first.size, first.share) == (0, 50, 0.25)
    assert first.hectares == pytest.approx(500 * np.isfinite(area[labels == 0]).sum() / 10_000)
    assert (first.persistence, last.persistence, last.stability) == (0.5, None, None)


def test_make_report_card__notes_samples(monkeypatch):
    monkeypatch.setattr(report_cards, "SILHOUETTE_SAMPLE", 60)
    monkeypatch.setattr(report_cards, "DBCV_SAMPLE", 90)
    points, labels = blobs(400, spread=2)
    labelling = make_labelling(labels, np.ones(400), "hdbscan", {})
    card = make_report_card(points, labelling)
    assert "Silhouette measured on a sample of 60 of 300" in card.notes[0]
    assert "DBCV measured on a sample of 90 of 300" in card.notes[1]
    monkeypatch.undo()
    complete = make_report_card(points, labelling)
    assert card.silhouette == pytest.approx(complete.silhouette, abs=0.1)
    assert make_report_card(points, labelling).dbcv == complete.dbcv


def test_compare_with_property__table_and_scores():
    labels = np.array([0, 0, 0, 1, 1, -1, 1], np.int32)
    agreement = compare_with_property(labels, ["ship", "ship", "car", "car", "car", "ship", None])
    assert agreement.values == ("car", "ship")
    assert agreement.table.tolist() == [[1, 2], [2, 0], [0, 1]]
    assert agreement.n_missing == 1
    truth = ["ship", "ship", "car", "car", "car", "ship"]
    assert agreement.v_measure == pytest.approx(v_measure_score(truth, labels[:6]))
    assert compare_with_property(labels[:5], list("aabbb")[:5]).ari < 1
    assert compare_with_property(labels[:5], list("aaabb")).ari == 1


def test_compare_with_property__nothing_to_compare():
    with pytest.raises(TooFewError, match="0 of 2 chips have a value"):
        compare_with_property(np.zeros(2, np.int32), [None, " "])
    with pytest.raises(TooFewError, match="always 'boat'"):
        compare_with_property(np.zeros(2, np.int32), ["boat", "boat"], "class")
    with pytest.raises(ArtifactError):
        compare_with_property(np.zeros(2, np.int32), ["a"])


def test_make_report_card__different_chips_or_not_finite():
    points, labels = blobs()
    labelling = make_labelling(labels, np.ones(200), "gmm", {})
    with pytest.raises(ArtifactError):
        make_report_card(points[1:], labelling)
    points[3] = np.nan
    with pytest.raises(DegenerateError):
        make_report_card(points, labelling)


def test_measures__explain_each_measure_of_the_card():
    fields = set(report_cards.ClusterCard.__dataclass_fields__)
    assert fields - {"label", "share", "hectares"} <= set(MEASURES)
    assert all(text.endswith(".") and text.count(". ") <= 1 for text in MEASURES.values())
