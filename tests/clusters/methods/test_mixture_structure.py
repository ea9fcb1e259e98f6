import numpy as np
import pytest

from core.clusters.methods import mixture_structure
from core.clusters.methods.mixture import fit_components
from core.clusters.methods.mixture_structure import (
    Structure,
    choose_structure,
    held_out_sample,
    measure_held_out,
    standard_error,
)
from core.errors import DegenerateError
from core.settings import GmmSettings


def groups(n=240, k=4, d=30, signal=30, seed=0):
    """Return points whose groups differ in the first `signal` columns, with falling variance."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(k, d)) * 3 * (np.arange(d) < signal)
    points = means[np.arange(n) % k] + rng.normal(size=(n, d))
    return points * np.geomspace(3, 0.5, d)


def test_choose_structure__settings_are_kept():
    points = groups()
    assert choose_structure(points, GmmSettings(covariance="full", n_dims=25)) == Structure(
        "full", 25
    )
    assert choose_structure(points, GmmSettings(covariance="diag", n_dims=50)).n_dims == 30
    assert choose_structure(points, GmmSettings(covariance="diag")).covariance == "diag"
    assert choose_structure(points, GmmSettings(n_dims=6)).n_dims == 6


@pytest.mark.parametrize("n", [30, 60, 140, 3000])
def test_choose_structure__at_least_eight_dimensions(n):
    assert choose_structure(groups(n), GmmSettings()).n_dims >= 8
    assert choose_structure(groups(n, d=5), GmmSettings()).n_dims == 5


def test_choose_structure__uses_the_dimensions_that_hold_the_groups():
    assert choose_structure(groups(signal=18), GmmSettings()).n_dims == 18
    # The groups differ in two columns, and each further column is a chance to fit noise.
    assert choose_structure(groups(60, signal=2), GmmSettings()).n_dims == 8


def test_choose_structure__tied_if_all_groups_have_one_shape():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(8, 8))
    means = rng.normal(size=(4, 8)) * 20
    same = means[np.arange(200) % 4] + rng.normal(size=(200, 8)) @ root
    assert choose_structure(same, GmmSettings()).covariance == "tied"
    different = means[np.arange(2000) % 4] + np.concatenate(
        [rng.normal(size=(500, 8)) @ rng.normal(size=(8, 8)) for _ in range(4)]
    ).reshape(4, 500, 8).transpose(1, 0, 2).reshape(2000, 8)
    assert choose_structure(different, GmmSettings()).covariance == "shrunk"


def test_choose_structure__few_chips_are_not_compared(monkeypatch):
    monkeypatch.setattr(mixture_structure, "measure_held_out", None)
    assert choose_structure(groups(20), GmmSettings()) == Structure("shrunk", 8)


def test_choose_structure__survives_fits_that_fail(monkeypatch):
    def fail(*_, **__):
        raise DegenerateError("no inverse")

    monkeypatch.setattr(mixture_structure, "measure_held_out", fail)
    assert choose_structure(groups(), GmmSettings()) == Structure("tied", 8)


def test_choose_structure__does_not_depend_on_seed_or_number():
    points = groups()
    chosen = {choose_structure(points, GmmSettings(k, seed=k)) for k in (2, 7)}
    assert len(chosen) == 1


def test_measure_held_out__each_chip_is_judged_by_a_fit_without_it():
    points = groups(90, d=8)
    structure = Structure("shrunk", 8)
    before = measure_held_out(points, 2, structure, 1e-3)
    fold = np.flatnonzero(np.random.default_rng(0).permutation(90) % 3 == 0)
    moved = points.copy()
    moved[fold[0]] += 100
    after = measure_held_out(moved, 2, structure, 1e-3)
    # The moved chip is unlikely, but the others of its fold are judged as before.
    assert after.log_likelihood[fold[0]] < before.log_likelihood[fold[0]] - 50
    np.testing.assert_allclose(after.log_likelihood[fold[1:]], before.log_likelihood[fold[1:]])
    assert before.labels.shape == (3, 90)


def test_measure_held_out__falls_if_noise_is_fitted():
    points = np.random.default_rng(0).normal(size=(120, 4))
    held_out = [
        measure_held_out(points, k, Structure("full", 4), 1e-3).log_likelihood.mean()
        for k in (1, 12)
    ]
    assert held_out[0] > held_out[1] + 0.2
    fitted = [fit_components(points, k, "full", 1e-3, []).log_likelihood for k in (1, 12)]
    assert fitted[0] < fitted[1]


def test_measure_held_out__unused_columns_count_as_one_gaussian_each():
    points = np.random.default_rng(0).normal(size=(300, 6))
    narrow = measure_held_out(points, 1, Structure("diag", 2), 1e-9, widest=6)
    wide = measure_held_out(points, 1, Structure("diag", 6), 1e-9)
    np.testing.assert_allclose(narrow.log_likelihood, wide.log_likelihood, rtol=1e-5)


def test_stability__one_for_clear_groups_and_low_for_noise():
    clear = measure_held_out(groups(d=8), 4, Structure("shrunk", 8), 1e-3)
    assert clear.stability == pytest.approx(1)
    noise = np.random.default_rng(0).normal(size=(200, 8))
    assert measure_held_out(noise, 4, Structure("shrunk", 8), 1e-3).stability < 0.6


def test_held_out_sample__at_most_two_thousand():
    points = groups(2500, d=3)
    sample = held_out_sample(points)
    assert sample.shape == (2000, 3)
    assert np.array_equal(sample, held_out_sample(points))
    assert held_out_sample(points[:50]) is not None
    assert len(held_out_sample(points[:50])) == 50


def test_standard_error__by_hand():
    assert standard_error(np.array([1.0, 3.0, 1.0, 3.0])) == 0.5
