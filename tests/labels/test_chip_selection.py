import numpy as np
import pytest

from core.labels import chip_selection
from core.labels.chip_selection import MOST_COMPARED, N_MEDOIDS, choose_next_chips

NONE = np.empty(0, np.int64)


def make_groups(sizes, seed=0, spread=0.3):
    """Return well separated groups of points and the group of each."""
    random = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    centres = 8 * np.eye(len(sizes), 20)
    points = centres[codes] + random.normal(0, spread, (len(codes), 20))
    return points.astype(np.float32), codes


def test_choose_next_chips__sees_every_group_within_the_first_medoids():
    points, codes = make_groups([200, 60, 20, 20, 5, 5])
    chosen = choose_next_chips(points, NONE, NONE, N_MEDOIDS)
    assert set(codes[[chip.row for chip in chosen]]) == set(codes)
    assert not any(chip.by_uncertainty for chip in chosen)


def test_choose_next_chips__one_by_one_visits_every_cluster_once():
    points, codes = make_groups([40] * N_MEDOIDS)
    rows = []
    for _ in range(N_MEDOIDS):
        labelled = np.array(rows, np.int64)
        rows.append(choose_next_chips(points, labelled, codes[labelled])[0].row)
    assert sorted(codes[rows]) == list(range(N_MEDOIDS))


def test_choose_next_chips__then_prefers_uncertain_chips():
    # Two groups that touch along the first axis: the boundary is uncertain.
    random = np.random.default_rng(1)
    points = random.normal(0, 1, (400, 3)).astype(np.float32)
    codes = (points[:, 0] > 0).astype(np.int32)
    rows = random.choice(400, 40, replace=False)
    chosen = choose_next_chips(points, rows, codes[rows], 10)
    assert all(chip.by_uncertainty for chip in chosen)
    distance = np.abs(points[[chip.row for chip in chosen], 0])
    assert np.median(distance) < 0.7 * np.median(np.abs(points[:, 0]))


def test_choose_next_chips__proposes_neither_labelled_nor_skipped_chips_nor_repeats():
    points, codes = make_groups([30, 30])
    rows, skipped = np.arange(0, 30, 2), [31, 33]
    chosen = [chip.row for chip in choose_next_chips(points, rows, codes[rows], 60, skipped)]
    assert len(chosen) == len(set(chosen)) == 60 - len(rows) - len(skipped)
    assert not set(chosen) & {*rows.tolist(), *skipped}


def test_choose_next_chips__stays_within_the_candidates():
    points, _ = make_groups([50, 50])
    candidates = np.arange(10, 40)
    chosen = choose_next_chips(points, NONE, NONE, 20, candidates=candidates)
    assert {chip.row for chip in chosen} <= set(candidates.tolist())


@pytest.mark.parametrize("n", [1, 2, 5])
def test_choose_next_chips__accepts_few_or_equal_chips(n):
    points = np.zeros((n, 3), np.float32)
    assert len(choose_next_chips(points, NONE, NONE, 1)) == 1
    everything = np.arange(n)
    assert choose_next_chips(points, everything, np.zeros(n, np.int32), 1) == []


def test_choose_next_chips__is_reproducible_and_estimates_numbers_from_a_sample():
    points, codes = make_groups([3 * MOST_COMPARED, MOST_COMPARED])
    chosen = choose_next_chips(points, NONE, NONE, 3)
    assert chosen == choose_next_chips(points, NONE, NONE, 3)
    total = sum(chip.n_represented for chip in choose_next_chips(points, NONE, NONE, N_MEDOIDS))
    assert total == pytest.approx(len(codes), rel=0.01)


def test_choose__a_few_unclear_chips_count_more_than_many_fairly_clear_ones(monkeypatch):
    labelled = np.zeros((N_MEDOIDS, 2), np.float32)
    labelled[:, 1] = np.linspace(0, 0.01, N_MEDOIDS)
    clear, unclear = np.full((8, 2), [10, 0], np.float32), np.full((3, 2), [-10, 0], np.float32)
    uncertainty = np.repeat([0.0, 0.5, 1.0], [N_MEDOIDS, 8, 3])
    monkeypatch.setattr(chip_selection, "_uncertainty", lambda *_: uncertainty)
    points, rows = np.vstack([labelled, clear, unclear]), np.arange(N_MEDOIDS)
    chosen = choose_next_chips(points, rows, rows % 2)[0]
    assert chosen.row >= N_MEDOIDS + 8
    assert chosen.n_represented == 3
