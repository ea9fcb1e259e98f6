"""`chipscape assign`: counts for each scene, sentences on unknown chips, and a table."""

import json
import shutil

import pandas as pd
import pytest
import tomli_w

from tests.cli.conftest import QUICK


@pytest.fixture
def workspace(tmp_path, call, make_scene, make_annotations, to_ground):
    """A workspace with a result of the scene a, and the scene b in another folder."""
    from shapely.geometry import box

    for name in ("a", "b"):
        folder = tmp_path / ("raw" if name == "a" else "new")
        raster = make_scene(f"{name}.tif", folder=folder)
        squares = [
            box(8 + i % 6 * 24, 8 + i // 6 * 24, 26 + i % 6 * 24, 26 + i // 6 * 24)
            for i in range(20)
        ]
        make_annotations(raster, [to_ground(square) for square in squares])
    settings = tmp_path / "quick.toml"
    settings.write_text(tomli_w.dumps(QUICK))
    code, _, error = call("run", "--workspace", tmp_path, "--settings", settings)
    assert code == 0, error
    return tmp_path


def test_assign__nothing_new(workspace, call):
    code, out, _ = call("assign", "--workspace", workspace, "--json")
    assert code == 0
    assert json.loads(out)["chips"] == 0


def test_assign__a_folder(workspace, call):
    before = sorted(path.name for path in (workspace / "new").iterdir())
    code, out, _ = call("assign", workspace / "new", "--workspace", workspace, "--json")
    assert code == 0
    assert out.count("\n") == 1
    result = json.loads(out)
    (scene,) = result["scenes"]
    assert (scene["scene"], scene["chips"], result["chips"]) == ("b", 20, 20)
    assert scene["assigned"] + scene["noise"] + scene["unknown"] == 20
    # The pixels are those of a, so every chip is like the others.
    assert result["unknown_fraction"] <= 0.1
    assert result["held_out_fraction"] is None
    table = pd.read_csv(result["written"])
    assert set(table["cluster"]) <= {0, 1, -3}
    assert sorted(path.name for path in (workspace / "new").iterdir()) == before


def test_assign__added_scenes_and_another_folder_for_the_table(workspace, call, tmp_path):
    for file in (workspace / "new").iterdir():
        shutil.copy(file, workspace / "raw")
    out_folder = tmp_path / "tables"
    code, out, _ = call("assign", "--workspace", workspace, "--out", out_folder, "--neighbours", 3)
    assert code == 0
    assert "b " in out
    assert "3 nearest chips" in out
    assert "new chips" in out
    assert (out_folder / "assigned_chips.csv").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--run", "unknown"), "neither a run"),
        (("--quantile", "2"), "not between"),
        (("--neighbours", "0"), "not between"),
    ],
)
def test_assign__wrong_options(workspace, call, options, message):
    code, _, error = call("assign", "--workspace", workspace, *options)
    assert code == 1
    assert message in error


def test_assign__no_result_and_no_folder(tmp_path, call, workspace):
    code, _, error = call("assign", "--workspace", tmp_path / "empty")
    assert code == 1
    assert "no complete result" in error
    code, _, error = call("assign", tmp_path / "missing", "--workspace", workspace)
    assert code == 1
    assert "is not a folder" in error
