import re

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.metrics import adjusted_rand_score

from core.clusters.methods import mixture
from core.clusters.methods.gmm import fit_gmm, fit_mixture
from core.clusters.methods.mixture import SHAPES, log_densities
from core.clusters.methods.row_sample import random_rows
from core.errors import Cancelled, DegenerateError, TooFewError
from core.settings import GmmSettings


def blobs(n=300, k=3, d=5, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) + 10 * (np.arange(n) % k)[:, None]).astype(np.float32)


@pytest.mark.parametrize("covariance", SHAPES)
def test_fit_gmm__finds_blobs_with_each_covariance(covariance):
    labelling = fit_gmm(blobs(330), GmmSettings(n_components=3, covariance=covariance))
    assert labelling.labels.tolist() == [0, 1, 2] * 110
    assert labelling.confidence.min() > 0.99
    assert labelling.facts["covariance"] == covariance
    assert labelling.notes == ()


def test_fit_gmm__same_bytes_twice():
    settings = GmmSettings(n_components=6)
    first, second = fit_gmm(blobs(), settings), fit_gmm(blobs(), settings)
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.confidence.tobytes() == second.confidence.tobytes()
    assert first.facts == second.facts


@pytest.mark.parametrize("covariance", ["shrunk", "tied", "diag"])
def test_fit_gmm__many_chips_get_the_densities_of_a_sample(monkeypatch, covariance):
    points = blobs(1200) * np.float32(0.25)
    settings = GmmSettings(n_components=3, covariance=covariance, n_dims=5)
    full = fit_gmm(points, settings)
    monkeypatch.setattr(mixture, "MAX_FITTED", 400)
    sampled, fitted = fit_gmm(points, settings), fit_mixture(points, settings)
    assert len(sampled) == 1200
    assert adjusted_rand_score(full.labels, sampled.labels) > 0.9
    assert sampled.facts["n_sampled"] == 400
    assert sampled.notes[0].startswith("The mixture was fitted to a random sample of 400 of 1,200")
    assert "n_sampled" not in full.facts
    # The parameters are those of the sample alone, the likelihood is that of all chips.
    own = fit_mixture(points[random_rows(1200, 400)], settings)
    np.testing.assert_allclose(np.sort(fitted.means, axis=0), np.sort(own.means, axis=0))
    densities = log_densities(fitted, points.astype(np.float64))
    assert fitted.log_likelihood == pytest.approx(logsumexp(densities, axis=1).mean(), rel=1e-6)


def test_fit_gmm__row_order_only_renumbers():
    points = blobs()
    order = np.random.default_rng(1).permutation(len(points))
    settings = GmmSettings(n_components=3)
    shuffled = fit_gmm(points[order], settings).labels
    pairs = set(
        zip(fit_gmm(points, settings).labels[order].tolist(), shuffled.tolist(), strict=True)
    )
    assert len(pairs) == 3


@pytest.mark.parametrize("seed", range(4))
def test_fit_mixture__components_in_the_order_of_the_labels(seed):
    rng = np.random.default_rng(0)
    sizes = (50, 200, 100)
    points = np.concatenate([rng.normal(10 * i, 1, (n, 2)) for i, n in enumerate(sizes)])
    mixture = fit_mixture(points.astype(np.float32), GmmSettings(n_components=3, seed=seed))
    np.testing.assert_allclose(mixture.weights, np.array([200, 100, 50]) / 350, atol=1e-3)
    np.testing.assert_allclose(mixture.means[:, 0], [10, 20, 0], atol=0.5)
    assert mixture.responsibilities.argmax(axis=1).tolist() == [2] * 50 + [0] * 200 + [1] * 100


def test_fit_gmm__notes_too_many_parameters():
    labelling = fit_gmm(blobs(60), GmmSettings(n_components=3, covariance="full", n_dims=5))
    assert labelling.facts["n_parameters"] == 62
    assert "62 parameters for 60 chips" in labelling.notes[0]


