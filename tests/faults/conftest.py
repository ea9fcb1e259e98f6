"""Small, full and read-only disks, and small workspaces to break."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.conftest import add_scene, data_files, raw_files, settings, workspace  # noqa: F401

MIB = 2**20


def _mount(*arguments: str | Path) -> bool:
    """Return True if the file system was mounted, which only root may do, and not in every box."""
    if shutil.which("mount") is None or getattr(os, "geteuid", lambda: 1)() != 0:
        return False
    command = ["mount", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of 4 MiB, which needs the right to mount one."""
    folder = tmp_path / "small_disk"
    folder.mkdir()
    if not _mount("-t", "tmpfs", "-o", f"size={4 * MIB}", "tmpfs", folder):
        pytest.skip("this user cannot mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def fill_disk() -> Callable[..., None]:
    """A function that fills a disk, except for some bytes."""

    def fill(folder: Path, n_free: int = 0) -> None:
        ballast = folder / ".ballast"
        ballast.unlink(missing_ok=True)
        n_bytes = max(0, shutil.disk_usage(folder).free - n_free)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, n_bytes))

    return fill


@pytest.fixture
def make_read_only() -> Iterator[Callable[[Path], None]]:
    """A function that makes a folder read-only until the end of the test."""
    mounted: list[Path] = []
    modes: dict[Path, int] = {}

    def protect(folder: Path) -> None:
        if _mount("--bind", folder, folder):
            mounted.append(folder)
            assert _mount("-o", "remount,ro,bind", folder)
            return
        if getattr(os, "geteuid", lambda: 1)() == 0:
            pytest.skip("root can write everywhere, and cannot mount a read-only disk here")
        for path in (folder, *folder.rglob("*")):
            modes[path] = path.stat().st_mode
            path.chmod(modes[path] & ~0o222)

    yield protect
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    for path, mode in modes.items():
        path.chmod(mode)
