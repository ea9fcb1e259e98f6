"""Folders of images whose classes are plain to see: dark left, bright right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import box

from tests.satellite_series import write_series

WIDTH, HEIGHT = 160, 120


def halves(seed: int = 0, n_bands: int = 3, low: int = 40, high: int = 200) -> Any:
    """Return an image, int (b, h, w), whose left half is dark and whose right half is bright."""
    noise = np.random.default_rng(seed).integers(-15, 16, (n_bands, HEIGHT, WIDTH))
    steps = np.where(np.arange(WIDTH) < WIDTH // 2, low, high)
    return noise + steps


def ground_box(left: float, top: float, right: float, bottom: float) -> Any:
    """Return a rectangle of pixels in the CRS of `make_scene`."""
    return box(692_000 + left / 2, 4_796_000 - bottom / 2, 692_000 + right / 2, 4_796_000 - top / 2)


@pytest.fixture
def raster_folder(make_scene: Callable[..., Path], tmp_path: Path) -> Path:
    """Three images with rasters of labels: 3 on the left, 7 on the right, no data in one corner."""
    folder = tmp_path / "rasters"
    labels = np.where(np.arange(WIDTH) < WIDTH // 2, 3, 7) + np.zeros((HEIGHT, 1), int)
    labels[:10, :10] = 0
    for number in range(3):
        make_scene(f"place{number}.tif", halves(number), folder=folder)
        make_scene(f"place{number}.tif", labels, bands=1, nodata=0, folder=folder / "labels")
    return folder


@pytest.fixture
def polygon_folder(
    make_scene: Callable[..., Path], make_annotations: Callable[..., Path], tmp_path: Path
) -> Path:
    """An image with two polygons, of dark and of bright ground, and an attribute besides."""
    folder = tmp_path / "polygons"
    image = make_scene("field.tif", halves(), folder=folder)
    make_annotations(
        image,
        [ground_box(10, 10, 40, 40), ground_box(100, 60, 150, 110), ground_box(105, 65, 110, 70)],
        [{"kind": "soil", "n": 1}, {"kind": "sand", "n": 2}, {"kind": "sand", "n": 3}],
    )
    return folder


@pytest.fixture
def make_series(tmp_path: Path) -> Callable[..., Path]:
    """Write a time series around the images of `make_scene`; see `write_series`."""

    def write(
        dates: dict[str, Any], masks: Any = None, folder: str = "series", **more: Any
    ) -> Path:
        return write_series(tmp_path / folder, dates, masks, **more)

    return write
