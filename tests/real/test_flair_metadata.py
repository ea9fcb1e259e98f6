"""Real data of FLAIR: the metadata of 250 patches and 50 prediction rasters."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.land.data.dataset import Patch
from core.land.data.file_discovery import discover_dataset
from core.land.data.patch_reading import read_mask

DATA = Path(os.environ.get("CHIPSCAPE_TEST_DATA", "")) / "flair1_toy_metadata"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        "CHIPSCAPE_TEST_DATA" not in os.environ or not DATA.is_dir(),
        reason="CHIPSCAPE_TEST_DATA names no folder with flair1_toy_metadata",
    ),
]


def test_discover__with_the_real_metadata(tmp_path: Path) -> None:
    source = next(DATA.glob("*metadata*.json"))
    shutil.copy(source, tmp_path / source.name)
    table = json.loads(source.read_text())
    for name, facts in table.items():
        area = f"{facts['domain']}/{facts['zone']}"
        image = tmp_path / "flair_aerial_train" / area / "img" / f"{name}.tif"
        mask = tmp_path / "flair_labels_train" / area / "msk" / f"{name}.tif".replace("IMG", "MSK")
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    dataset = discover_dataset(tmp_path)
    assert len(dataset.patches) == 250
    assert len({patch.domain for patch in dataset.patches}) == 49
    for patch in dataset.patches:
        facts = table[patch.name]
        assert patch.acquisition is not None
        assert patch.acquisition.x == facts["patch_centroid_x"]
        assert patch.acquisition.date == facts["date"]
        assert (patch.domain, patch.area) == (facts["domain"], facts["zone"])
    # Sentinel and centroids are missing, which is reported once and nothing else is.
    assert sum("only" in problem.reason for problem in dataset.problems) == 1
    assert len(dataset.problems) == 1


def test_read_mask__real_prediction_rasters() -> None:
    paths = sorted(DATA.glob("pred/*.tif"))
    assert len(paths) == 50
    counts = np.zeros(20, int)
    for path in paths:
        patch = Patch("000001", "test", "D", "Z", path, path, None, None, None)
        labels, problem = read_mask(patch)
        assert labels.shape == (512, 512)
        # Predictions count from 0, which is not a class in a mask and is reported.
        assert (problem is not None) == bool((labels == 0).any())
        counts += np.bincount(labels.ravel(), minlength=20)
    assert counts[13:].sum() == 0
    assert (counts[1:12] > 0).sum() >= 8
