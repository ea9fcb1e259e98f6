import dataclasses

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.input_settings import GridSettings, SceneSettings
from core.raster.annotations.footprint_grid import (
    MAX_SQUARES,
    count_grid_squares,
    grid_corners,
    grid_footprints,
    grid_limit_message,
    smallest_stride,
)
from core.raster.scene import read_scene
from core.raster.scene_report import inspect_scene


def bounds(footprints):
    return [tuple(int(v) for v in geometry.bounds) for geometry in footprints.pixels]


def test_grid_footprints__complete_squares_row_by_row(make_scene):
    footprints = grid_footprints(read_scene(make_scene()), GridSettings(size=50))
    assert bounds(footprints) == [(x, y, x + 50, y + 50) for y in (0, 50) for x in (0, 50, 100)]
    assert footprints.ground.area == pytest.approx(625, rel=1e-3)
    assert not footprints.cut_by_edge.any()
    assert footprints.properties["grid_column"].tolist() == [0, 1, 2] * 2


def test_grid_footprints__strides_overlap_or_leave_gaps(make_scene):
    scene = read_scene(make_scene())
    assert len(grid_footprints(scene, GridSettings(size=60, stride=20))) == 6 * 4
    assert bounds(grid_footprints(scene, GridSettings(size=20, stride=100))) == [
        (0, 0, 20, 20),
        (100, 0, 120, 20),
        (0, 100, 20, 120),
        (100, 100, 120, 120),
    ]


def test_grid_footprints__none_on_a_smaller_scene(make_scene):
    assert len(grid_footprints(read_scene(make_scene()), GridSettings(size=130))) == 0


@pytest.mark.parametrize(("coverage", "n_squares"), [(0, 12), (0.4, 9), (0.6, 6), (1, 6)])
def test_grid_footprints__coverage_of_valid_pixels(make_scene, coverage, n_squares):
    # Columns below 60 are nodata, which is half of the second column of squares.
    path = make_scene(content=lambda r, c: np.where(c < 60, 0, 90), nodata=0)
    footprints = grid_footprints(read_scene(path), GridSettings(size=40, coverage=coverage))
    assert len(footprints) == n_squares
    assert sum(footprints.skipped.values()) == 12 - n_squares


def test_grid_footprints__nan_is_not_valid_and_no_crs_is_needed(make_scene):
    path = make_scene(
        dtype="float32",
        crs=None,
        transform=Affine.identity(),
        content=lambda r, c: np.where(r < 60, np.nan, 1),
    )
    footprints = grid_footprints(read_scene(path), GridSettings(size=60, stride=50))
    assert {b[1] for b in bounds(footprints)} == {50}
    assert np.isnan(footprints.ground.area).all()


def test_inspect_scene__a_grid_only_without_annotations(make_scene, make_annotations):
    settings = SceneSettings(grid=GridSettings(size=40))
    path = make_scene()
    report, _, footprints = inspect_scene(path, settings)
    assert (report.grid, report.annotations, len(footprints)) == (True, 12, 12)
    assert any(
        "squares of 40 px on a grid with a step of 40 px" in warning for warning in report.warnings
    )
    make_annotations(path, [])
    report, _, footprints = inspect_scene(path, settings)
    assert (report.grid, report.annotations) == (False, 0)
    assert not inspect_scene(make_scene("plain.tif"))[0].grid


def test_inspect_scene__grid_squares_larger_than_the_scene_are_reported(make_scene):
    report, _, _ = inspect_scene(make_scene(), SceneSettings(grid=GridSettings(size=500)))
    assert (report.grid, report.annotations) == (True, 0)
    assert "The squares are larger than the scene." in report.warnings
    assert not any("annotation file" in warning for warning in report.warnings)


def test_grid_corners__count_the_squares(make_scene):
    scene = read_scene(make_scene())
    for settings in (
        GridSettings(size=50),
        GridSettings(size=60, stride=20),
        GridSettings(size=999),
    ):
        lefts, tops = grid_corners(scene.width, scene.height, settings)
        assert len(lefts) * len(tops) == len(grid_footprints(scene, settings))
        assert count_grid_squares(scene.width, scene.height, settings) == len(lefts) * len(tops)


def test_grid_footprints__too_many_squares_are_refused_before_any_is_created(
    make_scene, monkeypatch
):
    scene = dataclasses.replace(read_scene(make_scene()), width=20_480, height=20_480)
    monkeypatch.setattr(
        "core.raster.annotations.footprint_grid.grid_corners",
        lambda *_: pytest.fail("squares were created"),
    )
    with pytest.raises(SettingsError, match="has 416,853,889 squares in one scene") as caught:
        grid_footprints(scene, GridSettings(size=64, stride=1, coverage=0))
    assert "scenes.grid, in scene.tif" in str(caught.value)
    assert "Set scenes.grid.stride to 15 or more" in str(caught.value)


SIDES = st.integers(1, 200_000)


@given(SIDES, SIDES, st.integers(8, 4096))
def test_smallest_stride__is_the_smallest_within_the_limit(width, height, size):
    dense = GridSettings(size=size, stride=1)
    stride = smallest_stride(width, height, dense)
    settings = dataclasses.replace(dense, stride=min(stride, 4096))
    assert count_grid_squares(width, height, settings) <= MAX_SQUARES
    assert not grid_limit_message(width, height, settings)
    if stride > 1:
        assert grid_limit_message(width, height, dataclasses.replace(dense, stride=stride - 1))
