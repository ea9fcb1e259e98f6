import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box

from core.errors import AnnotationError
from core.raster.annotations.feature_table import PIXELS, SCENE
from core.raster.annotations.vector_files import (
    find_annotations,
    find_shared_annotations,
    read_annotations,
)
from core.raster.scene_report import inspect_scene


def write_table(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


def test_read_csv__boxes_in_pixels(make_scene):
    raster = make_scene()
    path = write_table(
        raster.with_suffix(".csv"), "xmin,ymin,xmax,ymax,label\n10,20,30,60,tree\n1,1,,9,x\n"
    )
    assert find_annotations(raster) == path
    report, _, footprints = inspect_scene(raster)
    assert footprints.pixels.tolist() == [box(10, 20, 30, 60)]
    assert report.classes == {"tree": 1}
    assert report.skipped == {"null geometry": 1}
    assert footprints.ground.area == pytest.approx(200, rel=1e-3)
    assert "The boxes are read as pixel coordinates of the scene." in report.warnings


def test_read_csv__wkt_in_degrees_or_in_the_crs_of_the_scene(make_scene, to_ground):
    raster = make_scene()
    shape = box(40, 30, 80, 50)
    for target, note in (("EPSG:4326", "read as degrees"), ("", "read in the scene's own CRS")):
        wkt = to_ground(shape, target=target).wkt
        write_table(raster.with_suffix(".csv"), f'id;WKT;kind\n7;"{wkt}";a\n8;nonsense;b\n9;;c\n')
        report, _, footprints = inspect_scene(raster)
        assert footprints.pixels[0].bounds == pytest.approx(shape.bounds, abs=0.05)
        assert footprints.properties["id"].tolist() == [7]
        assert any(note in warning for warning in report.warnings)
        assert report.skipped == {"null geometry": 2}
        assert "1 geometry was treated as null, because parsing failed." in report.warnings


def test_read_csv__longitude_and_latitude(make_scene, to_ground):
    raster = make_scene()
    point = to_ground(Point(40, 50), target="EPSG:4326")
    write_table(
        raster.with_suffix(".csv"),
        f"Latitude\tLongitude\tname\n{point.y}\t{point.x}\tbuoy\n",
        "utf-8-sig",
    )
    _, _, footprints = inspect_scene(raster)
    assert (footprints.pixels[0].x, footprints.pixels[0].y) == pytest.approx((40, 50), abs=0.01)
    assert footprints.properties["name"].tolist() == ["buoy"]


def test_read_csv__rows_belong_to_the_scene_that_they_name(make_scene):
    first, second = make_scene("one.tif"), make_scene("two.tif")
    write_table(
        first.parent / "all.csv",
        "image_path,xmin,ymin,xmax,ymax\nimg/one.tif,1,1,9,9\nC:\\x\\two.tif,5,5,9,9\ntwo.tif,8,8,12,12\n",
    )
    assert [
        inspect_scene(r, None, find_shared_annotations(r.parent, ["one", "two"]))[0].annotations
        for r in (first, second)
    ] == [1, 2]


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "\x00\x01", "xmin,ymin\n1,2\n", "lon,lat\n1,2,3\n"]
)
def test_read_csv__refused_with_a_reason(tmp_path, text):
    with pytest.raises(AnnotationError, match=r"^x\.csv: "):
        read_annotations(write_table(tmp_path / "x.csv", text))


def write_coco(path, annotations, **members):
    document = {
        "images": [{"id": 1, "file_name": "deep/one.tif"}, {"id": 2, "file_name": "two.tif"}],
        "annotations": annotations,
        "categories": [{"id": 5, "name": "boat"}],
    }
    path.write_text(json.dumps(document | members), encoding="utf-8")
    return path


def test_read_coco__boxes_polygons_classes_and_ids(tmp_path):
    ring = [0, 0, 10, 0, 10, 10]
    annotations = read_annotations(
        write_coco(
            tmp_path / "labels.json",
            [
                {"id": 11, "image_id": 1, "category_id": 5, "bbox": [10, 20, 30, 40], "area": 9},
                {"id": 12, "image_id": 2, "category_id": 6, "segmentation": [ring]},
                {"id": 13, "image_id": 2, "segmentation": [ring, [20, 20, 30, 20, 30, 30]]},
                {"id": 14, "image_id": 9, "segmentation": {"counts": "x"}, "bbox": []},
            ],
        )
    )
    assert annotations.crs == PIXELS
    assert annotations.scene_names == ("one", "two", "two", "")
    assert annotations.geometries[0] == box(10, 20, 40, 60)
    assert annotations.geometries[1] == Polygon([(0, 0), (10, 0), (10, 10)])
    assert isinstance(annotations.geometries[2], MultiPolygon)
    assert annotations.geometries[3] is None
    assert annotations.properties["feature_id"].tolist() == [11, 12, 13, 14]
    assert annotations.properties["category"].fillna("").tolist() == ["boat", "", "", ""]
    assert annotations.for_scene("two").properties["feature_id"].tolist() == [12, 13]


