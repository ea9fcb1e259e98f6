from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from scipy.ndimage import map_coordinates

from core.errors import SceneError
from core.land.data.dataset import SIDE, Dataset
from core.land.data.patch_reading import (
    RequiredData,
    pixel_position,
    read_aerial,
    read_mask,
    read_patch,
    read_pixels,
    read_readable_patch,
    read_readable_pixel,
)
from core.land.data.sentinel import SentinelSettings, patch_super_patch
from core.land.season.season_columns import Season
from core.land.season.sentinel_planes import sentinel_planes

from ..conftest import write_tif

Make = Callable[..., Any]
COLUMN, ROW = 300, 20


def test_read_patch__row_by_row(make_tree: Make) -> None:
    rng = np.random.default_rng(0)
    aerial = rng.integers(0, 256, (5, 512, 512), dtype=np.uint8)
    labels = rng.integers(1, 20, (512, 512), dtype=np.uint8)
    tree = make_tree()
    tree.patch("000001")
    tree.patch("000002", aerial=aerial, labels=labels)
    table = read_patch(tree.discover(), 1)
    assert len(table) == 512 * 512
    flat = 7 * 512 + 300
    assert (table.row[flat], table.column[flat], table.patch[flat]) == (7, 300, 1)
    assert table.aerial[flat].tolist() == aerial[:, 7, 300].tolist()
    assert np.array_equal(table.labels.reshape(512, 512), np.minimum(labels, 13))
    assert table.sentinel is None
    assert table.context is None
    full = read_patch(tree.discover(), 1, RequiredData(nomenclature="full"))
    assert np.array_equal(full.labels.reshape(512, 512), labels)


def test_read_patch__sentinel_matched_as_in_the_notebook(make_tree: Make) -> None:
    rng = np.random.default_rng(1)
    data = rng.integers(1, 5000, (4, 10, 60, 60), dtype=np.uint16)
    tree = make_tree()
    tree.patch("000001", centroid=(33, 28))
    tree.area(data=data)
    table = read_patch(tree.discover(), 0, RequiredData(sentinel=True))
    assert table.sentinel is not None
    # Two dates in January, one each in February and March; the central 10 x 10 pixels of the
    # super patch, each repeated 50 times.
    months = np.stack([data[:2].mean(axis=0), data[2], data[3]]).mean(axis=0) / 10_000
    patch = months[:, 33 - 20 : 33 + 20, 28 - 20 : 28 + 20]
    central = patch[:, 15:25, 15:25].repeat(50, axis=1).repeat(50, axis=2)
    spectra = table.sentinel.reshape(512, 512, 10).transpose(2, 0, 1)
    np.testing.assert_allclose(spectra[:, 6:506, 6:506], central, rtol=1e-6)
    # The margin lies in the next Sentinel pixel outwards.
    np.testing.assert_allclose(spectra[:, 0, 0], patch[:, 14, 14], rtol=1e-6)
    np.testing.assert_allclose(spectra[:, 511, 100], patch[:, 25, 16], rtol=1e-6)


def test_read_patch__all_cloud_uses_the_clearest_date(make_tree: Make) -> None:
    masks = np.full((4, 2, 60, 60), 80, np.uint8)
    masks[2, :, :15] = 0
    data = np.arange(4)[:, None, None, None] * 1000
    tree = make_tree()
    tree.patch("000001")
    tree.area(data=data, masks=masks)
    table = read_patch(tree.discover(), 0, RequiredData(sentinel=True))
    assert table.sentinel is not None
    np.testing.assert_allclose(table.sentinel, 0.2, rtol=1e-6)
    assert "2021-02-07" in str(table.problems[0])
    filtered = read_patch(
        tree.discover(), 0, RequiredData(sentinel=True, dates=SentinelSettings(81))
    )
    assert filtered.problems == ()


def test_read_mask__values_that_are_no_class(make_tree: Make) -> None:
    labels = np.full((512, 512), 7, np.uint8)
    labels[0, :3] = (0, 20, 255)
    tree = make_tree()
    tree.patch("000001", labels=labels)
    classes, problem = read_mask(tree.discover().patches[0])
    assert classes[0, :4].tolist() == [0, 0, 0, 7]
    reason = "3 pixels have values that are not classes (0, 20, 255) and are left out"
    assert str(problem) == f"MSK_000001.tif: {reason}"
    table = read_patch(tree.discover(), 0)
    assert table.labels[:4].tolist() == [0, 0, 0, 7]
    assert table.problems == (problem,)


@pytest.mark.parametrize(
    ("role", "values", "match"),
    [
        (
            0,
            np.zeros((5, 500, 512), np.uint8),
            "5 bands of 512 x 500 pixels .uint8., not 5 of 512 x 512",
        ),
        (0, np.zeros((4, 512, 512), np.uint8), "4 bands"),
        (0, np.zeros((5, 512, 512), np.uint16), "uint16"),
        (
            1,
            np.zeros((1, 256, 256), np.uint8),
            "MSK_000001.tif: the file has 1 bands of 256 x 256 pixels .uint8.",
        ),
        (1, np.zeros((1, 512, 512), np.int16), "int16"),
    ],
)
def test_read_patch__wrong_size_or_dtype(
    make_tree: Make, role: int, values: Any, match: str
) -> None:
    tree = make_tree()
    image = tree.patch("000001")
    patch = tree.discover().patches[0]
    write_tif(image if role == 0 else patch.mask, values)
    with pytest.raises(SceneError, match=match):
        read_patch(tree.discover(), 0)


