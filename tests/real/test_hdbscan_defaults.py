"""HDBSCAN's default settings on labelled chips: noise, agreement with the classes, and presets."""

import os
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, ward
from sklearn.metrics import adjusted_mutual_info_score

from core import api
from core.clusters.evaluation.size_sweep import find_cliffs, size_presets, sweep_sizes
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.clusters.noise_treatment import treat_noise
from core.reduction.pca import reduce_embeddings
from core.settings import CutSettings, NoiseSettings, ReductionSettings, RunSettings, TreeSettings

VARIABLE = "CHIPSCAPE_TEST_DATA"
DATA = os.environ.get(VARIABLE, "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA, reason=f"{VARIABLE} names no folder of real data"),
]
SETS = {
    "rsscn7_mosaic_a": "label",
    "neon_trees_sjer_osbs": "site",
    "kampala_buildings": "settlement",
}


@pytest.fixture(scope="module", params=SETS)
def labelled_embeddings(request, tmp_path_factory):
    """The embeddings of a labelled set and the class of each chip."""
    source = Path(DATA) / request.param / "raw"
    if not source.is_dir():
        pytest.skip(f"{request.param} is not in {DATA}")
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(source, folder / "raw")
    (folder / "raw").chmod(0o755)
    run = api.run(api.open_workspace(folder), RunSettings(), until="embeddings")
    classes = run.chips.properties[SETS[request.param]].astype(str).to_numpy()
    return np.asarray(run.embeddings()), classes


def reduce(embeddings, rows=slice(None)):
    """Return the principal components of some of the chips."""
    return reduce_embeddings(embeddings[rows], {}, ReductionSettings()).points


def test_defaults__little_noise_and_agreement_like_ward(labelled_embeddings):
    embeddings, classes = labelled_embeddings
    points = reduce(embeddings)
    tree = build_tree(points, TreeSettings())
    labelling = cut_tree(tree, CutSettings())
    assert labelling.noise_fraction < 0.3
    nearest = treat_noise(labelling, tree.space(points), NoiseSettings("nearest")).labels
    # Ward's hierarchy is cut into as many clusters: HDBSCAN is not told the number of classes.
    merged = fcluster(ward(points[:, :20]), labelling.n_clusters, "maxclust")
    agreement = adjusted_mutual_info_score(classes, nearest)
    assert agreement >= adjusted_mutual_info_score(classes, merged) - 0.03


def test_defaults__subsets_of_sixty_chips_are_not_noise(labelled_embeddings):
    embeddings, _ = labelled_embeddings
    rng = np.random.default_rng(0)
    for _ in range(3):
        subset = reduce(embeddings, rng.choice(len(embeddings), 60, replace=False))
        assert cut_tree(build_tree(subset, TreeSettings()), CutSettings()).noise_fraction < 0.3


def test_defaults__stable_in_resamples_with_monotone_presets(labelled_embeddings):
    embeddings, _ = labelled_embeddings
    numbers, n = [], len(embeddings)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(n, round(0.8 * n), replace=False))
        tree = build_tree(reduce(embeddings, rows), TreeSettings())
        numbers.append(cut_tree(tree, CutSettings()).n_clusters)
        sweep = sweep_sizes(tree, CutSettings())
        presets = size_presets(sweep)
        assert all(a.n_clusters < b.n_clusters for a, b in pairwise(presets))
        edges = {size for cliff in find_cliffs(sweep) for size in (cliff.lower, cliff.upper)}
        assert not edges & {preset.value for preset in presets}
    middle = np.median(numbers)
    assert sum(n <= 1.5 * middle and middle <= 1.5 * n for n in numbers) >= 8