def test_inspect_scene__a_shared_file_is_matched_by_location(
    make_scene, make_annotations, to_ground
):
    from affine import Affine

    east = Affine(0.5, 0, 692_080, 0, -0.5, 4_796_000)
    first, second = make_scene("one.tif"), make_scene("two.tif", transform=east)
    empty = make_scene("far.tif", transform=Affine(0.5, 0, 600_000, 0, -0.5, 4_796_000))
    shapes = [to_ground(box(x, 10, x + 20, 30)) for x in (10, 60, 150, 200)]
    make_annotations(first.parent / "all", shapes, [{"n": i} for i in range(4)], suffix=".gpkg")
    shared = find_shared_annotations(first.parent, ["one", "two", "far"])
    assert [p.name for p in shared] == ["all.gpkg"]
    reports = {r.stem: inspect_scene(r, None, shared) for r in (first, second, empty)}
    rows = {n: f.properties["n"].tolist() if f else [] for n, (_, _, f) in reports.items()}
    assert rows == {"one": [0, 1, 2], "two": [2, 3], "far": []}
    assert reports["one"][0].annotation_file == "all.gpkg"
    assert reports["one"][0].skipped == {}
    matched, unmatched = (" ".join(reports[name][0].warnings) for name in ("one", "far"))
    assert "matched by location: 3 from all.gpkg on this scene, 1 elsewhere." in matched
    assert "no other vector file has annotations on it." in unmatched
    make_annotations(first, [to_ground(box(1, 1, 9, 9))])
    assert inspect_scene(first, None, shared)[0].annotation_file == "one.geojson"


def test_find_shared_annotations__outside_links_are_ignored(make_scene, tmp_path):
    raster = make_scene()
    outside = write_table(tmp_path / "secret.csv", "xmin,ymin,xmax,ymax\n1,1,9,9\n")
    (raster.parent / "link.csv").symlink_to(outside)
    assert find_shared_annotations(raster.parent, ["scene"]) == []


cell = st.one_of(
    st.text(max_size=8),
    st.floats().map(str),
    st.just("POINT (5 5)"),
    st.just("1e400"),
    st.just("POLYGON ((0 0, 1 1, 1 0, 0 0))"),
    st.just("GEOMETRYCOLLECTION EMPTY"),
    st.just('"'),
)
head = st.sampled_from(
    ["wkt", "lon,lat", "xmin,ymin,xmax,ymax", "a,b", "image,wkt", "wkt,wkt", "lon,lon,lat"]
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(head, st.lists(st.lists(cell, min_size=1, max_size=5), max_size=5), st.sampled_from(",;\t"))
def test_read_csv__anything_is_read_or_refused(names, rows, separator):
    lines = [names.replace(",", separator), *(separator.join(row) for row in rows)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes("\n".join(lines).encode("utf-8", "replace"))
        try:
            annotations = read_annotations(path)
        except AnnotationError:
            return
    assert (
        annotations.crs in (PIXELS, SCENE) or "4326" in annotations.crs or "WGS" in annotations.crs
    )
    assert len(annotations.geometries) == len(annotations.properties)


value = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
names = st.sampled_from(["id", "image_id", "category_id", "bbox", "segmentation", "area"])
entry = st.dictionaries(names, value, max_size=6) | value


@QUICK
@given(
    st.lists(entry, max_size=4), st.lists(value | st.fixed_dictionaries({"id": value}), max_size=3)
)
def test_read_coco__anything_is_read_or_refused(entries, images):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.json"
        write_coco(path, entries, images=images, categories=images)
        try:
            annotations = read_annotations(path)
        except AnnotationError:
            return
    assert len(annotations) == len(entries) == len(annotations.scene_names)
    n_named = sum(name == "one" for name in annotations.scene_names)
    assert np.shape(annotations.for_scene("one").geometries) == (n_named,)
