import json
from pathlib import Path

import pytest

from core.demo.harbour import harbour_scenes
from core.errors import Cancelled, WorkspaceError
from core.pipeline.demo_workspace import MARK, ensure_demo, is_demo
from core.pipeline.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace.at(tmp_path / "w")


@pytest.fixture(autouse=True)
def written(monkeypatch):
    """Seeds that scenes were painted with; the painter itself has tests of its own."""
    seeds = []

    def write(raw: Path, *, seed=0, report=None, **_):
        seeds.append(seed)
        raw.mkdir(parents=True, exist_ok=True)
        for name in ("north.tif", "north.geojson"):
            (raw / name).write_text(str(seed))
        return [raw / "north.tif"]

    monkeypatch.setattr(harbour_scenes, "write_harbour", write)
    return seeds


def test_ensure_demo__written_once(workspace, written):
    assert not is_demo(workspace)
    assert ensure_demo(workspace)
    assert not ensure_demo(workspace)
    assert is_demo(workspace)
    assert written == [0]


def test_ensure_demo__another_seed(workspace, written):
    ensure_demo(workspace, 1)
    assert ensure_demo(workspace, 2)
    assert (workspace.raw / "north.tif").read_text() == "2"
    assert written == [1, 2]


def test_ensure_demo__refused_in_a_folder_with_other_files(workspace, written, raw_files):
    workspace.raw.mkdir(parents=True)
    (workspace.raw / "mine.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match="do not belong to the demo") as caught:
        ensure_demo(workspace)
    assert caught.value.where == str(workspace.raw)
    assert raw_files(workspace.root) == {"mine.txt": b"mine"}
    assert not (workspace.root / MARK).exists()
    assert written == []


def test_ensure_demo__accepts_an_empty_raw(workspace):
    workspace.raw.mkdir(parents=True)
    assert ensure_demo(workspace)


def test_is_demo__a_scene_was_deleted(workspace, written):
    ensure_demo(workspace)
    (workspace.raw / "north.tif").unlink()
    assert not is_demo(workspace)
    assert ensure_demo(workspace)
    assert is_demo(workspace)


def test_is_demo__of_another_version(workspace):
    ensure_demo(workspace)
    mark = json.loads((workspace.root / MARK).read_text())
    (workspace.root / MARK).write_text(json.dumps(mark | {"version": 0}))
    assert not is_demo(workspace)
    assert ensure_demo(workspace)


def test_ensure_demo__cancelled_leaves_no_mark(workspace, monkeypatch):
    def cancelled(raw, **_):
        raise Cancelled("demo")

    monkeypatch.setattr(harbour_scenes, "write_harbour", cancelled)
    with pytest.raises(Cancelled):
        ensure_demo(workspace)
    assert not is_demo(workspace)
