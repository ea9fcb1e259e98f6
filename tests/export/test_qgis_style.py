"""The style of a GeoPackage, read with SQLite and an XML parser, against QGIS's own format."""

import dataclasses
import json
import sqlite3
import tomllib
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import shapely

from core.clusters.cluster_colours import NOISE_COLOUR, cluster_colour
from core.export.export_formats import write_results
from core.export.qgis_style import cluster_qml

from .conftest import EVIL, PROVENANCE, N, with_edits

# The columns with which QGIS itself creates the table in a GeoPackage.
QGIS_COLUMNS = {
    "id": "INTEGER",
    "f_table_catalog": "TEXT",
    "f_table_schema": "TEXT",
    "f_table_name": "TEXT",
    "f_geometry_column": "TEXT",
    "styleName": "TEXT",
    "styleQML": "TEXT",
    "styleSLD": "TEXT",
    "useAsDefault": "BOOLEAN",
    "description": "TEXT",
    "owner": "TEXT",
    "ui": "TEXT",
    "update_time": "DATETIME",
}


@pytest.fixture
def database(clustered_chips, tmp_path):
    """A GeoPackage of chips with a renamed and a recoloured cluster, opened with SQLite."""
    edited = with_edits(clustered_chips, names={1: EVIL}, colours={1: "#102030"})
    connection = sqlite3.connect(write_results(edited, tmp_path, "gpkg"))
    yield connection
    connection.close()


def rgba(colour, opacity):
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)) + f",{opacity}"


def test_layer_styles__columns_of_qgis(database):
    columns = {row[1]: row[2] for row in database.execute("PRAGMA table_info(layer_styles)")}
    assert columns == QGIS_COLUMNS
    contents = dict(database.execute("SELECT table_name, data_type FROM gpkg_contents"))
    assert contents == {"chips": "features", "layer_styles": "attributes"}


def test_layer_styles__the_query_of_qgis_finds_the_default_style(database):
    # QGIS looks for an empty schema, the table and its geometry column.
    column = database.execute("SELECT column_name FROM gpkg_geometry_columns").fetchone()[0]
    rows = database.execute(
        "SELECT styleName, useAsDefault, styleQML FROM layer_styles WHERE f_table_schema = '' "
        "AND f_table_name = 'chips' AND f_geometry_column = ?",
        (column,),
    ).fetchall()
    assert [row[:2] for row in rows] == [("Clusters", 1)]
    assert rows[0][2].startswith("<!DOCTYPE qgis")
    assert ET.fromstring(rows[0][2]).tag == "qgis"


def test_layer_styles__colours_and_names_by_cluster(database):
    root = ET.fromstring(database.execute("SELECT styleQML FROM layer_styles").fetchone()[0])
    renderer = root.find("renderer-v2")
    assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", "cluster")
    categories = renderer.findall("categories/category")
    facts = [(c.get("value"), c.get("label"), c.get("symbol")) for c in categories]
    assert facts == [("0", "Cluster 0", "0"), ("1", EVIL, "1"), ("-1", "Noise", "2")]
    colours = []
    for symbol in renderer.findall("symbols/symbol"):
        layer = symbol.find("layer")
        options = {o.get("name"): o.get("value") for o in layer.findall("Option/Option")}
        assert {p.get("k"): p.get("v") for p in layer.findall("prop")} == options
        assert layer.get("class") == "SimpleFill"
        assert options["color"].rsplit(",", 1)[0] == options["outline_color"].rsplit(",", 1)[0]
        colours.append(options["outline_color"])
    assert colours == [rgba(c, 255) for c in (cluster_colour(0), "#102030", NOISE_COLOUR)]


def test_layer_styles__labels_with_the_name_but_not_for_noise(database):
    root = ET.fromstring(database.execute("SELECT styleQML FROM layer_styles").fetchone()[0])
    assert root.get("labelsEnabled") == "1"
    text = root.find("labeling[@type='simple']/settings/text-style")
    assert text.get("isExpression") == "1"
    assert text.get("fieldName") == 'if("cluster" = -1, NULL, "cluster_name")'
    columns = {row[1] for row in database.execute("PRAGMA table_info(chips)")}
    assert {"cluster", "cluster_name", "cluster_colour", "scene", "run_id"} <= columns


def test_metadata__run_and_settings(database):
    tables = database.execute(
        "SELECT reference_scope, table_name, md_file_id FROM gpkg_metadata_reference"
    ).fetchall()
    assert tables == [("table", "chips", 1)]
    text = database.execute("SELECT metadata FROM gpkg_metadata WHERE id = 1").fetchone()[0]
    values = {item.get("key"): item.text for item in ET.fromstring(text).iter("MDI")}
    assert values["chipscape_run"] == PROVENANCE.run_id
    assert tomllib.loads(values["chipscape_settings"]) == PROVENANCE.settings
    assert json.loads(values["chipscape_provenance"])["scenes"] == ["a.tif", "b#c.tif"]


@pytest.mark.parametrize(
    ("shapes", "layer_class", "geometry_type"),
    [("points", "SimpleMarker", "0"), ("lines", "SimpleLine", "1")],
)
def test_layer_styles__symbols_fit_the_geometry(
    clustered_chips, tmp_path, shapes, layer_class, geometry_type
):
    convert = {"points": shapely.centroid, "lines": shapely.boundary}[shapes]
    footprints = convert(clustered_chips.footprints)
    chips = dataclasses.replace(clustered_chips, footprints=footprints)
    with sqlite3.connect(write_results(chips, tmp_path, "gpkg")) as connection:
        text = connection.execute("SELECT styleQML FROM layer_styles").fetchone()[0]
    root = ET.fromstring(text)
    assert {layer.get("class") for layer in root.iter("layer")} == {layer_class}
    assert root.findtext("layerGeometryType") == geometry_type


def test_cluster_qml__names_with_control_characters(clustered_chips):
    root = ET.fromstring(cluster_qml(with_edits(clustered_chips, names={0: "a\x00b\x1f&<"})))
    assert root.find("renderer-v2/categories/category").get("label") == "a b &<"


def test_cluster_qml__only_clusters_with_included_chips(clustered_chips):
    excluded = np.arange(N) >= 4
    root = ET.fromstring(cluster_qml(with_edits(clustered_chips, excluded=excluded)))
    assert [c.get("value") for c in root.iter("category")] == ["0"]
