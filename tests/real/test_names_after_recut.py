"""Names survive a change of min_cluster_size by a fifth on real imagery."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from core import api
from core.clusters.editing.edit_replay import replay_edits
from core.clusters.editing.edited_labelling import unedited_clusters
from core.clusters.editing.edits import rename_cluster
from core.clusters.label_matching import match_clusters, renumber_labels
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.pipeline.cluster_stages import read_points
from core.settings import CutSettings, RunSettings, TreeSettings

VARIABLE = "CHIPSCAPE_TEST_DATA"
DATA = os.environ.get(VARIABLE, "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA, reason=f"{VARIABLE} names no folder of real data"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The tree of the chips of a mosaic, built with the default settings."""
    source = Path(DATA) / "rsscn7_mosaic_a" / "raw"
    if not source.is_dir():
        pytest.skip(f"rsscn7_mosaic_a is not in {DATA}")
    folder = tmp_path_factory.mktemp("mosaic")
    shutil.copytree(source, folder / "raw")
    run = api.run(api.open_workspace(folder), RunSettings("hdbscan"), until="reduction")
    return build_tree(read_points(run.view), TreeSettings())


def share_of_kept_names(tree, size, factor):
    labels = cut_tree(tree, CutSettings(size)).labels
    recut = cut_tree(tree, CutSettings(max(2, round(size * factor)))).labels
    recut = renumber_labels(recut, match_clusters(labels, recut))
    clusters = np.unique(labels[labels >= 0]).tolist()
    state = unedited_clusters(labels)
    edited, _ = replay_edits(recut, [rename_cluster(state, i, f"name {i}") for i in clusters])
    names = [edited.names.get(int(cluster)) for cluster in edited.ids]
    pairs = zip(names, labels.tolist(), strict=True)
    return np.mean([name == f"name {label}" for name, label in pairs if label >= 0])


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_names__at_the_default_and_at_other_sizes(tree, factor):
    default = tree.resolve(CutSettings()).min_cluster_size
    assert share_of_kept_names(tree, default, factor) >= 0.95
    # With a size of more than a fifth of the chips, the next cut may have no clusters at all.
    sizes = [size for size in (6, 8, 10, 12, 15, 20, 25) if size <= len(tree) / 5]
    kept = [share_of_kept_names(tree, size, factor) for size in sizes]
    assert len(kept) >= 6
    assert min(kept) >= 0.95
