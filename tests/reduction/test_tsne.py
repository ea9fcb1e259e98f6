import numpy as np
import pytest

from core.errors import ArtifactError, Cancelled, DegenerateError, SettingsError, TooFewError
from core.reduction.tsne import Projection, chosen_perplexity, project
from core.settings import ProjectionSettings

QUICK = ProjectionSettings(n_iter=60)


def blobs(n=90, d=6, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, d)) + 12 * (np.arange(n) % 3)[:, None]
    centred = points - points.mean(axis=0)
    return (centred @ np.linalg.svd(centred, full_matrices=False)[2].T).astype(np.float32)


@pytest.mark.parametrize(
    ("n", "asked", "used"), [(91, 0, 30), (1000, 0, 30), (31, 0, 10), (7, 0, 2), (31, 10, 10)]
)
def test_chosen_perplexity__auto_and_set(n, asked, used):
    assert chosen_perplexity(n, ProjectionSettings(perplexity=asked)) == used


@pytest.mark.parametrize(
    ("n", "asked", "largest"), [(31, 10.1, "10"), (90, 30, "29.6"), (40, 1, "13")]
)
def test_chosen_perplexity__refused_with_the_largest_that_works(n, asked, largest):
    with pytest.raises(SettingsError, match=f"Set it to {largest} or less") as caught:
        chosen_perplexity(n, ProjectionSettings(perplexity=asked))
    assert caught.value.where == "perplexity"
    assert chosen_perplexity(n, ProjectionSettings(perplexity=float(largest))) == float(largest)


@pytest.mark.parametrize("n", [0, 1, 4, 6])
def test_project__too_few(n):
    with pytest.raises(TooFewError, match=f"there are {n}"):
        project(np.ones((n, 3), np.float32), QUICK)


def test_project__keeps_blobs_apart():
    picture = project(blobs(), QUICK).coordinates
    centres = np.array([picture[i::3].mean(axis=0) for i in range(3)])
    radius = max(np.linalg.norm(picture[i::3] - centres[i], axis=1).max() for i in range(3))
    gaps = [np.linalg.norm(centres[i] - centres[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(gaps) > 2 * radius


def test_project__same_bytes_twice():
    first, second = project(blobs(), QUICK), project(blobs(), QUICK)
    assert first.coordinates.tobytes() == second.coordinates.tobytes()
    assert first.kl_divergence == second.kl_divergence
    assert first.perplexity == pytest.approx(89 / 3)


def test_project__seed_matters():
    other = project(blobs(), ProjectionSettings(n_iter=60, seed=1))
    assert other.coordinates.tobytes() != project(blobs(), QUICK).coordinates.tobytes()


def test_project__progress_covers_both_phases():
    seen = []
    project(blobs(), QUICK, lambda done, total, note: seen.append((done, total, note)))
    done = [entry[0] for entry in seen]
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] == 310
    assert {240, 250, 260, 300} <= set(done)
    assert {entry[1] for entry in seen} == {310}
    assert any("early" in entry[2] for entry in seen)
    assert any("optimising" in entry[2] for entry in seen)


@pytest.mark.parametrize("at", [0, 100, 280])
def test_project__cancel_in_each_phase(at):
    seen = []

    def stop(done, total, note):
        seen.append(done)
        return done >= at

    with pytest.raises(Cancelled):
        project(blobs(), QUICK, stop)
    assert seen[-1] == at


@pytest.mark.parametrize("n", [7, 8, 12])
def test_project__few_chips(n):
    assert np.isfinite(project(blobs(n), QUICK).coordinates).all()


def test_project__one_column_and_duplicates():
    points = np.repeat(np.arange(10, dtype=np.float32), 3)[:, None]
    picture = project(points, QUICK)
    assert np.isfinite(picture.coordinates).all()
    assert picture.coordinates[:, 1].std() > 0


@pytest.mark.parametrize("points", [np.ones((20, 3)), np.full((20, 3), np.nan)])
def test_project__degenerate(points):
    with pytest.raises(DegenerateError):
        project(points.astype(np.float32), QUICK)


def test_projection__checks_itself():
    with pytest.raises(ArtifactError):
        Projection(np.zeros((5, 3), np.float32), 1.0, 5.0)
    with pytest.raises(ArtifactError):
        Projection(np.full((5, 2), np.nan, np.float32), 1.0, 5.0)
