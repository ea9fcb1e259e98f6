import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.errors import Cancelled, ChipscapeError, WorkspaceError
from core.flair.data.archive import unpack
from core.flair.data.download import FetchSettings

DEFAULT = FetchSettings()


def pack(path: Path, files: dict[str, bytes], **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as target:
        for name, content in files.items():
            target.writestr(zipfile.ZipInfo(name) if name.endswith("/") else name, content)
    return path


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_unpack__trees_and_tables(tmp_path: Path) -> None:
    files = {"trees/a/one.txt": b"1", "trees/b.txt": b"2", "table.json": b"{}", "empty/": b""}
    archive = pack(tmp_path / "x.zip", files)
    told: list[tuple[int, int]] = []

    def listen(done: int, total: int, _: str) -> bool:
        told.append((done, total))
        return False

    made = unpack(archive, tmp_path / "out", DEFAULT, listen)
    assert [p.name for p in made] == ["table.json", "trees"]
    assert (tmp_path / "out/trees/a/one.txt").read_bytes() == b"1"
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert left(tmp_path / "out") == ["table.json", "trees"]


@pytest.mark.parametrize(
    "name",
    ["../evil.txt", "a/../../evil.txt", "/evil.txt", "..\\evil.txt", "C:\\evil.txt", "c:evil.txt"],
)
def test_unpack__paths_that_lead_out(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "x.zip", {"good.txt": b"1", name: b"2"})
    with pytest.raises(ChipscapeError, match="leads out of its folder"):
        unpack(archive, tmp_path / "deep" / "out", DEFAULT)
    assert left(tmp_path / "deep" / "out") == []
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_unpack__links_and_devices(tmp_path: Path, kind: int) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as target:
        info = zipfile.ZipInfo("link")
        info.external_attr = (kind | 0o777) << 16
        target.writestr(info, "/etc")
        target.writestr("link/passwd", "me")
    with pytest.raises(ChipscapeError, match="a link or a device"):
        unpack(tmp_path / "x.zip", tmp_path / "out", DEFAULT)
    assert left(tmp_path / "out") == []


def test_unpack__bombs(tmp_path: Path) -> None:
    bomb = pack(tmp_path / "x.zip", {"zeros": b"\0" * 5_000_000})
    assert bomb.stat().st_size < 10_000
    with pytest.raises(ChipscapeError, match=r"more than 0\.001"):
        unpack(bomb, tmp_path / "out", FetchSettings(most_gigabytes=0.001))
    many = pack(tmp_path / "y.zip", {f"{i}": b"" for i in range(30)})
    with pytest.raises(ChipscapeError, match="30 files, more than 20"):
        unpack(many, tmp_path / "out", FetchSettings(most_files=20))
    assert left(tmp_path / "out") == []


def test_unpack__promises_less_than_it_gives(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.zip", {"zeros": b"\0" * 5_000_000})
    raw = archive.read_bytes()
    size = (5_000_000).to_bytes(4, "little")
    assert raw.count(size) == 2
    archive.write_bytes(raw.replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(ChipscapeError):
        unpack(archive, tmp_path / "out", FetchSettings(most_gigabytes=0.001))
    assert left(tmp_path / "out") == []


def test_unpack__damaged_cut_off_or_no_zip(tmp_path: Path) -> None:
    whole = pack(tmp_path / "x.zip", {"a": bytes(range(256)) * 400}, compresslevel=1).read_bytes()
    damaged = bytearray(whole)
    damaged[300:310] = b"\xff" * 10
    for content in (whole[: len(whole) // 2], bytes(damaged), b"<html>404</html>", b""):
        (tmp_path / "y.zip").write_bytes(content)
        with pytest.raises(ChipscapeError, match=r"y\.zip"):
            unpack(tmp_path / "y.zip", tmp_path / "out", DEFAULT)
        assert left(tmp_path / "out") == []


def test_unpack__encrypted(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.zip", {"a": b"secret"})
    raw = bytearray(archive.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(bytes(raw))
    with pytest.raises(ChipscapeError, match="encrypted"):
        unpack(archive, tmp_path / "out", DEFAULT)


def test_unpack__other_methods(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_LZMA) as target:
        target.writestr("a", b"1" * 1000)
    with pytest.raises(ChipscapeError, match="method"):
        unpack(tmp_path / "x.zip", tmp_path / "out", DEFAULT)


def test_unpack__never_over_what_is_there(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.zip", {"new.txt": b"1", "mine.txt": b"theirs"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match=r"mine\.txt: is there already"):
        unpack(archive, tmp_path / "out", DEFAULT)
    assert left(tmp_path / "out") == ["mine.txt"]
    assert (tmp_path / "out/mine.txt").read_text() == "mine"


def test_unpack__stopped_leaves_nothing(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.zip", {"a": b"1", "b": b"2"})
    with pytest.raises(Cancelled):
        unpack(archive, tmp_path / "out", DEFAULT, lambda done, *_: done == 1)
    assert left(tmp_path / "out") == []
