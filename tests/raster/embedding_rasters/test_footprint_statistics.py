import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from core.errors import SceneError
from core.raster.embedding_rasters import footprint_statistics
from core.raster.embedding_rasters.footprint_statistics import measure_footprints
from core.raster.embedding_rasters.raster_files import read_embedding_tiles
from core.raster.geodesy import WGS84, reproject_geometries

UTM = "EPSG:32631"
GRID = Affine(10, 0, 692_000, 0, -10, 4_796_000)


def in_degrees(*pixels, grid=GRID, crs=UTM):
    """Footprints given in pixels of a grid, as longitude and latitude."""
    moved = shapely.transform(
        np.array(pixels, dtype=object), lambda xy: np.column_stack(grid @ (xy[:, 0], xy[:, 1]))
    )
    return reproject_geometries(moved, crs, WGS84)


def measure(path, footprints):
    return measure_footprints(read_embedding_tiles(path), footprints)


def plain_statistics(path, footprint, dequantise=lambda values: values):
    """Mean, deviation and valid fraction from the definition, pixel by pixel."""
    with rasterio.open(path) as source:
        values, transform, crs = source.read().astype(float), source.transform, source.crs
        stored_nodata = source.nodata
    polygon = reproject_geometries(np.array([footprint]), WGS84, crs.to_wkt())[0]
    height, width = values.shape[1:]
    weights = np.zeros((height, width))
    for row, column in np.ndindex(height, width):
        corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
        pixel = shapely.Polygon([transform @ (column + x, row + y) for x, y in corners])
        weights[row, column] = shapely.intersection(pixel, polygon).area
    valid = np.isfinite(values).all(axis=0) & (values != 0).any(axis=0)
    if stored_nodata is not None:
        valid &= (values != stored_nodata).all(axis=0)
    weights[~valid] = 0
    values = np.where(valid, dequantise(values), 0)
    mean = (values * weights).sum(axis=(1, 2)) / weights.sum()
    variance = ((values - mean[:, None, None]) ** 2 * weights).sum(axis=(1, 2)) / weights.sum()
    return mean, np.sqrt(variance), weights.sum() / polygon.area


def alpha_earth(values):
    return (values / 127.5) ** 2 * np.sign(values)


