import numpy as np
import pytest

from core.errors import ArtifactError, Cancelled, DegenerateError, SettingsError, TooFewError
from core.reduction import affinities, tsne
from core.reduction.tsne import Projection, effective_perplexity, metric_space, project_tsne
from core.settings import ProjectionSettings

QUICK = ProjectionSettings(n_iter=60)


def blobs(n=90, d=6, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, d)) + 12 * (np.arange(n) % 3)[:, None]
    centred = points - points.mean(axis=0)
    return (centred @ np.linalg.svd(centred, full_matrices=False)[2].T).astype(np.float32)


@pytest.mark.parametrize(
    ("n", "setting", "perplexity"),
    [(91, 0, 30), (1000, 0, 30), (31, 0, 10), (7, 0, 2), (31, 10, 10)],
)
def test_effective_perplexity__default_and_explicit(n, setting, perplexity):
    assert effective_perplexity(n, ProjectionSettings(perplexity=setting)) == perplexity


@pytest.mark.parametrize(
    ("n", "setting", "largest"), [(31, 10.1, "10"), (90, 30, "29.6"), (40, 1, "13")]
)
def test_effective_perplexity__error_names_the_largest_value(n, setting, largest):
    with pytest.raises(SettingsError, match=f"Set it to {largest} or less") as caught:
        effective_perplexity(n, ProjectionSettings(perplexity=setting))
    assert caught.value.where == "perplexity"
    assert effective_perplexity(n, ProjectionSettings(perplexity=float(largest))) == float(largest)


@pytest.mark.parametrize("n", [0, 1, 4, 6])
def test_project__too_few_chips(n):
    with pytest.raises(TooFewError, match=f"there are {n}"):
        project_tsne(np.ones((n, 3), np.float32), QUICK)


