import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from core.demo.land_cover import patches
from core.errors import Cancelled, ChipscapeError, SettingsError, WorkspaceError
from core.land.data.download import FetchSettings
from core.pipeline.land.land_workspace import (
    ensure_land_cover,
    fetch_toy_data,
    flair_folder,
    is_look_alike,
)
from core.pipeline.workspace import Workspace


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a file on a local server, and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/toy.zip", folder
        running.shutdown()
        thread.join()


def pack(path: Path, name: str = "flair_aerial_train/a.txt") -> str:
    with zipfile.ZipFile(path, "w") as target:
        target.writestr(name, b"1")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The arguments of `write_land_cover`, which is replaced and creates one folder only."""
    calls: list[tuple[int, int]] = []

    def write(root: Path, *, patches: int, seed: int, report: object) -> list[Path]:
        calls.append((patches, seed))
        root.mkdir(parents=True, exist_ok=True)
        (root / "flair_aerial_train").mkdir(exist_ok=True)
        return [root / "flair_aerial_train"]

    monkeypatch.setattr(patches, "write_land_cover", write)
    return calls


def test_ensure_land_cover__written_once(tmp_path: Path, written: list[tuple[int, int]]) -> None:
    workspace = Workspace(tmp_path)
    assert not is_look_alike(workspace)
    assert ensure_land_cover(workspace, 3)
    assert is_look_alike(workspace)
    assert not ensure_land_cover(workspace, 3)
    assert written == [(3, 0)]
    assert ensure_land_cover(workspace, 4)
    assert ensure_land_cover(workspace, 4, seed=2)
    (flair_folder(workspace) / "flair_aerial_train").rmdir()
    assert ensure_land_cover(workspace, 4, seed=2)
    assert written == [(3, 0), (4, 0), (4, 2), (4, 2)]


def test_ensure_land_cover__starts_again_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> list[Path]:
        raise Cancelled("stop")

    monkeypatch.setattr(patches, "write_land_cover", stop)
    with pytest.raises(Cancelled):
        ensure_land_cover(Workspace(tmp_path), 3)
    monkeypatch.setattr(patches, "write_land_cover", lambda *_, **__: [])
    assert ensure_land_cover(Workspace(tmp_path), 3)


def test_ensure_land_cover__never_mixed_with_other_files(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "flair" / "flair_aerial_train").mkdir(parents=True)
    with pytest.raises(WorkspaceError, match="do not belong to the synthetic data set"):
        ensure_land_cover(workspace, 3)
    assert not is_look_alike(workspace)


def test_ensure_land_cover__invalid_settings_write_no_files(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        ensure_land_cover(Workspace(tmp_path), 2)
    assert list(tmp_path.iterdir()) == []


def test_fetch__once_and_checked(tmp_path: Path, served: tuple[str, Path]) -> None:
    url, folder = served
    sha = pack(folder / "toy.zip")
    workspace = Workspace(tmp_path / "w")
    result = fetch_toy_data(workspace, FetchSettings(url=url, sha256=sha))
    assert (result["fetched"], result["sha256"]) == (True, sha)
    assert (flair_folder(workspace) / "flair_aerial_train/a.txt").read_bytes() == b"1"
    assert sorted(p.name for p in flair_folder(workspace).iterdir()) == [
        "fetched.json",
        "flair_aerial_train",
    ]
    (folder / "toy.zip").unlink()
    assert not fetch_toy_data(workspace, FetchSettings(url=url))["fetched"]


def test_fetch__malicious_archive_leaves_no_files(tmp_path: Path, served: tuple[str, Path]) -> None:
    url, folder = served
    pack(folder / "toy.zip", "../../evil.txt")
    workspace = Workspace(tmp_path / "w")
    with pytest.raises(ChipscapeError, match="a path outside its folder"):
        fetch_toy_data(workspace, FetchSettings(url=url))
    assert not list(tmp_path.rglob("evil.txt"))
    assert not list(flair_folder(workspace).glob("flair*_*"))


def test_fetch__refused_where_synthetic_data_exist(
    tmp_path: Path, served: tuple[str, Path]
) -> None:
    workspace = Workspace(tmp_path / "w")
    flair_folder(workspace).mkdir(parents=True)
    (flair_folder(workspace) / "land-cover.json").write_text("{}")
    with pytest.raises(WorkspaceError, match="contains the synthetic data set"):
        fetch_toy_data(workspace, FetchSettings(url=served[0]))


def test_fetch__continues_with_a_complete_archive(tmp_path: Path, served: tuple[str, Path]) -> None:
    url, folder = served
    workspace = Workspace(tmp_path / "w")
    flair_folder(workspace).mkdir(parents=True)
    sha = pack(flair_folder(workspace) / "flair.zip")
    assert not (folder / "toy.zip").exists()
    assert fetch_toy_data(workspace, FetchSettings(url=url, sha256=sha))["fetched"]
