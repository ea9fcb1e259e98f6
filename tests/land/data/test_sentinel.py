from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import SceneError, SettingsError
from core.land.data.sentinel import (
    SentinelSettings,
    Series,
    cut_super_patch,
    monthly_means,
    open_series,
    patch_super_patch,
    read_dates,
)

Make = Callable[..., Any]
DEFAULT = SentinelSettings()


def series(
    t: int = 3, size: int = 60, dates: tuple[str, ...] = (), data: Any = 1000, masks: Any = 0
) -> Series:
    values = np.empty((t, 10, size, size), np.uint16)
    values[:] = data
    probabilities = np.empty((t, 2, size, size), np.uint8)
    probabilities[:] = masks
    return Series(values, probabilities, dates or tuple(f"2021-0{i + 1}-10" for i in range(t)))


def test_open_series__maps_and_reads_dates(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.area()
    area = tree.discover().patches[0].super_area
    opened = open_series(area)
    assert isinstance(opened.data, np.memmap)
    assert isinstance(opened.masks, np.memmap)
    assert opened.dates == ("2021-01-03", "2021-01-18", "2021-02-07", "2021-03-01")


def test_open_series__dates_do_not_match(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    stem = tree.area()
    products = stem.with_name(f"{stem.name}_products.txt")
    products.write_text(products.read_text().split("\n", 1)[1])
    with pytest.raises(SceneError, match=r"lists 3 dates, but SEN2_sp_.*_data.npy holds 4"):
        open_series(tree.discover().patches[0].super_area)


def test_open_series__truncated(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    stem = tree.area()
    data = stem.with_name(f"{stem.name}_data.npy")
    for n_bytes in (4000, 60, 0):
        data.write_bytes(data.read_bytes()[:n_bytes])
        with pytest.raises(SceneError, match=r"_data\.npy: the file is not a complete \.npy array"):
            open_series(tree.discover().patches[0].super_area)


def test_open_series__archive_of_arrays(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    stem = tree.area()
    data = stem.with_name(f"{stem.name}_data.npy")
    with data.open("wb") as file:
        np.savez(file, data=np.zeros(3))
    with pytest.raises(SceneError, match="not a complete"):
        open_series(tree.discover().patches[0].super_area)


def test_open_series__pickle_is_refused_and_never_run(make_tree: Make, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    tree = make_tree()
    tree.patch("000001")
    stem = tree.area()
    data = stem.with_name(f"{stem.name}_data.npy")
    for content in (np.array([Bomb()], object), Bomb()):
        if isinstance(content, np.ndarray):
            np.save(data, content, allow_pickle=True)
        else:
            import pickle

            data.write_bytes(pickle.dumps(content))
        with pytest.raises(SceneError, match="pickle"):
            open_series(tree.discover().patches[0].super_area)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("part", "values", "match"),
    [
        ("data", np.zeros((4, 9, 60, 60), np.uint16), "9, 60, 60.*not uint16"),
        ("data", np.zeros((4, 10, 60, 60), np.float32), "float32"),
        ("data", np.zeros((10, 60, 60), np.uint16), "not uint16"),
        ("masks", np.zeros((4, 2, 60, 59), np.uint8), "60, 59"),
        ("masks", np.zeros((3, 2, 60, 60), np.uint8), "3, 2, 60, 60"),
    ],
)
def test_open_series__wrong_shape(make_tree: Make, part: str, values: Any, match: str) -> None:
    tree = make_tree()
    tree.patch("000001")
    stem = tree.area()
    np.save(stem.with_name(f"{stem.name}_{part}.npy"), values)
    with pytest.raises(SceneError, match=match):
        open_series(tree.discover().patches[0].super_area)


@pytest.mark.parametrize("line", ["S2B_MSIL2A_20211303T1", "S2B_MSIL2A", "S2B_MSIL2A_2021ab03T"])
def test_read_dates__no_date(tmp_path: Path, line: str) -> None:
    path = tmp_path / "products.txt"
    path.write_text(f"S2B_MSIL2A_20210103T105329\n{line}\n")
    with pytest.raises(SceneError, match="line 2"):
        read_dates(path)


def test_cut__filter_worked_example() -> None:
    # A super patch has 1600 pixels; a date passes with fewer than 800 of them at 60 or more.
    full = series(t=5)
    masks = np.zeros((5, 2, 60, 60), np.uint8)
    masks[0, 1, 10:30, 10:50] = 60  # 800 cloud: too many
    masks[1, 1, 10:30, 10:50] = 59  # none reaches the threshold
    masks[2, 0, 10:20, 10:50] = 90  # 400 snow
    masks[2, 1, 20:30, 10:49] = 90  # and 390 clouds: 790
    masks[3, 0, 10:30, 10:49] = 90  # 780 snow
    masks[3, 1, 10:30, 10:49] = 90  # the same pixels again: still 780
    masks[4, 1, :10] = 100  # outside the super patch
    super_patch = cut_super_patch(Series(full.data, masks, full.dates), (30, 30), DEFAULT)
    assert (super_patch.cover * 1600).round().astype(int).tolist() == [800, 0, 790, 780, 0]
    assert super_patch.usable.tolist() == [False, True, True, True, True]
    assert not super_patch.all_covered
    assert super_patch.series.data.shape == (5, 10, 40, 40)
    assert super_patch.centre == (20, 20)


def test_cut__thresholds_are_settings() -> None:
    masks = np.zeros((2, 2, 60, 60), np.uint8)
    masks[0, 1, 10:30, 10:50] = 40
    masks[1, 1, 10:20, 10:50] = 100
    two = Series(series(t=2).data, masks, ("2021-01-01", "2021-02-01"))
    assert cut_super_patch(two, (30, 30), SentinelSettings(probability=40)).usable.tolist() == [
        False,
        True,
    ]
    assert cut_super_patch(two, (30, 30), SentinelSettings(cover=0.25)).usable.tolist() == [
        True,
        False,
    ]
    with pytest.raises(SettingsError):
        SentinelSettings(cover=1.5)


def test_cut__all_cloud_keeps_the_clearest() -> None:
    masks = np.full((3, 2, 60, 60), 100, np.uint8)
    masks[1, :, 10:15] = 0
    super_patch = cut_super_patch(Series(series().data, masks, series().dates), (30, 30), DEFAULT)
    assert super_patch.all_covered
    assert super_patch.usable.tolist() == [False, True, False]


def test_cut__edge_and_outside() -> None:
    super_patch = cut_super_patch(series(), (5, 58), DEFAULT)
    assert super_patch.series.data.shape[2:] == (25, 22)
    assert super_patch.centre == (5, 20)
    for outside in ((-1, 30), (60, 30), (30, 60)):
        with pytest.raises(SceneError, match="IMG_1: the centroid"):
            cut_super_patch(series(), outside, DEFAULT, "IMG_1")


def test_monthly_means__worked_example() -> None:
    values = np.array([2.0, 4.0, 10.0, 99.0, 20.0])
    dates = ("2021-01-05", "2021-01-20", "2021-03-01", "2021-03-15", "2020-12-31")
    usable = np.array([True, True, True, False, True])
    assert monthly_means(values, dates, usable).tolist() == [3.0, 10.0, 20.0]


def test_patch_super_patch__without_sentinel(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    with pytest.raises(SceneError, match="IMG_000001: the patch has no Sentinel files"):
        patch_super_patch(tree.discover().patches[0], DEFAULT)
