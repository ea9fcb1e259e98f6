"""The grid of windows over a scene, and windows cut exactly as chips are."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine

from core.chips.extraction import cut_chips
from core.chips.scaling import Scaling
from core.embeddings.encoder import ChipBatch
from core.embeddings.registry import load_encoder
from core.errors import SettingsError
from core.raster.scene import read_scene
from core.search import scene_scan
from core.search.scene_scan import (
    WindowEncoder,
    cut_windows,
    pixel_sides,
    plan_grid,
    round_side,
    surrounding_centres,
    window_settings,
)
from core.settings import ChipSettings, EmbedSettings

RGB = ("red", "green", "blue")


def test_round_side__is_within_a_tenth_and_keeps_its_own_results():
    for side in np.geomspace(0.3, 3000, 200):
        assert abs(round_side(side) / side - 1) < 0.1
        assert round_side(round_side(side)) == round_side(side)


def test_pixel_sides__metres_with_a_crs_and_pixels_without(make_scene):
    # Half-metre pixels; UTM's scale is off by less than 0.1 %.
    assert pixel_sides(read_scene(make_scene("a.tif")), 10.0) == pytest.approx((20, 20), rel=1e-3)
    scene = read_scene(make_scene("b.tif", crs=None, transform=Affine.identity()))
    assert pixel_sides(scene, 10.0) == (10.0, 10.0)


def test_plan_grid__windows_without_margins_lie_on_the_scene(make_scene):
    scene = read_scene(make_scene("a.tif"))
    grid = plan_grid(scene, side=13.0, step=7, margin=0.15)
    half = pixel_sides(scene, 13.0 / 1.3)[0] / 2
    centres = grid.centres()
    assert len(centres) == len(grid) == grid.shape[0] * grid.shape[1]
    assert (centres >= half - 1e-6).all()
    assert (centres <= np.array([scene.width, scene.height]) - half + 1e-6).all()
    assert np.allclose(np.diff(grid.columns), 7)
    # Another window would not fit, and the gaps at both ends are the same.
    assert (grid.columns[0] - half) * 2 < 7
    assert grid.columns[0] - half == pytest.approx(scene.width - half - grid.columns[-1])
    assert np.array_equal(grid.centres(slice(5, 9)), centres[5:9])
    assert centres[1].tolist() == [grid.columns[1], grid.rows[0]]


def test_plan_grid__an_object_larger_than_the_scene_has_no_window(make_scene):
    assert len(plan_grid(read_scene(make_scene("a.tif")), side=1000.0, step=5)) == 0


def test_plan_grid__too_many_windows(make_scene, monkeypatch):
    monkeypatch.setattr(scene_scan, "MAX_WINDOWS", 100)
    scene = read_scene(make_scene("a.tif"))
    with pytest.raises(SettingsError, match=r"Use a step of (\d+) px") as error:
        plan_grid(scene, side=10.0, step=5)
    step = int(error.value.remedy.split("step of ")[1].split()[0])
    assert 0 < len(plan_grid(scene, 10.0, step)) <= 100


def test_cut_windows__are_the_chips_of_annotations_at_the_same_squares(make_scene):
    rng = np.random.default_rng(0)
    scene = read_scene(make_scene("a.tif", content=rng.integers(1, 255, (3, 120, 160))))
    squares = shapely.box([20.0, 50.5], [30.0, 60.25], [40.0, 70.5], [50.0, 80.25])
    settings = ChipSettings(size=32, margin=0.0)
    side = 20 * scene.gsd
    expected = next(iter(cut_chips(scene, squares, RGB, settings)))
    centres = shapely.get_coordinates(shapely.centroid(squares))
    pixels, mask = cut_windows(scene, centres, RGB, window_settings(settings, side))
    order = np.argsort(expected.rows)
    difference = pixels.astype(int) - expected.values[order].astype(int)
    assert np.abs(difference).max() <= 1
    assert not mask.any()


def test_window_settings__a_masked_background_or_a_turned_chip_does_not_matter():
    settings = ChipSettings(margin=0.4, align="long-axis", background="mask", extent=30.0)
    expected = ChipSettings(margin=0.0, point_size=12.0)
    assert window_settings(settings, 12.0) == expected


def test_window_encoder__windows_with_few_valid_pixels_are_left_out(make_scene):
    content = np.random.default_rng(0).integers(1, 255, (3, 120, 160))
    content[:, :, :80] = 0
    scene = read_scene(make_scene("a.tif", content=content, nodata=0))
    encoder = load_encoder("texture", EmbedSettings(), Path())
    scaling = Scaling((0.0,) * 3, (255.0,) * 3, "")
    settings = window_settings(ChipSettings(size=32), 10.0)
    centres = np.array([(20.0, 50), (130.0, 60), (74.0, 60), (86.0, 60)])
    windows, mask = cut_windows(scene, centres[1:2], RGB, settings)
    fitted = encoder.fit(ChipBatch(windows, mask, scaling, RGB))
    embeddings, usable = WindowEncoder(encoder, fitted, scaling, RGB, settings).embed(
        scene, centres
    )
    assert usable.tolist() == [False, True, False, True]
    assert len(embeddings) == 2
    assert np.isfinite(embeddings).all()


def test_surrounding_centres__four_points_unless_they_are_at_another_centre():
    points = surrounding_centres(np.array([(10.0, 10.0), (14.0, 10.0)]), np.array([4.0, 2.0]))
    assert sorted(map(tuple, points)) == [(6, 10), (10, 8), (10, 12), (14, 8), (14, 12), (18, 10)]
