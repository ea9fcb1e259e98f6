"""Folders for unfinished files, and the removal of those that killed processes left behind."""

import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from filelock import FileLock, Timeout

_SCRATCH = re.compile(r"\.chipscape-[0-9a-f]{16}\.part")
# Temporary names of earlier versions and of short texts, which have no lock.
_UNLOCKED = re.compile(
    r"\.chipscape-[0-9a-f]{16}\.lock|\.[0-9a-f]{16}\.part|\.(demo|unpack|zip)-\w{8}"
    r"|\..+\.[0-9a-f]{8}(\.\w+)?"
)
_UNLOCKED_SECONDS = 3600


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield an empty folder in `parent`, which is created if necessary; it is deleted at the end.

    Other processes recognise by its lock that it is in use. The folders of killed processes in
    `parent` are deleted first.
    """
    parent.mkdir(parents=True, exist_ok=True)
    delete_leftovers(find_leftovers([parent]))
    folder = parent / f".chipscape-{token_hex(8)}.part"
    lock = folder.with_suffix(".lock")
    with FileLock(lock):
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                lock.unlink(missing_ok=True)


def find_leftovers(parents: Iterable[Path]) -> list[Path]:
    """Return unfinished files and folders that lie in some folders and that no process writes.

    Those without a lock, such as the ones of earlier versions, must be an hour old.
    """
    leftovers = []
    for parent in parents:
        for path in sorted(parent.iterdir()) if parent.is_dir() else ():
            if _SCRATCH.fullmatch(path.name):
                if _is_unlocked(path):
                    leftovers.append(path)
            elif _UNLOCKED.fullmatch(path.name) and _is_old(path):
                leftovers.append(path)
    return leftovers


def delete_leftovers(leftovers: Iterable[Path]) -> None:
    """Delete unfinished files and folders, as far as this is permitted."""
    for path in leftovers:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            path.unlink(missing_ok=True)
        if _SCRATCH.fullmatch(path.name):
            with suppress(OSError):
                path.with_suffix(".lock").unlink(missing_ok=True)


def _is_unlocked(folder: Path) -> bool:
    try:
        with FileLock(folder.with_suffix(".lock"), timeout=0):
            return True
    except (Timeout, OSError):
        return False


def _is_old(path: Path) -> bool:
    try:
        files = [path, *(path.rglob("*") if path.is_dir() else ())]
        latest = max(file.lstat().st_mtime for file in files)
    except OSError:
        return False
    return bool(time.time() - latest > _UNLOCKED_SECONDS)
