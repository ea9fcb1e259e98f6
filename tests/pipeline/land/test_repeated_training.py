"""Stability over draws of training pixels, and the optimism gap."""

import numpy as np
import pytest

from core.land.evaluation.confusion import mean_iou
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land import repeated_training
from core.pipeline.land.repeated_training import REPEATS, RepeatedRun, Stability, repeat_training
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import StudyRun

PLAIN = FeatureSpec()


@pytest.fixture(scope="module")
def run(workspace):
    return StudyRun(Study(workspace, StudySettings()), MethodSettings(), PLAIN)


def test_repeats__equal_amounts_of_training_pixels_none_of_them_judged(run, monkeypatch):
    tables = []
    train = repeated_training._train_and_judge

    def record(run, table, judges):
        tables.append((table.pixel_numbers(), judges.pixel_numbers()))
        return train(run, table, judges)

    monkeypatch.setattr(repeated_training, "_train_and_judge", record)
    stability = REPEATS.open(REPEATS.make(run.study.workspace.store, RepeatedRun(run, 2)))
    assert stability.counts.shape == stability.familiar.shape == (2, 2, 13, 13)
    assert len(tables) == 8
    for fold in (tables[:4], tables[4:]):
        sizes = {len(training) for training, _ in fold}
        assert len(sizes) == 1
        assert all(not np.isin(training, judged).any() for training, judged in fold)
        # The same held-out pixels judge all models of a fold.
        assert len({judged.tobytes() for _, judged in fold}) == 1
    first, second = tables[0][0], tables[2][0]
    assert len(np.intersect1d(first, second)) < 0.5 * len(first)
    assert stability.n_pixels == sum(len(t) for t, _ in (tables[0], tables[4])) // 2


def test_repeats__models_that_know_the_domains_score_higher(run):
    stability = repeat_training(run, 3)
    gap, low, high = stability.gap
    familiar = mean_iou(stability.familiar.sum(axis=1)).mean()
    assert gap == pytest.approx(familiar - stability.mious.mean())
    assert low <= gap <= high
    assert gap > 0.03
    assert "optimism gap +0." in stability.gap_text
    assert "negative" not in stability.gap_text
    assert stability.interval is None
    assert "clusters" not in stability.lines[0]
    assert repeat_training(run, 3).gap == stability.gap


def test_repeats__clusters_of_each_draw(workspace):
    kmeans = MethodSettings("kmeans", n_clusters=7)
    run = StudyRun(Study(workspace, StudySettings(protocol="test")), kmeans, PLAIN)
    stability = repeat_training(run, 2)
    assert stability.n_clusters.tolist() == [[7], [7]]
    assert stability.familiar is None
    assert stability.gap is None
    assert not stability.gap_text
    assert "7 to 7 clusters over 2 draws" in stability.lines[0]


def made_up(hits, familiar_hits, n_areas=2):
    """Stability of models with these numbers of correct pixels, of 100, in each draw."""

    def count(values):
        counts = np.zeros((len(values), n_areas, 13, 13), np.int64)
        for draw, value in enumerate(values):
            counts[draw, :, 0, 0] = counts[draw, :, 1, 1] = value
            counts[draw, :, 0, 1] = counts[draw, :, 1, 0] = 100 - value
        return counts

    return Stability(count(hits), count(familiar_hits), np.zeros((len(hits), 1), int), 50)


def test_gap__negative_is_explained():
    stability = made_up([80, 82, 81], [70, 75, 72])
    assert stability.gap[0] < 0
    assert stability.gap[2] < 0
    assert "It is negative: with as many training pixels" in stability.gap_text


def test_stability__interval_over_draws_and_areas():
    assert made_up([60, 70], [80, 81]).interval is None
    stability = made_up([60, 70], [80, 81], n_areas=8)
    assert (stability.interval.n_models, stability.interval.n_units) == (2, 8)
    low, high = stability.mious
    assert (stability.interval.low, stability.interval.high) == (low, high)
    assert "95 % over 2 training draws and 8 areas" in stability.lines[1]


def test_gap__undefined_without_pixels():
    empty = np.zeros((2, 2, 13, 13), np.int64)
    assert Stability(empty, empty, np.zeros((2, 1), int), 0).gap is None
