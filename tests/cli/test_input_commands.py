"""`chipscape take-in` and `chipscape screen`, as a shell or the app calls them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from affine import Affine

POINT = '{"type": "Point", "coordinates": [5, 43]}'


def chipscape(place, *words):
    command = [sys.executable, "-m", "core", *map(str, words), "--workspace", str(place)]
    hidden = {name: v for name, v in os.environ.items() if name != "CHIPSCAPE_PROGRESS"}
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env=hidden, timeout=120
    )


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "field trip"
    made.mkdir()
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": 128, "height": 128}
    where = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
    with rasterio.open(made / "a.tif", "w", crs="EPSG:32631", transform=where, **profile) as scene:
        values = np.random.default_rng(0).integers(0, 255, (3, 128, 128), dtype="uint8")
        values[:, :64, :64] = 99
        scene.write(values)
    (made / "broken.tif").write_text("no image")
    return made


def test_take_in__each_file_has_a_verdict(folder, tmp_path):
    place = tmp_path / "mine"
    done = chipscape(place, "take-in", folder, "--json")
    assert done.returncode == 0
    states = {f["name"]: f["state"] for f in json.loads(done.stdout)["files"]}
    assert states == {"a.tif": "taken", "broken.tif": "refused"}
    assert [p.name for p in (place / "raw").iterdir()] == ["a.tif"]
    (place / "raw" / "a.tif").write_bytes(b"another")
    done = chipscape(place, "take-in", folder, "--existing", "replace")
    assert "1 file of 2 taken in" in done.stdout
    assert (place / "replaced" / "a.tif").read_bytes() == b"another"


@pytest.mark.parametrize(
    ("words", "said"),
    [(("nowhere",), "is no folder"), ((".", "--existing", "burn"), "is not one of ask")],
)
def test_take_in__wrong_use_is_one_sentence(tmp_path, words, said):
    done = chipscape(tmp_path, "take-in", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_screen__all_chips_whatever_is_left_out(folder, tmp_path):
    place = tmp_path / "mine"
    chipscape(place, "take-in", folder)
    settings = tmp_path / "grid.toml"
    settings.write_text('[scenes.grid]\nsize = 32\n[screen]\nleave_out = ["blank"]\n')
    done = chipscape(place, "screen", "--settings", settings, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["chips"], result["flags"]["blank"]) == (16, 4)
    assert len(result["flagged"]) == 4
