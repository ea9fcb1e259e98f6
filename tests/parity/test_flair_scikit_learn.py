"""FLAIR's numbers beside plain, slow, independent implementations on the same table."""

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import KNeighborsClassifier

from core.flair.evaluation.confusion import count, miou
from core.flair.models.classifiers import MethodSettings, fit
from core.flair.models.features import Features
from core.neighbours.nearest import NeighbourIndex


def table(n_blocks, seed, kind, *, whole=False):
    """Pixels of twelve mixed signatures over blocks of 25; continuous, so that ties are rare."""
    signatures = np.random.default_rng(99).uniform(20, 200, (12, 5))
    random = np.random.default_rng(seed)
    n = n_blocks * 25
    block_class = random.integers(0, 12, n_blocks)
    classes = np.where(
        random.random(n) < 0.7, np.repeat(block_class, 25), random.integers(0, 12, n)
    )
    own = signatures[classes] + random.normal(0, 12, (n, 5))
    own = (np.round(own) if whole else own).astype(np.float32)
    base = np.random.default_rng(98).random((12, 10))[block_class]
    spectra = np.repeat(base + random.normal(0, 0.05, (n_blocks, 10)), 25, axis=0)
    spectra = spectra.astype(np.float32)
    labels = (classes + 1).astype(np.uint8)
    if kind == "few":
        return own, labels
    if kind == "fused":
        return np.hstack([own, spectra * 255]), labels
    factor = own[:, :3].sum(axis=1)
    return np.hstack([own, spectra * factor[:, None] / 5]), labels


@pytest.mark.parametrize(("kind", "search"), [("few", "tree"), ("fused", "cells"), ("x", "tree")])
def test_votes__kneighbours_classifier(kind, search):
    train, labels = table(240, 0, kind)
    queries, _ = table(120, 1, kind)
    index = NeighbourIndex(train, 5)
    assert index.kind == search
    plain = KNeighborsClassifier(n_neighbors=3).fit(train, labels)
    expected, _ = plain.kneighbors(queries)
    found, _ = index.search(queries, 3)
    np.testing.assert_allclose(np.sqrt(found), expected, rtol=1e-6, atol=1e-6)
    assert (index.vote(labels, queries) == plain.predict(queries)).mean() >= 0.9995


def test_votes__quantised_pixels_differ_only_in_ties():
    train, labels = table(240, 0, "few", whole=True)
    queries, _ = table(120, 1, "few", whole=True)
    plain = KNeighborsClassifier(n_neighbors=3).fit(train, labels)
    mine = NeighbourIndex(train, 5).vote(labels, queries)
    distances, _ = plain.kneighbors(queries, 4)
    tied = distances[:, 2] == distances[:, 3]
    assert (mine == plain.predict(queries))[~tied].all()


@pytest.mark.parametrize("kind", ["few", "fused"])
def test_hdbscan_route__scikit_learn(kind):
    """scikit-learn's HDBSCAN, named and voted on in plain numpy; its min_samples 10 is our 9."""
    train, labels = table(60, 2, kind)
    queries, truth = table(80, 3, kind)
    settings = MethodSettings(method="hdbscan", min_cluster_size=10, min_samples=9)
    features, asked = Features(train, 5, ()), Features(queries, 5, ())
    fitted = fit(features, labels, settings)
    mine = fitted.model.predict(asked, 1).classes

    theirs = HDBSCAN(min_cluster_size=10, min_samples=10, copy=True).fit_predict(train)
    inside = theirs >= 0
    names = {c: np.bincount(labels[theirs == c]).argmax() for c in np.unique(theirs[inside])}
    named = np.array([names[c] for c in theirs[inside]])
    plain = KNeighborsClassifier(3).fit(train[inside], named).predict(queries)
    reliability = [(labels[theirs == c] == names[c]).mean() for c in names]
    assert adjusted_rand_score(fitted.model.clusters, theirs[inside]) >= 0.99
    assert (mine == plain).mean() >= 0.99
    assert fitted.facts["reliability"] == pytest.approx(np.mean(reliability), abs=0.01)
    assert float(miou(count(truth, mine))) == pytest.approx(
        float(miou(count(truth, plain))), abs=0.01
    )
