import numpy as np
import pytest

from core.errors import ArtifactError
from core.land.models.cluster_names import count_cluster_classes, name_clusters


def test_name_clusters__worked_example():
    clusters = np.array([0, 0, 0, 1, 1, -1])
    labels = np.array([5, 5, 2, 7, 3, 9])
    naming = name_clusters(count_cluster_classes(clusters, labels, 3))
    assert naming.classes.tolist() == [5, 3, 0]
    np.testing.assert_allclose(naming.reliability[:2], [2 / 3, 1 / 2])
    assert np.isnan(naming.reliability[2])
    assert naming.mean_reliability == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert naming.weighted_reliability == pytest.approx(3 / 5)


def test_count_cluster_classes__unlabelled_pixels():
    assert count_cluster_classes(np.array([0, 0]), np.array([0, 4]), 1).sum() == 1


def test_name_clusters__no_clusters():
    naming = name_clusters(count_cluster_classes(np.zeros(0, int), np.zeros(0, int), 0))
    assert naming.classes.shape == (0,)
    assert np.isnan(naming.mean_reliability)
    assert np.isnan(naming.weighted_reliability)


def test_count_cluster_classes__different_lengths():
    with pytest.raises(ArtifactError, match="3 labels for 2 pixels"):
        count_cluster_classes(np.zeros(2, int), np.zeros(3, int), 1)
