"""Exported tables, read back by the libraries that other programs use."""

import dataclasses
import json
import tomllib

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from shapely.geometry import MultiPolygon, box

from core.clusters.cluster_colours import NOISE_COLOUR, cluster_colour
from core.errors import SettingsError, WorkspaceError
from core.export.export_formats import write_results

from .conftest import EVIL, PROPERTIES, PROVENANCE, N, with_edits

FORMATS = ("csv", "geojson", "geoparquet", "gpkg", "fgb")

RESULT_COLUMNS = ("cluster", "cluster_raw", "confidence", "pca_1d", "tsne_x", "tsne_y")


def read_back(path):
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix == ".parquet":
        return gpd.read_parquet(path)
    table = gpd.read_file(path, layer="chips")
    # FlatGeobuf keeps the order of its spatial index.
    return table.sort_values("chip_id", ignore_index=True) if path.suffix == ".fgb" else table


@pytest.mark.parametrize("format_name", FORMATS)
def test_write_results__read_back(clustered_chips, tmp_path, format_name):
    path = write_results(clustered_chips, tmp_path / "out", format_name)
    table = read_back(path)
    assert [p.name for p in (tmp_path / "out").iterdir()] == [path.name]
    assert len(table) == N
    assert table["chip_id"].tolist() == clustered_chips.chips.facts["chip_id"].tolist()
    assert table["cluster"].tolist() == [0, 0, 0, 0, 1, 1, 1, -1, -1]
    for name in RESULT_COLUMNS:
        assert np.allclose(table[name], clustered_chips.table()[name], atol=1e-6), name
    if format_name != "csv":
        assert table.crs.to_epsg() == 4326
        assert table.geometry.iloc[3].equals_exact(clustered_chips.footprints[3], 1e-6)


@pytest.mark.parametrize("format_name", FORMATS)
def test_write_results__properties_do_not_replace_results(clustered_chips, tmp_path, format_name):
    table = read_back(write_results(clustered_chips, tmp_path, format_name))
    assert table["class"].tolist()[:2] == [EVIL, "Ünïcode 漢字"]
    assert table["property_cluster"].tolist()[8] == "property 8"
    assert table["width"].tolist() == [10.0] * N
    assert table["property_width"].tolist() == PROPERTIES["width"].tolist()
    assert table["property_property_width"].tolist() == ["w"] * N
    assert table["property_Height"].tolist() == list(range(N))
    for name in ("scene", "geometry", "geom", "fid"):
        assert table[f"property_{name}"].tolist() == PROPERTIES[name]
    assert table["height_m"].isna().tolist() == [True] + [False] * 8
    assert not table.columns.duplicated().any()


def test_write_results__more_attributes_than_a_geopackage_can_hold(clustered_chips, tmp_path):
    names = [f"k{n}" for n in range(2100)]
    parts = tuple(
        dataclasses.replace(part, properties=pd.DataFrame(1, range(len(part)), names))
        for part in clustered_chips.chips.parts
    )
    chips = dataclasses.replace(clustered_chips.chips, parts=parts)
    results = dataclasses.replace(clustered_chips, chips=chips)
    with pytest.raises(SettingsError, match=r"chips\.gpkg: .* columns .* Choose another format"):
        write_results(results, tmp_path, "gpkg")
    assert list(tmp_path.iterdir()) == []
    assert write_results(results, tmp_path, "csv").is_file()


@pytest.mark.parametrize("format_name", FORMATS)
def test_write_results__scenes_without_crs(clustered_chips, tmp_path, format_name):
    all_missing = np.full(N, None, object)
    some_missing = clustered_chips.footprints.copy()
    some_missing[:5] = None
    for name, footprints, n_missing in (("all", all_missing, N), ("some", some_missing, 5)):
        chips = dataclasses.replace(clustered_chips, footprints=footprints)
        table = read_back(write_results(chips, tmp_path / name, format_name))
        assert len(table) == N
        if format_name != "csv":
            assert int(table.geometry.isna().sum()) == n_missing


@pytest.mark.parametrize("format_name", ["csv", "geojson", "geoparquet"])
def test_write_results__equal_results_give_equal_bytes(clustered_chips, tmp_path, format_name):
    first, second = (write_results(clustered_chips, tmp_path / name, format_name) for name in "xy")
    assert first.read_bytes() == second.read_bytes()


