"""Disks: errors that name file, space and remedy, and files that outlast a loss of power."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import ChipscapeError, WorkspaceError

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_NOT_SUPPORTED = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}
_FORBIDDEN = {errno.EACCES, errno.EPERM}
# Libraries report a full or read-only disk in their own words: Arrow, GDAL, SQLite and NumPy, whose
# message on a full disk is "1024 requested and 512 written".
_FULL_TEXTS = ("no space left", "disk is full", "disk full", "file too large", "quota exceeded")
_NUMPY_TEXT = "requested and"
_READ_ONLY_TEXTS = ("read-only file system", "readonly database")
# Other errors are put down to the disk if less than this is free.
_LITTLE_SPACE = 64 * 1024


@contextmanager
def explained_disk_errors(part: Path, target: Path) -> Iterator[None]:
    """Turn errors of a full or read-only disk into WorkspaceError.

    `part` is the unfinished file or folder, which is deleted after an error, and `target` its final
    path.
    """
    try:
        yield
    except ChipscapeError as error:
        if Path(error.where).is_relative_to(part):
            error.where = str(target / Path(error.where).relative_to(part))
        raise
    except Exception as error:
        if explanation := disk_error(error, part, target):
            raise explanation from error
        raise


def disk_error(error: Exception, part: Path, target: Path) -> WorkspaceError | None:
    """Return the error for a full or read-only disk; None if the cause is another one.

    `part` and `target` are those of `explained_disk_errors`.
    """
    numbers, text = _error_numbers(error), str(error).lower()
    if errno.ENAMETOOLONG in numbers:
        # Even asking whether such a path exists is an error.
        return None
    where = str(_failed_file(error, part, target))
    if errno.EROFS in numbers or any(words in text for words in _READ_ONLY_TEXTS):
        return _unwritable_error(where, "the disk is read-only")
    if numbers & _FORBIDDEN:
        return _unwritable_error(where, "you are not allowed to write there")
    parents = (folder for folder in (part, *part.parents, *target.parents) if folder.exists())
    folder = next(parents, Path())
    free, used, needed = shutil.disk_usage(folder).free, *_sizes(part)
    is_full = bool(numbers & _FULL) or any(words in text for words in _FULL_TEXTS)
    if not is_full and _NUMPY_TEXT not in text and free > _LITTLE_SPACE:
        return None
    # What has been written so far is deleted, and its space is then free.
    available = free + used
    amount = f"at least {_size(needed)}" if needed > available else f"more than {_size(available)}"
    return WorkspaceError(
        f"the disk is full: {amount} are needed, and {_size(available)} are free",
        where=where,
        remedy="Free some space, for example with `chipscape clean`, or use another disk, then try "
        "again. What was finished before is kept.",
    )


def reserve_space(descriptor: int, path: Path, n_bytes: int) -> None:
    """Reserve the space of an open file; raises OSError if the disk has too little.

    A file without holes can be memory-mapped safely: on a full tmpfs, even reading a hole of a
    mapped file ends the process (SIGBUS).
    """
    if shutil.disk_usage(path.parent).free < n_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    if hasattr(os, "posix_fallocate") and n_bytes:
        try:
            os.posix_fallocate(descriptor, 0, n_bytes)
        except OSError as error:
            # The standard library of some systems cannot reserve space on every file system.
            if error.errno not in _NOT_SUPPORTED:
                raise OSError(error.errno, error.strerror, str(path)) from error


def sync_file(path: Path) -> None:
    """Wait until the content of a file is on the disk; raises OSError if it cannot be written.

    A rename may reach the disk before the content of the renamed file. After a loss of power, the
    file would then be empty.
    """
    # Windows can only flush files that are open for writing.
    with path.open("rb" if os.name == "posix" else "r+b") as file:
        os.fsync(file.fileno())


def sync_names(folder: Path) -> None:
    """Wait until the names of the files in a folder are on the disk, where the system can do so."""
    # Windows cannot open folders, and some network drives cannot flush them.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until all files below a folder, and their names, are on the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            sync_names(path)
        else:
            sync_file(path)
    sync_names(folder)


def _unwritable_error(where: str, reason: str) -> WorkspaceError:
    return WorkspaceError(
        f"cannot be written, because {reason}",
        where=where,
        remedy="Change the permissions, or choose another folder: --out for exports, --workspace "
        "for everything else.",
    )


def _error_numbers(error: BaseException | None) -> set[int]:
    """Return the numbers of an error and of those that caused it."""
    numbers = set()
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            numbers.add(error.errno)
        error = error.__cause__ or error.__context__
    return numbers


def _failed_file(error: Exception, part: Path, target: Path) -> Path:
    """Return the final path of the file that could not be written."""
    if part.is_dir():
        name = Path(str(getattr(error, "filename", None) or ""))
        files = [path for path in part.rglob("*") if path.is_file()]
        # Most writers do not name the file, but it is the one that they changed last.
        latest = max(files, key=lambda path: path.stat().st_mtime_ns, default=part)
        failed = name if name.is_relative_to(part) else latest
        return target / failed.relative_to(part)
    return target


def _sizes(part: Path) -> tuple[int, int]:
    """Return the space that unfinished files take, and their length, which may be greater."""
    files = [part] if part.is_file() else [p for p in part.rglob("*") if p.is_file()]
    used = needed = 0
    for file in files:
        with suppress(OSError):
            status = file.stat()
            blocks = getattr(status, "st_blocks", None)
            used += status.st_size if blocks is None else 512 * blocks
            needed += max(status.st_size, 0 if blocks is None else 512 * blocks)
    return used, needed


def _size(n_bytes: int) -> str:
    if n_bytes < 1e6:
        return f"{n_bytes / 1e3:.1f} kB"
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
