import json

import numpy as np
import pytest
from shapely.geometry import Point, Polygon, box

from core.raster.scene_report import SceneReport, inspect


@pytest.fixture
def look(make_scene, make_annotations, to_ground):
    def at(*shapes, properties=None, crs="EPSG:32631", suffix=".geojson", **options):
        raster = make_scene(**options)
        ground = [None if s is None else to_ground(s, target=crs) for s in shapes]
        make_annotations(raster, ground, properties, crs, suffix)
        return inspect(raster)

    return at


def test_inspect__what_was_found_in_facts_and_words(look):
    bowtie = Polygon([(20, 20), (40, 40), (40, 20), (20, 40)])
    shapes = [box(10, 10, 20, 20), bowtie, box(-5, 50, 5, 60), None, Point(900, 900)]
    kinds = [{"class": c} for c in ("boat", "boat", "quay", "boat", "boat")]
    report, scene, footprints = look(*shapes, properties=kinds, crs="EPSG:4326", nodata=0)
    assert report.ok
    assert (report.annotations, report.repaired, report.cut_by_edge) == (3, 1, 1)
    assert (report.class_property, report.classes) == ("class", {"boat": 2, "quay": 1})
    assert report.skipped == {"null geometry": 1, "outside the scene": 1}
    assert set(report.warnings) == {
        "annotations are in EPSG:4326, the scene in EPSG:32631: reprojected",
        "1 footprint crossed itself: repaired",
        "1 of 5 annotations skipped: null geometry",
        "1 of 5 annotations skipped: outside the scene",
        "33.3% of footprints cross the scene's edge",
    }
    assert len(footprints) == 3
    assert scene.name == report.name


@pytest.mark.parametrize("nodata", [None, 0, np.nan, -3.4028234663852886e38])
def test_report__goes_through_json_and_back(look, nodata):
    report, *_ = look(box(1, 1, 9, 9), properties=[{"class": 1}], dtype="float32", nodata=nodata)
    text = json.dumps(report.as_table(), allow_nan=False)
    again = SceneReport.from_table(json.loads(text))
    assert repr(again) == repr(report)


@pytest.mark.parametrize("nothing", [(), (None,), (Point(900, 900),)])
def test_inspect__no_annotation_that_can_be_used(look, nothing):
    report, scene, footprints = look(*nothing)
    assert (report.ok, report.annotations, len(footprints)) == (True, 0, 0)
    assert report.warnings
    assert scene is not None


def test_inspect__no_vector_file(make_scene):
    report, _, footprints = inspect(make_scene())
    assert (report.ok, footprints) == (True, None)
    assert report.warnings == ("no annotations: no vector file named scene.geojson beside it",)


def test_inspect__annotations_that_cannot_be_read_leave_the_scene_ok(make_scene):
    raster = make_scene()
    raster.with_suffix(".geojson").write_text("<html>")
    report, _, footprints = inspect(raster)
    assert (report.ok, footprints) == (True, None)
    assert report.warnings[0].startswith("scene.geojson: is not JSON")


def test_inspect__a_raster_that_cannot_be_read_says_why(tmp_path, make_scene):
    path = make_scene(compress="lzw")
    path.write_bytes(path.read_bytes()[:-2000])
    report, scene, footprints = inspect(path)
    assert (report.ok, scene, footprints) == (False, None, None)
    assert "opens but cannot be read" in report.error


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("suffix", [".geojson", ".fgb", ".shp"])
def test_inspect__metres_taken_as_degrees_are_told(make_scene, make_annotations, to_ground, suffix):
    raster = make_scene()
    hint = "these are no degrees: give the file its CRS"
    make_annotations(raster, [to_ground(box(1, 1, 9, 9))], [{"n": 1}], None, suffix)
    report, *_ = inspect(raster)
    assert report.skipped == {"cannot be brought into the scene's CRS": 1}
    assert hint in report.warnings
    degrees = [to_ground(box(1, 1, 9, 9), target="EPSG:4326"), box(349, 40, 350, 41)]
    make_annotations(raster, degrees, [{"n": 1}] * 2, None, suffix)
    assert hint not in inspect(raster)[0].warnings


def test_inspect__a_scene_without_crs_says_so(make_scene):
    report, *_ = inspect(make_scene(crs=None))
    assert report.warnings[0] == (
        "the scene has no CRS to measure by: sizes are in pixels, not metres"
    )


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".shp", ".fgb"])
def test_inspect__nothing_is_written_beside_the_scene(look, tmp_path, suffix):
    look(box(10, 10, 20, 20), properties=[{"class": "a"}], suffix=suffix)
    raw = tmp_path / "raw"
    before = {p.name: p.read_bytes() for p in raw.iterdir()}
    report, *_ = inspect(raw / "scene.tif")
    assert report.annotations == 1
    assert {p.name: p.read_bytes() for p in raw.iterdir()} == before
