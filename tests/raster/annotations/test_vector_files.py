import json
import sqlite3
import struct
from contextlib import closing

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely.affinity import translate
from shapely.geometry import Point, box, mapping

from core.errors import AnnotationError
from core.raster.annotations import vector_files
from core.raster.annotations.feature_table import distinct_names
from core.raster.annotations.vector_files import (
    Annotations,
    find_annotations,
    read_annotations,
    unread_vector_files,
    vector_file_parts,
)

SQUARE = box(692_010, 4_795_950, 692_020, 4_795_960)


def feature(geometry=SQUARE, properties=None, **more):
    return {"type": "Feature", "properties": properties, "geometry": mapping(geometry)} | more


@pytest.fixture
def write(tmp_path):
    def to_file(document, name="a.geojson"):
        path = tmp_path / name
        text = document if isinstance(document, str) else json.dumps(document)
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def collection(*features, **more):
    return {"type": "FeatureCollection", "features": list(features)} | more


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp", ".fgb", ".parquet", ".json"])
def test_read_annotations__each_format_gives_the_same(tmp_path, make_annotations, suffix):
    rows = [{"class": "a", "n": 1}, {"class": "b", "n": 2}]
    path = make_annotations(tmp_path / "x.tif", [SQUARE, SQUARE.buffer(1)], rows, suffix=suffix)
    annotations = read_annotations(path)
    assert len(annotations) == 2
    assert annotations.geometries[0].equals(SQUARE)
    assert annotations.properties["class"].tolist() == ["a", "b"]
    assert annotations.properties["n"].tolist() == [1, 2]
    assert CRS.from_wkt(annotations.crs).to_epsg() == 32631
    assert annotations.notes == ()


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("suffix", [".geojson", ".fgb", ".parquet"])
def test_read_annotations__without_a_crs_longitude_and_latitude_are_assumed(
    tmp_path, make_annotations, suffix
):
    path = make_annotations(tmp_path / "x.tif", [Point(5, 43)], [{"a": 1}], None, suffix)
    annotations = read_annotations(path)
    assert CRS.from_wkt(annotations.crs).to_epsg() == 4326
    assert "has no CRS" in annotations.notes[0]


@pytest.mark.parametrize(
    "document", [feature(), mapping(SQUARE), {"type": "GeometryCollection", "geometries": []}]
)
def test_read_geojson__a_feature_or_a_bare_geometry(write, document):
    assert len(read_annotations(write(document))) == 1


def test_read_geojson__no_features(write):
    annotations = read_annotations(write(collection()))
    assert (len(annotations), len(annotations.properties)) == (0, 0)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "the file is not valid JSON"),
        ("{", "the file is not valid JSON"),
        ("[" * 100_000, "the file is not valid JSON"),
        ("PAR1", "the file is not valid JSON"),
        ("[1, 2]", "not a GeoJSON object"),
        ({"type": "Topology"}, "its type is 'Topology'"),
        (
            {"type": "FeatureCollection", "features": 5},
            "the FeatureCollection has no list of features",
        ),
        (collection(crs={"properties": {"name": "EPSG:1"}}), "the file names an unknown CRS"),
        (collection(crs={"properties": {"name": [3]}}), "the file names an unknown CRS"),
    ],
)
def test_read_geojson__refused_with_a_reason(write, document, message):
    with pytest.raises(AnnotationError, match=f"^a.geojson: .*{message}"):
        read_annotations(write(document))


@pytest.mark.parametrize("member", [None, 5, {}, {"properties": None}, {"properties": "EPSG:1"}])
def test_read_geojson__an_empty_crs_member_is_ignored(write, member):
    assert "has no CRS" in read_annotations(write(collection(crs=member))).notes[0]


def test_read_geojson__the_old_crs_member_is_read(write):
    name = "urn:ogc:def:crs:EPSG::2154"
    annotations = read_annotations(
        write(collection(crs={"type": "name", "properties": {"name": name}}))
    )
    assert (CRS.from_wkt(annotations.crs).to_epsg(), annotations.notes) == (2154, ())


