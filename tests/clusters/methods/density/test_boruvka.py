import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from core.clusters.methods.density import boruvka, exact_edges
from core.clusters.methods.density.boruvka import build_boruvka_tree, core_distances

SCRIPT = """
import hashlib
import numpy as np
from core.clusters.methods.density.boruvka import build_boruvka_tree
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.settings import CutSettings, TreeSettings
rng = np.random.default_rng(0)
coarse = np.round(rng.normal(size=(3000, 4)) * 6).astype(np.float32)
wide = rng.normal(size=(800, 12)).astype(np.float32)
digest = hashlib.md5()
for points in (coarse, wide):
    edges, core = build_boruvka_tree(points, 5)
    tree = build_tree(points, TreeSettings(n_dims=12))
    labels = cut_tree(tree, CutSettings(min_cluster_size=8)).labels
    for array in (edges, core, tree.edges, tree.core_distances, labels):
        digest.update(array.tobytes())
print(digest.hexdigest())
"""


def test_build_boruvka_tree__same_bytes_with_one_and_two_threads():
    digests = []
    for threads in ("1", "2"):
        env = {**os.environ, "NUMBA_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        process = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True
        )
        digests.append(process.stdout.strip())
    assert len(digests[0]) == hashlib.md5().digest_size * 2
    assert len(set(digests)) == 1


@pytest.mark.parametrize("n_threads", [1, 3])
def test_build_boruvka_tree__can_be_interrupted_between_chunks(monkeypatch, n_threads):
    monkeypatch.setattr("numba.get_num_threads", lambda: n_threads)
    search, calls = boruvka._search_chunks, []

    def interrupted(*arguments):
        calls.append(arguments[-3:-1])
        if calls[-1][1] == boruvka.N_CHUNKS:
            raise KeyboardInterrupt
        search(*arguments)

    monkeypatch.setattr(boruvka, "_search_chunks", interrupted)
    points = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    with pytest.raises(KeyboardInterrupt):
        build_boruvka_tree(points, 5)
    # No call has more chunks than there are threads, and each chunk is searched once.
    assert [last - first for first, last in calls] == ([1] * 8 if n_threads == 1 else [3, 3, 2])
    assert [first for first, _ in calls[1:]] == [last for _, last in calls[:-1]]


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("min_samples", [1, 2, 7])
@pytest.mark.parametrize(("n", "d"), [(50, 1), (400, 3), (300, 20)])
def test_algorithms__give_edges_of_the_same_lengths(n, d, min_samples, coarse):
    points = np.random.default_rng(n + d).normal(size=(n, d)).astype(np.float32)
    points = np.round(points * 3) if coarse else points
    boruvka_edges, core = build_boruvka_tree(points, min_samples)
    prim_edges, prim_core = exact_edges.build_by_prim(points, min_samples)
    # Minimum spanning trees differ only in ties; the lengths of their edges are always the same.
    np.testing.assert_allclose(np.sort(boruvka_edges[:, 2]), np.sort(prim_edges[:, 2]), rtol=1e-5)
    np.testing.assert_allclose(core, prim_core, rtol=1e-6)


def test_core_distances__by_brute_force():
    points = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.testing.assert_allclose(core_distances(points, 4), np.sort(distances)[:, 4], rtol=1e-4)
    assert (core_distances(points, 1) == 0).all()
