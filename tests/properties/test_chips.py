"""Properties of chip ids, windows and resampling that hold for any footprint, mask and order."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod
from shapely import affinity
from shapely.geometry import box

from core.chips.chip_table import chip_ids
from core.raster.geodesy import ground_pixel_size, reproject_geometries
from core.raster.pixel_reader import Pixels
from core.raster.resampling import resample_chips
from core.raster.scene import Scene
from core.raster.windows import ChipWindows, chip_windows
from core.settings import ChipSettings

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
)
TRANSFORMS = {
    "EPSG:32631": Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000),
    "EPSG:3857": Affine(1, 0, 1_000_000, 0, -1, 6_621_000),
    "EPSG:4326": Affine(1e-5, 0, 10, 0, -1e-5, 60),
    "EPSG:2263": Affine(2, 0, 985_000, 0, -2, 195_000),
    "": Affine.identity(),
}
side = st.floats(0.5, 200)
position = st.tuples(st.floats(0, 400), st.floats(0, 300))
turn = st.floats(0, 360)


def make_scene(crs):
    wkt = CRS(crs).to_wkt() if crs else ""
    transform = TRANSFORMS[crs]
    return Scene(
        path=Path("a.tif"),
        name="a",
        width=400,
        height=300,
        bands=("b",),
        indexes=(1,),
        dtype="uint8",
        nodata=None,
        crs=wkt,
        transform=transform,
        gsd=ground_pixel_size(wkt, transform, 400, 300),
        has_overviews=False,
        block_shape=(1, 400),
    )


@st.composite
def rectangle(draw):
    (x, y), a, b = draw(position), draw(side), draw(side)
    return affinity.rotate(box(x - a / 2, y - b / 2, x + a / 2, y + b / 2), draw(turn))


def geometries(*shapes):
    array = np.empty(len(shapes), object)
    array[:] = shapes
    return array


@QUICK
@given(st.lists(rectangle(), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_chip_ids__independent_of_order_and_of_added_annotations(shapes, random):
    ids = chip_ids("a", geometries(*shapes))
    order = random.sample(range(len(shapes)), len(shapes))
    reordered = chip_ids("a", geometries(*(shapes[i] for i in order)))
    assert sorted(reordered) == sorted(ids)
    assert len(set(ids)) == len(ids)
    if len({i.split("-")[1] for i in ids}) == len(ids):
        assert reordered == [ids[i] for i in order]
    extended = chip_ids("a", geometries(*shapes, box(500, 500, 501, 501)))
    assert extended[:-1] == ids


@QUICK
@given(
    rectangle(),
    st.floats(0, 2),
    st.sampled_from(["north", "long-axis"]),
    st.sampled_from(list(TRANSFORMS)),
)
def test_chip_windows__fitted_square_contains_its_footprint(shape, margin, align, crs):
    windows = chip_windows(
        make_scene(crs), geometries(shape), ChipSettings(margin=margin, align=align)
    )
    centre = (windows.column[0], windows.row[0])
    unit = np.linalg.solve(windows.axes()[0], (shapely.get_coordinates(shape) - centre).T)
    reach = 0.5 / (1 + 2 * margin)
    # The longer side fills the square except for its margin; pixels are measured at the centre.
    assert np.abs(unit).max() == pytest.approx(reach, rel=2e-3)


@QUICK
@given(position, side, side, turn)
def test_windows__axes_follow_from_the_corners(centre, columns, rows, degrees):
    windows = ChipWindows(*(np.array([v]) for v in (*centre, columns, rows, degrees, 1.0)))
    upper_left, upper_right, lower_right, lower_left = windows.corners()[0]
    assert (upper_left + lower_right) / 2 == pytest.approx(centre)
    axes = np.column_stack([upper_right - upper_left, lower_left - upper_left])
    assert axes == pytest.approx(windows.axes()[0], abs=1e-9)
    assert np.linalg.det(axes) == pytest.approx(columns * rows)
    left, top, right, bottom = windows.bounds()[0]
    square = shapely.Polygon(windows.corners()[0])
    assert box(left, top, right, bottom).buffer(1e-6).covers(square)


@QUICK
@given(rectangle(), st.sampled_from([crs for crs in TRANSFORMS if crs]))
def test_chip_windows__extent_in_metres_on_the_ground(shape, crs):
    scene = make_scene(crs)
    windows = chip_windows(scene, geometries(shape), ChipSettings(extent=30))
    corners = np.column_stack(scene.transform @ tuple(windows.corners()[0].T))
    ground = reproject_geometries(geometries(shapely.Polygon(corners)), scene.crs, "EPSG:4326")[0]
    lon, lat = shapely.get_coordinates(ground).T
    sides = Geod(ellps="WGS84").inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2]
    assert sides == pytest.approx(30, rel=1e-3)


def resample_one(pixels, centre, axes, size):
    values, mask = resample_chips(pixels, centre[None], axes[None], size)
    return values[0], mask[0]


def as_pixels(values, mask=None):
    mask = np.zeros(values.shape[1:], bool) if mask is None else mask
    return Pixels(values, mask, 0, 0)


def square_axes(columns, rows, degrees):
    return ChipWindows(*(np.array([v]) for v in (0, 0, columns, rows, degrees, 1.0))).axes()[0]


chip = st.tuples(
    st.tuples(st.floats(0, 40), st.floats(0, 40)),
    st.floats(2, 60),
    st.floats(2, 60),
    st.one_of(st.just(0.0), turn),
)
seed = st.integers(0, 2**16)


@QUICK
@given(chip, seed, st.floats(0, 1), st.sampled_from(["uint8", "uint16", "int16", "float32"]), seed)
def test_resample__preserves_constant_values_under_any_mask(window, random, holes, dtype, value):
    centre, columns, rows, degrees = window
    constant = np.full((1, 40, 40), value % 250 - 120 * (dtype == "int16"), dtype)
    mask = np.random.default_rng(random).random((40, 40)) < holes
    values, masked = resample_one(
        as_pixels(constant, mask), np.array(centre), square_axes(columns, rows, degrees), 16
    )
    valid = values[:, ~masked]
    assert valid == pytest.approx(np.full_like(valid, constant[0, 0, 0]), rel=1e-5)
    assert not values[:, masked].any()


@QUICK
@given(chip, seed, st.floats(0.1, 0.9))
def test_resample__masked_values_have_no_effect(window, random, holes):
    centre, columns, rows, degrees = window
    rng = np.random.default_rng(random)
    values = rng.integers(0, 4000, (2, 40, 40)).astype(np.uint16)
    mask = rng.random((40, 40)) < holes
    changed = np.where(mask, rng.integers(0, 65535, values.shape), values).astype(np.uint16)
    assert mask.any()
    geometry = np.array(centre), square_axes(columns, rows, degrees), 16
    first = resample_one(as_pixels(values, mask), *geometry)
    second = resample_one(as_pixels(changed, mask), *geometry)
    for expected, actual in zip(first, second, strict=True):
        assert np.array_equal(expected, actual)
    nan = np.where(mask, np.nan, values).astype(np.float32)
    assert np.isfinite(resample_one(as_pixels(nan, mask), *geometry)[0]).all()


@QUICK
@given(
    st.tuples(st.floats(60, 90), st.floats(60, 90)),
    st.sampled_from([8, 16, 24, 48, 64]),
    st.floats(-3, 3),
    st.floats(-3, 3),
    st.one_of(st.just(0.0), turn),
)
def test_resample__ramp_is_reproduced(centre, columns, across, down, degrees):
    row, column = np.mgrid[:150, :150] + 0.5
    ramp = (across * column + down * row)[None].astype(np.float32)
    axes = square_axes(columns, columns, degrees)
    (values,), _ = resample_one(as_pixels(ramp), np.array(centre), axes, 16)
    v, u = (np.mgrid[:16, :16] + 0.5) / 16 - 0.5
    x, y = np.array(centre)[:, None, None] + np.einsum("ij,jab->iab", axes, np.array([u, v]))
    # A discrete triangle is symmetric about whole and half pixels only.
    assert values == pytest.approx(
        across * x + down * y, abs=0.1 * (abs(across) + abs(down)) + 1e-3
    )


@QUICK
@given(position, st.floats(4, 100), st.floats(0.1, 0.9), st.sampled_from(list(TRANSFORMS)))
def test_chip_windows__north_and_long_axis_agree_on_a_tall_box(centre, height, ratio, crs):
    (x, y), scene = centre, make_scene(crs)
    shape = box(x - height * ratio / 4, y - height / 2, x + height * ratio / 4, y + height / 2)
    north, long_axis = (
        chip_windows(scene, geometries(shape), ChipSettings(align=align))
        for align in ("north", "long-axis")
    )
    assert north.corners() == pytest.approx(long_axis.corners(), abs=1e-6 * height)
    assert north.side == pytest.approx(long_axis.side)
