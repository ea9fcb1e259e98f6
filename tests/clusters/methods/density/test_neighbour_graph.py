import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from core.clusters.methods.density.neighbour_graph import (
    embed_graph,
    embed_neighbours,
    link_neighbours,
)


def blobs(n=120, n_centres=3, d=6, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_centres, d)) * 8
    return (centres[np.arange(n) % n_centres] + rng.normal(size=(n, d))).astype(np.float32)


def test_link_neighbours__weights_as_in_umap():
    points = blobs(60, 1)
    graph = link_neighbours(points, 10).toarray()
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.sort(distances, axis=1)[:, :10]
    directed = np.zeros((60, 60))
    for row in range(60):
        excess = nearest[row] - nearest[row, 0]
        low, high = 1e-6, 1e3
        for _ in range(100):
            scale = np.sqrt(low * high)
            if np.exp(-excess / scale).sum() > np.log2(10):
                high = scale
            else:
                low = scale
        columns = np.argsort(distances[row])[:10]
        directed[row, columns] = np.exp(-(distances[row, columns] - nearest[row, 0]) / scale)
    expected = directed + directed.T - directed * directed.T
    np.testing.assert_allclose(graph, expected, atol=1e-4)
    np.testing.assert_array_equal(graph, graph.T)


def test_link_neighbours__separate_parts_are_joined():
    graph = link_neighbours(blobs(150, 5))
    assert connected_components(graph, directed=False)[0] == 1


@pytest.mark.parametrize("n", [120, 400])
def test_embed_graph__eigenvectors_of_the_random_walk(n):
    points = blobs(n, 2)
    graph = link_neighbours(points)
    coordinates = embed_graph(graph, 4)
    dense = graph.toarray()
    walk = (np.eye(n) + dense / dense.sum(axis=1, keepdims=True)) / 2
    for column in coordinates.T.astype(np.float64):
        moved = walk @ column
        eigenvalue = moved @ column / (column @ column)
        assert 0 < eigenvalue < 1
        np.testing.assert_allclose(moved, eigenvalue * column, atol=1e-3 * np.abs(column).max())
        assert column[np.abs(column).argmax()] > 0


def test_embed_graph__blobs_lie_apart():
    coordinates = embed_graph(link_neighbours(blobs(150, 5)), 4)
    centres = np.stack([coordinates[i::5].mean(axis=0) for i in range(5)])
    spread = max(coordinates[i::5].std(axis=0).max() for i in range(5))
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)[~np.eye(5, dtype=bool)]
    assert gaps.min() > 10 * spread


def test_embed_neighbours__equal_chips_have_equal_coordinates():
    points = np.concatenate([blobs(80), np.repeat(blobs(2, seed=5), 30, axis=0)])
    space = embed_neighbours(points)
    assert len(space.rows) == 82
    assert (space.coordinates[80:110] == space.coordinates[80]).all()
    assert (space.coordinates[110:] == space.coordinates[110]).all()


def test_embed_neighbours__few_points():
    for n in range(4, 14):
        space = embed_neighbours(blobs(n))
        assert space.coordinates.shape == (n, round(np.log2(n)))
        assert np.isfinite(space.coordinates).all()
