from pathlib import Path

import pytest

from core.errors import WorkspaceError
from core.pipeline.workspace import ROOT, VARIABLE, Workspace


def test_at__order_is_argument_environment_repository(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    assert Workspace.at(tmp_path / "given").root == tmp_path / "given"
    assert Workspace.at().root == tmp_path / "named"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.chdir(tmp_path)
    assert Workspace.at().root == ROOT / "data"
    assert (ROOT / "core").is_dir()


def test_at__home_and_relative_paths_are_resolved(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Workspace.at("~/w").root == Workspace.at("w").root == tmp_path / "w"


def test_at__a_file(tmp_path):
    file = tmp_path / "w"
    file.write_text("")
    with pytest.raises(WorkspaceError, match="is a file, not a folder"):
        Workspace.at(file)


def test_workspace__folders_lie_within(tmp_path):
    workspace = Workspace.at(tmp_path)
    names = ("raw", "extracted", "results", "weights", "artifacts")
    assert [getattr(workspace, name) for name in names] == [tmp_path / name for name in names]
    assert workspace.demo.root == tmp_path / "demo"
    assert workspace.store.root == tmp_path / "artifacts"
    assert list(Path(tmp_path).iterdir()) == []


def test_open_folder__a_workspace_or_an_empty_folder(tmp_path):
    assert Workspace.open_folder(f" {tmp_path} ").root == tmp_path
    (tmp_path / "raw").mkdir()
    (tmp_path / "notes.txt").touch()
    assert Workspace.open_folder(str(tmp_path)).root == tmp_path


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "this is not an absolute path"),
        ("harbour", "this is not an absolute path"),
        ("{root}/nowhere", "there is no such folder"),
        ("{root}/quay.tif", "is a file, not a folder"),
        ("{root}", "the folder is not a workspace, because it has no subfolder raw/"),
    ],
)
def test_open_folder__anything_else_is_refused(tmp_path, path, message):
    (tmp_path / "quay.tif").touch()
    with pytest.raises(WorkspaceError, match=message):
        Workspace.open_folder(path.format(root=tmp_path))
