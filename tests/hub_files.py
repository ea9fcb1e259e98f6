"""FLAIR-HUB data sets in exactly the published form, written raster by raster."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from affine import Affine
from shapely.geometry import box

from core.land.data.dataset import Dataset
from core.land.data.file_discovery import discover_dataset

DATES = ("20190114", "20190214", "20190221", "20190715")
NAME = "D012-2019_AF-S1-27_5-10"
TEST = "D015-2020_FU-S2-3_0-1"


class Hub:
    """A FLAIR-HUB data set that tests write raster by raster."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.splits: dict[str, str] = {}
        self.dates: dict[str, tuple[str, ...]] = {}

    def path(self, name: str, content: str) -> Path:
        domain, area, position = name.split("_")
        return (
            self.root / f"{domain}_{content}" / area / f"{domain}_{content}_{area}_{position}.tif"
        )

    def write(self, name: str, content: str, values: Any, size: float = 0.2) -> Path:
        path = self.path(name, content)
        path.parent.mkdir(parents=True, exist_ok=True)
        bands = np.asarray(values)
        profile = {"driver": "GTiff", "count": len(bands), "dtype": bands.dtype, "zlevel": 1}
        profile |= {"height": bands.shape[1], "width": bands.shape[2], "compress": "deflate"}
        profile |= {"crs": "EPSG:2154", "transform": Affine(size, 0, 7e5, 0, -size, 6.4e6)}
        with rasterio.open(path, "w", **profile) as target:
            target.write(bands)
        return path

    def patch(self, name: str = NAME, split: str = "train", labels: Any = None) -> None:
        aerial = np.empty((4, 512, 512), np.uint8)
        aerial[:] = np.array([10, 20, 30, 40])[:, None, None]
        self.write(name, "AERIAL_RGBI", aerial)
        stored = np.zeros((1, 512, 512), np.uint8)
        stored[0] = np.arange(512)[:, None] % 19 if labels is None else labels
        self.write(name, "AERIAL_LABEL-COSIA", stored)
        models = np.full((2, 512, 512), 100, np.float32)
        models[0, :, 256:] = 107.3
        self.write(name, "DEM_ELEV", models)
        self.series(name)
        self.splits[name] = split
        self.tables()

    def series(self, name: str = NAME, data: Any = None, masks: Any = 0) -> None:
        series = np.empty((len(DATES), 10, 10, 10), np.uint16)
        # Reflectance by row and column, equal in all bands and dates.
        series[:] = 1000 + 100 * np.arange(10)[:, None] + np.arange(10) if data is None else data
        self.write(name, "SENTINEL2_TS", series.reshape(-1, 10, 10), 10.24)
        covers = np.empty((len(DATES), 2, 10, 10), np.uint16)
        covers[:] = masks
        self.write(name, "SENTINEL2_MSK-SC", covers.reshape(-1, 10, 10), 10.24)
        self.dates[name] = DATES

    def tables(self) -> None:
        folder = self.root / "GLOBAL_ALL_MTD"
        folder.mkdir(parents=True, exist_ok=True)
        names = list(self.splits)
        columns = {"patch_id": names, "split_flairhub": list(self.splits.values())}
        self._write(
            folder / "GLOBAL_ALL_MTD_SPLIT.gpkg", columns | {"split_1": ["test"] * len(names)}
        )
        texts = [
            json.dumps({str(i): date for i, date in enumerate(dates, start=1)})
            for dates in self.dates.values()
        ]
        columns = {"patch_id": list(self.dates), "acquisition_dates": texts}
        self._write(folder / "GLOBAL_SENTINEL2_MTD_DATES.gpkg", columns)

    @staticmethod
    def _write(path: Path, columns: dict[str, list[str]]) -> None:
        path.unlink(missing_ok=True)
        shapes = [box(0, 0, 1, 1)] * len(columns["patch_id"])
        gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:2154").to_file(path, driver="GPKG")

    def discover(self) -> Dataset:
        return discover_dataset(self.root.parent)
