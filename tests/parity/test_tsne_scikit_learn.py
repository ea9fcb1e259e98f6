"""The projection equals scikit-learn's t-SNE in KL divergence and in preserved neighbours."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from core.reduction.pca import reduce_embeddings
from core.reduction.tsne import project_tsne
from core.settings import ProjectionSettings, ReductionSettings


def neighbour_recall(points, coordinates, k=10):
    """Fraction of the k nearest neighbours that are among the k nearest in the projection."""
    original, projected = (
        NearestNeighbors(n_neighbors=k).fit(x).kneighbors(return_distance=False)
        for x in (points, coordinates)
    )
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(original, projected, strict=True)])


@pytest.mark.parametrize("perplexity", [10, 30])
def test_project_tsne__as_good_as_scikit_learn(perplexity):
    digits = load_digits().data[:500].astype(np.float32)
    points = reduce_embeddings(digits, {}, ReductionSettings(n_dims=30)).points
    projection = project_tsne(points, ProjectionSettings(perplexity=perplexity, n_iter=750))
    reference = TSNE(perplexity=perplexity, init="pca", random_state=0, n_jobs=1, max_iter=1000)
    with threadpool_limits(1):
        reference_coordinates = reference.fit_transform(points)
    assert projection.kl_divergence <= reference.kl_divergence_ * 1.05
    recall = neighbour_recall(points, projection.coordinates)
    assert recall >= neighbour_recall(points, reference_coordinates) - 0.005
