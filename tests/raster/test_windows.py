import numpy as np
import pytest
import shapely
from affine import Affine
from shapely import affinity
from shapely.geometry import LineString, Point, box

from core.errors import SceneError
from core.raster.scene import read_scene
from core.raster.windows import chip_windows
from core.settings import ChipSettings


@pytest.fixture
def windows(make_scene):
    def cut(*shapes, scene=None, **settings):
        scene = scene or read_scene(make_scene())
        return chip_windows(scene, np.array(shapes, object), ChipSettings(**settings))

    return cut


def test_chip_windows__side_is_the_longer_side_with_margins(windows):
    chips = windows(box(20, 30, 60, 40), margin=0.25)
    assert chips.bounds()[0] == pytest.approx((10, 5, 70, 65), rel=1e-3)
    assert chips.side[0] == pytest.approx(30, rel=1e-3)
    assert chips.turn[0] == 0


def test_chip_windows__a_size_in_metres_is_the_same_for_all(windows):
    chips = windows(box(20, 30, 60, 40), Point(5, 5), extent=25)
    assert chips.side.tolist() == [25, 25]
    assert chips.columns == pytest.approx([50, 50], rel=1e-3)


def test_chip_windows__a_point_gets_a_square_of_the_set_size_without_margin(windows):
    chips = windows(Point(50, 40), LineString([(10, 10), (30, 10)]), point_size=8, margin=0.5)
    assert chips.side == pytest.approx([8, 20], rel=1e-3)
    assert (chips.column[0], chips.row[0]) == (50, 40)


@pytest.mark.parametrize("align", ["north", "long-axis"])
def test_chip_windows__square_on_the_ground_where_degrees_are_not(make_scene, windows, align):
    scene = read_scene(make_scene(crs="EPSG:4326", transform=Affine(1e-5, 0, 10, 0, -1e-5, 60)))
    chips = windows(box(40, 40, 80, 60), scene=scene, align=align, margin=0)
    # At 60 degrees a degree of longitude is half as long as one of latitude: 40 x 20 is square.
    assert chips.columns[0] / chips.rows[0] == pytest.approx(2, rel=0.01)
    assert chips.side[0] == pytest.approx(22.3, rel=0.01)


@pytest.mark.parametrize("degrees", [10, 30, 45, 100, 170])
def test_chip_windows__the_long_axis_points_up(windows, degrees):
    shape = affinity.rotate(box(70, 35, 80, 85), degrees)
    chips = windows(shape, align="long-axis", margin=0)
    # shapely turns from x to y, which is clockwise where rows run down.
    assert chips.turn[0] == pytest.approx((degrees + 45) % 180 - 45, abs=0.1)
    assert chips.side[0] == pytest.approx(25, rel=1e-3)
    unit = np.linalg.solve(chips.axes()[0], (shapely.get_coordinates(shape) - (75, 60)).T)
    assert np.abs(unit).max(axis=1) == pytest.approx((0.1, 0.5), abs=1e-3)


def test_chip_windows__corners_run_clockwise_from_the_upper_left(windows):
    corners = windows(box(20, 20, 40, 40), margin=0).corners()[0]
    assert corners == pytest.approx(np.array([(20, 20), (40, 20), (40, 40), (20, 40)]), rel=1e-3)


def test_chip_windows__without_crs_sizes_are_pixels(make_scene, windows):
    scene = read_scene(make_scene(crs=None))
    assert windows(box(20, 20, 40, 30), scene=scene, margin=0).side[0] == 20
    assert windows(Point(20, 20), scene=scene, point_size=7).columns[0] == 7
    with pytest.raises(SceneError, match=r"^scene: the scene has no CRS, .* Give the scene a CRS"):
        windows(Point(20, 20), scene=scene, extent=30)


@pytest.mark.parametrize("align", ["north", "long-axis"])
def test_chip_windows__no_footprints(windows, align):
    chips = windows(align=align)
    assert len(chips) == len(chips.bounds()) == 0