def test_fit_gmm__notes_fewer_principal_components_than_requested():
    labelling = fit_gmm(blobs(), GmmSettings(n_components=2, n_dims=50))
    assert labelling.facts["n_dims"] == 5
    assert labelling.notes[0] == (
        "50 principal components were requested, but only 5 are available."
    )


def test_fit_gmm__notes_that_the_fit_did_not_converge(monkeypatch):
    monkeypatch.setattr("core.clusters.methods.mixture.MAX_ITERATIONS", 1)
    points = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    assert any("did not converge" in note for note in fit_gmm(points, GmmSettings()).notes)


def test_fit_gmm__notes_collapsed_components():
    points = np.concatenate([blobs(300, 1), np.full((40, 5), 30, np.float32)])
    labelling = fit_gmm(points, GmmSettings(n_components=2, covariance="full"))
    assert any("Gaussian 1 has collapsed" in note for note in labelling.notes)


def test_fit_gmm__collapse_without_regularisation_is_an_error():
    points = np.concatenate([blobs(300, 1), np.full((40, 5), 30, np.float32)])
    settings = GmmSettings(n_components=2, covariance="full", regularisation=0)
    with pytest.raises(DegenerateError, match="regularisation"):
        fit_gmm(points, settings)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.arange(10.0).reshape(5, 2), "8 Gaussians need at least 8 chips, got 5"),
        (np.repeat(np.arange(6.0).reshape(3, 2), 9, axis=0), "8 different chips, got 3"),
    ],
)
def test_fit_gmm__too_few(points, message):
    with pytest.raises(TooFewError, match=message):
        fit_gmm(points.astype(np.float32), GmmSettings())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_fit_gmm__not_finite(bad):
    points = blobs()
    points[0, 0] = bad
    with pytest.raises(DegenerateError, match="not finite"):
        fit_gmm(points, GmmSettings())


def test_fit_gmm__progress_and_cancel():
    steps = []

    def stop_at_second(step, total, note):
        steps.append((step, total))
        return step == 2

    with pytest.raises(Cancelled):
        fit_gmm(blobs(), GmmSettings(n_components=3), stop_at_second)
    assert steps == [(1, 5), (2, 5)]


def test_fit_gmm__one_gaussian():
    assert fit_gmm(blobs(60), GmmSettings(n_components=1)).sizes().tolist() == [60]


def test_fit_gmm__warns_if_the_chips_do_not_support_the_number():
    points = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)
    notes = fit_gmm(points, GmmSettings(8, "shrunk", 8)).notes
    assert "The chips do not support 8 Gaussians" in notes[0]
    assert re.search(r"(no more|on average [\d.]+ times less) likely than", notes[0])
    assert fit_gmm(blobs(200, 4), GmmSettings(4, "shrunk", 5)).notes == ()


def test_fit_gmm__warns_of_few_chips_per_gaussian():
    notes = fit_gmm(blobs(23, 3), GmmSettings()).notes
    assert notes[0].startswith("There are only 23 chips for 8 Gaussians.")
    assert "Set n_components to 4 or less." in notes[0]


def test_fit_gmm__chips_that_differ_may_all_be_in_one_fold():
    fold = np.random.default_rng(0).permutation(12) % 3
    points = np.zeros((12, 3), np.float32)
    points[np.flatnonzero(fold == 0)[:2]] = [[5, 0, 1], [5, 1, 0]]
    labelling = fit_gmm(points, GmmSettings(n_components=2))
    assert labelling.sizes().tolist() == [10, 2]
    assert not any("only" in note for note in fit_gmm(blobs(40, 3), GmmSettings()).notes)


def test_fit_gmm__finds_groups_where_the_chips_are_few_and_the_dimensions_many():
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(0)
    truth = np.arange(70) % 7
    points = (rng.normal(size=(7, 40)) * 1.6)[truth] + rng.normal(size=(70, 40))
    points -= points.mean(axis=0)
    components = np.linalg.svd(points, full_matrices=False)
    scores = (components[0] * components[1]).astype(np.float32)
    labelling = fit_gmm(scores, GmmSettings(n_components=7))
    assert labelling.facts["n_dims"] >= 8
    assert adjusted_rand_score(truth, labelling.labels) > 0.9