def test_read_aerial__truncated(make_tree: Make) -> None:
    tree = make_tree()
    aerial = np.random.default_rng(0).integers(0, 256, (5, 512, 512), dtype=np.uint8)
    image = tree.patch("000001", aerial=aerial)
    image.write_bytes(image.read_bytes()[: 5 * 512 * 300])
    with pytest.raises(SceneError, match=r"IMG_000001\.tif"):
        read_aerial(tree.discover().patches[0])


def test_pixel_position__centre_and_crs(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    patch = tree.discover().patches[0]
    assert pixel_position(patch, 0, 0)[2] == ""
    with rasterio.open(patch.image, "r+") as image:
        image.transform, image.crs = Affine(0.2, 0, 1000, 0, -0.2, 5000), "EPSG:2154"
    assert pixel_position(patch, 10, 20) == (
        pytest.approx(1002.1),
        pytest.approx(4995.9),
        "EPSG:2154",
    )


@pytest.fixture
def tree(make_tree: Make) -> Any:
    tree = make_tree()
    tree.patch("000001", labels=14, aerial=np.arange(5)[:, None, None] + 10)
    tree.area()
    return tree


def cut_off(path: Any) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def test_readable__undamaged_pixel_equals_the_pixel_table(tree: Any) -> None:
    patch = tree.discover().patches[0]
    readable = read_readable_patch(patch)
    assert readable.problems == ()
    assert np.array_equal(readable.aerial, read_aerial(patch))
    pixel = read_readable_pixel(readable, 0, COLUMN, ROW)
    needs = RequiredData(sentinel=True, nomenclature="full")
    expected = read_pixels(patch, 0, np.array([ROW * SIDE + COLUMN]), needs)
    for name in ("aerial", "sentinel", "labels", "patch", "column", "row"):
        values = getattr(pixel, name)
        assert values.dtype == getattr(expected, name).dtype
        assert np.array_equal(values, getattr(expected, name)), name


def test_readable__bands_and_spectrum_if_the_mask_is_damaged(tree: Any) -> None:
    patch = tree.discover().patches[0]
    cut_off(patch.mask)
    readable = read_readable_patch(patch)
    assert readable.labels is None
    assert [problem.startswith("The mask cannot be read.") for problem in readable.problems] == [
        True
    ]
    pixel = read_readable_pixel(readable, 0, COLUMN, ROW)
    assert pixel.labels.tolist() == [0]
    assert pixel.sentinel is not None


def test_readable__bands_if_the_series_is_damaged(tree: Any) -> None:
    patch = tree.discover().patches[0]
    cut_off(patch.super_area.data)
    pixel = read_readable_pixel(read_readable_patch(patch), 0, COLUMN, ROW)
    assert pixel.sentinel is None
    assert pixel.labels.tolist() == [14]


def test_readable__only_labels_if_the_image_is_damaged(tree: Any) -> None:
    patch = tree.discover().patches[0]
    cut_off(patch.image)
    readable = read_readable_patch(patch)
    assert readable.aerial is None
    assert readable.labels is not None
    with pytest.raises(SceneError, match="the image cannot be read"):
        read_readable_pixel(readable, 0, COLUMN, ROW)


@pytest.mark.parametrize("season", ["mean", "months", "indices"])
def test_read_pixels__series_columns_in_blocks_and_interpolated(
    land: Dataset, season: Season
) -> None:
    flat = np.random.default_rng(0).integers(0, SIDE * SIDE, 300)
    patch = land.patches[0]
    row, column = np.divmod(flat, SIDE)
    needs = RequiredData(sentinel=True, season=season)
    blocks = read_pixels(patch, 0, flat, needs)
    smooth = read_pixels(patch, 0, flat, replace(needs, interpolation="smooth"))
    assert blocks.sentinel is not None
    assert smooth.sentinel is not None
    assert smooth.season == season
    assert len(smooth.sentinel_names) == smooth.sentinel.shape[1]
    # Independent: whole super area, positions in pixels of it, SciPy's interpolation.
    assert patch.super_area is not None
    assert patch.centroid is not None
    series = sentinel_planes(patch_super_patch(patch, needs.dates), season, needs.dates).planes
    y, x = ((offset + 0.5 - 256) / 50 + 6 - 0.5 for offset in (row, column))
    for values, order in ((blocks.sentinel, 0), (smooth.sentinel, 1)):
        expected = [map_coordinates(plane, (y, x), order=order, mode="nearest") for plane in series]
        np.testing.assert_allclose(values, np.transpose(expected), atol=1e-5)
    assert (blocks.filled_months[1] > 0) == (season != "mean")
