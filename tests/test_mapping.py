import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box

from core.chips.chip_set import ChipSet, SceneChips
from core.input_settings import DisplaySettings
from core.mapping import (
    chip_surroundings,
    chip_thumbnails,
    native_step,
    read_native_chip,
    scene_overview,
)
from core.raster.rendering import Rendering, fit_rendering
from core.raster.scene import read_scene
from core.raster.windows import chip_windows
from core.settings import ChipSettings


@pytest.fixture
def painted(make_scene):
    """A scene with one bright rectangle, its footprint in pixels and its facts."""

    def make(width=700, height=500, align="north", **options):
        def content(row, column):
            bright = (column >= 300) & (column < 340) & (row >= 200) & (row < 220)
            return np.where(bright, 250, 40)

        path = make_scene(content=content, width=width, height=height, **options)
        shape = box(300, 200, 340, 220)
        settings = ChipSettings(margin=0.1, align=align)
        windows = chip_windows(read_scene(path), np.array([shape], object), settings)
        names = ("column", "row", "columns", "rows", "turn", "side")
        return path, shape, {name: float(getattr(windows, name)[0]) for name in names}

    return make


def bright_box(image):
    """Left, top, right and bottom of the bright pixels of an image."""
    rows, columns = np.nonzero(image[..., 0] > 145)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("max_side", [1400, 77])
@pytest.mark.parametrize("align", ["north", "long-axis"])
def test_chip_surroundings__footprint_and_square_in_image_pixels(painted, max_side, align):
    path, shape, facts = painted(align=align)
    part = chip_surroundings(path, facts, shape, side=300, max_side=max_side)
    assert max(part.image.shape[:2]) <= max_side
    (ring,) = part.footprints[0]
    assert (*ring.min(axis=0), *ring.max(axis=0)) == pytest.approx(bright_box(part.image), abs=1)
    square = Polygon(part.squares[0])
    assert square.covers(Polygon(ring))
    assert square.area * part.step**2 == pytest.approx(48**2, rel=0.02)
    assert part.gsd == pytest.approx(0.5 * part.step, rel=0.01)


def test_chip_surroundings__clipped_at_the_scenes_edge(painted):
    path, _, facts = painted()
    shape = box(5, 5, 15, 15)
    part = chip_surroundings(path, facts | {"column": 10.0, "row": 10.0}, shape, side=200)
    assert part.image.shape == (110, 110, 4)
    assert (part.left, part.top) == (0, 0)
    assert part.footprints[0][0].max() == 15


def test_chip_surroundings__at_least_as_large_as_the_chip(painted):
    path, shape, facts = painted()
    assert chip_surroundings(path, facts, shape, side=1).image.shape[0] >= 48


def test_scene_overview__size_not_divisible_by_the_step(painted):
    path, shape, _ = painted(width=701, height=503)
    part = scene_overview(path, np.array([shape, Point(699, 501)], object), None, max_side=60)
    assert part.step == 12
    assert part.image.shape == (42, 59, 4)
    ring = part.footprints[0][0]
    assert (*ring.min(axis=0), *ring.max(axis=0)) == pytest.approx(bright_box(part.image), abs=1)
    assert part.footprints[1][0][0] == pytest.approx((59, 42), abs=0.3)
    assert part.squares.shape == (0, 4, 2)


def test_scene_overview__several_squares(painted):
    path, shape, _ = painted()
    shapes = np.array([shape, box(0, 0, 10, 10)], object)
    windows = chip_windows(read_scene(path), shapes, ChipSettings(margin=0))
    part = scene_overview(path, shapes, windows)
    assert part.squares.shape == (2, 4, 2)
    assert part.squares[1].max() == pytest.approx(10, rel=0.01)


def test_read_native_chip__pixels_of_the_scene(painted):
    path, _, facts = painted()
    image = read_native_chip(path, facts)
    assert image.shape == (48, 48, 4)
    left, top, right, bottom = bright_box(image)
    assert (right - left, bottom - top) == (40, 20)


def test_native_step__above_1_for_large_chips_only():
    facts = {"column": 50.0, "row": 40.0, "columns": 30.0, "rows": 30.0, "turn": 0.0, "side": 9.0}
    assert native_step(facts) == 1
    assert native_step(facts, max_side=30) == 1
    assert native_step(facts, max_side=10) == 3