def test_read_geojson__invalid_geometries_become_null_and_are_counted(write):
    broken = [5, {"type": "Point"}, {"type": "Nothing", "coordinates": [1, 2]}, "POINT (1 1)"]
    text = json.dumps(collection(feature(), *({"geometry": g} for g in broken), None, 7))
    text = text.replace('"POINT (1 1)"', '{"type": "Point", "coordinates": [1e999, NaN]}')
    annotations = read_annotations(write(text))
    assert [g is None for g in annotations.geometries] == [False] + [True] * 6
    assert "4 geometries were treated as null, because parsing failed." in annotations.notes


def test_read_geojson__nested_properties_become_text(write):
    rows = [{"tags": {"b": 1, "a": ["é"]}, "n": 1}, {"tags": None}, None, 5]
    annotations = read_annotations(write(collection(*(feature(properties=r) for r in rows))))
    assert annotations.properties["tags"].tolist()[0] == '{"a": ["é"], "b": 1}'
    assert annotations.properties["tags"].isna().tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("properties", "column", "values"),
    [({}, "feature_id", ["7", None]), ({"feature_id": "mine"}, "feature_id", ["mine", "mine"])],
)
def test_read_geojson__feature_ids_are_kept(write, properties, column, values):
    annotations = read_annotations(
        write(collection(feature(properties=properties, id=7), feature(properties=properties)))
    )
    assert [None if pd.isna(v) else v for v in annotations.properties[column]] == values


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".fgb", ".parquet"])
def test_read_annotations__content_is_checked_before_gdal_opens_it(write, suffix, monkeypatch):
    monkeypatch.setattr(gpd, "read_file", None)
    path = write(collection(feature()), f"a{suffix}")
    with pytest.raises(AnnotationError, match=f"the file is not a valid {suffix} file"):
        read_annotations(path)


@pytest.mark.filterwarnings("ignore:GPKG")
@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".gpkg", b"SQLite format 3\x00" + b"x" * 52 + b"GPKG" + b"x" * 100),
        (".shp", b"\x00\x00\x27\x0a" + b"x" * 100),
        (".fgb", b"fgb" + b"x" * 100),
        (".parquet", b"PAR1" + b"x" * 100 + b"PAR1"),
        (".geojson", b"\xff\xfe\x00"),
    ],
)
def test_read_annotations__damaged_files_are_refused(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(
        AnnotationError, match=f"^a{suffix}: the file (cannot be read|is not valid JSON)"
    ):
        read_annotations(path)


@pytest.mark.filterwarnings("ignore:GPKG")
def test_read_annotations__a_plain_sqlite_database_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "a.gpkg") as database:
        database.execute("create table boats (name text)")
    database.close()
    with pytest.raises(AnnotationError, match=r"^a.gpkg: the file is not a valid .gpkg file"):
        read_annotations(tmp_path / "a.gpkg")


