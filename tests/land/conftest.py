"""Fixtures: small FLAIR #2 data sets written to disk."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from core.demo.land_cover.patches import write_land_cover
from core.land.data.dataset import Dataset
from core.land.data.file_discovery import discover_dataset

NAMES = {
    ("full", "train"): ("flair_aerial_train", "flair_labels_train", "flair_sen_train"),
    ("full", "test"): ("flair_2_aerial_test", "flair_2_labels_test", "flair_2_sen_test"),
    ("toy", "train"): (
        "flair_2_toy_aerial_train",
        "flair_2_toy_labels_train",
        "flair_2_toy_sen_train",
    ),
    ("toy", "test"): ("flair_2_toy_aerial_test", "flair_2_toy_labels_test", "flair_2_toy_sen_test"),
}
DATES = ("20210103", "20210118", "20210207", "20210301")


def write_tif(path: Path, values: Any) -> Path:
    bands = np.asarray(values)
    bands = bands[None] if bands.ndim == 2 else bands
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": len(bands), "dtype": bands.dtype, "compress": "deflate"}
    profile |= {"height": bands.shape[1], "width": bands.shape[2], "zlevel": 1}
    with rasterio.open(path, "w", **profile) as target:
        target.write(bands)
    return path


class Tree:
    """A FLAIR #2 data set that tests write patch by patch."""

    def __init__(self, root: Path, names: str = "full") -> None:
        self.root, self.names = root, names
        self.centroids: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        root.mkdir(parents=True, exist_ok=True)
        self.write_tables()

    def folder(self, role: int, split: str, area_id: str) -> Path:
        return self.root / NAMES[self.names, split][role] / area_id

    def patch(
        self,
        number: str,
        area_id: str = "D001_2020/Z1_UA",
        *,
        split: str = "train",
        aerial: Any = 100,
        labels: Any = 1,
        centroid: Any = (30, 30),
    ) -> Path:
        image = np.empty((5, 512, 512), np.uint8)
        image[:] = aerial
        mask = np.empty((512, 512), np.uint8)
        mask[:] = labels
        path = self.folder(0, split, area_id) / "img" / f"IMG_{number}.tif"
        write_tif(path, image)
        write_tif(self.folder(1, split, area_id) / "msk" / f"MSK_{number}.tif", mask)
        domain, area = area_id.split("/")
        self.centroids[f"IMG_{number}.tif"] = list(centroid)
        self.metadata[f"IMG_{number}"] = {
            "domain": domain,
            "zone": area,
            "patch_centroid_x": 1.5,
            "patch_centroid_y": 2.5,
            "patch_centroid_z": 3.5,
            "date": "2020-06-01",
            "time": "10h20",
            "camera": "box",
        }
        self.write_tables()
        return path

    def area(
        self,
        area_id: str = "D001_2020/Z1_UA",
        *,
        split: str = "train",
        data: Any = 1000,
        masks: Any = 0,
        dates: tuple[str, ...] = DATES,
        size: int = 60,
    ) -> Path:
        folder = self.folder(2, split, area_id) / "sen"
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"SEN2_sp_{area_id.replace('/', '-')}"
        values = np.empty((len(dates), 10, size, size), np.uint16)
        values[:] = data
        probabilities = np.empty((len(dates), 2, size, size), np.uint8)
        probabilities[:] = masks
        np.save(folder / f"{stem}_data.npy", values)
        np.save(folder / f"{stem}_masks.npy", probabilities)
        lines = "".join(f"S2B_MSIL2A_{date}T105329_N0214_R051_T31TCJ\n" for date in dates)
        (folder / f"{stem}_products.txt").write_text(lines)
        return folder / stem

    def write_tables(self) -> None:
        for name, table in (
            ("centroids_sp_to_patch", self.centroids),
            ("aerial_metadata", self.metadata),
        ):
            (self.root / f"flair-2_{name}.json").write_text(json.dumps(table))

    def discover(self) -> Dataset:
        return discover_dataset(self.root)


@pytest.fixture
def make_tree(tmp_path: Path) -> Callable[..., Tree]:
    return lambda names="full", root="flair": Tree(tmp_path / root, names)


@pytest.fixture(scope="session")
def land(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The synthetic data set with one patch per domain; tests must not change it."""
    root = tmp_path_factory.mktemp("land")
    write_land_cover(root, patches=3)
    return discover_dataset(root)
