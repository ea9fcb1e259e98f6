"""The main job on real scenes: from raw/ to an export in one command."""

import json
import os
import shutil
import sys
from pathlib import Path

import geopandas as gpd
import pytest

from core import cli

VARIABLE = "CHIPSCAPE_TEST_DATA"
DATA = os.environ.get(VARIABLE, "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA, reason=f"{VARIABLE} names no folder of real data"),
]


@pytest.fixture
def copy_data(tmp_path):
    """A function that copies the raw/ folder of a data set into a workspace."""

    def copy(name: str) -> Path:
        source = Path(DATA) / name / "raw"
        if not source.is_dir():
            pytest.skip(f"{name} is not in {DATA}")
        shutil.copytree(source, tmp_path / "raw")
        (tmp_path / "raw").chmod(0o755)
        return tmp_path

    return copy


@pytest.fixture
def chipscape(monkeypatch, capsys):
    """A function that calls the command line and returns its line of JSON."""

    def call(command: str, workspace: Path, *arguments: str):
        words = ["chipscape", command, "--json", "-w", str(workspace), *arguments]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        out, err = capsys.readouterr()
        assert not leaving.value.code, err
        assert out.count("\n") == 1
        return json.loads(out)

    return call


def exported(workspace):
    frame = gpd.read_file(workspace / "results" / "chips.geojson")
    assert frame.crs.to_epsg() == 4326
    assert not frame.geometry.isna().any()
    return frame


def raw(workspace):
    return {p.name: p.read_bytes() for p in (workspace / "raw").iterdir()}


def test_kampala__another_crs_and_a_broken_polygon(copy_data, chipscape):
    workspace = copy_data("kampala_buildings")
    before = raw(workspace)
    assert chipscape("export", workspace)["chips"] == 183
    frame = exported(workspace)
    assert frame["settlement"].value_counts().to_dict() == {"suburb": 102, "dense": 81}
    assert frame["longitude"].between(32, 33).all()
    assert frame["width"].between(1, 100).all()
    reports = chipscape("scenes", workspace)["scenes"]
    assert sum(report["repaired"] for report in reports) == 1
    for report in reports:
        assert any("to the scene's CRS, EPSG:3857" in warning for warning in report["warnings"])
    assert raw(workspace) == before


def test_neon__many_scenes_of_two_zones(copy_data, chipscape):
    workspace = copy_data("neon_trees_sjer_osbs")
    before = raw(workspace)
    assert chipscape("export", workspace)["chips"] == 188
    assert len(exported(workspace)) == 188
    repeated = chipscape("run", workspace)
    assert (repeated["scenes"], repeated["chips"]) == (18, 188)
    assert set(repeated["stages"].values()) == {"cached"}
    assert raw(workspace) == before


def test_rsscn7__texture_separates_the_classes(copy_data, chipscape):
    workspace = copy_data("rsscn7_mosaic_a")
    assert chipscape("export", workspace)["chips"] == 140
    assert exported(workspace)["label"].nunique() == 7
    scores = chipscape("score", workspace, "--property", "label")
    # Simple colour features reach 0.50; the standard error is 0.04.
    assert scores["balanced_accuracy"] >= 0.62
    assert scores["n"] == 140


def test_neon__centring_would_remove_the_sites(copy_data, chipscape):
    workspace, warning = (
        copy_data("neon_trees_sjer_osbs"),
        "Each scene has only one value of 'site'",
    )
    options = ("--method", "ward", "--n-clusters", "2", "--property", "site", "--corrections")
    comparison = chipscape("quality", workspace, *options)["corrections"]
    assert comparison["warnings"][0].startswith(warning)
    ami = {effect["name"]: effect["ami"] for effect in comparison["effects"]}
    assert ami["current"] > 0.7
    assert ami["centre"] < 0.3
    notes = chipscape("cluster", workspace, "--harmonisation", "centre")["notes"]
    assert any(note.startswith(warning) for note in notes)