def test_read_annotations__a_table_without_geometries_is_refused(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(AnnotationError, match=r"^a.parquet: the file cannot be read"):
        read_annotations(tmp_path / "a.parquet")


def test_read_annotations__lists_in_a_parquet_column_become_text(tmp_path, make_annotations):
    rows = [{"tags": ["a", "b"]}, {"tags": None}]
    path = make_annotations(tmp_path / "x.tif", [SQUARE, SQUARE], rows, suffix=".parquet")
    assert read_annotations(path).properties["tags"][0] == '["a", "b"]'


def test_read_annotations__too_large_is_refused(write, monkeypatch):
    monkeypatch.setattr("core.raster.annotations.vector_files.MAX_BYTES", 10)
    with pytest.raises(AnnotationError, match="the file is larger than"):
        read_annotations(write(collection(feature())))


def test_find_annotations__the_first_format_of_the_same_stem(tmp_path):
    raster = tmp_path / "a.b.tif"
    assert find_annotations(raster) is None
    for name in ("a.b.gpkg", "a.geojson", "a.b.GEOJSON", "a.b.json"):
        (tmp_path / name).touch()
    assert find_annotations(raster).name == "a.b.GEOJSON"


def test_find_annotations__an_outside_link_is_ignored(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "out.geojson").touch()
    (tmp_path / "raw" / "a.geojson").symlink_to(tmp_path / "out.geojson")
    assert find_annotations(tmp_path / "raw" / "a.tif") is None
    assert unread_vector_files(tmp_path / "raw" / "a.tif") == [
        "a.geojson is not read, because it is a link that leads out of the folder."
    ]


def test_unread_vector_files__a_second_file_of_the_stem(tmp_path):
    for name in ("a.geojson", "a.gpkg", "b.gpkg"):
        (tmp_path / name).touch()
    assert unread_vector_files(tmp_path / "a.tif") == [
        "a.gpkg is not read, because a.geojson takes precedence."
    ]
    assert unread_vector_files(tmp_path / "b.tif") == []


def test_read_geojson__lone_surrogates_are_replaced_and_counted(write):
    rows = [
        {"class": "\ud800 lone", "\udc00": {"\ud801": ["a\ud802", 1]}, chr(0xDC01): 2},
        {"class": "boat \U0001f6a2"},
    ]
    annotations = read_annotations(
        write(collection(feature(properties=rows[0], id="\udfff"), feature(properties=rows[1])))
    )
    assert annotations.properties["class"].tolist() == ["\ufffd lone", "boat \U0001f6a2"]
    assert list(annotations.properties) == ["class", "\ufffd", "\ufffd\ufffd", "feature_id"]
    assert annotations.properties["\ufffd"][0] == '{"\ufffd": ["a\ufffd", 1]}'
    assert annotations.properties["\ufffd\ufffd"][0] == 2
    assert annotations.properties["feature_id"][0] == "\ufffd"
    assert annotations.notes[-1] == "Invalid characters were replaced in 6 text values."


def test_read_geojson__lone_surrogates_as_bytes_are_replaced(tmp_path):
    path = tmp_path / "a.geojson"
    text = json.dumps(collection(feature(properties={"a": "\ud800"})), ensure_ascii=False)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    annotations = read_annotations(path)
    assert annotations.properties["a"].tolist() == ["\ufffd"]
    assert annotations.notes[-1] == "Invalid characters were replaced in 1 text value."


def test_read_coco__lone_surrogates_are_replaced(write):
    images = [{"id": "\ud800", "file_name": "\udc00.tif"}]
    marks = [{"id": "\ud801", "image_id": "\ud800", "category_id": 1, "a\ud802": "\ud803"}]
    kinds = [{"id": 1, "name": "boat\ud804"}]
    document = {"images": images, "annotations": marks, "categories": kinds}
    annotations = read_annotations(write(document))
    assert annotations.scene_names == ("\ufffd",)
    assert annotations.properties.to_dict("records") == [
        {"feature_id": "\ufffd", "category": "boat\ufffd", "a\ufffd": "\ufffd"}
    ]
    assert annotations.notes[-1] == "Invalid characters were replaced in 7 text values."


@pytest.mark.filterwarnings("error")
def test_read_annotations__unread_layers_are_reported(tmp_path):
    path = tmp_path / "ml.gpkg"
    pyogrio.write_dataframe(pd.DataFrame({"style": ["x"]}), path, layer="layer_styles")
    for name, n in (("one", 1), ("two", 2)):
        frame = gpd.GeoDataFrame({"n": range(n)}, geometry=[SQUARE] * n, crs=32631)
        frame.to_file(path, layer=name)
        annotations = read_annotations(path)
        assert len(annotations) == 1
    assert annotations.notes == ("ml.gpkg has 2 layers. Only 'one' is read; left out: 'two'.",)


def test_read_annotations__tables_without_geometries_are_skipped(tmp_path):
    path = tmp_path / "ml.gpkg"
    pyogrio.write_dataframe(pd.DataFrame({"style": ["x"]}), path, layer="styles")
    with pytest.raises(AnnotationError, match=r"^ml.gpkg: the table has no geometries"):
        read_annotations(path)
    gpd.GeoDataFrame({"n": [1]}, geometry=[SQUARE], crs=32631).to_file(path, layer="boats")
    assert (len(read_annotations(path)), read_annotations(path).notes) == (1, ())


def test_vector_file_parts__of_a_shapefile_in_either_case(tmp_path):
    for name in ("a.shp", "a.DBF", "a.prj", "a.geojson", "a.shp.xml", "b.shx"):
        (tmp_path / name).touch()
    names = [p.name for p in vector_file_parts(tmp_path / "a.shp")]
    assert [n for n in names if n != "a.shp.xml"] == ["a.DBF", "a.prj", "a.shp"]
    assert vector_file_parts(tmp_path / "a.geojson") == [tmp_path / "a.geojson"]


def test_vector_file_parts__the_journal_of_a_geopackage(tmp_path):
    for name in ("a.gpkg", "a.gpkg-wal", "a.gpkg-shm", "b.gpkg-wal"):
        (tmp_path / name).touch()
    assert [p.name for p in vector_file_parts(tmp_path / "a.gpkg")] == ["a.gpkg", "a.gpkg-wal"]


def test_read_annotations__a_part_that_is_an_outside_link_is_refused(tmp_path, make_annotations):
    path = make_annotations(tmp_path / "raw.tif", [SQUARE], [{"n": 1}], suffix=".shp")
    inside = tmp_path / "raw"
    inside.mkdir()
    for part in vector_file_parts(path):
        part.rename(inside / part.name)
    (inside / "raw.dbf").rename(tmp_path / "out.dbf")
    (inside / "raw.dbf").symlink_to(tmp_path / "out.dbf")
    with pytest.raises(AnnotationError, match=r"raw.dbf is a link that leads out of the folder"):
        read_annotations(inside / "raw.shp")


def test_annotations__geometries_and_rows_must_match():
    with pytest.raises(AnnotationError, match="there are 1 geometries but 2 rows"):
        Annotations([SQUARE], pd.DataFrame({"a": [1, 2]}), "")


SURROGATES = st.text(st.characters(exclude_categories=()), max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | SURROGATES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "features", "geometry", "coordinates", "properties", "crs", "name", "id"]
            ),
            inner
            | st.sampled_from(["FeatureCollection", "Feature", "Point", "Polygon", "EPSG:4326"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(VALUES, VALUES)
def test_read_geojson__anything_is_read_or_refused(tmp_path, feature, member):
    path = tmp_path / "fuzz.geojson"
    document = collection(feature, crs=member) | (member if isinstance(member, dict) else {})
    path.write_text(json.dumps(document))
    try:
        annotations = read_annotations(path)
    except AnnotationError:
        return
    assert len(annotations.geometries) == len(annotations.properties)


def test_read_geojson__an_invalid_geometry_does_not_affect_the_others(tmp_path):
    # A collection is parsed in one call, which fails at an invalid geometry.
    good = {"type": "MultiPolygon", "coordinates": [[[[0, 0], [4, 0], [4, 3], [0, 0]]]]}
    high = {"type": "Point", "coordinates": [1, 2, 3]}
    nested = {"type": "GeometryCollection", "geometries": [good, high]}
    invalid = {"type": "Polygon", "coordinates": [[1, 2]]}

    def read(*geometries):
        features = [{"type": "Feature", "properties": {}, "geometry": g} for g in geometries]
        path = tmp_path / "a.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        return read_annotations(path).geometries

    valid_only = read(good, high, nested)
    with_invalid = read(good, invalid, high, None, nested)
    assert [shapely.is_missing(g) for g in with_invalid] == [False, True, False, True, False]
    assert [g.wkt for g in valid_only] == [g.wkt for g in with_invalid if g is not None]


def test_read_geojson__a_bare_collection_is_one_annotation(tmp_path):
    point = {"type": "Point", "coordinates": [1, 2]}
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "GeometryCollection", "geometries": [point]}))
    assert [g.geom_type for g in read_annotations(path).geometries] == ["GeometryCollection"]


