"""What holds for any footprint, any mask and any order."""

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
from core.raster.geodesy import change_crs, pixel_size
from core.raster.pixel_reader import Pixels
from core.raster.resampling import resample as resample_many
from core.raster.scene import Scene
from core.raster.windows import ChipWindows, chip_windows
from core.settings import ChipSettings

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
)
PLACES = {
    "EPSG:32631": Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000),
    "EPSG:3857": Affine(1, 0, 1_000_000, 0, -1, 6_621_000),
    "EPSG:4326": Affine(1e-5, 0, 10, 0, -1e-5, 60),
    "EPSG:2263": Affine(2, 0, 985_000, 0, -2, 195_000),
    "": Affine.identity(),
}
side = st.floats(0.5, 200)
at = st.tuples(st.floats(0, 400), st.floats(0, 300))
turn = st.floats(0, 360)


def scene(crs):
    wkt = CRS(crs).to_wkt() if crs else ""
    transform = PLACES[crs]
    gsd = pixel_size(wkt, transform, 400, 300)
    return Scene(
        path=Path("a.tif"), name="a", width=400, height=300, bands=("b",), indexes=(1,),
        dtype="uint8", nodata=None, crs=wkt, transform=transform, gsd=gsd, overviews=False,
        block=(1, 400),
    )  # fmt: skip


@st.composite
def rectangle(draw):
    (x, y), a, b = draw(at), draw(side), draw(side)
    return affinity.rotate(box(x - a / 2, y - b / 2, x + a / 2, y + b / 2), draw(turn))


def array(*shapes):
    found = np.empty(len(shapes), object)
    found[:] = shapes
    return found


