"""Footprints that are added to those of a vector file, without duplicates."""

import numpy as np
import pandas as pd
import shapely

from core.raster.annotations.added_footprints import DUPLICATE, find_annotated, join_footprints
from core.raster.annotations.feature_table import PIXELS, Annotations
from core.raster.annotations.footprints import place_annotations
from core.raster.scene import read_scene


def placed(scene, boxes, **columns):
    geometries = np.array([shapely.box(*b) for b in boxes], object)
    return place_annotations(scene, Annotations(geometries, pd.DataFrame(columns), PIXELS))


def test_find_annotated__by_centre_or_by_overlap():
    annotations = np.array([shapely.box(0, 0, 10, 10), shapely.box(50, 50, 54, 80)], object)
    squares = np.array(
        [
            shapely.box(1, 1, 12, 12),  # its centre is in the first
            shapely.box(9, 0, 19, 10),  # touches the first
            shapely.box(37, 50, 67, 80),  # its centre is in the second
            shapely.box(44, 50, 74, 80),  # around the second, off its centre
            shapely.box(90, 90, 99, 99),
        ],
        object,
    )
    assert find_annotated(squares, annotations).tolist() == [True, False, True, False, False]
    assert find_annotated(squares, annotations[:0]).tolist() == [False] * 5
    assert find_annotated(squares[:0], annotations).tolist() == []


def test_find_annotated__a_centre_on_the_edge_counts_after_rounding():
    annotation = np.array([shapely.box(0, 0, 10, 10)], object)
    squares = np.array([shapely.box(x - 30, -25, x + 30, 35) for x in (10, 10.001, 10.1)], object)
    assert find_annotated(squares, annotation).tolist() == [True, True, False]


def test_join_footprints__appends_rows_and_leaves_out_duplicates(make_scene):
    scene = read_scene(make_scene("a.tif"))
    first = placed(scene, [(10, 10, 20, 20), (30, 30, 44, 40)], kind=["a", "b"], n=[1, 2])
    added = placed(scene, [(11, 11, 21, 21), (60, 60, 70, 70)], kind=["c", "d"])
    joined = join_footprints(first, added)
    assert joined.properties["kind"].tolist() == ["a", "b", "d"]
    assert joined.index.tolist() == [0, 1, 2]
    assert joined.skipped == {DUPLICATE: 1}
    for name in ("pixels", "lonlat", "cut_by_edge"):
        assert len(getattr(joined, name)) == 3
    assert np.isfinite(joined.ground.length).all()
    assert joined.pixels[2].equals(added.pixels[1])


def test_join_footprints__without_a_vector_file(make_scene):
    added = placed(read_scene(make_scene("a.tif")), [(60, 60, 70, 70)], kind=["d"])
    assert len(join_footprints(None, added)) == 1
