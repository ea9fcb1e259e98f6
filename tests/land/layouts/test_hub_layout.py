"""FLAIR-HUB: small data sets in exactly its published form, and each oddity by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from core.errors import SceneError
from core.land.data.data_summary import summarise_dataset
from core.land.data.dataset import Dataset
from core.land.data.nomenclature import FLAIR_HUB
from core.land.data.patch_reading import RequiredData, read_aerial, read_mask, read_patch
from core.land.data.sentinel import SentinelSettings, patch_super_patch
from core.land.layouts.hub_reading import code_height
from core.land.season.sentinel_planes import block_position
from tests.hub_files import DATES, NAME, TEST, Hub


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path / "flair" / "FLAIR-HUB_TOY")


def reasons(dataset: Dataset) -> dict[str, str]:
    return {problem.name: problem.reason for problem in dataset.problems}


def test_discover__patches_splits_dates_and_areas(hub: Hub) -> None:
    hub.patch()
    hub.patch(TEST, "test")
    hub.patch("D012-2019_AF-S1-27_5-11", "valid")
    dataset = hub.discover()
    assert not dataset.problems
    assert [(p.name, p.split, p.area_id) for p in dataset.patches] == [
        (NAME, "train", "D012-2019/AF-S1-27"),
        ("D012-2019_AF-S1-27_5-11", "train", "D012-2019/AF-S1-27"),
        (TEST, "test", "D015-2020/FU-S2-3"),
    ]
    assert dataset.layout.legend == FLAIR_HUB
    first = dataset.patches[0]
    assert first.super_area is not None
    assert first.super_area.dates == ("2019-01-14", "2019-02-14", "2019-02-21", "2019-07-15")
    assert len({patch.number for patch in dataset.patches}) == 3


def test_read__bands_height_and_classes(hub: Hub) -> None:
    hub.patch()
    (patch,) = hub.discover().patches
    aerial = read_aerial(patch)
    assert aerial.dtype == np.uint8
    assert aerial.shape == (5, 512, 512)
    np.testing.assert_array_equal(aerial[:, 0, 0], (10, 20, 30, 40, 0))
    # 7.3 m in steps of 0.2 m.
    assert aerial[4, 0, 300] in (36, 37)
    labels, problem = read_mask(patch)
    assert problem is None
    names = [FLAIR_HUB.classes[value - 1].name for value in labels[:19, 0]]
    assert names[:4] == ["building", "greenhouse", "swimming pool", "impervious surface"]
    assert names[8:11] == ["herbaceous vegetation", "agricultural land", "plowed land"]
    assert names[14:] == ["brushwood", "clear cut", "ligneous", "mixed", "other"]


def test_read__sentinel_pixel_of_every_aerial_pixel(hub: Hub) -> None:
    """The position on the ground decides: each Sentinel pixel has 10.24 m, 51.2 aerial pixels."""
    hub.patch()
    dataset = hub.discover()
    table = read_patch(dataset, 0, RequiredData(sentinel=True))
    assert table.sentinel is not None
    row = ((table.row + 0.5) * 0.2 // 10.24).astype(int)
    column = ((table.column + 0.5) * 0.2 // 10.24).astype(int)
    expected = (1000 + 100 * row + column) / 10_000
    np.testing.assert_allclose(table.sentinel[:, 0], expected, rtol=1e-5)
    assert np.array_equal(np.unique(block_position(np.arange(512), 51.2) // 1), np.arange(10))
    extent = patch_super_patch(dataset.patches[0], SentinelSettings()).patch_extent
    assert extent == pytest.approx((0, 0, 10, 10))


def test_read__season_of_the_series_of_a_patch(hub: Hub) -> None:
    hub.patch()
    covers = np.zeros((len(DATES), 2, 10, 10), np.uint16)
    covers[1:3, 1, 0, 0] = 100  # both dates of February, on the first pixel
    data = np.zeros((len(DATES), 10, 10, 10), np.uint16)
    data += (1000 * np.arange(1, 5, dtype=np.uint16))[:, None, None, None]
    hub.series(data=data, masks=covers)
    dataset = hub.discover()
    months = read_patch(dataset, 0, RequiredData(sentinel=True, season="months")).sentinel
    assert months is not None
    values = months.reshape(512, 512, 12, 10)[..., 0]
    # January, the mean of the two dates of February, and July.
    np.testing.assert_allclose(values[511, 511, [0, 1, 6]], (0.1, 0.25, 0.4), rtol=1e-5)
    # Under the clouds, February lies a sixth of the way from January to July.
    np.testing.assert_allclose(values[0, 0, [0, 1, 6]], (0.1, 0.15, 0.4), rtol=1e-5)
    assert (
        read_patch(dataset, 0, RequiredData(sentinel=True, season="indices")).sentinel is not None
    )


def test_read__interpolated_series_of_a_patch(hub: Hub) -> None:
    hub.patch()
    needs = RequiredData(sentinel=True, interpolation="smooth")
    table = read_patch(hub.discover(), 0, needs)
    assert table.sentinel is not None
    grid = (1000 + 100 * np.arange(10)[:, None] + np.arange(10)) / 10_000
    ground = [((offset + 0.5) * 0.2 / 10.24) - 0.5 for offset in (table.row, table.column)]
    expected = map_coordinates(grid, ground, order=1, mode="nearest")
    np.testing.assert_allclose(table.sentinel[:, 0], expected, rtol=1e-4)


def test_heights__limits_and_missing_values() -> None:
    surface = np.array([[[150.0, 400, 99, np.nan, -9999]]], np.float32)
    models = np.concatenate([surface, np.full_like(surface, 100)])
    np.testing.assert_array_equal(code_height(models, -9999.0), [[250, 255, 0, 0, 0]])


def remove(content: str) -> Callable[[Hub], object]:
    return lambda hub: hub.path(NAME, content).unlink()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (remove("AERIAL_LABEL-COSIA"), "no AERIAL_LABEL-COSIA raster, so it is neither"),
        (remove("DEM_ELEV"), "no DEM_ELEV raster, so it is not used"),
        (remove("SENTINEL2_TS"), "no SENTINEL2_TS raster, so only its aerial bands"),
        (remove("SENTINEL2_MSK-SC"), "no SENTINEL2_MSK-SC raster, so only its aerial bands"),
        (lambda hub: (hub.dates.pop(NAME), hub.tables()), "its Sentinel-2 dates are missing"),
        (lambda hub: (hub.splits.pop(NAME), hub.tables()), "its domain decides"),
    ],
)
def test_discover__missing_parts_by_name(
    hub: Hub, change: Callable[[Hub], object], reason: str
) -> None:
    hub.patch()
    hub.patch(TEST, "test")
    change(hub)
    problems = reasons(hub.discover())
    assert reason in problems[NAME]
    assert TEST not in problems


def test_discover__without_heights_series_and_tables(hub: Hub) -> None:
    for name in (NAME, TEST):
        aerial = np.full((4, 512, 512), 50, np.uint8)
        hub.write(name, "AERIAL_RGBI", aerial)
    dataset = hub.discover()
    assert [patch.split for patch in dataset.unlabelled] == ["test", "test"]
    assert len(dataset.layout.bands) == 4
    assert read_aerial(dataset.unlabelled[0]).shape == (4, 512, 512)
    assert {"GLOBAL_ALL_MTD_SPLIT.gpkg", "SENTINEL2_TS"} == set(reasons(dataset))


def test_discover__foreign_names_and_damaged_tables(hub: Hub) -> None:
    hub.patch()
    stray = hub.path(NAME, "AERIAL_RGBI").with_name("copy.tif")
    stray.write_bytes(b"")
    table = hub.root / "GLOBAL_ALL_MTD" / "GLOBAL_SENTINEL2_MTD_DATES.gpkg"
    table.write_bytes(b"not a database")
    problems = reasons(hub.discover())
    assert "does not follow" in problems["D012-2019_AERIAL_RGBI/AF-S1-27/copy.tif"]
    assert "cannot be read" in problems[table.name]


@pytest.mark.parametrize(
    ("content", "values", "message"),
    [
        ("AERIAL_RGBI", np.zeros((4, 512, 512), np.uint16), "uint16"),
        ("AERIAL_RGBI", np.zeros((3, 512, 512), np.uint8), "3 bands"),
        ("DEM_ELEV", np.zeros((2, 512, 512), np.uint8), "not 2 of 512 x 512 \\(float32\\)"),
    ],
)
def test_read__wrong_form_names_the_file(
    hub: Hub, content: str, values: np.ndarray, message: str
) -> None:
    hub.patch()
    path = hub.write(NAME, content, values)
    with pytest.raises(SceneError, match=message) as caught:
        read_aerial(hub.discover().patches[0])
    assert path.name in str(caught.value)


def test_describe__class_out_of_range_clouds_and_wrong_series_by_name(hub: Hub) -> None:
    hub.patch(labels=19)
    hub.series(masks=100)
    second, third = "D012-2019_AF-S1-27_5-11", "D012-2019_AF-S1-27_5-12"
    hub.patch(second)
    covers = np.zeros((len(DATES), 2, 1, 1))
    covers[3] = 90
    hub.series(second, masks=covers)
    hub.patch(third)
    hub.dates[third] = DATES[:2]
    hub.tables()
    summary = summarise_dataset(hub.discover())
    text = "\n".join(summary["problems"])
    assert "have values that are not classes (19)" in text
    assert f"{NAME}: no Sentinel date passes the filter" in text
    assert summary["empty_months"][second] == ["July"]
    assert "the file has 40 bands, not 10 for each of the 2 dates" in text
    assert "51.2 x 51.2" in summary["matching"]
    assert "FLAIR-HUB" in summary["citation"]
