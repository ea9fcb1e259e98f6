"""Blocks of ground: their size and number, with and without a CRS."""

import numpy as np
import pandas as pd
import pytest
from pyproj import Geod

from core.chips.spatial_blocks import ChipBlocks, divide_into_blocks

GEOD = Geod(ellps="WGS84")


def chip_table(east, north, side=10.0, latitude=51.0, longitude=7.0, scene="a"):
    """Facts of chips whose centres lie east and north, in metres, of a corner on the ground."""
    east, north = np.broadcast_arrays(np.asarray(east, float), np.asarray(north, float))
    lons, lats = [], []
    for x, y in zip(east, north, strict=True):
        lon, lat, _ = GEOD.fwd(longitude, latitude, 90, x)
        lon, lat, _ = GEOD.fwd(lon, lat, 0, y)
        lons.append(lon)
        lats.append(lat)
    pixels = {"column": east, "row": north, "columns": 2 * side, "rows": side}
    return pd.DataFrame(
        {"scene": scene, "longitude": lons, "latitude": lats, **pixels, "side": side}
    )


def without_crs(table):
    return table.assign(longitude=np.nan, latitude=np.nan)


def grid(n, step, **options):
    east, north = np.meshgrid(np.arange(n) * step, np.arange(n) * step)
    return chip_table(east.ravel(), north.ravel(), **options)


@pytest.mark.parametrize("latitude", [0.0, 51.0, -70.0])
def test_blocks__as_large_as_possible_but_at_least_twenty(latitude):
    table = grid(20, 50.0, latitude=latitude)
    blocks = divide_into_blocks(table)
    assert blocks.unit == "m"
    assert 150 <= blocks.side <= 300
    assert 20 <= blocks.codes.max() + 1 <= 60
    # No two chips of a block are farther apart than its diagonal, measured on the ellipsoid.
    for block in range(blocks.codes.max() + 1):
        rows = table[blocks.codes == block]
        lon, lat = rows["longitude"].to_numpy(), rows["latitude"].to_numpy()
        distance = GEOD.inv(
            *(np.repeat(v, len(v)) for v in (lon, lat)), *(np.tile(v, len(v)) for v in (lon, lat))
        )[2]
        assert distance.max() <= 1.01 * np.sqrt(2) * blocks.side


def test_blocks__hold_at_least_two_chips_side_by_side():
    blocks = divide_into_blocks(grid(6, 10.0, side=10.0))
    assert blocks.side == 20
    # Of sixty metres, three or four blocks are occupied in each direction.
    assert 9 <= blocks.codes.max() + 1 <= 16


def test_blocks__scenes_of_the_same_ground_share_them():
    table = pd.concat([grid(20, 50.0), grid(20, 50.0, scene="b")], ignore_index=True)
    codes = divide_into_blocks(table).codes
    assert np.array_equal(codes[:400], codes[400:])


def test_blocks__in_pixels_of_each_scene_without_a_crs():
    table = without_crs(pd.concat([grid(20, 50.0), grid(20, 50.0, scene="b")], ignore_index=True))
    blocks = divide_into_blocks(table)
    assert (blocks.unit, blocks.side) == ("px", 300)
    assert not set(blocks.codes[:400]) & set(blocks.codes[400:])
    assert blocks.describe_side() == "300 px"
    # The larger side of a chip decides.
    assert divide_into_blocks(without_crs(grid(3, 10.0, side=10.0))).side == 50


def test_blocks__sites_far_apart():
    """The blocks depend on the number of sites, not on the distance between them."""
    sites = [grid(4, 50.0, longitude=7.0 + 10 * site, scene=f"s{site}") for site in range(10)]
    blocks = divide_into_blocks(pd.concat(sites, ignore_index=True))
    assert blocks.side <= 1000
    assert blocks.codes.max() + 1 >= 20


@pytest.mark.parametrize("n", [1, 3])
def test_blocks__all_chips_at_one_place(n):
    blocks = divide_into_blocks(chip_table(np.zeros(n), 0.0))
    assert blocks.codes.tolist() == [0] * n
    assert blocks.side == 20


@pytest.mark.parametrize(
    ("side", "unit", "text"),
    [(50.0, "m", "50 m"), (1500.0, "m", "1.5 km"), (2000.0, "px", "2000 px")],
)
def test_describe_side(side, unit, text):
    assert ChipBlocks(np.zeros(1, np.int32), side, unit).describe_side() == text
