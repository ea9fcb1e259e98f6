import numpy as np
import pytest

from core.clusters.methods.density.hdbscan_tree import build_tree
from core.errors import SettingsError, TooFewError
from core.land.models.classifier_table import cluster_pixels, fit_classifier
from core.land.models.classifiers import (
    MethodSettings,
    describe_untrained_classes,
    fit_named_clusters,
    tree_settings,
)
from core.land.models.features import Features

RANDOM = np.random.default_rng(0)
CENTRES = RANDOM.uniform(0, 200, (4, 5))
KINDS = np.repeat(np.arange(4), 60)
MATRIX = (CENTRES[KINDS] + RANDOM.normal(0, 3, (240, 5))).astype(np.float32)
LABELS = np.array([2, 5, 7, 11], np.uint8)[KINDS]
FEATURES = Features(MATRIX, 5, ())


def settings(method, **parameters):
    return MethodSettings(method=method, **parameters)


@pytest.mark.parametrize("method", ["knn", "hdbscan", "gmm", "kmeans", "boosting"])
def test_fit__separable_classes(method):
    fitted = fit_classifier(FEATURES, LABELS, settings(method, n_clusters=4))
    prediction = fitted.model.predict(FEATURES, 1)
    assert (prediction.classes == LABELS).mean() > 0.99
    assert fitted.n_labels > 200
    clustered = method in ("hdbscan", "gmm", "kmeans")
    assert (prediction.clusters is not None) == clustered
    assert (fitted.naming is not None) == clustered
    assert fitted.n_clusters == (4 if clustered else 0)


@pytest.mark.parametrize("method", ["uniform", "prevalence"])
def test_fit__chance_ignores_the_features(method):
    model = fit_classifier(FEATURES, LABELS, settings(method)).model
    shifted = Features(MATRIX + 1000, 5, ())
    assert (model.predict(FEATURES, 3).classes == model.predict(shifted, 3).classes).all()


def test_fit_named_clusters__noise_is_left_out():
    """The query lies among noise, but only clustered pixels vote."""
    matrix = np.array([[0], [1], [2], [50], [51], [52]], np.float32)
    labels = np.array([4, 4, 4, 9, 9, 9], np.uint8)
    clusters = np.array([0, 0, 0, -1, -1, -1], np.int32)
    fitted = fit_named_clusters(Features(matrix, 1, ()), labels, clusters, settings("hdbscan"))
    prediction = fitted.model.predict(Features(np.array([[51]], np.float32), 1, ()), 1)
    assert prediction.classes.tolist() == [4]
    assert prediction.clusters.tolist() == [0]
    assert fitted.facts["noise_fraction"] == 0.5
    assert fitted.n_labels == 3


def test_fit_named_clusters__one_class_per_cluster():
    matrix = np.arange(6, dtype=np.float32)[:, None]
    labels = np.array([8, 8, 8, 8, 3, 3], np.uint8)
    fitted = fit_named_clusters(
        Features(matrix, 1, ()), labels, np.zeros(6, np.int32), settings("kmeans")
    )
    assert set(fitted.model.predict(Features(matrix, 1, ()), 1).classes) == {8}
    assert fitted.facts["reliability"] == pytest.approx(4 / 6)


def test_fit_named_clusters__all_noise():
    with pytest.raises(TooFewError, match="noise"):
        fit_named_clusters(FEATURES, LABELS, np.full(240, -1, np.int32), settings("hdbscan"))


def test_fit_named_clusters__fewer_clustered_pixels_than_neighbours():
    clusters = np.full(240, -1, np.int32)
    clusters[0] = 0
    fitted = fit_named_clusters(FEATURES, LABELS, clusters, settings("hdbscan"))
    assert set(fitted.model.predict(FEATURES, 1).classes) == {2}


def test_fit__existing_tree_is_used():
    method = settings("hdbscan", min_cluster_size=20)
    tree = build_tree(MATRIX, tree_settings(method, 5))
    reused = fit_classifier(FEATURES, LABELS, method, lambda: tree)
    built = fit_classifier(FEATURES, LABELS, method)
    assert (reused.naming.counts == built.naming.counts).all()


def test_cluster_pixels__same_seed_same_clusters():
    for name in ("gmm", "kmeans"):
        method = settings(name, n_clusters=6, seed=5)
        first, second = cluster_pixels(FEATURES, method)[0], cluster_pixels(FEATURES, method)[0]
        assert (first == second).all()


def test_fit__invalid_requests():
    with pytest.raises(TooFewError, match="3 neighbours were requested, but there are 2"):
        fit_classifier(Features(MATRIX[:2], 5, ()), LABELS[:2], settings("knn"))
    with pytest.raises(TooFewError, match="5 labels for 240 pixels"):
        fit_classifier(FEATURES, LABELS[:5], settings("knn"))
    with pytest.raises(TooFewError, match="50 centres need as many distinct pixels"):
        fit_classifier(
            Features(np.ones((99, 5), np.float32), 5, ()), LABELS[:99], settings("kmeans")
        )
    with pytest.raises(SettingsError, match="is not a clustering method"):
        cluster_pixels(FEATURES, settings("knn"))
    with pytest.raises(SettingsError):
        settings("svm")


def test_settings__default_min_samples_exclude_the_pixel_itself():
    assert settings("hdbscan").min_samples == 9


def test_untrained_classes__missing_in_all_folds_are_named_once():
    assert describe_untrained_classes([[9], [9]]) == [
        "class 9 (vineyard) has no training pixels, so it cannot be predicted"
    ]
    assert describe_untrained_classes([[], []]) == describe_untrained_classes([]) == []


def test_untrained_classes__missing_in_one_fold_are_named_with_it():
    assert describe_untrained_classes([[5, 9], [9], [9]])[1:] == [
        "fold 1 of 3: class 5 (water) has no training pixels, so it cannot be predicted"
    ]
    (several,) = describe_untrained_classes([[5, 9, 12]])
    assert several.startswith("classes 5 (water), 9 (vineyard) and 12 (plowed land) have no")