def test_write_results__replaces_an_earlier_file(clustered_chips, tmp_path):
    (tmp_path / "chips.gpkg").write_bytes(b"old")
    assert len(read_back(write_results(clustered_chips, tmp_path, "gpkg"))) == N
    assert len(read_back(write_results(clustered_chips, tmp_path, "gpkg"))) == N


def test_write_results__a_full_disk_leaves_the_old_file(clustered_chips, tmp_path, monkeypatch):
    def fail(self, path, **_):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    (tmp_path / "chips.csv").write_text("old")
    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(WorkspaceError, match="the disk is full"):
        write_results(clustered_chips, tmp_path, "csv")
    assert [p.name for p in tmp_path.iterdir()] == ["chips.csv"]
    assert (tmp_path / "chips.csv").read_text() == "old"


@pytest.mark.parametrize("format_name", FORMATS)
def test_write_results__excluded_chips_are_left_out(clustered_chips, tmp_path, format_name):
    excluded = np.arange(N) == 3
    table = read_back(
        write_results(with_edits(clustered_chips, excluded=excluded), tmp_path, format_name)
    )
    if format_name != "csv":
        footprints = clustered_chips.footprints[~excluded]
        pairs = zip(table.geometry, footprints, strict=True)
        assert [g.equals_exact(f, 1e-6) for g, f in pairs] == [True] * (N - 1)
    chip_ids = clustered_chips.chips.facts["chip_id"]
    assert table["chip_id"].tolist() == chip_ids[~excluded].tolist()


@pytest.mark.parametrize("format_name", FORMATS)
def test_write_results__colours_and_names_of_the_app(clustered_chips, tmp_path, format_name):
    chips = with_edits(clustered_chips, colours={1: "#123456"}, names={1: "ferries"})
    table = read_back(write_results(chips, tmp_path, format_name))
    assert table["cluster_colour"].tolist() == (
        [cluster_colour(0)] * 4 + ["#123456"] * 3 + [NOISE_COLOUR] * 2
    )
    expected = ["Cluster 0"] * 4 + ["ferries"] * 3 + ["Noise"] * 2
    assert table["cluster_name"].tolist() == expected


@pytest.mark.parametrize("format_name", FORMATS)
def test_write_results__scene_and_run_in_every_row(clustered_chips, tmp_path, format_name):
    table = read_back(write_results(clustered_chips, tmp_path, format_name))
    assert set(table["run_id"]) == {PROVENANCE.run_id}
    assert table["scene"].tolist() == ["a"] * 5 + ["b#c"] * 4


def test_write_results__settings_in_the_metadata(clustered_chips, tmp_path):
    texts = {
        name: pyogrio.read_info(write_results(clustered_chips, tmp_path, name))["layer_metadata"]
        for name in ("geojson", "fgb")
    }
    for metadata in texts.values():
        assert json.loads(metadata["DESCRIPTION"])["settings"] == PROVENANCE.settings
    parquet = write_results(clustered_chips, tmp_path, "geoparquet")
    metadata = pq.read_schema(parquet).metadata
    assert tomllib.loads(metadata[b"chipscape_settings"].decode()) == PROVENANCE.settings
    assert b"geo" in metadata


def test_write_results__polygons_of_several_parts(clustered_chips, tmp_path):
    footprints = clustered_chips.footprints.copy()
    footprints[0] = MultiPolygon([footprints[0], box(4, 45, 4.1, 45.1)])
    chips = dataclasses.replace(clustered_chips, footprints=footprints)
    for name in ("gpkg", "fgb"):
        table = read_back(write_results(chips, tmp_path, name))
        assert set(table.geometry.geom_type) == {"MultiPolygon"}
        assert np.allclose(shapely.area(table.geometry), shapely.area(footprints))


@pytest.mark.parametrize("format_name", FORMATS)
def test_write_results__points(clustered_chips, tmp_path, format_name):
    chips = dataclasses.replace(
        clustered_chips, footprints=shapely.centroid(clustered_chips.footprints)
    )
    table = read_back(write_results(chips, tmp_path, format_name))
    assert len(table) == N
    if format_name != "csv":
        assert set(table.geometry.geom_type) == {"Point"}