def test_read_native_chip__nodata_is_transparent(make_scene):
    path = make_scene(content=lambda r, c: np.where(c < 80, 0, 99), nodata=0)
    facts = {"column": 80.0, "row": 60.0, "columns": 20.0, "rows": 20.0, "turn": 0.0, "side": 10.0}
    alpha = read_native_chip(path, facts)[..., 3]
    assert not alpha[:, :10].any()
    assert (alpha[:, 10:] == 255).all()


def test_chip_surroundings__rings_of_any_geometry(painted):
    path, _, facts = painted()
    with_hole = Polygon([(10, 10), (30, 10), (30, 30)], [[(20, 12), (24, 12), (24, 14)]])
    both = MultiPolygon([box(0, 0, 1, 1), box(5, 5, 6, 6)])
    nested = GeometryCollection(
        [both, Point(1, 1), GeometryCollection([LineString([(0, 0), (2, 2)])])]
    )
    for shape, rings in ((with_hole, [4, 4]), (both, [5, 5]), (nested, [5, 5, 1, 2])):
        part = chip_surroundings(path, facts, shape)
        assert [len(ring) for ring in part.footprints[0]] == rings


def test_mapping__writes_nothing_next_to_the_scene(painted, tmp_path):
    path, shape, facts = painted(dtype="int16", nodata=0)
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    scene_overview(path, np.array([shape], object), None, max_side=50)
    chip_surroundings(path, facts, shape)
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before
    assert shapely.equals(shape, box(300, 200, 340, 220))


@pytest.mark.parametrize("bands", [("red", "green", "blue"), ("a",), ("nir", "a")])
def test_chip_thumbnails__colour_or_grey_with_transparent_mask(bands):
    pixels = np.full((2, len(bands), 4, 4), 105, np.uint8)
    pixels[:, 0] = 210
    mask = np.zeros((2, 4, 4), np.uint8)
    mask[1, 0, 0] = 1
    table = pd.DataFrame({"a": [1, 2]})
    chips = ChipSet((SceneChips("k", "s", pixels, mask, table, table),), bands)
    images = chip_thumbnails(chips, [1, 0])
    assert images.shape == (2, 4, 4, 4)
    green = 105 if len(bands) == 3 else 210
    assert images[1, 0, 0].tolist() == [210, green, green, 255]
    assert images[0, 0, 0, 3] == 0


def test_scene_overview__display_settings(make_scene):
    def content(row, column):
        return 50 + 0 * row + 2 * column

    path = make_scene(content=content, width=60, height=40)
    bands = read_scene(path).bands
    no_footprints = np.empty(0, object)
    default = scene_overview(path, no_footprints, None).image
    assert default[0, 0, 0] == 50
    percentiles = DisplaySettings(stretch="percentiles", low=0, high=100)
    rendering = fit_rendering(read_scene(path), percentiles)
    stretched = scene_overview(path, no_footprints, None, rendering=rendering).image
    assert (stretched[0, 0, 0], stretched[0, -1, 0]) == (0, 255)
    rendering = fit_rendering(read_scene(path), DisplaySettings((bands[-1],)))
    grey = scene_overview(path, no_footprints, None, rendering=rendering).image
    assert np.array_equal(grey[..., 0], grey[..., 2])


def test_chip_thumbnails__rendering_of_each_scene():
    rng = np.random.default_rng(0)
    pixels = rng.integers(100, 150, (3, 4, 8, 8), dtype=np.uint8)
    mask = np.zeros((3, 8, 8), np.uint8)
    facts = pd.DataFrame({"chip_id": list("abc")})
    parts = tuple(
        SceneChips(name, name, pixels, mask, facts, pd.DataFrame(index=range(3))) for name in "xy"
    )
    chips = ChipSet(parts, ("red", "green", "blue", "nir"))
    colour = Rendering(("nir", "red", "green"), np.tile((0.0, 255.0), (3, 1)))
    grey = Rendering(("nir",), np.array([[100.0, 149.0]]))
    images = chip_thumbnails(chips, [1, 4], {"x": colour, "y": grey})
    expected = np.moveaxis(pixels[1][[3, 0, 1]], 0, -1)
    assert np.array_equal(images[0, ..., :3], expected)
    assert np.array_equal(images[1, ..., 2], ((pixels[1, 3] - 100.0) / 49 * 255).astype(np.uint8))
