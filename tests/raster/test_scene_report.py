import json

import numpy as np
import pytest
from shapely.geometry import Point, Polygon, box

from core.raster.scene_report import SceneReport, inspect_scene


@pytest.fixture
def inspect(make_scene, make_annotations, to_ground):
    def write_and_inspect(*shapes, properties=None, crs="EPSG:32631", suffix=".geojson", **options):
        raster = make_scene(**options)
        ground = [None if s is None else to_ground(s, target=crs) for s in shapes]
        make_annotations(raster, ground, properties, crs, suffix)
        return inspect_scene(raster)

    return write_and_inspect


def test_inspect_scene__counts_and_warnings(inspect):
    bowtie = Polygon([(20, 20), (40, 40), (40, 20), (20, 40)])
    shapes = [box(10, 10, 20, 20), bowtie, box(-5, 50, 5, 60), None, Point(900, 900)]
    kinds = [{"class": c} for c in ("boat", "boat", "quay", "boat", "boat")]
    report, scene, footprints = inspect(*shapes, properties=kinds, crs="EPSG:4326", nodata=0)
    assert report.ok
    assert (report.annotations, report.repaired, report.cut_by_edge) == (3, 1, 1)
    assert (report.class_property, report.classes) == ("class", {"boat": 2, "quay": 1})
    assert report.skipped == {"null geometry": 1, "outside the scene": 1}
    assert set(report.warnings) == {
        "The annotations are reprojected from EPSG:4326 to the scene's CRS, EPSG:32631.",
        "1 self-intersecting footprint was repaired.",
        "1 of 5 annotations skipped: null geometry.",
        "1 of 5 annotations skipped: outside the scene.",
        "33.3% of the footprints cross the scene's edge.",
    }
    assert len(footprints) == 3
    assert scene.name == report.name


@pytest.mark.parametrize("nodata", [None, 0, np.nan, -3.4028234663852886e38])
def test_scene_report__json_round_trip(inspect, nodata):
    report, *_ = inspect(box(1, 1, 9, 9), properties=[{"class": 1}], dtype="float32", nodata=nodata)
    text = json.dumps(report.as_table(), allow_nan=False)
    restored = SceneReport.from_table(json.loads(text))
    assert repr(restored) == repr(report)


@pytest.mark.parametrize("shapes", [(), (None,), (Point(900, 900),)])
def test_inspect_scene__no_usable_annotation(inspect, shapes):
    report, scene, footprints = inspect(*shapes)
    assert (report.ok, report.annotations, len(footprints)) == (True, 0, 0)
    assert report.warnings
    assert scene is not None


def test_inspect_scene__no_vector_file(make_scene):
    report, _, footprints = inspect_scene(make_scene())
    assert (report.ok, footprints) == (True, None)
    assert report.warnings == (
        "The scene has no annotations: there is no vector file such as scene.geojson next to it.",
    )


def test_inspect_scene__unreadable_annotations_leave_the_scene_usable(make_scene):
    raster = make_scene()
    raster.with_suffix(".geojson").write_text("<html>")
    report, _, footprints = inspect_scene(raster)
    assert (report.ok, footprints) == (True, None)
    assert report.warnings[0].startswith("scene.geojson: the file is not valid JSON")


def test_inspect_scene__an_unreadable_raster_is_reported_with_the_reason(tmp_path, make_scene):
    path = make_scene(compress="lzw")
    path.write_bytes(path.read_bytes()[:-2000])
    report, scene, footprints = inspect_scene(path)
    assert (report.ok, scene, footprints) == (False, None, None)
    assert "opens but cannot be read" in report.error


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("suffix", [".geojson", ".fgb", ".shp"])
def test_inspect_scene__metres_without_a_crs_are_reported(
    make_scene, make_annotations, to_ground, suffix
):
    raster = make_scene()
    hint = "Some coordinates cannot be degrees. Set the CRS of the file."
    make_annotations(raster, [to_ground(box(1, 1, 9, 9))], [{"n": 1}], None, suffix)
    report, *_ = inspect_scene(raster)
    assert report.skipped == {"cannot be reprojected to the scene's CRS": 1}
    assert hint in report.warnings
    degrees = [to_ground(box(1, 1, 9, 9), target="EPSG:4326"), box(349, 40, 350, 41)]
    make_annotations(raster, degrees, [{"n": 1}] * 2, None, suffix)
    assert hint not in inspect_scene(raster)[0].warnings


def test_inspect_scene__a_scene_without_a_crs_is_reported(make_scene):
    report, *_ = inspect_scene(make_scene(crs=None))
    assert report.warnings[0] == "The scene has no CRS, so sizes are in pixels, not metres."


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".shp", ".fgb"])
def test_inspect_scene__nothing_is_written_next_to_the_scene(inspect, tmp_path, suffix):
    inspect(box(10, 10, 20, 20), properties=[{"class": "a"}], suffix=suffix)
    raw = tmp_path / "raw"
    before = {p.name: p.read_bytes() for p in raw.iterdir()}
    report, *_ = inspect_scene(raw / "scene.tif")
    assert report.annotations == 1
    assert {p.name: p.read_bytes() for p in raw.iterdir()} == before
