"""One tree and its cuts compared with hdbscan, scikit-learn and a new fit of fast_hdbscan."""

import fast_hdbscan
import hdbscan
import numpy as np
import pytest
from sklearn.cluster import HDBSCAN
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score

from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.settings import CutSettings, TreeSettings


def sample_points(name):
    if name == "moons":
        points = make_moons(600, noise=0.08, random_state=0)[0]
    elif name == "blobs":
        points = make_blobs(700, 10, centers=8, cluster_std=1.6, random_state=0)[0]
    elif name == "wide":
        points = make_blobs(400, 40, centers=5, cluster_std=3.0, random_state=0)[0]
    else:
        rng = np.random.default_rng(0)
        points = make_blobs(500, 3, centers=6, random_state=1)[0]
        points = np.concatenate([points, rng.uniform(-12, 12, (120, 3))])
    return points.astype(np.float32)


@pytest.mark.parametrize("name", ["moons", "blobs", "wide", "noisy"])
@pytest.mark.parametrize("min_samples", [3, 10])
def test_build_and_cut__agree_with_hdbscan_and_scikit_learn(name, min_samples):
    points = sample_points(name)
    tree = build_tree(points, TreeSettings(n_dims=100, min_samples=min_samples))
    for size in (10, 25):
        # Leaves of the moons are left out: they depend on ties, and the two references agree with
        # each other only at ARI 0.61 to 0.99.
        for selection in ("eom",) if name == "moons" else ("eom", "leaf"):
            common = {"min_cluster_size": size, "cluster_selection_method": selection}
            reference = hdbscan.HDBSCAN(
                min_samples=min_samples,
                approx_min_span_tree=False,
                gen_min_span_tree=True,
                **common,
            ).fit(points)
            # scikit-learn counts the point itself.
            sklearn_model = HDBSCAN(min_samples=min_samples + 1, copy=True, **common).fit(points)
            cut = cut_tree(tree, CutSettings(min_cluster_size=size, selection=selection))
            weight = reference.minimum_spanning_tree_.to_numpy()[:, 2].sum()
            assert tree.weight == pytest.approx(weight, rel=1e-4)
            assert adjusted_rand_score(cut.labels, reference.labels_) >= 0.99
            assert adjusted_rand_score(cut.labels, sklearn_model.labels_) >= 0.99
            assert cut.n_clusters == reference.labels_.max() + 1
            clustered = (cut.labels >= 0) & (reference.labels_ >= 0)
            gap = np.abs(cut.confidence[clustered] - reference.probabilities_[clustered])
            assert np.median(gap) < 1e-3


@pytest.mark.parametrize("name", ["moons", "blobs", "noisy"])
def test_cut_tree__labels_of_a_fresh_fit(name):
    import numba

    points = sample_points(name)
    tree = build_tree(points, TreeSettings(n_dims=100, min_samples=5))
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    for size in (5, 12, 30, 60):
        for epsilon in (0.0, 0.4):
            fresh = fast_hdbscan.HDBSCAN(
                min_cluster_size=size,
                min_samples=5,
                cluster_selection_epsilon=epsilon,
                reproducible=True,
            ).fit_predict(points)
            cut = cut_tree(tree, CutSettings(min_cluster_size=size, epsilon=epsilon)).labels
            if epsilon and fresh.max() == 0:
                # fast_hdbscan merges everything, although a single cluster is not allowed; hdbscan
                # does not, and the cut agrees with it.
                reference = hdbscan.HDBSCAN(
                    size, 5, epsilon, approx_min_span_tree=False, allow_single_cluster=False
                ).fit_predict(points)
                assert reference.max() > 0
                assert adjusted_rand_score(cut, reference) >= 0.99
                continue
            assert (fresh < 0).tolist() == (cut < 0).tolist()
            pairs = set(zip(fresh.tolist(), cut.tolist(), strict=True))
            assert len(pairs) == len(set(fresh.tolist()))
    numba.set_num_threads(threads)
