"""Votes, clusters and scores compared with independent implementations on the same pixels."""

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import KNeighborsClassifier

from core.land.evaluation.confusion import count_confusion, mean_iou
from core.land.models.classifier_table import fit_classifier
from core.land.models.classifiers import MethodSettings
from core.land.models.features import Features
from core.neighbours.nearest import NeighbourIndex


def make_pixels(n_blocks, seed, kind, *, quantised=False):
    """Make pixels of twelve mixed signatures in blocks of 25; continuous, so that ties are rare."""
    signatures = np.random.default_rng(99).uniform(20, 200, (12, 5))
    random = np.random.default_rng(seed)
    n = n_blocks * 25
    block_class = random.integers(0, 12, n_blocks)
    classes = np.where(
        random.random(n) < 0.7, np.repeat(block_class, 25), random.integers(0, 12, n)
    )
    aerial = signatures[classes] + random.normal(0, 12, (n, 5))
    aerial = (np.round(aerial) if quantised else aerial).astype(np.float32)
    base = np.random.default_rng(98).random((12, 10))[block_class]
    spectra = np.repeat(base + random.normal(0, 0.05, (n_blocks, 10)), 25, axis=0)
    spectra = spectra.astype(np.float32)
    labels = (classes + 1).astype(np.uint8)
    if kind == "few":
        return aerial, labels
    if kind == "fused":
        return np.hstack([aerial, spectra * 255]), labels
    factor = aerial[:, :3].sum(axis=1)
    return np.hstack([aerial, spectra * factor[:, None] / 5]), labels


@pytest.mark.parametrize(("kind", "search"), [("few", "tree"), ("fused", "cells"), ("x", "tree")])
def test_votes__equal_scikit_learn(kind, search):
    train, labels = make_pixels(240, 0, kind)
    queries, _ = make_pixels(120, 1, kind)
    index = NeighbourIndex(train, 5)
    assert index.kind == search
    reference = KNeighborsClassifier(n_neighbors=3).fit(train, labels)
    expected, _ = reference.kneighbors(queries)
    distances, _ = index.search(queries, 3)
    np.testing.assert_allclose(np.sqrt(distances), expected, rtol=1e-6, atol=1e-6)
    assert (index.vote(labels, queries) == reference.predict(queries)).mean() >= 0.9995


def test_votes__quantised_pixels_differ_only_in_ties():
    train, labels = make_pixels(240, 0, "few", quantised=True)
    queries, _ = make_pixels(120, 1, "few", quantised=True)
    reference = KNeighborsClassifier(n_neighbors=3).fit(train, labels)
    votes = NeighbourIndex(train, 5).vote(labels, queries)
    distances, _ = reference.kneighbors(queries, 4)
    tied = distances[:, 2] == distances[:, 3]
    assert (votes == reference.predict(queries))[~tied].all()


@pytest.mark.parametrize("kind", ["few", "fused"])
def test_named_clusters__equal_scikit_learn(kind):
    """Clusters named in plain numpy; min_samples 10 of scikit-learn corresponds to 9 here."""
    train, labels = make_pixels(60, 2, kind)
    queries, truth = make_pixels(80, 3, kind)
    settings = MethodSettings(method="hdbscan", min_cluster_size=10, min_samples=9)
    fitted = fit_classifier(Features(train, 5, ()), labels, settings)
    predicted = fitted.model.predict(Features(queries, 5, ()), 1).classes

    clusters = HDBSCAN(min_cluster_size=10, min_samples=10, copy=True).fit_predict(train)
    clustered = clusters >= 0
    names = {c: np.bincount(labels[clusters == c]).argmax() for c in np.unique(clusters[clustered])}
    classes = np.array([names[c] for c in clusters[clustered]])
    expected = KNeighborsClassifier(3).fit(train[clustered], classes).predict(queries)
    reliability = [(labels[clusters == c] == names[c]).mean() for c in names]
    assert adjusted_rand_score(fitted.model.clusters, clusters[clustered]) >= 0.99
    assert (predicted == expected).mean() >= 0.99
    assert fitted.facts["reliability"] == pytest.approx(np.mean(reliability), abs=0.01)
    assert float(mean_iou(count_confusion(truth, predicted))) == pytest.approx(
        float(mean_iou(count_confusion(truth, expected))), abs=0.01
    )
