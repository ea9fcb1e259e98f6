import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box

from core.chips.chip_set import ChipSet, SceneChips
from core.input_settings import DisplaySettings
from core.mapping import (
    native_chip,
    native_step,
    overview,
    surroundings,
    thumbnail_ends,
    thumbnails,
)
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
    """Left, top, right, bottom of what is bright in a picture."""
    rows, columns = np.nonzero(image[..., 0] > 145)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("most", [1400, 77])
@pytest.mark.parametrize("align", ["north", "long-axis"])
def test_surroundings__footprint_and_square_lie_on_the_picture(painted, most, align):
    path, shape, facts = painted(align=align)
    seen = surroundings(path, facts, shape, side=300, most=most)
    assert max(seen.image.shape[:2]) <= most
    (ring,) = seen.footprints[0]
    assert (*ring.min(axis=0), *ring.max(axis=0)) == pytest.approx(bright_box(seen.image), abs=1)
    square = Polygon(seen.squares[0])
    assert square.covers(Polygon(ring))
    assert square.area * seen.step**2 == pytest.approx(48**2, rel=0.02)
    assert seen.gsd == pytest.approx(0.5 * seen.step, rel=0.01)


def test_surroundings__at_the_edge_shows_what_there_is(painted):
    path, _, facts = painted()
    shape = box(5, 5, 15, 15)
    seen = surroundings(path, facts | {"column": 10.0, "row": 10.0}, shape, side=200)
    assert seen.image.shape == (110, 110, 4)
    assert (seen.left, seen.top) == (0, 0)
    assert seen.footprints[0][0].max() == 15


def test_surroundings__never_less_than_the_chip(painted):
    path, shape, facts = painted()
    assert surroundings(path, facts, shape, side=1).image.shape[0] >= 48


def test_overview__of_a_size_that_the_step_does_not_divide(painted):
    path, shape, _ = painted(width=701, height=503)
    seen = overview(path, np.array([shape, Point(699, 501)], object), None, most=60)
    assert seen.step == 12
    assert seen.image.shape == (42, 59, 4)
    ring = seen.footprints[0][0]
    assert (*ring.min(axis=0), *ring.max(axis=0)) == pytest.approx(bright_box(seen.image), abs=1)
    assert seen.footprints[1][0][0] == pytest.approx((59, 42), abs=0.3)
    assert seen.squares.shape == (0, 4, 2)


def test_overview__many_squares(painted):
    path, shape, _ = painted()
    shapes = np.array([shape, box(0, 0, 10, 10)], object)
    windows = chip_windows(read_scene(path), shapes, ChipSettings(margin=0))
    seen = overview(path, shapes, windows)
    assert seen.squares.shape == (2, 4, 2)
    assert seen.squares[1].max() == pytest.approx(10, rel=0.01)


def test_native_chip__the_scenes_own_pixels(painted):
    path, _, facts = painted()
    image = native_chip(path, facts)
    assert image.shape == (48, 48, 4)
    left, top, right, bottom = bright_box(image)
    assert (right - left, bottom - top) == (40, 20)


def test_native_step__one_until_the_chip_is_larger_than_the_picture():
    facts = {"column": 50.0, "row": 40.0, "columns": 30.0, "rows": 30.0, "turn": 0.0, "side": 9.0}
    assert native_step(facts) == 1
    assert native_step(facts, most=30) == 1
    assert native_step(facts, most=10) == 3


def test_native_chip__nodata_is_transparent(make_scene):
    path = make_scene(content=lambda r, c: np.where(c < 80, 0, 99), nodata=0)
    facts = {"column": 80.0, "row": 60.0, "columns": 20.0, "rows": 20.0, "turn": 0.0, "side": 10.0}
    alpha = native_chip(path, facts)[..., 3]
    assert not alpha[:, :10].any()
    assert (alpha[:, 10:] == 255).all()


def test_surroundings__each_ring_of_any_geometry(painted):
    path, _, facts = painted()
    holed = Polygon([(10, 10), (30, 10), (30, 30)], [[(20, 12), (24, 12), (24, 14)]])
    both = MultiPolygon([box(0, 0, 1, 1), box(5, 5, 6, 6)])
    nested = GeometryCollection(
        [both, Point(1, 1), GeometryCollection([LineString([(0, 0), (2, 2)])])]
    )
    for shape, rings in ((holed, [4, 4]), (both, [5, 5]), (nested, [5, 5, 1, 2])):
        seen = surroundings(path, facts, shape)
        assert [len(ring) for ring in seen.footprints[0]] == rings


def test_surroundings__nothing_is_written_beside_the_scene(painted, tmp_path):
    path, shape, facts = painted(dtype="int16", nodata=0)
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    overview(path, np.array([shape], object), None, most=50)
    surroundings(path, facts, shape)
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before
    assert shapely.equals(shape, box(300, 200, 340, 220))


@pytest.mark.parametrize("bands", [("red", "green", "blue"), ("a",), ("nir", "a")])
def test_thumbnails__colours_or_grey_and_masked_is_transparent(bands):
    pixels = np.full((2, len(bands), 4, 4), 51, np.uint8)
    pixels[:, 0] = 102
    mask = np.zeros((2, 4, 4), np.uint8)
    mask[1, 0, 0] = 1
    rows = pd.DataFrame({"a": [1, 2]})
    chips = ChipSet((SceneChips("k", "s", pixels, mask, rows, rows),), bands)
    pictures = thumbnails(chips, [1, 0])
    assert pictures.shape == (2, 4, 4, 4)
    green = 51 if len(bands) == 3 else 102
    assert pictures[1, 0, 0].tolist() == [102, green, green, 255]
    assert pictures[0, 0, 0, 3] == 0


def test_display__other_bands_and_another_stretch(make_scene):
    def content(row, column):
        return 50 + 0 * row + 2 * column

    path = make_scene(content=content, width=60, height=40)
    bands = read_scene(path).bands
    none = np.empty(0, object)
    guessed = overview(path, none, None).image
    assert guessed[0, 0, 0] == 50
    percentiles = DisplaySettings(stretch="percentiles", low=0, high=100)
    wide = overview(path, none, None, display=percentiles).image
    assert (wide[0, 0, 0], wide[0, -1, 0]) == (0, 255)
    last = overview(path, none, None, display=DisplaySettings((bands[-1],))).image
    assert np.array_equal(last[..., 0], last[..., 2])


def test_thumbnails__in_the_bands_and_the_stretch_that_were_chosen():
    rng = np.random.default_rng(0)
    pixels = rng.integers(100, 150, (3, 4, 8, 8), dtype=np.uint8)
    mask = np.zeros((3, 8, 8), np.uint8)
    facts = pd.DataFrame({"chip_id": list("abc")})
    part = SceneChips("key", "a", pixels, mask, facts, pd.DataFrame(index=range(3)))
    chips = ChipSet((part,), ("red", "green", "blue", "nir"))
    chosen = DisplaySettings(("nir", "red", "green"))
    assert thumbnail_ends(chips, chosen) is None
    plain = thumbnails(chips, [1], chosen)[0]
    assert np.abs(plain[..., :3].astype(int) - np.moveaxis(pixels[1][[3, 0, 1]], 0, -1)).max() <= 1
    asked = DisplaySettings(("nir",), "percentiles", 0, 100)
    ends = thumbnail_ends(chips, asked)
    assert ends * 255 == pytest.approx(np.array([[pixels[:, 3].min(), pixels[:, 3].max()]]))
    stretched = thumbnails(chips, [0, 1, 2], asked, ends)
    assert (stretched[..., 0].min(), stretched[..., 0].max()) == (0, 255)