def open_ring(path, geometry):
    """Move the last point of a polygon, wherever a file stores its coordinates."""
    last_point = struct.pack("<dd", *geometry.exterior.coords[-1])
    content = path.read_bytes()
    start = content.rindex(last_point)
    moved = struct.pack("<dd", geometry.bounds[0] + 3, geometry.bounds[1] + 3)
    path.write_bytes(content[:start] + moved + content[start + 16 :])


@pytest.mark.parametrize("suffix", [".shp", ".gpkg"])
def test_read_annotations__an_open_ring_is_one_null_geometry(tmp_path, make_annotations, suffix):
    squares = [SQUARE, translate(SQUARE, 50)]
    path = make_annotations(tmp_path / "x.tif", [*squares, None], suffix=suffix)
    open_ring(path, squares[1])
    annotations = read_annotations(path)
    assert [shape is None for shape in annotations.geometries] == [False, True, True]
    assert annotations.geometries[0].equals(SQUARE)
    assert annotations.notes == ("1 geometry was treated as null, because parsing failed.",)


def test_read_annotations__an_open_ring_in_parquet(tmp_path, make_annotations):
    path = make_annotations(tmp_path / "x.tif", [SQUARE], suffix=".parquet")
    wkb = SQUARE.wkb
    moved = wkb[:-16] + struct.pack("<dd", 0, 0)
    frame = pq.read_table(path)
    column = pa.array([moved], pa.binary())
    position = frame.schema.get_field_index("geometry")
    pq.write_table(frame.set_column(position, frame.schema.field(position), column), path)
    with pytest.raises(AnnotationError, match=r"x.parquet: the file cannot be read"):
        read_annotations(path)


