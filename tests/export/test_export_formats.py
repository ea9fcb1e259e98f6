"""All formats: complete files or none, folders as zip, and folders of others left alone."""

import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from core.errors import WorkspaceError
from core.export.export_formats import FORMATS, write_results
from core.export.provenance import PROVENANCE_FILE

from .conftest import PROVENANCE, N, with_edits

# GeoTIFFs need the files of the scenes.
WITHOUT_SCENES = [name for name in FORMATS if name != "chips-geotiff"]
FOLDERS = [name for name in WITHOUT_SCENES if FORMATS[name].is_folder]


def test_formats__each_has_its_own_file():
    assert len({record.file for record in FORMATS.values()}) == len(FORMATS)
    assert FOLDERS == ["yolo", "voc", "chips-png"]


@pytest.mark.parametrize("name", WITHOUT_SCENES)
def test_write_results__only_the_file_or_folder(clustered_chips, tmp_path, name):
    for _ in range(2):
        path = write_results(clustered_chips, tmp_path, name)
    assert [p.name for p in tmp_path.iterdir()] == [path.name] == [FORMATS[name].file]


@pytest.mark.parametrize("name", WITHOUT_SCENES)
def test_write_results__a_failure_leaves_the_earlier_result(
    clustered_chips, tmp_path, name, monkeypatch
):
    path = write_results(clustered_chips, tmp_path, name)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def fail(results, part, report):
        (part / "half" if part.is_dir() else part).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(FORMATS, name, replace(FORMATS[name], write=fail))
    with pytest.raises(WorkspaceError, match="the disk is full"):
        write_results(clustered_chips, tmp_path, name)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", FOLDERS)
def test_write_results__folders_contain_their_provenance(clustered_chips, tmp_path, name):
    folder = write_results(clustered_chips, tmp_path, name)
    document = tomllib.loads((folder / PROVENANCE_FILE).read_text("utf-8"))
    assert document["run_id"] == PROVENANCE.run_id
    assert document["settings"] == PROVENANCE.settings


@pytest.mark.parametrize("name", FOLDERS)
def test_write_results__zip_has_the_files_of_the_folder(clustered_chips, tmp_path, name):
    folder = write_results(clustered_chips, tmp_path / "x", name)
    path = write_results(clustered_chips, tmp_path / "y", name, zipped=True)
    assert [p.name for p in (tmp_path / "y").iterdir()] == [f"{FORMATS[name].file}.zip"]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        packed = {name: archive.read(name) for name in archive.namelist()}
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert packed == {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_write_results__a_folder_of_others_is_not_replaced(clustered_chips, tmp_path):
    other = tmp_path / "chips_yolo" / "mine.txt"
    other.parent.mkdir()
    other.write_text("mine")
    with pytest.raises(WorkspaceError, match="was not written by Chipscape"):
        write_results(clustered_chips, tmp_path, "yolo")
    assert other.read_text() == "mine"


def test_purposes__one_line_each():
    for record in FORMATS.values():
        assert 0 < len(record.purpose) < 80
        assert not record.purpose.endswith(".")
        assert Path(record.file).name == record.file


@pytest.mark.parametrize("name", WITHOUT_SCENES)
def test_write_results__all_chips_excluded(clustered_chips, tmp_path, name):
    chips = with_edits(clustered_chips, excluded=np.ones(N, bool))
    path = write_results(chips, tmp_path, name)
    assert path.exists()
    if name in ("gpkg", "fgb", "geojson"):
        assert len(gpd.read_file(path, layer="chips")) == 0
    if name == "geoparquet":
        assert len(gpd.read_parquet(path)) == 0
    if name in ("csv", "hectares"):
        assert len(pd.read_csv(path)) == 0
