"""Unfinished files of killed processes are removed, those of running ones never."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.artifacts.formats import write_atomically, write_folder
from core.demo.demo_files import staging_folder
from core.leftovers import delete_leftovers, find_leftovers, scratch_folder
from core.pipeline.land.land_workspace import has_land_cover
from core.pipeline.results.cleaning import clean_workspace, plan_cleaning
from core.pipeline.workspace import Workspace
from core.raster.importing.file_import import import_files

ROOT = Path(__file__).resolve().parents[1]
HOLD = """
import sys, time
from pathlib import Path
from core.leftovers import scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half.tif").write_bytes(bytes(1000))
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def hold():
    """Start a process that holds a scratch folder."""
    processes = []

    def start(parent):
        command = [sys.executable, "-c", HOLD, str(parent)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        kill(process)


def hidden(folder):
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def kill(process):
    process.kill()
    process.wait()
    process.stdout.close()


def test_scratch_folder__of_a_running_process_stays_until_it_is_killed(tmp_path, hold):
    process = hold(tmp_path)
    assert find_leftovers([tmp_path]) == []
    with scratch_folder(tmp_path):
        pass
    assert len(hidden(tmp_path)) == 2
    kill(process)
    assert len(find_leftovers([tmp_path])) == 1
    with scratch_folder(tmp_path) as folder:
        assert {path.stem for path in hidden(tmp_path)} == {folder.stem}
    assert hidden(tmp_path) == []


def import_one(parent):
    import_files(parent, [("a.geojson", lambda: io.BytesIO(b"{"))])


def stage(parent):
    with staging_folder(parent) as folder:
        (folder / "a.txt").write_text("")


WRITERS = {
    "import": import_one,
    "export of a file": lambda parent: write_atomically(
        parent / "a.csv", lambda p: p.write_text("")
    ),
    "export of a folder": lambda parent: write_folder(
        parent / "set", lambda p: (p / "mark").write_text(""), "mark"
    ),
    "demo": stage,
}


@pytest.mark.parametrize("name", WRITERS)
def test_next_start__removes_what_a_killed_process_left(tmp_path, hold, name):
    kill(hold(tmp_path))
    assert hidden(tmp_path)
    WRITERS[name](tmp_path)
    assert hidden(tmp_path) == []


def age(path):
    for file in (*path.rglob("*"), path):
        os.utime(file, (time.time() - 7200, time.time() - 7200))


@pytest.mark.parametrize(
    "name", [".0123456789abcdef.part", ".demo-a1b2c3_d", ".unpack-abcdefgh", ".chips_png.0123abcd"]
)
def test_leftovers__of_earlier_versions_must_be_old(tmp_path, name):
    (tmp_path / name / "sub").mkdir(parents=True)
    (tmp_path / name / "sub" / "a.tif").write_text("")
    assert find_leftovers([tmp_path]) == []
    age(tmp_path / name)
    leftovers = find_leftovers([tmp_path])
    assert leftovers == [tmp_path / name]
    delete_leftovers(leftovers)
    assert hidden(tmp_path) == []


def test_leftovers__are_not_other_hidden_files(tmp_path):
    for name in (".gitignore", ".current.lock", ".DS_Store", ".a.part", "a.0123abcd.tif"):
        (tmp_path / name).write_text("")
        age(tmp_path / name)
    assert find_leftovers([tmp_path]) == []


def test_clean__removes_leftovers_except_those_in_use(tmp_path, hold):
    workspace = Workspace.at(tmp_path)
    running = hold(workspace.raw)
    kill(hold(workspace.results))
    kill(hold(workspace.root / "flair"))
    planned = plan_cleaning(workspace)
    assert len(planned.leftovers) == 2
    assert planned.n_bytes >= 2000
    assert len(clean_workspace(workspace).leftovers) == 2
    assert [path.name for path in hidden(workspace.results)] == [".current.lock"]
    assert hidden(workspace.root / "flair") == []
    assert len(hidden(workspace.raw)) == 2
    kill(running)
    assert len(clean_workspace(workspace).leftovers) == 1


def test_land_cover__a_killed_fetch_is_none(tmp_path, hold):
    workspace, flair = Workspace.at(tmp_path), tmp_path / "flair"
    kill(hold(flair))
    assert not has_land_cover(workspace)
    (flair / "flair_aerial_train").mkdir()
    assert has_land_cover(workspace)
    (flair / "flair.zip").write_bytes(b"")  # deleted when everything has been unpacked
    assert not has_land_cover(workspace)
