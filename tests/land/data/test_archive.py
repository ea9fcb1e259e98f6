import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.errors import Cancelled, ChipscapeError, WorkspaceError
from core.land.data.archive import unpack_archive
from core.land.data.download import FetchSettings

DEFAULT = FetchSettings()


def pack(path: Path, files: dict[str, bytes], **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as target:
        for name, content in files.items():
            target.writestr(zipfile.ZipInfo(name) if name.endswith("/") else name, content)
    return path


def names_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_unpack__trees_and_tables(tmp_path: Path) -> None:
    files = {"trees/a/one.txt": b"1", "trees/b.txt": b"2", "table.json": b"{}", "empty/": b""}
    archive = pack(tmp_path / "x.zip", files)
    reports: list[tuple[int, int]] = []

    def listen(n_unpacked: int, total: int, _: str) -> bool:
        reports.append((n_unpacked, total))
        return False

    entries = unpack_archive(archive, tmp_path / "out", DEFAULT, listen)
    assert [p.name for p in entries] == ["table.json", "trees"]
    assert (tmp_path / "out/trees/a/one.txt").read_bytes() == b"1"
    assert reports == [(1, 3), (2, 3), (3, 3)]
    assert names_in(tmp_path / "out") == ["table.json", "trees"]


@pytest.mark.parametrize(
    "name",
    ["../evil.txt", "a/../../evil.txt", "/evil.txt", "..\\evil.txt", "C:\\evil.txt", "c:evil.txt"],
)
def test_unpack__paths_outside_the_folder(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "x.zip", {"good.txt": b"1", name: b"2"})
    with pytest.raises(ChipscapeError, match="contains a path outside its folder"):
        unpack_archive(archive, tmp_path / "deep" / "out", DEFAULT)
    assert names_in(tmp_path / "deep" / "out") == []
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_unpack__links_and_devices(tmp_path: Path, kind: int) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as target:
        info = zipfile.ZipInfo("link")
        info.external_attr = (kind | 0o777) << 16
        target.writestr(info, "/etc")
        target.writestr("link/passwd", "me")
    with pytest.raises(ChipscapeError, match="contains a link or a device"):
        unpack_archive(tmp_path / "x.zip", tmp_path / "out", DEFAULT)
    assert names_in(tmp_path / "out") == []


def test_unpack__bombs(tmp_path: Path) -> None:
    bomb = pack(tmp_path / "x.zip", {"zeros": b"\0" * 5_000_000})
    assert bomb.stat().st_size < 10_000
    with pytest.raises(ChipscapeError, match=r"more than 0\.001"):
        unpack_archive(bomb, tmp_path / "out", FetchSettings(most_gigabytes=0.001))
    many = pack(tmp_path / "y.zip", {f"{i}": b"" for i in range(30)})
    with pytest.raises(ChipscapeError, match="30 files, more than 20"):
        unpack_archive(many, tmp_path / "out", FetchSettings(most_files=20))
    assert names_in(tmp_path / "out") == []


def test_unpack__more_data_than_declared(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.zip", {"zeros": b"\0" * 5_000_000})
    raw = archive.read_bytes()
    size = (5_000_000).to_bytes(4, "little")
    assert raw.count(size) == 2
    archive.write_bytes(raw.replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(ChipscapeError):
        unpack_archive(archive, tmp_path / "out", FetchSettings(most_gigabytes=0.001))
    assert names_in(tmp_path / "out") == []


def test_unpack__damaged_truncated_or_not_a_zip(tmp_path: Path) -> None:
    content = pack(tmp_path / "x.zip", {"a": bytes(range(256)) * 400}, compresslevel=1).read_bytes()
    damaged = bytearray(content)
    damaged[300:310] = b"\xff" * 10
    for invalid in (content[: len(content) // 2], bytes(damaged), b"<html>404</html>", b""):
        (tmp_path / "y.zip").write_bytes(invalid)
        with pytest.raises(ChipscapeError, match=r"y\.zip"):
            unpack_archive(tmp_path / "y.zip", tmp_path / "out", DEFAULT)
        assert names_in(tmp_path / "out") == []


def test_unpack__encrypted(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.zip", {"a": b"secret"})
    raw = bytearray(archive.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(bytes(raw))
    with pytest.raises(ChipscapeError, match="encrypted"):
        unpack_archive(archive, tmp_path / "out", DEFAULT)


def test_unpack__unsupported_compression(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_LZMA) as target:
        target.writestr("a", b"1" * 1000)
    with pytest.raises(ChipscapeError, match="compression method"):
        unpack_archive(tmp_path / "x.zip", tmp_path / "out", DEFAULT)


def test_unpack__never_overwrites_existing_files(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.zip", {"new.txt": b"1", "mine.txt": b"theirs"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match=r"mine\.txt: the file or folder already exists"):
        unpack_archive(archive, tmp_path / "out", DEFAULT)
    assert names_in(tmp_path / "out") == ["mine.txt"]
    assert (tmp_path / "out/mine.txt").read_text() == "mine"


def test_unpack__cancelled_leaves_no_files(tmp_path: Path) -> None:
    archive = pack(tmp_path / "x.zip", {"a": b"1", "b": b"2"})
    with pytest.raises(Cancelled):
        unpack_archive(archive, tmp_path / "out", DEFAULT, lambda n_unpacked, *_: n_unpacked == 1)
    assert names_in(tmp_path / "out") == []
