import json

import numpy as np
import shapely
from shapely.geometry import Point, box

from core.raster.annotations.outlines import outlines, screen_tolerance


def shapes(*found):
    array = np.empty(len(found), object)
    array[:] = found
    return array


def test_outlines__ids_and_facts_stay_with_their_shapes():
    text = outlines(
        shapes(box(0, 0, 1, 1), None, Point(2, 2)), ["a", "b", "c"],
        {"cluster": np.array([1, 2, 3]), "area": np.array([1.5, 2, np.nan])}, 0,
    )  # fmt: skip
    document = json.loads(text)
    assert [f["id"] for f in document["features"]] == ["a", "c"]
    assert document["features"][1]["properties"] == {"cluster": 3, "area": None}
    assert shapely.from_geojson(json.dumps(document["features"][0]["geometry"])) == box(0, 0, 1, 1)


def test_outlines__markup_stays_text_and_never_an_element():
    evil = "<img src=x onerror=alert(1)>"
    text = outlines(shapes(Point(0, 0)), [evil], {"class": np.array([evil])}, 0)
    assert "<" not in text
    feature = json.loads(text)["features"][0]
    assert feature["id"] == evil
    assert feature["properties"]["class"] == evil


def test_outlines__round_shapes_lose_what_no_screen_shows():
    rng = np.random.default_rng(0)
    circles = shapely.buffer(shapely.points(rng.random((20_000, 2))), 1e-4, quad_segs=16)
    tolerance = screen_tolerance(circles)
    assert 1 / 5000 < tolerance < 1 / 3000
    text = outlines(circles, [str(i) for i in range(len(circles))], {}, tolerance)
    assert len(text) < 20_000 * 220
    first = shapely.from_geojson(json.dumps(json.loads(text)["features"][0]["geometry"]))
    assert shapely.hausdorff_distance(first, circles[0]) <= tolerance
    assert screen_tolerance(shapes()) == 0