def test_project__separates_blobs():
    points = project_tsne(blobs(), QUICK).coordinates
    centres = np.array([points[i::3].mean(axis=0) for i in range(3)])
    radius = max(np.linalg.norm(points[i::3] - centres[i], axis=1).max() for i in range(3))
    gaps = [np.linalg.norm(centres[i] - centres[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(gaps) > 2 * radius


def test_project__same_bytes_twice():
    first, second = project_tsne(blobs(), QUICK), project_tsne(blobs(), QUICK)
    assert first.coordinates.tobytes() == second.coordinates.tobytes()
    assert first.kl_divergence == second.kl_divergence
    assert first.perplexity == pytest.approx(89 / 3)


def test_project__seed_matters():
    first, second = (
        project_tsne(blobs(), ProjectionSettings(n_iter=60, seed=seed)) for seed in (0, 1)
    )
    assert first.coordinates.tobytes() != second.coordinates.tobytes()


def test_project__progress_covers_both_phases():
    reports = []
    project_tsne(blobs(), QUICK, lambda *step: reports.append(step))
    completed, totals, notes = zip(*reports, strict=True)
    assert list(completed) == sorted(completed)
    assert completed[0] == 0
    assert completed[-1] == 310
    assert {240, 250, 260, 300} <= set(completed)
    assert set(totals) == {310}
    assert any("early" in note for note in notes)
    assert any("optimising" in note for note in notes)


@pytest.mark.parametrize("last", [0, 100, 280])
def test_project__cancelled_in_each_phase(last):
    iterations = []

    def stop(completed, total, note):
        iterations.append(completed)
        return completed >= last

    with pytest.raises(Cancelled):
        project_tsne(blobs(), QUICK, stop)
    assert iterations[-1] == last


def test_project__cancelled_between_blocks_of_neighbours(monkeypatch):
    monkeypatch.setattr(affinities, "_PAIRS_PER_REPORT", 90 * 30)
    notes = []

    def stop(completed, total, note):
        notes.append(note)
        return "67%" in note or completed > 0

    with pytest.raises(Cancelled):
        project_tsne(blobs(), QUICK, stop)
    assert notes[-1] == "finding neighbours of 90 chips, 67%"


def test_project__slow_iterations_can_be_stopped_one_by_one(monkeypatch):
    monkeypatch.setattr(tsne, "_SECONDS_PER_REPORT", -1.0)
    steps = []
    complete = project_tsne(blobs(), QUICK, lambda *step: steps.append(step) or False)
    assert len(steps) > 310
    assert [step[0] for step in steps] == sorted(step[0] for step in steps)
    calls = []

    def stop(*step):
        calls.append(step)
        return len(calls) == 100

    with pytest.raises(Cancelled):
        project_tsne(blobs(), QUICK, stop)
    assert len(calls) == 100
    monkeypatch.undo()
    assert np.array_equal(project_tsne(blobs(), QUICK).coordinates, complete.coordinates)


def test_project__same_bytes_with_any_number_of_threads(monkeypatch):
    results = []
    for n_threads in (1, 3):
        monkeypatch.setattr(
            "core.compute.work_streams.n_workers", lambda n_threads=n_threads: n_threads
        )
        results.append(project_tsne(blobs(), QUICK).coordinates.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("n", [7, 8, 12])
def test_project__few_chips(n):
    assert np.isfinite(project_tsne(blobs(n), QUICK).coordinates).all()


def test_project__one_column_and_duplicates():
    points = np.repeat(np.arange(10, dtype=np.float32), 3)[:, None]
    projection = project_tsne(points, QUICK)
    assert np.isfinite(projection.coordinates).all()
    assert projection.coordinates[:, 1].std() > 0


@pytest.mark.parametrize("points", [np.ones((20, 3)), np.full((20, 3), np.nan)])
def test_project__degenerate_points(points):
    with pytest.raises(DegenerateError):
        project_tsne(points.astype(np.float32), QUICK)


def test_projection__coordinates_not_finite_pairs():
    with pytest.raises(ArtifactError):
        Projection(np.zeros((5, 3), np.float32), 1.0, 5.0)
    with pytest.raises(ArtifactError):
        Projection(np.full((5, 2), np.nan, np.float32), 1.0, 5.0)


@pytest.mark.parametrize("initialisation", ["pca", "spectral", "random"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_project__each_start_and_metric_is_reproducible(initialisation, metric):
    settings = ProjectionSettings(n_iter=60, initialisation=initialisation, metric=metric)
    first, second = project_tsne(blobs(), settings), project_tsne(blobs(), settings)
    assert first.coordinates.tobytes() == second.coordinates.tobytes()
    other = project_tsne(blobs(), ProjectionSettings(n_iter=60))
    is_default = (initialisation, metric) == ("pca", "euclidean")
    assert np.array_equal(first.coordinates, other.coordinates) == is_default


def test_metric_space__cosine_ranks_as_scikit_learn():
    from sklearn.metrics.pairwise import cosine_distances

    points = blobs(20)
    unit = metric_space(points, "cosine")
    squared = ((unit[:, None].astype(float) - unit[None]) ** 2).sum(axis=2)
    assert np.allclose(squared / 2, cosine_distances(points), atol=1e-6)
    assert metric_space(points, "euclidean") is points


@pytest.mark.parametrize("initialisation", ["pca", "spectral", "random"])
def test_project__points_at_the_origin_and_duplicates(initialisation):
    points = np.vstack([np.zeros((4, 3)), np.repeat(np.eye(3), 4, axis=0)]).astype(np.float32)
    settings = ProjectionSettings(n_iter=60, metric="cosine", initialisation=initialisation)
    assert np.isfinite(project_tsne(points, settings).coordinates).all()


def test_project__watched_layouts_do_not_change_the_result():
    layouts = []
    watched = project_tsne(blobs(), QUICK, watch=lambda layout: layouts.append(layout.copy()))
    assert np.array_equal(watched.coordinates, project_tsne(blobs(), QUICK).coordinates)
    assert {layout.shape for layout in layouts} == {(90, 2)}
    assert {layout.dtype for layout in layouts} == {np.dtype(np.float32)}
    assert not np.array_equal(layouts[0], layouts[-1])
