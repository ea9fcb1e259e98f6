"""The public API: the list of names, and the script in docs/api.md."""

import os
import re
import subprocess
import sys
from pathlib import Path

import core
import core.api

ROOT = Path(__file__).resolve().parents[1]
NAMES = {
    "ChipscapeError",
    "RunSettings",
    "Workspace",
    "build_tree",
    "cluster",
    "cut_tree",
    "encoder_cards",
    "export_chips",
    "load_encoder",
    "open_workspace",
    "read_scene",
    "run",
    "score",
}


def documentation():
    return (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_names__are_those_of_the_public_api():
    assert set(core.PUBLIC_NAMES) == set(core.api.__all__) == NAMES
    for name in NAMES:
        assert getattr(core, name) is getattr(core.api, name)


def test_names__are_documented():
    for name in NAMES:
        assert f"`{name}" in documentation(), name
        assert getattr(core, name).__doc__, name


def test_import__loads_nothing_heavy():
    code = "import core, sys; print(sorted({m.split('.')[0] for m in sys.modules}))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert not {"numpy", "pandas", "rasterio", "torch"} & set(re.findall(r"'(\w+)'", done.stdout))


def test_documentation__script_runs(tmp_path, make_scene, make_annotations):
    from affine import Affine
    from shapely.geometry import box

    raster = make_scene("a.tif", height=200, width=300, folder=tmp_path / "raw")
    transform = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
    corners = [(10 + i % 10 * 28, 10 + i // 10 * 45) for i in range(40)]
    squares = []
    for x, y in corners:
        (left, top), (right, bottom) = transform * (x, y), transform * (x + 20, y + 20)
        squares.append(box(left, bottom, right, top))
    make_annotations(raster, squares, [{"class": "ab"[i % 2]} for i in range(40)])
    script = re.findall(r"```python\n(.*?)```", documentation(), re.DOTALL)[0]
    assert len([line for line in script.splitlines() if line.strip()]) <= 20
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "CHIPSCAPE_WORKSPACE": str(tmp_path)},
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("40 chips")
    assert (tmp_path / "results" / "chips.gpkg").is_file()
