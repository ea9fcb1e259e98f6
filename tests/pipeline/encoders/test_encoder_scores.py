"""Scores of embeddings that separate the classes, and of embeddings that do not."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

from core.chips.spatial_blocks import ChipBlocks
from core.errors import DegenerateError, TooFewError
from core.pipeline.encoders import encoder_scores
from core.pipeline.encoders.encoder_scores import score_encoder
from core.settings import CutSettings, GmmSettings, ReductionSettings, RunSettings

SETTINGS = RunSettings(gmm=GmmSettings(n_components=3), cut=CutSettings(min_cluster_size=10))
# Twenty blocks, of which each has chips of all classes.
BLOCKS = ChipBlocks((np.arange(150) // 3 % 20).astype(np.int32), 50.0, "m")


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    codes = np.arange(150) % 3
    good = (6 * np.eye(6)[codes] + rng.normal(size=(150, 6))).astype(np.float32)
    bad = rng.normal(size=(150, 4)).astype(np.float32)
    truth = [["boat", "house", "tree"][code] for code in codes]
    scenes = ["a" if row < 75 else "b" for row in range(150)]
    return {"good": good, "bad": bad}, truth, scenes


def score_all(embeddings, truth, scenes, settings=SETTINGS):
    return {
        name: score_encoder(matrix, truth, scenes, BLOCKS, "class", settings)
        for name, matrix in embeddings.items()
    }


@pytest.fixture(scope="module")
def scores(case):
    return score_all(*case)


def test_score_encoder__the_better_encoder_has_the_better_scores(scores):
    good, bad = scores["good"], scores["bad"]
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


def test_score_encoder__notes_of_clusters_name_the_method(scores):
    assert any(note.startswith("HDBSCAN: ") for note in scores["bad"].cluster_notes)
    assert not any("distinct" in note for note in scores["bad"].notes)


def test_score_encoder__across_blocks_with_intervals(case, scores):
    good, bad = scores["good"], scores["bad"]
    assert (good.n_blocks, good.block_side, good.block_unit) == (20, 50, "m")
    assert good.n_scenes == 2
    assert bad.balanced_accuracy_across_blocks < 0.6
    assert good.accuracy("chips") == (good.balanced_accuracy, good.balanced_accuracy_interval)
    for held_out in ("chips", "blocks"):
        accuracy, (low, high) = bad.accuracy(held_out)
        assert low < accuracy < high
        assert 0.05 < high - low < 0.35
    # Two scenes are too few for an interval.
    assert good.balanced_accuracy_across_scenes_interval is None
    notes = " ".join(good.notes)
    assert "The chips lie in 20 blocks of 50 m. The 95 % intervals are from 4000 draws" in notes
    assert "no interval across scenes: there are 2, and an interval needs at least 10." in notes
    votes = good.votes["blocks"]
    assert votes.accuracy == good.balanced_accuracy_across_blocks
    assert len(np.unique(np.column_stack([votes.groups, BLOCKS.codes]), axis=0)) == 20


def test_score_encoder__all_chips_in_one_block_and_scene(case):
    embeddings, truth, _ = case
    blocks = replace(BLOCKS, codes=np.zeros(150, np.int32))
    scores = score_encoder(embeddings["good"], truth, ["a"] * 150, blocks, "class", SETTINGS)
    assert scores.balanced_accuracy > 0.97
    assert scores.balanced_accuracy_across_blocks is None
    assert scores.balanced_accuracy_across_blocks_interval is None
    assert (scores.n_blocks, scores.n_scenes) == (0, 0)
    notes = " ".join(scores.notes)
    assert "No class occurs in two of the 1 blocks" not in notes
    assert "All chips lie in one block of 50 m, so there is no accuracy across blocks." in notes
    assert "No class occurs in two scenes" in notes


def test_score_encoder__classes_in_few_blocks(case):
    embeddings, truth, scenes = case
    # Trees are in blocks 0 and 1, and boats in block 2 only.
    codes = np.where(np.array(truth) == "tree", np.arange(150) % 2, BLOCKS.codes)
    codes = np.where(np.array(truth) == "boat", 2, codes).astype(np.int32)
    blocks = replace(BLOCKS, codes=codes)
    scores = score_encoder(embeddings["good"], truth, scenes, blocks, "class", SETTINGS)
    notes = " ".join(scores.notes)
    assert "because their class occurs in one block only: 50." in notes
    assert "because some classes occur in few blocks: tree (2)." in notes


def test_score_encoder__silhouette_of_the_classes_among_the_components(case, scores):
    # With all components, distances are those between the standardised columns.
    columns = StandardScaler().fit_transform(case[0]["good"])
    assert scores["good"].silhouette == pytest.approx(silhouette_score(columns, case[1]), abs=1e-4)


def test_score_encoder__chips_without_a_value_are_left_out(case):
    embeddings, truth, scenes = case
    some = [None if row % 10 == 0 else value for row, value in enumerate(truth)]
    scores = score_encoder(embeddings["good"], some, scenes, BLOCKS, "class", SETTINGS)
    assert scores.n == 135
    assert scores.nmi_gmm > 0.95
    assert any("15 of 150 chips have no class" in note for note in scores.notes)


def test_score_encoder__added_properties_are_not_part_of_the_embedding(case, scores):
    with_width = replace(SETTINGS, reduction=ReductionSettings(width=1.0))
    assert score_all(*case, with_width) == scores


def test_silhouette__on_a_sample(monkeypatch):
    monkeypatch.setattr(encoder_scores, "SILHOUETTE_SAMPLE", 50)
    points = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    codes = (points[:, 0] > 0).astype(np.int32)
    exact = silhouette_score(points, codes)
    assert encoder_scores._silhouette(points, codes) == pytest.approx(exact, abs=0.1)
    assert encoder_scores._silhouette(points, codes * 0) is None
    assert encoder_scores._silhouette(points[:3], np.arange(3, dtype=np.int32)) is None


def test_score_encoder__one_class_or_equal_embeddings(case):
    embeddings, truth, scenes = case
    with pytest.raises(TooFewError, match="there is nothing to compare"):
        score_all(embeddings, ["one"] * 150, scenes)
    with pytest.raises(DegenerateError):
        score_all({"same": np.ones((150, 3), np.float32)}, truth, scenes)
