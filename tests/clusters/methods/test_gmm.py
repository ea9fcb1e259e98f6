import numpy as np
import pytest

from core.clusters.methods.gmm import SHAPES, choose_shape, count_parameters, fit_gmm, fit_mixture
from core.errors import Cancelled, DegenerateError, TooFewError
from core.settings import GmmSettings


def blobs(n=300, k=3, d=5, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) + 10 * (np.arange(n) % k)[:, None]).astype(np.float32)


@pytest.mark.parametrize(
    ("covariance", "count"), [("full", 119), ("tied", 49), ("diag", 71), ("spherical", 47)]
)
def test_count_parameters__by_hand(covariance, count):
    # 7 weights, 8 x 4 means, and 8 x 10, 10, 8 x 4 or 8 parameters of the covariances.
    assert count_parameters(8, 4, covariance) == count


@pytest.mark.parametrize(
    ("n", "k", "expected"),
    [
        (20_000, 8, ("full", 10)),
        (3000, 8, ("full", 10)),
        (900, 8, ("tied", 10)),
        (700, 8, ("spherical", 10)),
        (200, 7, ("tied", 3)),
        (40, 8, ("spherical", 1)),
    ],
)
def test_choose_shape__auto(n, k, expected):
    assert choose_shape(n, k, GmmSettings(), 50) == expected


@pytest.mark.parametrize("n", [150, 300, 700, 1500, 5000])
@pytest.mark.parametrize("k", [2, 5, 12])
def test_choose_shape__parameters_stay_below_a_fifth_of_the_chips(n, k):
    shape, d = choose_shape(n, k, GmmSettings(), 50)
    assert count_parameters(k, d, shape) < n / 5


def test_choose_shape__settings_are_kept():
    assert choose_shape(100, 8, GmmSettings(covariance="full", n_dims=50), 50) == ("full", 50)
    assert choose_shape(1000, 8, GmmSettings(covariance="diag"), 50) == ("diag", 10)
    assert choose_shape(390, 8, GmmSettings(n_dims=6), 50) == ("tied", 6)
    assert choose_shape(380, 8, GmmSettings(n_dims=6), 50) == ("spherical", 6)
    assert choose_shape(20_000, 8, GmmSettings(n_dims=30), 20)[1] == 20


@pytest.mark.parametrize("covariance", SHAPES)
def test_fit_gmm__finds_blobs_with_each_covariance(covariance):
    labelling = fit_gmm(blobs(), GmmSettings(n_components=3, covariance=covariance))
    assert labelling.labels.tolist() == [0, 1, 2] * 100
    assert labelling.confidence.min() > 0.99
    assert labelling.facts["covariance"] == covariance
    assert labelling.notes == ()


def test_fit_gmm__same_bytes_twice():
    settings = GmmSettings(n_components=6)
    first, second = fit_gmm(blobs(), settings), fit_gmm(blobs(), settings)
    assert first.labels.tobytes() == second.labels.tobytes()
    assert first.confidence.tobytes() == second.confidence.tobytes()
    assert first.facts == second.facts


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
    monkeypatch.setattr("core.clusters.methods.gmm._MAX_ITERATIONS", 1)
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
