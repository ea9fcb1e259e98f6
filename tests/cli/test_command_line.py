"""The command line: exit codes, one line of JSON, readable text, and an unchanged raw/."""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import tomli_w
from affine import Affine
from PIL import Image
from shapely.geometry import box

from core import cli
from core.cli import console, stage_commands
from core.pipeline import cluster_stages, embedding_stages
from core.pipeline.run_stages import STAGE_NAMES

ROOT = Path(__file__).resolve().parents[2]
QUICK = {
    "chips": {"size": 32},
    "gmm": {"n_components": 3, "n_init": 2},
    "cut": {"min_cluster_size": 5},
    "projection": {"n_iter": 50},
}
EVIL = "<img src=x onerror=alert(1)>"


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1
        assert self.out.endswith("\n")
        return json.loads(self.out)


@pytest.fixture
def quick(tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text(tomli_w.dumps(QUICK))
    return path


@pytest.fixture
def workspace(tmp_path, make_scene, make_annotations, to_ground):
    """Two scenes with twenty smooth or rough squares each."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        rough = rng.normal(128, 60, (3, 120, 160)).clip(1, 254)
        raster = make_scene(f"{name}.tif", np.where(np.arange(160) < 80, rough, rough / 4 + 90))
        corners = [(x, y) for x in range(2, 150, 32) for y in range(2, 110, 30)]
        squares = [to_ground(box(x, y, x + 22, y + 22)) for x, y in corners]
        kinds = [{"class": "rough" if x < 60 else EVIL, "cluster": "théirs"} for x, _ in corners]
        make_annotations(raster, squares, kinds)
    return tmp_path


@pytest.fixture
def call(monkeypatch, capsys, tmp_path, workspace, quick):
    """Call the command line in this process; logs of unexpected errors go to `tmp_path/logs`."""
    handlers = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "logs"))

    def run(command: str, *arguments: Any, bare: bool = False) -> Result:
        shared = () if bare else ("--workspace", workspace, "--settings", quick)
        monkeypatch.setattr(sys, "argv", ["chipscape", command, *map(str, (*shared, *arguments))])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        result = Result(int(caught.value.code or 0), *capsys.readouterr())
        assert "Traceback" not in result.out + result.err
        return result

    yield run
    # Otherwise the process of the tests would end like an interrupted command.
    atexit.unregister(console.end_process)
    for kind, handler in handlers.items():
        signal.signal(kind, handler)


def leftovers(workspace: Path) -> list[Path]:
    """Files of unfinished artifacts."""
    partial = workspace / "artifacts" / ".partial"
    return [p for p in partial.rglob("*") if p.is_file() and p.suffix != ".lock"]


def test_run__one_line_of_json(call):
    results = call("run", "--json"), call("run", "--json")
    assert [result.code for result in results] == [0, 0]
    first, second = (result.json for result in results)
    names = ["scenes", "chips", "encoder", "n_clusters", "noise_fraction", "kl_divergence"]
    assert list(first)[:9] == [*names, "seconds", "stages", "artifacts"]
    assert (first["scenes"], first["chips"], first["encoder"]) == (2, 40, "texture")
    assert list(first["seconds"]) == list(first["stages"]) == list(STAGE_NAMES)
    assert set(first["stages"].values()) == {"computed"}
    assert set(second["stages"].values()) == {"cached"}
    assert all(Path(folder).is_dir() for folder in first["artifacts"].values())
    assert first["kl_divergence"] == second["kl_divergence"]


def test_run__readable_text(call):
    assert call("run").err == ""
    result = call("run")
    assert result.err == ""
    assert result.out.count(" cached ") == len(STAGE_NAMES)
    assert "40 chips from 2 scenes · 3 clusters" in result.out


def test_stages__one_after_the_other(call):
    scenes = call("scenes", "--json").json["scenes"]
    assert [scene["path"] for scene in scenes] == ["a.tif", "b.tif"]
    assert all(scene["ok"] and scene["annotations"] == 20 for scene in scenes)
    for i, command in enumerate(("chips", "embed", "cluster", "project"), start=1):
        stages = call(command, "--json").json["stages"]
        last = STAGE_NAMES.index({"project": "projection"}.get(command, STAGE_NAMES[i]))
        assert list(stages)[: last + 1][-1] == list(stages)[-1] or command == "cluster"
        assert [stages[name] for name in STAGE_NAMES[:i]] == ["cached"] * i
        assert list(stages.values())[-1] == "computed"


def test_scenes__readable_text(call, workspace):
    (workspace / "raw" / "c.tif").write_bytes(b"II*\0 no TIFF")
    result = call("scenes")
    assert result.code == 0
    assert result.err == ""
    assert "a.tif: ok, EPSG:32631, 0.5 m, 160 x 120, 3 bands uint8, 20 annotations" in result.out
    assert "c.tif: NOT USABLE" in result.out
    assert "c.tif: the file cannot be opened as a GeoTIFF" in result.out


RAW_COMMANDS = [
    ("scenes",),
    ("chips",),
    ("embed",),
    ("cluster", "--sweep", "2:3"),
    ("cluster", "--method", "hdbscan"),
    ("project",),
    ("run", "--verify"),
    ("score",),
    *(("export", "--format", kind) for kind in ("csv", "geojson", "geoparquet", "gpkg")),
    ("export", "--layout", "seed"),
    ("demo",),
]


def test_raw__is_never_written_to(call, workspace):
    gpd.read_file(workspace / "raw" / "b.geojson").to_file(workspace / "raw" / "b.gpkg")
    (workspace / "raw" / "b.geojson").unlink()

    def contents():
        return {
            p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in (workspace / "raw").iterdir()
        }

    before = contents()
    for command in RAW_COMMANDS:
        call(*command)
        assert contents() == before, command


def test_cluster__sweep_fits_mixtures(call, workspace):
    assert call("cluster", "--sweep", "2:4", "--json").json["n_clusters"] == 3
    assert len(list((workspace / "artifacts" / "mixtures").iterdir())) == 3
    assert call("cluster", "--n-components", "4", "--json").json["stages"]["clusters"] == "cached"


@pytest.mark.parametrize("text", ["4:2", "0:3", "a:b", "3", "-1:4", "2:3:4"])
def test_cluster__invalid_sweep_range(call, text):
    result = call("cluster", f"--sweep={text}")
    assert result.code == 1
    assert "is not a range. Write it as 2:20." in result.err


def test_seed__changes_clusters_and_projection_only(call):
    call("run")
    stages = call("run", "--seed", "5", "--json").json["stages"]
    assert [n for n, s in stages.items() if s == "computed"] == ["clusters", "projection"]


def test_options__override_the_file_and_the_preset(call, quick):
    notes = call("run", "--preset", "seed", "--json").json["notes"]
    mixed = [note for note in notes if "mixed in with weight 1" in note]
    assert len(mixed) == 4
    quick.write_text(tomli_w.dumps(QUICK | {"reduction": {"width": 0.0}}))
    result = call("run", "--preset", "seed", "--n-components", "2", "--json").json
    assert sum("mixed in" in note for note in result["notes"]) == 3
    assert result["n_clusters"] == 2


def test_score__json(call):
    result = call("score", "--property", "class", "--json").json
    names = ["ari", "nmi", "ami", "balanced_accuracy", "balanced_accuracy_across_scenes"]
    assert {"property", "n", *names} <= set(result)
    assert (result["property"], result["n"]) == ("class", 40)
    assert result["balanced_accuracy"] > 0.9
    assert all(-1 <= result[name] <= 1 for name in names)
    assert call("score", "--json").json == result
    assert "balanced_accuracy " in call("score").out


def test_score__unknown_attribute(call):
    result = call("score", "--property", "kind")
    assert result.code == 1
    assert "no annotation has an attribute 'kind'" in result.err


def test_export__folder_and_default_folder(call, workspace, tmp_path):
    result = call("export", "--format", "csv", "--out", tmp_path / "out", "--json").json
    assert result["chips"] == 40
    table = pd.read_csv(tmp_path / "out" / "chips.csv")
    assert len(table) == 40
    assert EVIL in set(table["class"])
    assert set(table["property_cluster"]) == {"théirs"}
    assert call("export", "--json").json["written"] == [str(workspace / "results/chips.geojson")]
    frame = gpd.read_file(workspace / "results" / "chips.geojson")
    assert frame.crs.to_epsg() == 4326
    assert len(frame) == 40


def test_export__several_formats_in_one_command(call, workspace, tmp_path):
    out = tmp_path / "out"
    result = call("export", "--format", "gpkg, coco,yolo", "--out", out, "--json").json
    names = ["chips.gpkg", "chips_coco.json", "chips_yolo"]
    assert result["written"] == [str(out / name) for name in names]
    assert result["files"] == 3
    record = workspace / "results" / "runs" / f"{result['run_id']}.toml"
    assert record.is_file()
    assert set(gpd.read_file(out / "chips.gpkg", layer="chips")["run_id"]) == {result["run_id"]}
    assert (result["chips"], result["notes"]) == (40, [])
    coco = json.loads((out / "chips_coco.json").read_text("utf-8"))
    assert len(coco["annotations"]) == 40
    zipped = call("export", "--format", "yolo", "--zip", "--out", tmp_path / "zip", "--json").json
    assert zipped["written"] == [str(tmp_path / "zip" / "chips_yolo.zip")]


def test_export__scenes_without_a_crs(call, make_scene, make_annotations, to_ground):
    raster = make_scene("c.tif", crs=None, transform=Affine.identity())
    make_annotations(raster, [box(x, 5, x + 20, 25) for x in (5, 40, 75)], [{}] * 3, crs=None)
    result = call("export", "--format", "gpkg,coco,hectares", "--json").json
    (note,) = result["notes"]
    assert note.startswith("3 chips of a scene without a CRS (c) have no geometry in GeoPackage")
    paths = [Path(path) for path in result["written"]]
    assert int(gpd.read_file(paths[0], layer="chips").geometry.isna().sum()) == 3
    coco = json.loads(paths[1].read_text("utf-8"))
    number = next(i["id"] for i in coco["images"] if i["file_name"] == "c.tif")
    boxes = [a["bbox"] for a in coco["annotations"] if a["image_id"] == number]
    assert sorted(boxes) == [[x, 5, 20, 20] for x in (5, 40, 75)]
    assert pd.read_csv(paths[2])["chips_without_area"].sum() == 3
    assert note in call("export").out


def test_export__chips_as_displayed_in_the_app(call, workspace, tmp_path):
    images = {}
    for name, table in (("default", ""), ("chosen", 'bands = ["band 3", "band 2", "band 1"]\n')):
        (workspace / "app").mkdir(exist_ok=True)
        (workspace / "app" / "display.toml").write_text(table)
        result = call("export", "--format", "chips-png", "--out", tmp_path / name, "--json").json
        folder = Path(result["written"][0])
        images[name] = {p.name: np.asarray(Image.open(p)) for p in folder.rglob("*.png")}
    assert images["default"].keys() == images["chosen"].keys()
    assert len(images["default"]) == 40
    (workspace / "app" / "display.toml").write_text("stretch = 3")
    assert "display.toml" in call("export").err


def test_export__layout_of_the_seed(call, workspace):
    result = call("export", "--layout", "seed", "--json").json
    assert result["files"] == 45
    assert len(list((workspace / "extracted").glob("*.npy"))) == 40
    names = {str(Path(path).relative_to(workspace)) for path in result["written"]}
    assert names == {
        "extracted/metadata_cache.csv",
        "extracted/embeddings.pkl",
        "results/clustering_results.csv",
        "results/X_pca.npy",
        "results/tsne_static.png",
    }


def test_demo__refuses_a_raw_folder_with_other_files(call, workspace):
    result = call("demo")
    assert result.code == 1
    assert "that do not belong to the demo. Choose another folder with --workspace." in result.err
    assert not (workspace / "demo.json").exists()


WRONG_USAGE = [("run", "--bogus"), ("bogus",), ("run", "--chip-size", "many"), ("run", "--encoder")]


@pytest.mark.parametrize("arguments", WRONG_USAGE, ids=" ".join)
def test_wrong_usage__exits_with_2(call, arguments):
    result = call(*arguments, bare=True)
    assert result.code == 2
    assert result.out == ""
    assert "Error" in result.err


CLEAR_ERRORS = [
    (("run", "--chip-size", "5"), "size: 5 is not between 16 and 512."),
    (("run", "--preset", "nope"), "--preset: 'nope' is not one of default, seed."),
    (("run", "--encoder", "textur"), "Did you mean 'texture'?"),
    (("run", "--settings", "none.toml"), "none.toml: cannot be read."),
    (("run", "--until", "tsne"), "'tsne' is not one of scenes, chips"),
    (("run", "--method", "kmeanz"), "'kmeanz' is not one of gmm, hdbscan"),
    (("run", "--perplexity", "39"), "40 chips allow a perplexity from 2 to 13, not 39."),
    (("run", "--n-components", "41"), "41 Gaussians need at least 41 chips, got 40."),
    (("run", "--bands", "red, nir"), "a.tif, b.tif: band 'nir' is missing."),
    (("run", "--scheduler", "nope://x"), "nope://x: no Dask scheduler answers."),
    (("export", "--format", "shp"), "'shp' is not one of csv, geojson, "),
    (("export", "--layout", "other"), "'other' is not a layout; the only one is seed."),
]


@pytest.mark.parametrize(("arguments", "message"), CLEAR_ERRORS, ids=lambda v: str(v[1:3]))
def test_clear_error__exits_with_1(call, arguments, message, tmp_path, workspace):
    result = call(*arguments, "--json")
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("error ")
    assert message in result.err
    assert list((tmp_path / "logs").iterdir()) == []
    assert leftovers(workspace) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[chips]\nsiz = 3", "quick.toml: unknown setting 'chips.siz'. Did you mean 'size'?"),
        ('[chips]\nsize = "64"', "size: '64' is not a number."),
        ("[embed]\nencoder = 5", "encoder: 5 is not text."),
        ('[chips]\nbands = "red"', "bands: 'red' is not a list of names."),
        ("[gmm]\nregularisation = 2", "regularisation: 2 is not between 0 and 1."),
        ("x =", "quick.toml: is not TOML"),
        (f"x = {'[' * 5000}", "quick.toml: is not TOML"),
    ],
)
def test_settings_file__invalid(call, quick, content, message):
    quick.write_text(content)
    result = call("run")
    assert result.code == 1
    assert message in result.err


@pytest.mark.parametrize("name", ["artifacts", "results", "out"])
def test_export__a_file_where_a_folder_is_needed(call, workspace, name):
    (workspace / name).write_text("")
    result = call("export", "--out", workspace / "out", "--json")
    assert result.code == 1
    assert str(workspace / name) in result.err
    assert "Unexpected" not in result.err
    assert (workspace / name).read_text() == ""


@pytest.mark.parametrize("length", [300, 5000])
@pytest.mark.parametrize("option", ["--workspace", "--settings"])
def test_path__too_long(call, option, length):
    result = call("run", option, "a" * length, bare=True)
    assert result.code == 1
    assert "File name too long" in result.err


def test_workspace__a_file(call, quick):
    result = call("run", "--workspace", quick, bare=True)
    assert result.code == 1
    assert "is a file, not a folder. Choose a folder." in result.err


def test_workspace__empty(call, tmp_path):
    for command in ("run", "chips", "score", "export"):
        result = call(command, "--workspace", tmp_path / "none", bare=True)
        assert result.code == 1
        assert "no scenes (*.tif, *.tiff)" in result.err
    result = call("scenes", "--json", "--workspace", tmp_path / "none", bare=True)
    assert (result.code, result.json) == (1, {"scenes": []})
    assert not (tmp_path / "none").exists()


def test_damaged_artifact__exits_with_1(call, workspace):
    call("run")
    (labels,) = (workspace / "artifacts" / "mixtures").glob("*/labels.npy")
    labels.write_bytes(labels.read_bytes()[:100])
    result = call("run", "--json")
    assert (result.code, result.out) == (1, "")
    assert f"{labels}: cannot be read" in result.err
    assert "Delete its folder; the next run computes it again." in result.err


@pytest.mark.parametrize(("kind", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted__a_library_turns_it_into_its_own_error(call, monkeypatch, kind, code):
    def load(*_):
        try:
            signal.raise_signal(kind)
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    monkeypatch.setattr(cluster_stages, "reduce_embeddings", load)
    result = call("run", "--json")
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("error Interrupted.")


def test_interrupted__ends_without_freeing_modules():
    script = (
        "import atexit, signal; from core.cli.console import guarded\n"
        "class Module:\n"
        "    def __del__(self): print('freed')\n"
        "module = Module()\n"
        "def work():\n"
        "    atexit.register(print, 'closed')\n"
        "    signal.raise_signal(signal.{})\n"
        "guarded(work)\n"
    )
    for kind, code in (("SIGINT", 130), ("SIGTERM", 143), ("SIGURG", 0)):
        result = subprocess.run(
            [sys.executable, "-c", script.format(kind)],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        # What libraries have to close is closed in any case.
        assert result.returncode == code
        assert result.stdout.split() == ["closed"] + ["freed"] * (code == 0)


def test_unexpected_error__one_sentence_and_a_log(call, monkeypatch, tmp_path):
    def broken(*_):
        raise RuntimeError("it [bold]broke[/]")

    monkeypatch.setattr(cluster_stages, "reduce_embeddings", broken)
    result = call("run", "--json")
    assert (result.code, result.out) == (1, "")
    (log,) = (tmp_path / "logs").iterdir()
    message = f"error Unexpected error, RuntimeError: it [bold]broke[/]. Details: {log}\n"
    assert result.err == message
    assert "Traceback" in log.read_text()


def test_logged_error__a_sentence_on_the_terminal_and_the_traceback_in_a_file(tmp_path):
    script = (
        "import logging; from core.cli.console import guarded\n"
        "def work():\n"
        "    try: 1 / 0\n"
        "    except ZeroDivisionError: logging.getLogger('core').exception('a.tif: is odd.')\n"
        "guarded(work)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    (log,) = tmp_path.iterdir()
    assert result.stderr == f"a.tif: is odd.\nDetails: {log}\n"
    assert "ZeroDivisionError" in log.read_text()


def test_emit__refuses_nan(capsys):
    with pytest.raises(ValueError, match="not JSON compliant"):
        console.emit({"a": float("nan")})
    assert capsys.readouterr().out == ""


def test_progress__json_lines(call, monkeypatch):
    monkeypatch.setenv(console.PROGRESS, "jsonl")
    result = call("run", "--json")
    rows = [json.loads(line) for line in result.err.splitlines()]
    assert all(set(row) == {"stage", "done", "total", "note"} for row in rows)
    assert {row["stage"] for row in rows} >= {"scenes", "chips", "embeddings", "projection"}
    assert all(0 <= row["done"] <= row["total"] for row in rows)
    assert result.json["chips"] == 40
    error = json.loads(call("run", "--chip-size", "5").err)
    assert set(error) == {"error"}
    assert error["error"].endswith(", chips.size: 5 is not between 16 and 512.")


def test_reporter__silent_without_a_terminal(call):
    assert call("run", "--json").err == ""


def environment() -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("CHIPSCAPE")}
    return plain | {"OMP_NUM_THREADS": "1"}


SLOW = """
import sys, time
from core.embeddings.descriptors import texture
from core.pipeline import embedding_stages
from core import cli

encode, batches = texture.Texture.encode, []

def slow(self, batch, fitted):
    print("encoding", file=sys.stderr, flush=True)
    batches.append(batch)
    time.sleep(20 if len(batches) == 3 else 0)
    return encode(self, batch, fitted)

embedding_stages.BLOCK = 4
texture.Texture.encode = slow
cli.main()
"""


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=str)
def test_interrupted__resumes_and_gives_the_same_bytes(
    call, workspace, quick, tmp_path, kind, monkeypatch
):
    monkeypatch.setattr(embedding_stages, "BLOCK", 4)
    # If the sample contained all chips, they would be embedded while the encoder is fitted.
    quick.write_text(tomli_w.dumps(QUICK | {"embed": {"sample": 10}}))
    command = [sys.executable, "-c", SLOW, "embed", "-w", workspace, "--settings", quick, "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = subprocess.Popen(list(map(str, command)), cwd=ROOT, env=environment(), **pipes)
    for _ in range(3):
        assert running.stderr.readline() == "encoding\n"
    running.send_signal(kind)
    out, err = running.communicate(timeout=60)
    assert out == ""
    assert "Traceback" not in err
    if kind == signal.SIGKILL:
        assert running.returncode == -signal.SIGKILL
    else:
        assert running.returncode == 128 + kind
        assert "Interrupted. Finished work is kept" in err
    (partial,) = (p for p in (workspace / "artifacts" / ".partial").iterdir() if p.is_dir())
    blocks = (partial / "blocks.done").read_text().split()
    assert blocks[:2] == ["0-4", "4-8"]
    first_rows = np.load(partial / "embeddings.npy", mmap_mode="r")[:8].copy()

    resumed = call("embed", "--json").json
    assert resumed["stages"] == {"scenes": "cached", "chips": "cached", "embeddings": "computed"}
    other = tmp_path / "other"
    (other / "raw").mkdir(parents=True)
    for file in (workspace / "raw").iterdir():
        (other / "raw" / file.name).write_bytes(file.read_bytes())
    call("embed", "--workspace", other, "--settings", quick, bare=True)
    files, uninterrupted = (
        {p.relative_to(w): p.read_bytes() for p in w.glob("artifacts/embeddings/*/*.npy")}
        for w in (workspace, other)
    )
    assert files == uninterrupted
    assert len(files) == 2
    assert any(np.array_equal(np.load(workspace / name)[:8], first_rows) for name in files)
    assert leftovers(workspace) == []


def process(*arguments: Any, **extra: str) -> subprocess.Popen[str]:
    """Start the command line in a separate process."""
    command = [sys.executable, "-m", "core", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment() | extra, **pipes)


def test_process__error_has_a_message_and_exit_code(tmp_path):
    running = process("run", "--json", "-w", tmp_path / "none")
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (1, "")
    assert err.startswith("error ")
    assert "Traceback" not in err


def test_process__workspace_from_the_environment(workspace, tmp_path):
    completed = subprocess.run(
        [str(Path(sys.executable).with_name("chipscape")), "chips", "--json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment() | {"CHIPSCAPE_WORKSPACE": str(workspace)},
    )
    assert completed.returncode == 0, completed.stderr
    assert json.loads(completed.stdout)["chips"] == 40


def test_process__two_processes_compute_once(workspace, quick):
    arguments = ("run", "--json", "-w", workspace, "--settings", quick)
    processes = [process(*arguments) for _ in range(2)]
    results = [Result(0, *p.communicate(timeout=120)) for p in processes]
    assert [p.returncode for p in processes] == [0, 0], [result.err for result in results]
    first, second = (result.json for result in results)
    assert first["artifacts"] == second["artifacts"]
    for name in ("reduction", "clusters", "projection"):
        assert {first["stages"][name], second["stages"][name]} == {"computed", "cached"}, name
    assert leftovers(workspace) == []


def test_export__into_raw_is_refused(call, workspace):
    before = sorted((workspace / "raw").iterdir())
    result = call("export", "--format", "csv", "--out", workspace / "raw" / "results")
    assert result.code == 1
    assert "raw/ is never written to" in result.err
    assert sorted((workspace / "raw").iterdir()) == before


def test_sweep__stops_when_there_are_too_few_chips(call):
    result = call("cluster", "--sweep", "39:45", "--json")
    assert result.code == 0
    assert result.json["chips"] == 40
    assert "The range ends at 40." in result.err


def test_demo__is_written_to_a_separate_workspace(call, monkeypatch, tmp_path):
    monkeypatch.setattr(stage_commands, "ROOT", tmp_path)
    monkeypatch.setattr(
        stage_commands,
        "ensure_demo",
        lambda workspace, *_: workspace.raw.mkdir(parents=True) or True,
    )
    result = call("demo", "--json", "--workspace", tmp_path / "data", bare=True)
    assert result.json["workspace"] == str(tmp_path / "data" / "demo")


@pytest.mark.parametrize(("n", "text"), [(0, "0 scenes"), (1, "1 scene"), (2, "2 scenes")])
def test_counted__singular_and_plural(n, text):
    assert console.counted(n, "scene") == text


def test_settings__can_be_read_again(call, tmp_path):
    options = ("--align", "long-axis", "--n-components", "5")
    (tmp_path / "printed.toml").write_text(call("settings", *options).out)
    settings = call("settings", "--settings", tmp_path / "printed.toml", "--json").json
    assert (settings["chips"]["align"], settings["gmm"]["n_components"]) == ("long-axis", 5)
    assert settings == call("settings", *options, "--json").json


def test_settings__land_cover_settings_are_a_table_of_their_own(call, tmp_path):
    """A file with all settings is read by the commands of both halves."""
    printed = tmp_path / "printed.toml"
    printed.write_text(call("settings").out.replace("k = 3", "k = 7"))
    assert call("settings", "--settings", printed, "--json").json["land"]["method"]["k"] == 7
    land = call("land", "settings", "--settings", printed, "--json", bare=True).json
    assert land["method"]["k"] == 7
    assert "land" not in land
    printed.write_text("[land.method]\nneighbours = 3\n")
    error = call("settings", "--settings", printed).err
    assert "unknown setting 'method.neighbours'" in error
