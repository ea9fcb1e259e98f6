"""Unusual rasters and vector files from the test suites of other projects."""

import os
import shutil
from pathlib import Path

import pytest

from core.errors import AnnotationError
from core.raster.annotations.vector_files import read_annotations
from core.raster.scene_report import inspect_scene

DATA = Path(os.environ.get("CHIPSCAPE_TEST_DATA", ""))
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (DATA / "odd_tif").is_dir(), reason="CHIPSCAPE_TEST_DATA names no folder with odd_tif"
    ),
]

# CRS, metres per pixel, fraction of valid pixels in the sampled blocks.
USABLE = {
    "RGBA.uint16": ("EPSG:32612", 1.379, 0.281),
    "all-nodata": ("EPSG:32628", 3.0, 0.0),
    "alpha": ("EPSG:3857", 3.084, 0.046),
    "cogeo": ("EPSG:3857", 0.472, 1.0),
    "float_nan": ("", None, 0.833),
    "float_raster_with_nodata": ("IGNF:ETRS89LAEA", 500.0, 0.628),
    "rgb-byte-tenth": ("utm", 3017.5, 0.675),
    "rgb_lzw": ("EPSG:32618", 299.9, 0.694),
    "rotated": ("", None, 1.0),
    "test_esri_wkt": ("ESRI:102039", 10.0, 1.0),
}
# Number of features, and of those with a null or empty geometry.
VECTORS = {
    "valid_feature": (1, 0),
    "valid_feature_null_geometry": (1, 1),
    "valid_feature_null_properties": (1, 0),
    "valid_feature_with_bbox": (1, 0),
    "valid_feature_with_id": (1, 0),
    "valid_feature_with_string_id": (1, 0),
    "valid_featurecollection": (1, 0),
    "valid_featurecollection_bboxes": (2, 0),
    "valid_featurecollection_empty_features": (0, 0),
    "valid_featurecollection_multiple_feature_types": (4, 0),
    "valid_featurecollection_with_geometrycollection": (1, 0),
    "valid_geometry": (1, 0),
    "valid_geometry_3d_coordinates": (1, 0),
    "valid_geometry_bbox": (1, 0),
    "valid_geometry_geometrycollection": (1, 0),
    "valid_geometry_geometrycollection_empty_geometries": (1, 1),
    "valid_geometry_linestring": (1, 0),
    "valid_geometry_multilinestring": (1, 0),
    "valid_geometry_multipoint": (1, 0),
    "valid_geometry_multipolygon": (1, 0),
    "valid_geometry_point": (1, 0),
    "valid_geometry_polygon": (1, 0),
}


def test_every_file__has_an_expected_result():
    rasters = {p.stem for p in (DATA / "odd_tif" / "raw").glob("*.tif")}
    assert rasters == {*USABLE, "corrupt"}
    assert {p.stem for p in (DATA / "odd_geojson").glob("*.geojson")} == set(VECTORS)


@pytest.mark.parametrize("name", USABLE)
def test_raster__usable(name):
    crs, gsd, valid_fraction = USABLE[name]
    report, scene, _ = inspect_scene(DATA / "odd_tif" / "raw" / f"{name}.tif")
    assert (report.ok, report.error, report.crs) == (True, "", crs)
    assert report.gsd == (gsd if gsd is None else pytest.approx(gsd, rel=1e-3))
    assert report.valid_fraction == pytest.approx(valid_fraction, abs=1e-3)
    assert ("pixels, not metres" in " ".join(report.warnings)) == (crs == "")
    assert scene is not None


def test_raster__corrupt():
    report, scene, _ = inspect_scene(DATA / "odd_tif" / "raw" / "corrupt.tif")
    assert not report.ok
    assert scene is None
    assert "opens but cannot be read" in report.error
    assert "copy it again" in report.error


def test_vector__a_feature_keeps_its_id():
    folder = DATA / "odd_geojson"
    for name in ("valid_feature_with_id", "valid_feature_with_string_id"):
        annotations = read_annotations(folder / f"{name}.geojson")
        assert annotations.properties["feature_id"].notna().all()


@pytest.mark.parametrize("raster", [*USABLE, "corrupt"])
def test_every_vector__next_to_every_raster(raster, tmp_path):
    shutil.copy(DATA / "odd_tif" / "raw" / f"{raster}.tif", tmp_path / "a.tif")
    for name, (n_features, n_missing) in VECTORS.items():
        shutil.copy(DATA / "odd_geojson" / f"{name}.geojson", tmp_path / "a.geojson")
        (tmp_path / "a.geojson").chmod(0o644)
        report, _, footprints = inspect_scene(tmp_path / "a.tif")
        assert report.ok == (raster in USABLE)
        if raster == "corrupt":
            continue
        n_without_geometry = sum(n for why, n in report.skipped.items() if "geometry" in why)
        assert n_without_geometry == n_missing, name
        assert report.annotations + sum(report.skipped.values()) == n_features, name
        assert footprints is not None
        assert len(footprints) == report.annotations


def test_vector_next_to_rasters__without_a_raster_of_its_stem():
    try:
        read_annotations(DATA / "odd_tif" / "raw" / "issue1446.geojson")
    except AnnotationError as error:
        pytest.fail(str(error))
