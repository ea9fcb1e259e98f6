"""Time series on their own grid and in their own CRS, at the pixels of your own images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from scipy.ndimage import map_coordinates

from core.errors import SceneError
from core.land.data.dataset import Dataset
from core.land.data.patch_reading import RequiredData, read_patch
from core.land.images.image_import import ImportSettings, import_images
from core.land.images.image_set import image_dataset
from core.land.season.raster_series import locate_pixels, series_box
from core.raster.scene import read_scene
from tests.satellite_series import SERIES_ORIGIN

from .conftest import HEIGHT, WIDTH

MEAN, SMOOTH = (
    RequiredData(sentinel=True, season="mean"),
    RequiredData(sentinel=True, season="mean", interpolation="smooth"),
)


def dataset(folder: Path, series: Path, **settings: Any) -> Dataset:
    return image_dataset(import_images(folder, ImportSettings(**settings), series=series))


def noise(seed: int) -> Any:
    return np.random.default_rng(seed).integers(100, 3000, (2, 30, 30))


def test_values__equal_independent_lookups_on_the_ground(raster_folder, make_series):
    """Nearest pixel as `gdallocationinfo` finds it, and SciPy's bilinear interpolation."""
    series = make_series({"2021-05-01": noise(0)})
    patches = dataset(raster_folder, series)
    divisor = patches.layout.series_bands.divisor
    with (
        rasterio.open(patches.patches[0].image) as image,
        rasterio.open(series / "2021-05-01.tif") as date,
    ):
        columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
        x, y = rasterio.transform.xy(image.transform, rows.ravel(), columns.ravel(), offset="ul")
        x, y = Transformer.from_crs(image.crs, date.crs, always_xy=True).transform(x, y)
        nearest = np.array(list(date.sample(zip(x, y, strict=True))))
        down, across = rasterio.transform.rowcol(date.transform, x, y, op=lambda value: value)
        centred = (np.array(down) - 0.5, np.array(across) - 0.5)
        bilinear = [map_coordinates(plane.astype(float), centred, order=1) for plane in date.read()]
    blocks, smooth = (read_patch(patches, 0, needs).sentinel for needs in (MEAN, SMOOTH))
    np.testing.assert_allclose(blocks * divisor, nearest, rtol=1e-5)
    np.testing.assert_allclose(smooth * divisor, np.transpose(bilinear), rtol=1e-4, atol=0.05)
    # The image has 80 x 60 m, so it lies on several pixels of 10 m.
    assert len(np.unique(blocks[:, 0])) > 40


def test_values__do_not_depend_on_the_window(raster_folder, make_series):
    series = make_series({"20210501": noise(0), "20210801": noise(1)})
    needs = RequiredData(sentinel=True, season="months", interpolation="smooth")
    by_size = []
    for block in (0, 50):
        patches = dataset(raster_folder, series, groups="blocks" if block else "files", block=block)
        values = np.zeros((HEIGHT, WIDTH, 24), np.float32)
        for index, patch in enumerate(patches.patches):
            if patch.image.stem == "place0":
                left, top, right, bottom = patch.window
                table = read_patch(patches, index, needs)
                values[top:bottom, left:right] = table.sentinel.reshape(bottom - top, -1, 24)
        by_size.append(values)
    np.testing.assert_allclose(*by_size, rtol=1e-5)


def test_months__nodata_and_masks_hide_single_pixels(raster_folder, make_series):
    may, june = np.full((2, 30, 30), 1000), np.full((2, 30, 30), 3000)
    cloud = np.zeros((1, 30, 30))
    cloud[:, :, :14] = 9  # June: cloud on the left, from the mask
    may[:, :, 16:] = 0  # May: nodata on the right
    series = make_series({"20210501": may, "20210601": june}, {"20210601": cloud})
    patches = dataset(raster_folder, series)
    divisor = patches.layout.series_bands.divisor
    table = read_patch(patches, 0, RequiredData(sentinel=True, season="months"))
    assert table.sentinel_names[8:12] == tuple(
        f"series {band} {month}" for month in ("May", "Jun") for band in ("red", "nir")
    )
    values = (table.sentinel[:, 8:12:2] * divisor).reshape(HEIGHT, WIDTH, 2)
    np.testing.assert_allclose(values[60, 0], (1000, 1000), rtol=1e-5)
    np.testing.assert_allclose(values[60, 100], (1000, 3000), rtol=1e-5)
    np.testing.assert_allclose(values[60, -1], (3000, 3000), rtol=1e-5)
    assert any("in at most 1 of 12 months" in str(problem) for problem in table.problems)


