import numpy as np
import pytest
from affine import Affine

from core.input_settings import GridSettings, SceneSettings
from core.raster.grid import corners, grid
from core.raster.report import inspect
from core.raster.scene import read_scene


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
