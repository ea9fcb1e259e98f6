import numpy as np
import pytest

from core.clusters.methods.hdbscan_tree import build_tree
from core.errors import SettingsError, TooFewError
from core.flair.models.classifiers import MethodSettings, cluster, fit, named, tree_settings
from core.flair.models.features import Features

RANDOM = np.random.default_rng(0)
CENTRES = RANDOM.uniform(0, 200, (4, 5))
KINDS = np.repeat(np.arange(4), 60)
MATRIX = (CENTRES[KINDS] + RANDOM.normal(0, 3, (240, 5))).astype(np.float32)
LABELS = np.array([2, 5, 7, 11], np.uint8)[KINDS]
FEATURES = Features(MATRIX, 5, ())


def settings(method, **given):
    return MethodSettings(method=method, **given)


@pytest.mark.parametrize("method", ["knn", "hdbscan", "gmm", "kmeans", "boosting"])
def test_fit__separate_classes_are_told_apart(method):
    fitted = fit(FEATURES, LABELS, settings(method, n_clusters=4))
    said = fitted.model.predict(FEATURES, 1)
    assert (said.classes == LABELS).mean() > 0.99
    assert fitted.n_labels > 200
    clustered = method in ("hdbscan", "gmm", "kmeans")
    assert (said.clusters is not None) == clustered
    assert (fitted.naming is not None) == clustered
    assert fitted.n_clusters == (4 if clustered else 0)


@pytest.mark.parametrize("method", ["uniform", "prevalence"])
def test_fit__floors_do_not_look(method):
    model = fit(FEATURES, LABELS, settings(method)).model
    far = Features(MATRIX + 1000, 5, ())
    assert (model.predict(FEATURES, 3).classes == model.predict(far, 3).classes).all()


def test_named__noise_takes_no_part():
    """Noise lies on the queries, yet the clustered pixels vote."""
    matrix = np.array([[0], [1], [2], [50], [51], [52]], np.float32)
    labels = np.array([4, 4, 4, 9, 9, 9], np.uint8)
    clusters = np.array([0, 0, 0, -1, -1, -1], np.int32)
    fitted = named(Features(matrix, 1, ()), labels, clusters, settings("hdbscan"))
    said = fitted.model.predict(Features(np.array([[51]], np.float32), 1, ()), 1)
    assert said.classes.tolist() == [4]
    assert said.clusters.tolist() == [0]
    assert fitted.facts["noise_fraction"] == 0.5
    assert fitted.n_labels == 3


def test_named__a_cluster_speaks_with_one_voice():
    matrix = np.arange(6, dtype=np.float32)[:, None]
    labels = np.array([8, 8, 8, 8, 3, 3], np.uint8)
    fitted = named(Features(matrix, 1, ()), labels, np.zeros(6, np.int32), settings("kmeans"))
    assert set(fitted.model.predict(Features(matrix, 1, ()), 1).classes) == {8}
    assert fitted.facts["reliability"] == pytest.approx(4 / 6)


def test_named__all_noise():
    with pytest.raises(TooFewError, match="noise"):
        named(FEATURES, LABELS, np.full(240, -1, np.int32), settings("hdbscan"))


def test_named__fewer_clustered_pixels_than_neighbours():
    clusters = np.full(240, -1, np.int32)
    clusters[0] = 0
    fitted = named(FEATURES, LABELS, clusters, settings("hdbscan"))
    assert set(fitted.model.predict(FEATURES, 1).classes) == {2}


def test_fit__a_kept_tree_is_cut_not_built():
    wanted = settings("hdbscan", min_cluster_size=20)
    tree = build_tree(MATRIX, tree_settings(wanted, 5))
    kept = fit(FEATURES, LABELS, wanted, lambda: tree)
    fresh = fit(FEATURES, LABELS, wanted)
    assert (kept.naming.counts == fresh.naming.counts).all()


def test_fit__same_seed_same_answer():
    for method in ("gmm", "kmeans"):
        wanted = settings(method, n_clusters=6, seed=5)
        first, second = cluster(FEATURES, wanted)[0], cluster(FEATURES, wanted)[0]
        assert (first == second).all()


def test_fit__refusals():
    with pytest.raises(TooFewError, match="among"):
        fit(Features(MATRIX[:2], 5, ()), LABELS[:2], settings("knn"))
    with pytest.raises(TooFewError, match="labels"):
        fit(FEATURES, LABELS[:5], settings("knn"))
    with pytest.raises(TooFewError, match="centres"):
        fit(Features(np.ones((99, 5), np.float32), 5, ()), LABELS[:99], settings("kmeans"))
    with pytest.raises(SettingsError, match="does not cluster"):
        cluster(FEATURES, settings("knn"))
    with pytest.raises(SettingsError):
        settings("svm")


def test_settings__usual_min_samples_are_the_notebooks_10_less_the_pixel_itself():
    assert settings("hdbscan").min_samples == 9
