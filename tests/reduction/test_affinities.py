"""The affinities equal those of openTSNE with exact neighbours."""

import numpy as np
import pytest
from openTSNE.affinity import PerplexityBasedNN

from core.errors import Cancelled
from core.reduction import affinities
from core.reduction.affinities import neighbour_affinities


def cloud(n, d=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize(("n", "perplexity"), [(7, 2), (40, 13), (90, 89 / 3), (500, 30)])
def test_affinities__as_opentsne(n, perplexity):
    pairs = neighbour_affinities(cloud(n), perplexity)
    expected = PerplexityBasedNN(cloud(n), perplexity, method="exact").P.toarray()
    assert np.allclose((pairs + pairs.T).toarray(), expected, rtol=1e-4, atol=1e-9)


def test_affinities__each_pair_once():
    pairs = neighbour_affinities(cloud(200), 20).tocoo()
    assert (pairs.row < pairs.col).all()
    assert len(set(zip(pairs.row.tolist(), pairs.col.tolist(), strict=True))) == pairs.nnz
    assert pairs.sum() == pytest.approx(0.5)
    assert (pairs.data >= 0).all()


def test_affinities__more_equal_points_than_neighbours():
    points = np.repeat(cloud(3), 40, axis=0)
    pairs = neighbour_affinities(points, 5)
    assert np.isfinite(pairs.data).all()
    assert pairs.diagonal().sum() == 0
    rows, columns = pairs.nonzero()
    assert (points[rows] == points[columns]).all()


def test_affinities__the_size_of_blocks_does_not_matter(monkeypatch):
    complete = neighbour_affinities(cloud(300), 10)
    monkeypatch.setattr(affinities, "_PAIRS_PER_REPORT", 300 * 7)
    blocks = neighbour_affinities(cloud(300), 10)
    assert np.allclose(blocks.toarray(), complete.toarray(), rtol=1e-9)


def test_affinities__the_number_of_threads_does_not_matter(monkeypatch):
    results = []
    for n_threads in (1, 3):
        monkeypatch.setattr(
            "core.compute.work_streams.n_workers", lambda n_threads=n_threads: n_threads
        )
        results.append(neighbour_affinities(cloud(500), 30))
    assert results[0].data.tobytes() == results[1].data.tobytes()
    assert results[0].indices.tobytes() == results[1].indices.tobytes()


def test_affinities__stopped_after_any_block(monkeypatch):
    monkeypatch.setattr(affinities, "_PAIRS_PER_REPORT", 300 * 50)
    steps = []
    neighbour_affinities(cloud(300), 10, lambda *step: steps.append(step) or False)
    assert [completed for completed, _, _ in steps[:7]] == [0, 0, 50, 100, 150, 200, 250]
    for last in range(len(steps)):
        calls = []

        def stop(*step, calls=calls, last=last):
            calls.append(step)
            return len(calls) > last

        with pytest.raises(Cancelled):
            neighbour_affinities(cloud(300), 10, stop)
        assert calls == steps[: last + 1]