def rename_fields(path, *names):
    """Overwrite the names of a DBF file's fields."""
    content = bytearray(path.read_bytes())
    for n, name in enumerate(names):
        content[32 + 32 * n : 43 + 32 * n] = name.encode().ljust(11, b"\0")
    path.write_bytes(content)


def test_read_annotations__two_fields_of_one_name(tmp_path, make_annotations):
    rows = [{"a": 1, "b": "x", "a_2": 5}, {"a": 2, "b": "y", "a_2": 6}]
    path = make_annotations(tmp_path / "x.tif", [SQUARE, SQUARE], rows, suffix=".shp")
    rename_fields(path.with_suffix(".dbf"), "a", "a")
    annotations = read_annotations(path)
    assert annotations.properties.to_dict("list") == {"a": [1, 2], "a_3": ["x", "y"], "a_2": [5, 6]}
    assert annotations.notes == ("x.shp has several fields of the same name: a_3 was renamed.",)


def test_read_annotations__a_field_called_geometry(tmp_path, make_annotations):
    path = make_annotations(tmp_path / "x.tif", [SQUARE], [{"a": "text"}], suffix=".shp")
    rename_fields(path.with_suffix(".dbf"), "geometry")
    annotations = read_annotations(path)
    assert annotations.properties.to_dict("list") == {"geometry_2": ["text"]}
    assert annotations.geometries[0].equals(SQUARE)


@pytest.mark.parametrize(
    ("names", "expected"),
    [("abc", ["a", "b", "c"]), (["a", "a", "a_2", "a"], ["a", "a_3", "a_2", "a_4"]), ([], [])],
)
def test_distinct_names__later_fields_keep_their_names(names, expected):
    assert distinct_names(names) == expected


def test_read_annotations__whatever_a_library_raises_is_a_verdict(tmp_path, monkeypatch, caplog):
    def fail(*_args, **_options):
        raise KeyError("a defect of the library")

    path = tmp_path / "x.fgb"
    path.write_bytes(b"fgb" + b"0" * 100)
    monkeypatch.setattr(pyogrio, "list_layers", fail)
    with pytest.raises(AnnotationError, match=r"x.fgb: the annotations cannot be read.*KeyError"):
        read_annotations(path)
    assert caplog.records[0].exc_info


def _replace_by_view(path, query):
    """Replace the table of a GeoPackage's only layer by a view that reads it."""
    with closing(sqlite3.connect(path)) as database:
        name = database.execute("SELECT table_name FROM gpkg_geometry_columns").fetchone()[0]
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (trigger,) in database.execute(triggers).fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute(f'ALTER TABLE "{name}" RENAME TO stored')
        for table in ("gpkg_contents", "gpkg_geometry_columns"):
            database.execute(f"UPDATE {table} SET table_name = ?", (name,))
        database.execute(f'CREATE VIEW "{name}" AS {query}')
        database.commit()


def test_geopackage__view_is_read(tmp_path):
    path = tmp_path / "a.gpkg"
    gpd.GeoDataFrame({"n": [1, 2]}, geometry=[box(0, 0, 1, 1)] * 2, crs=4326).to_file(path)
    _replace_by_view(path, "SELECT * FROM stored WHERE n = 2")
    assert list(read_annotations(path).properties["n"]) == [2]


def test_geopackage__endless_view_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_files, "VIEW_SECONDS", 0.2)
    path = tmp_path / "a.gpkg"
    gpd.GeoDataFrame({"n": [1, 2]}, geometry=[box(0, 0, 1, 1)] * 2, crs=4326).to_file(path)
    endless = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c)"
    _replace_by_view(path, f"{endless} SELECT i AS fid, geom, n FROM c, stored")
    with pytest.raises(AnnotationError, match=r"is a query \(a view\)"):
        read_annotations(path)