DISC = shapely.Point(12.3, 9.1).buffer(6.4)
SHAPES = {
    "several blocks": DISC,
    "smaller than a pixel": shapely.box(3.2, 4.3, 3.4, 4.4),
    "four pixels": shapely.box(3.6, 4.6, 4.4, 5.4),
    "a hole": DISC - shapely.Point(12, 9).buffer(3),
    "across the edge": shapely.box(-3, 2.5, 2.5, 5),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_alpha_earth__equals_the_definition(make_alpha_earth, shape):
    path = make_alpha_earth(shape=(24, 26))
    (footprint,) = in_degrees(shape)
    statistics = measure(path, np.array([footprint]))
    mean, deviation, valid_fraction = plain_statistics(path, footprint, alpha_earth)
    assert statistics.mean[0] == pytest.approx(mean, abs=1e-6)
    assert statistics.deviation[0] == pytest.approx(deviation, abs=1e-5)
    assert statistics.valid_fraction[0] == pytest.approx(valid_fraction, abs=1e-4)


def test_alpha_earth__the_mean_is_taken_after_dequantisation(make_alpha_earth):
    stored = np.zeros((64, 1, 2), np.int8)
    stored[0] = [[127, 51]]
    statistics = measure(make_alpha_earth(stored=stored), in_degrees(shapely.box(0, 0, 2, 1)))
    expected = ((127 / 127.5) ** 2 + (51 / 127.5) ** 2) / 2
    assert statistics.mean[0, 0] == pytest.approx(expected, abs=1e-4)


def test_alpha_earth__nodata_is_ignored(make_alpha_earth):
    stored = np.full((64, 4, 4), 90, np.int8)
    stored[:, :, :3] = -128
    path = make_alpha_earth(stored=stored)
    boxes = [shapely.box(0, 0, 4, 2), shapely.box(0, 0, 2, 2), shapely.box(3, 0, 4, 1)]
    statistics = measure(path, in_degrees(*boxes))
    assert statistics.valid_fraction == pytest.approx([0.25, 0, 1], abs=1e-4)
    assert statistics.mean[[0, 2]] == pytest.approx(np.full((2, 64), (90 / 127.5) ** 2))
    assert np.isnan(statistics.mean[1]).all()
    assert np.isnan(statistics.deviation[1]).all()
    undeclared = make_alpha_earth("undeclared.tif", stored=stored, nodata=None)
    assert measure(undeclared, in_degrees(*boxes)).valid_fraction[1] == 0


def test_alpha_earth__rows_from_south_to_north(make_alpha_earth):
    path = make_alpha_earth()
    with rasterio.open(path) as source:
        stored = source.read()
    transform = Affine(10, 0, 692_000, 0, 10, 4_796_000 - 400)
    bottom_up = make_alpha_earth("bottom_up.tif", stored=stored[:, ::-1], transform=transform)
    footprints = in_degrees(DISC, shapely.box(1, 1, 2.5, 8))
    expected, statistics = measure(path, footprints), measure(bottom_up, footprints)
    assert statistics.mean == pytest.approx(expected.mean, abs=1e-6)
    assert statistics.valid_fraction == pytest.approx(expected.valid_fraction, abs=1e-6)


def test_tessera__equals_the_definition_and_ignores_nan(make_tessera):
    missing = np.zeros((30, 40), bool)
    missing[5:9, 10:14] = True
    path = make_tessera(missing=missing)
    (footprint,) = in_degrees(DISC)
    statistics = measure(path, np.array([footprint]))
    mean, deviation, valid_fraction = plain_statistics(path, footprint)
    assert 0.8 < valid_fraction < 0.95
    assert statistics.mean[0] == pytest.approx(mean, abs=1e-5)
    assert statistics.deviation[0] == pytest.approx(deviation, abs=1e-5)
    assert statistics.valid_fraction[0] == pytest.approx(valid_fraction, abs=1e-4)


def test_earth_engine__masked_pixels_without_nodata_value_are_0(make_alpha_earth):
    values = np.random.default_rng(0).normal(size=(64, 4, 4)).astype("float32")
    values[:, 0] = 0
    path = make_alpha_earth(stored=values, dtype="float32", nodata=None)
    statistics = measure(path, in_degrees(shapely.box(0, 0, 4, 2)))
    assert statistics.valid_fraction == pytest.approx([0.5], abs=1e-4)
    assert statistics.mean[0] == pytest.approx(values[:, 1].mean(axis=1), abs=1e-3)


def test_points__get_the_pixel_that_they_lie_in(make_tessera):
    path = make_tessera()
    with rasterio.open(path) as source:
        values = source.read()
    statistics = measure(path, in_degrees(shapely.Point(7.2, 3.9), shapely.Point(39.5, 0.5)))
    assert statistics.mean == pytest.approx(values[:, [3, 0], [7, 39]].T)
    assert (statistics.deviation == 0).all()
    assert statistics.valid_fraction == pytest.approx([1, 1])


def test_footprints__that_cross_two_tiles_count_both(make_tessera, tmp_path):
    full = make_tessera("full.tif", folder=tmp_path / "full")
    with rasterio.open(full) as source:
        values = source.read()
    for name, columns in (("west.tif", slice(0, 13)), ("east.tif", slice(13, 40))):
        path = make_tessera(name, transform=GRID @ Affine.translation(columns.start, 0))
        part = {"height": 30, "width": columns.stop - columns.start}
        with rasterio.open(path) as source:
            profile = source.profile | part
        with rasterio.open(path, "w", **profile) as target:
            target.write(values[:, :, columns])
    footprints = in_degrees(DISC, shapely.box(2, 2, 4, 4), shapely.box(20, 5, 30, 12))
    expected, statistics = measure(full, footprints), measure(tmp_path / "tessera", footprints)
    assert statistics.mean == pytest.approx(expected.mean, abs=1e-5)
    assert statistics.valid_fraction == pytest.approx([1, 1, 1], abs=1e-4)


def test_footprints__in_tiles_of_two_zones(make_alpha_earth, tmp_path):
    make_alpha_earth("a.tif", stored=np.full((64, 20, 20), 100))
    east = reproject_geometries(in_degrees(shapely.Point(60, 10)), WGS84, "EPSG:32632")[0]
    other = Affine(10, 0, east.x - 100, 0, -10, east.y + 100)
    make_alpha_earth("b.tif", stored=np.full((64, 20, 20), 50), transform=other, crs="EPSG:32632")
    statistics = measure(
        tmp_path / "product", in_degrees(shapely.box(5, 5, 9, 9), shapely.box(58, 8, 62, 12))
    )
    expected = [(100 / 127.5) ** 2, (50 / 127.5) ** 2]
    assert statistics.mean[:, 0] == pytest.approx(expected, rel=1e-6)


def test_footprints__outside_or_missing_have_no_statistics(make_alpha_earth):
    footprints = in_degrees(shapely.box(60, 5, 62, 7), shapely.box(5, -4, 7, -2))
    footprints = np.append(footprints, [None])
    statistics = measure(make_alpha_earth(), footprints)
    assert np.isnan(statistics.mean).all()
    assert statistics.valid_fraction.tolist() == [0, 0, 0]
    assert measure(make_alpha_earth(), np.array([], object)).mean.shape == (0, 64)


@pytest.mark.parametrize("values", [64 * 16 * 16, 64 * 5])
def test_windows__do_not_change_the_result(make_alpha_earth, monkeypatch, values):
    path = make_alpha_earth()
    rng = np.random.default_rng(1)
    discs = [shapely.Point(*rng.uniform(0, 40, 2)).buffer(rng.uniform(0.2, 9)) for _ in range(30)]
    footprints = in_degrees(*discs)
    expected = measure(path, footprints)
    monkeypatch.setattr(footprint_statistics, "_WINDOW_VALUES", values)
    monkeypatch.setattr(footprint_statistics, "_MAX_SIDE", 16)
    monkeypatch.setattr(footprint_statistics, "_MAX_CELLS", 50)
    statistics = measure(path, footprints)
    assert statistics.mean == pytest.approx(expected.mean, abs=1e-6)
    assert statistics.deviation == pytest.approx(expected.deviation, abs=1e-5)
    assert statistics.valid_fraction == pytest.approx(expected.valid_fraction, abs=1e-9)


def test_footprints__are_read_once_per_window(make_alpha_earth, monkeypatch):
    boxes = []
    read = footprint_statistics.Reader.read
    monkeypatch.setattr(
        footprint_statistics.Reader, "read", lambda self, box: boxes.append(box) or read(self, box)
    )
    monkeypatch.setattr(footprint_statistics, "_MAX_SIDE", 16)
    rng = np.random.default_rng(0)
    points = [shapely.Point(*rng.uniform(0, 32, 2)) for _ in range(200)]
    measure(make_alpha_earth(), in_degrees(*points))
    assert len(boxes) == 4


def test_damaged_tile__clear_error(make_tessera):
    path = make_tessera()
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(SceneError, match=r"damaged or incomplete|cannot be opened"):
        measure(path, in_degrees(shapely.box(0, 0, 40, 30)))
