"""`chipscape import`, `screen` and `overviews`, as a shell or the app calls them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from affine import Affine

from core import cli


def chipscape(workspace, *arguments):
    """Run a command in a separate process."""
    command = [sys.executable, "-m", "core", *map(str, arguments), "--workspace", str(workspace)]
    environment = {name: v for name, v in os.environ.items() if name != "CHIPSCAPE_PROGRESS"}
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, timeout=120
    )


@pytest.fixture
def folder(tmp_path):
    """A folder with a scene and a file that is not a scene."""
    path = tmp_path / "field trip"
    path.mkdir()
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": 128, "height": 128}
    transform = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
    profile |= {"crs": "EPSG:32631", "transform": transform}
    with rasterio.open(path / "a.tif", "w", **profile) as scene:
        values = np.random.default_rng(0).integers(0, 255, (3, 128, 128), dtype="uint8")
        values[:, :64, :64] = 99
        scene.write(values)
    (path / "broken.tif").write_text("no image")
    return path


@pytest.mark.parametrize("command", ["import", "take-in"])
def test_import__reports_the_result_for_each_file(folder, tmp_path, command):
    workspace = tmp_path / "mine"
    result = chipscape(workspace, command, folder, "--json")
    assert result.returncode == 0
    states = {file["name"]: file["state"] for file in json.loads(result.stdout)["files"]}
    assert states == {"a.tif": "taken", "broken.tif": "refused"}
    assert [p.name for p in (workspace / "raw").iterdir()] == ["a.tif"]
    (workspace / "raw" / "a.tif").write_bytes(b"another")
    result = chipscape(workspace, command, folder, "--existing", "replace")
    assert "1 file of 2 imported" in result.stdout
    assert (workspace / "replaced" / "a.tif").read_bytes() == b"another"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "is not a folder on this machine"),
        ((".", "--existing", "burn"), "is not one of ask"),
    ],
)
def test_import__wrong_usage_gives_one_sentence(tmp_path, arguments, message):
    result = chipscape(tmp_path, "import", *arguments)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_screen__includes_chips_that_are_left_out(folder, tmp_path):
    workspace = tmp_path / "mine"
    chipscape(workspace, "import", folder)
    settings = tmp_path / "grid.toml"
    settings.write_text('[scenes.grid]\nsize = 32\n[screen]\nleave_out = ["blank"]\n')
    result = chipscape(workspace, "screen", "--settings", settings, "--json")
    assert result.returncode == 0, result.stderr
    table = json.loads(result.stdout)
    assert (table["chips"], table["flags"]["blank"]) == (16, 4)
    assert len(table["flagged"]) == 4


@pytest.fixture
def call(capsys, monkeypatch):
    """Call the command line in this process; return its exit code and what it printed."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["chipscape", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return run


def test_overviews__are_built_once_and_raw_is_not_changed(make_scene, tmp_path, call):
    make_scene("large.tif", height=2100, width=2300, photometric="RGB")
    make_scene("small.tif", height=300, width=200, photometric="RGB")
    before = {path: path.read_bytes() for path in (tmp_path / "raw").iterdir()}
    command = ("overviews", "--workspace", tmp_path, "--json")
    code, out, _ = call(*command)
    assert code == 0
    assert json.loads(out) == {"overviews": {"large": "built", "small": "not needed"}}
    code, out, _ = call(*command, "--scene", "large")
    assert json.loads(out) == {"overviews": {"large": "there already"}}
    code, out, _ = call(*command, "--shown", "green")
    assert json.loads(out)["overviews"]["large"] == "built"
    assert {path: path.read_bytes() for path in (tmp_path / "raw").iterdir()} == before
    code, out, _ = call("overviews", "--workspace", tmp_path)
    assert "large: there already" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--scene", "none"), "there is no scene 'none'"),
        (("--shown", "infrared"), "no scene has the bands infrared"),
        (("--shown", "red,green"), "one band or three"),
    ],
)
def test_overviews__unknown_scene_or_bands(make_scene, tmp_path, call, options, message):
    make_scene("large.tif", height=2100, width=2300, photometric="RGB")
    code, out, err = call("overviews", "--workspace", tmp_path, *options)
    assert (code, out) == (1, "")
    assert message in " ".join(err.split())
    assert "Traceback" not in err


def test_overviews__no_scenes(tmp_path, call):
    code, out, err = call("overviews", "--workspace", tmp_path)
    assert (code, out) == (0, "")
    assert "No scene in" in err
