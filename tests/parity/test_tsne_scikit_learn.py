"""The projection is as good as scikit-learn's: KL divergence and neighbours kept."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from core.reduction.pca import reduce
from core.reduction.tsne import project
from core.settings import ProjectionSettings, ReductionSettings


def recall(points, picture, k=10):
    """Share of the k nearest neighbours that are near in the picture too."""
    near, drawn = (
        NearestNeighbors(n_neighbors=k).fit(x).kneighbors(return_distance=False)
        for x in (points, picture)
    )
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(near, drawn, strict=True)])


@pytest.mark.parametrize("perplexity", [10, 30])
def test_project__as_good_as_scikit_learn(perplexity):
    digits = load_digits().data[:500].astype(np.float32)
    points = reduce(digits, {}, ReductionSettings(n_dims=30)).points
    ours = project(points, ProjectionSettings(perplexity=perplexity, n_iter=750))
    other = TSNE(perplexity=perplexity, init="pca", random_state=0, n_jobs=1, max_iter=1000)
    with threadpool_limits(1):
        theirs = other.fit_transform(points)
    assert ours.kl_divergence <= other.kl_divergence_ * 1.05
    assert recall(points, ours.coordinates) >= recall(points, theirs) - 0.005
