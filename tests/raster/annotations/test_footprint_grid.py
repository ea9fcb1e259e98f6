import dataclasses

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.input_settings import GridSettings, SceneSettings
from core.raster.annotations.footprint_grid import (
    MOST_SQUARES,
    corners,
    count,
    fitting_stride,
    grid,
    too_many,
)
from core.raster.scene import read_scene
from core.raster.scene_report import inspect


def bounds(found):
    return [tuple(int(v) for v in shape.bounds) for shape in found.pixels]


def test_grid__whole_squares_row_by_row(make_scene):
    found = grid(read_scene(make_scene()), GridSettings(size=50))
    assert bounds(found) == [(x, y, x + 50, y + 50) for y in (0, 50) for x in (0, 50, 100)]
    assert found.ground.area == pytest.approx(625, rel=1e-3)
    assert not found.cut.any()
    assert found.properties["grid_column"].tolist() == [0, 1, 2] * 2


def test_grid__strides_overlap_or_leave_gaps(make_scene):
    scene = read_scene(make_scene())
    assert len(grid(scene, GridSettings(size=60, stride=20))) == 6 * 4
    assert bounds(grid(scene, GridSettings(size=20, stride=100))) == [
        (0, 0, 20, 20), (100, 0, 120, 20), (0, 100, 20, 120), (100, 100, 120, 120),
    ]  # fmt: skip


def test_grid__larger_than_the_scene_is_empty(make_scene):
    assert len(grid(read_scene(make_scene()), GridSettings(size=130))) == 0


@pytest.mark.parametrize(("coverage", "kept"), [(0, 12), (0.4, 9), (0.6, 6), (1, 6)])
def test_grid__coverage_of_valid_pixels(make_scene, coverage, kept):
    # Columns up to 60 are nodata: half of the second column of squares.
    path = make_scene(content=lambda r, c: np.where(c < 60, 0, 90), nodata=0)
    found = grid(read_scene(path), GridSettings(size=40, coverage=coverage))
    assert len(found) == kept
    assert sum(found.skipped.values()) == 12 - kept


def test_grid__nan_counts_as_not_valid_and_no_crs_will_do(make_scene):
    path = make_scene(
        dtype="float32", crs=None, transform=Affine.identity(),
        content=lambda r, c: np.where(r < 60, np.nan, 1),
    )  # fmt: skip
    found = grid(read_scene(path), GridSettings(size=60, stride=50))
    assert {b[1] for b in bounds(found)} == {50}
    assert np.isnan(found.ground.area).all()


def test_inspect__a_grid_only_where_there_are_no_annotations(make_scene, make_annotations):
    settings = SceneSettings(grid=GridSettings(size=40))
    path = make_scene()
    report, _, found = inspect(path, settings)
    assert (report.grid, report.annotations, len(found)) == (True, 12, 12)
    assert any("a grid of 40 px" in warning for warning in report.warnings)
    make_annotations(path, [])
    report, _, found = inspect(path, settings)
    assert (report.grid, report.annotations) == (False, 0)
    assert not inspect(make_scene("plain.tif"))[0].grid


def test_inspect__squares_larger_than_the_scene_are_told(make_scene):
    report, _, _ = inspect(make_scene(), SceneSettings(grid=GridSettings(size=500)))
    assert (report.grid, report.annotations) == (True, 0)
    assert "the squares are larger than the scene" in report.warnings
    assert not any("annotation file" in words for words in report.warnings)


def test_corners__as_many_as_the_grid_has(make_scene):
    scene = read_scene(make_scene())
    for settings in (
        GridSettings(size=50),
        GridSettings(size=60, stride=20),
        GridSettings(size=999),
    ):
        across, down = corners(scene.width, scene.height, settings)
        assert len(across) * len(down) == len(grid(scene, settings))
        assert count(scene.width, scene.height, settings) == len(across) * len(down)


def test_grid__more_squares_than_memory_holds_are_refused_before_any_is_made(
    make_scene, monkeypatch
):
    scene = dataclasses.replace(read_scene(make_scene()), width=20_480, height=20_480)
    monkeypatch.setattr(
        "core.raster.annotations.footprint_grid.corners",
        lambda *_: pytest.fail("squares were laid"),
    )
    with pytest.raises(SettingsError, match="has 416,853,889 squares in one scene") as caught:
        grid(scene, GridSettings(size=64, stride=1, coverage=0))
    assert "scenes.grid, in scene.tif" in str(caught.value)
    assert "Set scenes.grid.stride to 15 or more" in str(caught.value)


SIDES = st.integers(1, 200_000)


@given(SIDES, SIDES, st.integers(8, 4096))
def test_fitting_stride__is_the_least_that_fits(width, height, size):
    asked = GridSettings(size=size, stride=1)
    stride = fitting_stride(width, height, asked)
    at = dataclasses.replace(asked, stride=min(stride, 4096))
    assert count(width, height, at) <= MOST_SQUARES
    assert not too_many(width, height, at)
    if stride > 1:
        assert too_many(width, height, dataclasses.replace(asked, stride=stride - 1))
