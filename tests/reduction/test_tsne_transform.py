import numpy as np
import pytest
from openTSNE import TSNEEmbedding
from openTSNE.affinity import PerplexityBasedNN

from core.errors import ArtifactError, Cancelled, DegenerateError
from core.reduction import affinities
from core.reduction.tsne import project_tsne
from core.reduction.tsne_transform import transform_tsne
from core.reduction_settings import ProjectionSettings

QUICK = ProjectionSettings(n_iter=60)


def blobs(n, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 5)) + 15 * (np.arange(n) % 3)[:, None]).astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_transform__new_chips_are_placed_among_their_neighbours(metric):
    rng = np.random.default_rng(1)
    centres = np.eye(3, 5) * 20
    points, new = (
        (centres[np.arange(n) % 3] + rng.normal(size=(n, 5))).astype(np.float32) for n in (90, 12)
    )
    settings = ProjectionSettings(n_iter=60, metric=metric)
    projection = project_tsne(points, settings)
    before = projection.coordinates.copy()
    placed = transform_tsne(projection, points, new, settings)
    middles = np.array([before[i::3].mean(axis=0) for i in range(3)])
    nearest = np.linalg.norm(placed[:, None] - middles, axis=2).argmin(axis=1)
    assert nearest.tolist() == (np.arange(12) % 3).tolist()
    assert np.array_equal(projection.coordinates, before)


def test_transform__does_not_depend_on_the_other_new_chips():
    projection = project_tsne(blobs(60), QUICK)
    together = transform_tsne(projection, blobs(60), blobs(9, 1), QUICK)
    alone = transform_tsne(projection, blobs(60), blobs(9, 1)[:3], QUICK)
    assert np.allclose(together[:3], alone, atol=0.5)


def lopsided(n, seed=0):
    """One chip in ten is far from the others, so that the plot's centre is not its mean."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 5)) + 40 * (np.arange(n) % 10 == 0)[:, None]).astype(np.float32)


def test_transform__a_chip_that_exists_is_placed_where_it_is():
    projection = project_tsne(lopsided(300), QUICK)
    placed = transform_tsne(projection, lopsided(300), lopsided(300)[:60], QUICK)
    distances = np.linalg.norm(placed - projection.coordinates[:60], axis=1)
    assert np.median(distances) < np.ptp(projection.coordinates) / 50


def test_transform__as_opentsne_relative_to_the_centre():
    points, new = lopsided(300), lopsided(40, 1)
    projection = project_tsne(points, QUICK)
    reference = PerplexityBasedNN(points, 5, method="exact")
    embedding = TSNEEmbedding(projection.coordinates, reference, negative_gradient_method="bh")
    expected = np.asarray(embedding.transform(new, perplexity=5))
    centre = (projection.coordinates.max(axis=0) + projection.coordinates.min(axis=0)) / 2
    placed = transform_tsne(projection, points, new, QUICK)
    assert np.abs(centre).max() > 1
    assert np.allclose(placed, expected + centre, atol=0.05)


def test_transform__stopped_at_any_report(monkeypatch):
    monkeypatch.setattr(affinities, "_PAIRS_PER_REPORT", 60 * 3)
    projection, notes = project_tsne(blobs(60), QUICK), []
    arguments = (projection, blobs(60), blobs(9, 1), QUICK)
    complete = transform_tsne(*arguments, lambda *step: notes.append(step[2]) or False)
    assert [note.split()[0] for note in notes[:4]] == ["preparing", "finding", "finding", "finding"]
    assert len(notes) > 250
    for last in (1, 3, 100):
        steps = iter(range(last))
        with pytest.raises(Cancelled):
            transform_tsne(*arguments, lambda *_, steps=steps: next(steps, None) is None)
    monkeypatch.undo()
    assert np.allclose(transform_tsne(*arguments), complete, atol=1e-3)


@pytest.mark.parametrize("n", [7, 8, 12])
def test_transform__into_few_chips(n):
    projection = project_tsne(blobs(n), QUICK)
    assert np.isfinite(transform_tsne(projection, blobs(n), blobs(1, 1), QUICK)).all()


def test_transform__no_new_chips():
    projection = project_tsne(blobs(30), QUICK)
    assert transform_tsne(projection, blobs(30), np.empty((0, 5)), QUICK).shape == (0, 2)


def test_transform__invalid_arguments():
    projection = project_tsne(blobs(30), QUICK)
    with pytest.raises(ArtifactError):
        transform_tsne(projection, blobs(29), blobs(3), QUICK)
    with pytest.raises(DegenerateError):
        transform_tsne(projection, blobs(30), np.full((1, 5), np.nan), QUICK)