@QUICK
@given(st.lists(rectangle(), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_chip_ids__stay_in_any_order_and_when_others_come(shapes, random):
    ids = chip_ids("a", array(*shapes))
    order = random.sample(range(len(shapes)), len(shapes))
    again = chip_ids("a", array(*(shapes[i] for i in order)))
    assert sorted(again) == sorted(ids)
    assert len(set(ids)) == len(ids)
    if len({i.split("-")[1] for i in ids}) == len(ids):
        assert again == [ids[i] for i in order]
    more = chip_ids("a", array(*shapes, box(500, 500, 501, 501)))
    assert more[:-1] == ids


@QUICK
@given(rectangle(), st.floats(0, 2), st.sampled_from(["north", "long-axis"]),
       st.sampled_from(list(PLACES)))  # fmt: skip
def test_windows__a_fitted_square_holds_its_footprint(shape, margin, align, crs):
    options = ChipSettings(margin=margin, align=align)
    found = chip_windows(scene(crs), array(shape), options)
    unit = np.linalg.solve(
        found.axes()[0], (shapely.get_coordinates(shape) - (found.column[0], found.row[0])).T
    )
    reach = 0.5 / (1 + 2 * margin)
    # The longer side fills the square but for its margin; a pixel is measured at the middle only.
    assert np.abs(unit).max() == pytest.approx(reach, rel=2e-3)


@QUICK
@given(at, side, side, turn)
def test_windows__axes_come_back_from_the_corners(middle, columns, rows, turned):
    one = ChipWindows(*(np.array([v]) for v in (*middle, columns, rows, turned, 1.0)))
    upper_left, upper_right, lower_right, lower_left = one.corners()[0]
    assert (upper_left + lower_right) / 2 == pytest.approx(middle)
    axes = np.column_stack([upper_right - upper_left, lower_left - upper_left])
    assert axes == pytest.approx(one.axes()[0], abs=1e-9)
    assert np.linalg.det(axes) == pytest.approx(columns * rows)
    left, top, right, bottom = one.bounds()[0]
    assert box(left, top, right, bottom).buffer(1e-6).covers(shapely.Polygon(one.corners()[0]))


@QUICK
@given(rectangle(), st.sampled_from([c for c in PLACES if c]))
def test_windows__metres_on_the_ground_are_as_set(shape, crs):
    place = scene(crs)
    found = chip_windows(place, array(shape), ChipSettings(extent=30))
    corners = np.column_stack(place.transform @ tuple(found.corners()[0].T))
    ground = change_crs(array(shapely.Polygon(corners)), place.crs, "EPSG:4326")[0]
    lon, lat = shapely.get_coordinates(ground).T
    sides = Geod(ellps="WGS84").inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2]
    assert sides == pytest.approx(30, rel=1e-3)


def resample(pixels, centre, axes, size):
    """One chip."""
    values, mask = resample_many(pixels, centre[None], axes[None], size)
    return values[0], mask[0]


def part(values, mask=None):
    mask = np.zeros(values.shape[1:], bool) if mask is None else mask
    return Pixels(values, mask, 0, 0)


def square(columns, rows, turned):
    return ChipWindows(*(np.array([v]) for v in (0, 0, columns, rows, turned, 1.0))).axes()[0]


chip = st.tuples(
    st.tuples(st.floats(0, 40), st.floats(0, 40)), st.floats(2, 60), st.floats(2, 60),
    st.one_of(st.just(0.0), turn),
)  # fmt: skip
seed = st.integers(0, 2**16)


@QUICK
@given(chip, seed, st.floats(0, 1), st.sampled_from(["uint8", "uint16", "int16", "float32"]), seed)
def test_resample__a_constant_stays_whatever_is_masked(where, random, holes, dtype, value):
    middle, columns, rows, turned = where
    constant = np.full((1, 40, 40), value % 250 - 120 * (dtype == "int16"), dtype)
    mask = np.random.default_rng(random).random((40, 40)) < holes
    values, masked = resample(
        part(constant, mask), np.array(middle), square(columns, rows, turned), 16
    )
    kept = values[:, ~masked]
    assert kept == pytest.approx(np.full_like(kept, constant[0, 0, 0]), rel=1e-5)
    assert not values[:, masked].any()


@QUICK
@given(chip, seed, st.floats(0.1, 0.9))
def test_resample__what_is_masked_does_not_bleed(where, random, holes):
    middle, columns, rows, turned = where
    rng = np.random.default_rng(random)
    values = rng.integers(0, 4000, (2, 40, 40)).astype(np.uint16)
    mask = rng.random((40, 40)) < holes
    other = np.where(mask, rng.integers(0, 65535, values.shape), values).astype(np.uint16)
    assert mask.any()
    how = np.array(middle), square(columns, rows, turned), 16
    for one, two in zip(resample(part(values, mask), *how), resample(part(other, mask), *how),
                        strict=True):  # fmt: skip
        assert np.array_equal(one, two)
    nan = np.where(mask, np.nan, values).astype(np.float32)
    assert np.isfinite(resample(part(nan, mask), *how)[0]).all()


@QUICK
@given(st.tuples(st.floats(60, 90), st.floats(60, 90)), st.sampled_from([8, 16, 24, 48, 64]),
       st.floats(-3, 3), st.floats(-3, 3), st.one_of(st.just(0.0), turn))  # fmt: skip
def test_resample__a_ramp_is_reproduced(middle, columns, across, down, turned):
    row, column = np.mgrid[:150, :150] + 0.5
    ramp = (across * column + down * row)[None].astype(np.float32)
    axes = square(columns, columns, turned)
    (values,), _ = resample(part(ramp), np.array(middle), axes, 16)
    v, u = (np.mgrid[:16, :16] + 0.5) / 16 - 0.5
    x, y = np.array(middle)[:, None, None] + np.einsum("ij,jab->iab", axes, np.array([u, v]))
    # A discrete triangle is symmetric about whole and half pixels only.
    assert values == pytest.approx(
        across * x + down * y, abs=0.1 * (abs(across) + abs(down)) + 1e-3
    )


@QUICK
@given(at, st.floats(4, 100), st.floats(0.1, 0.9), st.sampled_from(list(PLACES)))
def test_windows__north_and_long_axis_agree_on_a_tall_box(middle, tall, share, crs):
    (x, y), place = middle, scene(crs)
    shape = box(x - tall * share / 4, y - tall / 2, x + tall * share / 4, y + tall / 2)
    north, along = (
        chip_windows(place, array(shape), ChipSettings(align=align))
        for align in ("north", "long-axis")
    )
    assert north.corners() == pytest.approx(along.corners(), abs=1e-6 * tall)
    assert north.side == pytest.approx(along.side)