def test_indices__of_named_bands(raster_folder, make_series):
    dates = {
        f"2021{month:02}15": np.array([1000, 1000 + 200 * month])[:, None, None]
        for month in range(1, 13)
    }
    patches = dataset(raster_folder, make_series(dates))
    table = read_patch(patches, 0, RequiredData(sentinel=True, season="indices"))
    assert table.sentinel_names[:4] == tuple(
        f"series {name}" for name in ("red", "nir", "NDVI minimum", "NDVI maximum")
    )
    np.testing.assert_allclose(table.sentinel[:, 2], 200 / 2200, rtol=1e-4)
    np.testing.assert_allclose(table.sentinel[:, 3], 2400 / 4400, rtol=1e-4)


def test_series_finer_than_the_image__pixels_are_averaged(make_scene, make_series, tmp_path):
    """An image of 5 m over a series of 1 m: each of its pixels gets the mean of the ground."""
    transform = rasterio.Affine(5, 0, SERIES_ORIGIN[0] + 50, 0, -5, SERIES_ORIGIN[1] - 50)
    folder = tmp_path / "coarse"
    labels = np.where(np.arange(20) < 10, 1, 2) + np.zeros((20, 1), int)
    options = {"height": 20, "width": 20, "crs": "EPSG:2154", "transform": transform}
    make_scene("a.tif", np.full((3, 20, 20), 100), folder=folder, **options)
    make_scene("a_labels.tif", labels, bands=1, folder=folder, **options)
    row, column = np.mgrid[:200, :200]
    hidden = np.zeros((1, 200, 200))
    hidden[0, 52, 52] = 1
    series = make_series(
        {"20210501": np.stack([1000 + row, 1000 + column]), "20210502": np.full((2, 1, 1), 9000)},
        {"20210501": hidden, "20210502": np.ones((1, 200, 200)) - hidden},
        pixel=1.0,
        size=(200, 200),
    )
    patches = dataset(folder, series)
    table = read_patch(patches, 0, SMOOTH)
    values = table.sentinel.reshape(20, 20, 2) * patches.layout.series_bands.divisor
    expected = 1052 + 5 * np.arange(20)
    np.testing.assert_allclose(values[3:, 5, 0], expected[3:], atol=2.5)
    np.testing.assert_allclose(values[5, 3:, 1], expected[3:], atol=2.5)
    # Of noise, the mean of 5 x 5 pixels leaves a fifth.
    noisy = np.random.default_rng(0).normal(5000, 500, (2, 200, 200))
    series = make_series({"20210501": noisy}, folder="noise", pixel=1.0, size=(200, 200))
    patches = dataset(folder, series)
    values = read_patch(patches, 0, MEAN).sentinel * patches.layout.series_bands.divisor
    assert 80 < values.std() < 150


@pytest.mark.parametrize("missing", ["image", "series"])
def test_locate__without_crs(make_scene, tmp_path, missing):
    crs = {name: None if name == missing else "EPSG:32631" for name in ("image", "series")}
    scenes = [read_scene(make_scene(f"{name}.tif", crs=crs[name])) for name in crs]
    with pytest.raises(SceneError, match=f"{missing}.tif: the file has no CRS"):
        locate_pixels(*scenes, np.zeros(1), np.zeros(1))


def test_series_box__window_that_is_partly_outside(make_scene, make_series):
    image = read_scene(make_scene("image.tif"))
    series = make_series({"20210501": 1}, origin=(SERIES_ORIGIN[0] + 150, SERIES_ORIGIN[1]))
    with pytest.raises(SceneError, match="columns 0 to 160, rows 0 to 120 are not covered"):
        series_box(image, read_scene(series / "20210501.tif"), (0, 0, 160, 120))


def test_read__never_clear_is_named(raster_folder, make_series):
    series = make_series({"20210501": 1000}, {"20210501": 1})
    with pytest.raises(SceneError, match="place0: no pixel of its time series is clear"):
        read_patch(dataset(raster_folder, series), 0, MEAN)


def test_read__damaged_date_is_named(raster_folder, make_series):
    series = make_series({"20210501": noise(0), "20210601": noise(1)})
    patches = dataset(raster_folder, series)
    path = series / "20210601.tif"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(SceneError, match=r"20210601\.tif"):
        read_patch(patches, 0, MEAN)
