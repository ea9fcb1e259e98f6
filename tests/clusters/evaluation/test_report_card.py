import numpy as np
import pytest
from hdbscan.validity import validity_index
from sklearn.metrics import silhouette_score, v_measure_score

from core.clusters.evaluation import report_card as report_cards
from core.clusters.evaluation.measures import MEASURES
from core.clusters.evaluation.report_card import against, dbcv, report_card, silhouettes
from core.clusters.labelling import labelled
from core.errors import ArtifactError, DegenerateError


def blobs(n=200, spread=1.0):
    rng = np.random.default_rng(0)
    labels = (np.arange(n) % 4).astype(np.int32)
    centres = np.array([[0, 0], [9, 0], [0, 9], [9, 9]])
    points = (centres[labels] + spread * rng.normal(size=(n, 2))).astype(np.float32)
    labels[labels == 3] = -1
    return points, labels


def test_silhouettes__as_scikit_learn_without_noise():
    points, labels = blobs(spread=3)
    inside = labels >= 0
    whole, per = silhouettes(points, labels, [])
    assert whole == pytest.approx(silhouette_score(points[inside], labels[inside]))
    assert per.mean() == pytest.approx(whole)


def test_dbcv__as_hdbscan():
    points, labels = blobs(spread=2)
    whole, per = dbcv(points, labels, [])
    index, theirs = validity_index(points.astype(float), labels, per_cluster_scores=True)
    assert whole == pytest.approx(index)
    np.testing.assert_allclose(per, theirs)


def test_report_card__good_beats_bad():
    points, labels = blobs()
    good = report_card(points, labelled(labels, np.ones(200), "hdbscan", {}))
    mixed = np.random.default_rng(1).permutation(labels)
    bad = report_card(points, labelled(mixed, np.ones(200), "hdbscan", {}))
    assert good.silhouette > 0.7
    assert bad.silhouette < 0.1
    assert good.dbcv > bad.dbcv + 0.5
    assert good.noise_fraction == 0.25
    assert good.notes == ()


def test_report_card__clusters():
    points, labels = blobs()
    area = np.full(200, 500.0)
    area[:50] = np.nan
    lives = np.array([0.5, 0.4, np.nan])
    card = report_card(points, labelled(labels, np.ones(200), "gmm", {}), area, lives, lives)
    first, last = card.clusters[0], card.clusters[2]
    assert (first.label, first.size, first.share) == (0, 50, 0.25)
    assert first.hectares == pytest.approx(500 * np.isfinite(area[labels == 0]).sum() / 10_000)
    assert (first.persistence, last.persistence, last.stability) == (0.5, None, None)


def test_report_card__samples_are_said(monkeypatch):
    monkeypatch.setattr(report_cards, "SILHOUETTE_SAMPLE", 60)
    monkeypatch.setattr(report_cards, "DBCV_SAMPLE", 90)
    points, labels = blobs(400, spread=2)
    labelling = labelled(labels, np.ones(400), "hdbscan", {})
    card = report_card(points, labelling)
    assert "Silhouette on a sample of 60 of 300" in card.notes[0]
    assert "DBCV on a sample of 90 of 300" in card.notes[1]
    monkeypatch.undo()
    whole = report_card(points, labelling)
    assert card.silhouette == pytest.approx(whole.silhouette, abs=0.1)
    assert report_card(points, labelling).dbcv == whole.dbcv


def test_against__tables_and_scores():
    labels = np.array([0, 0, 0, 1, 1, -1, 1], np.int32)
    found = against(labels, ["ship", "ship", "car", "car", "car", "ship", None])
    assert found.values == ("car", "ship")
    assert found.table.tolist() == [[1, 2], [2, 0], [0, 1]]
    assert found.n_missing == 1
    np.testing.assert_allclose(found.shares()[0], [1 / 3, 2 / 3])
    truth = ["ship", "ship", "car", "car", "car", "ship"]
    assert found.v_measure == pytest.approx(v_measure_score(truth, labels[:6]))
    assert against(labels[:5], list("aabbb")[:5]).ari < 1
    assert against(labels[:5], list("aaabb")).ari == 1


def test_against__nothing_to_compare():
    with pytest.raises(DegenerateError):
        against(np.zeros(2, np.int32), [None, " "])
    with pytest.raises(ArtifactError):
        against(np.zeros(2, np.int32), ["a"])


def test_report_card__other_chips_or_not_finite():
    points, labels = blobs()
    labelling = labelled(labels, np.ones(200), "gmm", {})
    with pytest.raises(ArtifactError):
        report_card(points[1:], labelling)
    points[3] = np.nan
    with pytest.raises(DegenerateError):
        report_card(points, labelling)


def test_measures__each_mark_has_its_words():
    card = {f.name for f in report_cards.ClusterCard.__dataclass_fields__.values()}
    judged = card - {"label", "share", "hectares"}
    assert judged <= set(MEASURES)
    assert all(text.endswith(".") and text.count(". ") <= 1 for text in MEASURES.values())
