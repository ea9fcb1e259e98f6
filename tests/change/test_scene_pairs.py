import numpy as np
import shapely
from affine import Affine
from shapely.geometry import Point, box

from core.change.scene_pairs import find_scene_pairs, match_footprints, place_on_scene
from core.raster.geodesy import WGS84, reproject_geometries
from core.raster.scene import read_scene


def scenes(make_scene, *corners, **options):
    paths = [
        make_scene(f"s{i}.tif", transform=Affine(0.5, 0, x, 0, -0.5, y), **options)
        for i, (x, y) in enumerate(corners)
    ]
    return [read_scene(path) for path in paths]


def test_find_scene_pairs__those_that_overlap(make_scene):
    found = scenes(make_scene, (692_000, 4_796_000), (692_040, 4_796_000), (693_000, 4_796_000))
    assert find_scene_pairs(found) == [(0, 1)]
    assert find_scene_pairs(found[:1]) == []


def test_find_scene_pairs__not_without_a_crs(make_scene):
    assert find_scene_pairs(scenes(make_scene, (0, 0), (0, 0), crs=None)) == []


def test_find_scene_pairs__across_the_antimeridian(make_scene):
    one = make_scene("e.tif", crs="EPSG:4326", transform=Affine(0.01, 0, 179.2, 0, -0.01, 10))
    other = make_scene("w.tif", crs="EPSG:4326", transform=Affine(0.01, 0, -180.5, 0, -0.01, 10))
    assert find_scene_pairs([read_scene(one), read_scene(other)]) == [(0, 1)]


def test_place_on_scene__whole_footprints_only(make_scene):
    (scene,) = scenes(make_scene, (692_000, 4_796_000))
    squares = [box(10, 10, 30, 30), box(-10, 10, 10, 30), None, box(500, 10, 520, 30)]
    ground = [
        None
        if s is None
        else shapely.transform(s, lambda xy: xy * (0.5, -0.5) + (692_000, 4.796e6))
        for s in squares
    ]
    lonlat = np.full(4, None, object)
    lonlat[[0, 1, 3]] = reproject_geometries(
        np.array([g for g in ground if g is not None]), scene.crs, WGS84
    )
    pixels, rows = place_on_scene(scene, lonlat)
    assert rows.tolist() == [0]
    assert np.abs(np.array(pixels[0].bounds) - (10, 10, 30, 30)).max() < 1e-3


def test_match_footprints__one_partner_with_enough_overlap():
    first = np.array([box(0, 0, 10, 10), box(20, 0, 30, 10), Point(50, 50)], object)
    second = np.array(
        [box(1, 0, 11, 10), box(0, 0, 10, 10), box(26, 0, 36, 10), Point(50, 50)], object
    )
    assert match_footprints(first, second).tolist() == [-1, 0, -1, 2]
    assert match_footprints(first[:0], second).tolist() == [-1] * 4
    assert match_footprints(first, second[:0]).tolist() == []
