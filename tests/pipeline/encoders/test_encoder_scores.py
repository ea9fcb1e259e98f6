"""Encoders side by side: one that sorts the classes, one that does not."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

from core.errors import DegenerateError, TooFewError
from core.pipeline.encoders import encoder_scores
from core.pipeline.encoders.encoder_scores import compare
from core.settings import CutSettings, GmmSettings, ReductionSettings, RunSettings

SETTINGS = RunSettings(gmm=GmmSettings(n_components=3), cut=CutSettings(min_cluster_size=10))


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    codes = np.arange(150) % 3
    good = (6 * np.eye(6)[codes] + rng.normal(size=(150, 6))).astype(np.float32)
    bad = rng.normal(size=(150, 4)).astype(np.float32)
    truth = [["boat", "house", "tree"][code] for code in codes]
    scenes = ["a" if row < 75 else "b" for row in range(150)]
    return {"good": good, "bad": bad}, truth, scenes


@pytest.fixture(scope="module")
def found(case):
    return compare(*case, "class", SETTINGS)


def test_compare__the_better_one_wins_everywhere(found):
    good, bad = found["good"], found["bad"]
    assert list(found) == ["good", "bad"]
    assert good.balanced_accuracy > 0.97
    assert bad.balanced_accuracy < 0.6
    assert good.balanced_accuracy_across_scenes > 0.97
    assert bad.balanced_accuracy_across_scenes < 0.6
    assert good.nmi_gmm > 0.95
    assert good.nmi_hdbscan > 0.7
    assert max(bad.nmi_gmm, bad.nmi_hdbscan) < 0.2
    assert good.silhouette > 0.3
    assert bad.silhouette < 0.1
    assert (good.n, good.dim, bad.dim) == (150, 6, 4)


def test_compare__silhouette_is_of_the_classes_among_the_components(case, found):
    # All components of standardised columns are those columns, turned.
    columns = StandardScaler().fit_transform(case[0]["good"])
    assert found["good"].silhouette == pytest.approx(silhouette_score(columns, case[1]), abs=1e-4)


def test_compare__chips_without_a_value_are_left_out_of_scores(case):
    embeddings, truth, scenes = case
    some = [None if row % 10 == 0 else value for row, value in enumerate(truth)]
    one = compare({"good": embeddings["good"]}, some, scenes, "class", SETTINGS)["good"]
    assert one.n == 135
    assert one.nmi_gmm > 0.95
    assert any("15 of 150 chips have no class" in note for note in one.notes)


def test_compare__place_mixed_in_for_a_run_is_no_part_of_an_embedding(case, found):
    mixed = replace(SETTINGS, reduction=ReductionSettings(width=1.0))
    assert compare(*case, "class", mixed) == found


def test_silhouette__on_a_sample_of_many(monkeypatch):
    monkeypatch.setattr(encoder_scores, "SILHOUETTE_SAMPLE", 50)
    points = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    codes = (points[:, 0] > 0).astype(np.int32)
    whole = silhouette_score(points, codes)
    assert encoder_scores._silhouette(points, codes) == pytest.approx(whole, abs=0.1)
    assert encoder_scores._silhouette(points, codes * 0) is None
    assert encoder_scores._silhouette(points[:3], np.arange(3, dtype=np.int32)) is None


def test_compare__bad_input(case):
    embeddings, truth, scenes = case
    with pytest.raises(TooFewError, match="leaves nothing to compare"):
        compare(embeddings, ["one"] * 150, scenes, "class", SETTINGS)
    with pytest.raises(DegenerateError):
        compare({"same": np.ones((150, 3), np.float32)}, truth, scenes, "class", SETTINGS)
