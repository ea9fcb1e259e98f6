"""Forces and divergence equal their definitions, and openTSNE's without approximation."""

import numpy as np
import pytest
from openTSNE.tsne import kl_divergence_bh
from scipy.sparse import csr_matrix

from core.errors import Cancelled, DegenerateError
from core.reduction import tsne_gradient
from core.reduction.tsne_gradient import TsneGradient, compile_tsne


def groups(n=400, span=60.0, seed=0):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 1, (20, 2))[rng.integers(0, 20, n)] + rng.normal(0, 0.03, (n, 2))
    return positions * span


def exact_repulsion(positions):
    differences = positions[:, None] - positions[None]
    q = 1 / (1 + (differences**2).sum(axis=2))
    return (q[:, :, None] ** 2 * differences).sum(axis=1), q.sum() - len(positions)


def random_affinities(n, seed=0):
    rng = np.random.default_rng(seed)
    matrix = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.2), 1)
    matrix /= 2 * matrix.sum()
    return csr_matrix(matrix), csr_matrix(matrix + matrix.T)


def relative_error(values, expected):
    return np.linalg.norm(values - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("span", [1e-4, 1, 12, 40, 120])
@pytest.mark.parametrize(("n", "tolerance"), [(3, 1e-9), (400, 1e-9), (1500, 0.01)])
def test_repulsion__as_defined(n, tolerance, span):
    positions = groups(n, span)
    forces, total = TsneGradient().repulsion(positions)
    expected, expected_total = exact_repulsion(positions)
    assert relative_error(forces, expected) < tolerance
    assert total == pytest.approx(expected_total, rel=tolerance / 10)


def test_repulsion__more_accurate_than_the_methods_of_opentsne():
    positions = groups(1500, 100)
    expected, _ = exact_repulsion(positions)
    forces, _ = TsneGradient().repulsion(positions)
    barnes_hut, _ = tsne_gradient._barnes_hut_repulsion(positions)
    assert relative_error(forces, expected) < relative_error(barnes_hut, expected) / 2


@pytest.mark.parametrize("step", [0, 1e-12, 0.05])
@pytest.mark.parametrize("n", [8, 1200])
def test_repulsion__equal_points_and_points_on_a_line(n, step):
    positions = np.arange(n)[:, None] * [0, step]
    forces, total = TsneGradient().repulsion(positions)
    expected, expected_total = exact_repulsion(positions)
    assert np.allclose(forces / n, expected / n, atol=1e-3)
    assert total == pytest.approx(expected_total, rel=1e-3)


def test_repulsion__barnes_hut_if_the_mesh_would_be_mostly_empty(monkeypatch):
    positions = np.vstack([groups(600, 20), groups(600, 20, seed=1) + 1e6])
    expected, expected_total = exact_repulsion(positions)
    monkeypatch.setattr(TsneGradient, "_convolve", None)
    forces, total = TsneGradient().repulsion(positions)
    assert relative_error(forces, expected) < 0.05
    assert total == pytest.approx(expected_total, rel=0.02)


def test_repulsion__does_not_depend_on_earlier_positions():
    gradient, positions = TsneGradient(), groups(1200, 30)
    alone = TsneGradient().repulsion(positions)[0]
    for other in (groups(1200, 90), groups(1200, 1e-3), positions):
        repeated = gradient.repulsion(other)[0]
    assert repeated.tobytes() == alone.tobytes()


def test_repulsion__position_of_the_mesh_hardly_matters():
    forces = TsneGradient().repulsion(groups(1200))[0]
    moved = TsneGradient().repulsion(groups(1200)[:, ::-1] + [1000.1, -77.7])[0]
    assert relative_error(moved[:, ::-1], forces) < 0.01


def test_repulsion__positions_not_finite():
    positions = groups()
    positions[3, 1] = np.nan
    with pytest.raises(DegenerateError, match="not finite"):
        TsneGradient().repulsion(positions)


@pytest.mark.parametrize("exaggeration", [1, 12])
@pytest.mark.parametrize("n", [300, 1200])
def test_gradient__as_opentsne_without_approximation(n, exaggeration):
    positions = groups(n, 30)
    pairs, affinities = random_affinities(n)
    options = {"bh_params": {"theta": 0}, "should_eval_error": True}
    expected, expected_gradient = kl_divergence_bh(
        positions, affinities * exaggeration, 1, **options
    )
    value, gradient = TsneGradient()(positions, pairs * exaggeration, should_eval_error=True)
    assert value == pytest.approx(expected, rel=1e-4)
    assert relative_error(gradient, expected_gradient) < 0.005


def test_gradient__divergence_only_on_request():
    positions, (pairs, _) = groups(100), random_affinities(100)
    value, gradient = TsneGradient()(positions, pairs)
    assert value == 0
    requested = TsneGradient()(positions, pairs, should_eval_error=True)[1]
    assert gradient.tobytes() == requested.tobytes()


def test_gradient__pairs_with_affinity_zero():
    positions, (pairs, _) = groups(100), random_affinities(100)
    expected = TsneGradient()(positions, pairs, should_eval_error=True)[0]
    pairs = pairs + csr_matrix(([1.0], ([0], [1])), pairs.shape)
    pairs[0, 1] = 0.0
    assert TsneGradient()(positions, pairs, should_eval_error=True)[0] == pytest.approx(expected)


def test_gradient__stopped_before_an_evaluation():
    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        TsneGradient(stop)(groups(50), random_affinities(50)[0])


def test_compile_tsne__runs():
    compile_tsne()
