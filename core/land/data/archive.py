"""Safe unpacking of downloaded zip archives."""

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from core.disk import disk_error
from core.errors import ChipscapeError, WorkspaceError
from core.land.data.download import CHUNK, FetchSettings
from core.leftovers import scratch_folder
from core.progress import Progress, report_step, silent


def unpack_archive(
    archive: Path, folder: Path, settings: FetchSettings, report: Progress = silent
) -> list[Path]:
    """Unpack a zip archive from an untrusted source, either completely or not at all.

    The folder receives the top-level entries of the archive, none of which may exist yet; their
    paths are returned. Progress is counted in files. Nothing is left behind if the listener asks
    to stop.

    Raises
    ------
    ChipscapeError
        If the file is not a zip archive, is damaged or encrypted, contains a path outside the
        folder, a link or a device, or exceeds the limits of the settings.
    WorkspaceError
        If the folder cannot be written, has too little space, or already contains an entry.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(archive) as source, scratch_folder(folder) as temporary:
            paths = [(info, _checked_path(info, archive)) for info in source.infolist()]
            files = [(info, path) for info, path in paths if not info.is_dir()]
            _check_size(archive, folder, [info for info, _ in files], settings)
            for n_unpacked, (info, path) in enumerate(files, start=1):
                target = temporary / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(info) as packed, target.open("xb") as file:
                    _copy_entry(packed, file, info, archive)
                report_step(report, n_unpacked, len(files), target.name)
            entries = sorted(temporary.iterdir())
            for entry in entries:
                if (folder / entry.name).exists():
                    raise WorkspaceError(
                        "the file or folder already exists",
                        where=str(folder / entry.name),
                        remedy="Move it to another folder.",
                    )
            for entry in entries:
                entry.replace(folder / entry.name)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _refusal(archive, f"is damaged or not a plain zip file ({error})") from error
    except OSError as error:
        raise disk_error(error, folder, folder) or WorkspaceError(
            "the folder cannot be written", where=str(folder), remedy=f"{error}."
        ) from error
    return [folder / entry.name for entry in entries]


def _checked_path(info: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    """Return the path of an entry after checking that it is safe to unpack."""
    path = PurePosixPath(info.filename)
    unsafe = "\\" in info.filename or ":" in info.filename or "\0" in info.orig_filename
    if path.is_absolute() or unsafe or ".." in path.parts or not path.parts:
        raise _refusal(archive, f"contains a path outside its folder ({info.filename!r})")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refusal(archive, f"contains a link or a device ({info.filename!r})")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refusal(archive, f"uses an unsupported compression method ({info.filename!r})")
    if info.flag_bits & 0x1:
        raise _refusal(archive, f"is encrypted ({info.filename!r})")
    return path


def _check_size(
    archive: Path, folder: Path, files: list[zipfile.ZipInfo], settings: FetchSettings
) -> None:
    total = sum(info.file_size for info in files)
    if len(files) > settings.most_files:
        raise _refusal(archive, f"contains {len(files)} files, more than {settings.most_files}")
    if total > settings.most_gigabytes * 1e9:
        size, limit = f"{total / 1e9:.3g} GB", f"{settings.most_gigabytes:g} GB"
        raise _refusal(archive, f"declares an unpacked size of {size}, more than {limit}")
    free = shutil.disk_usage(folder).free
    if total > free:
        raise WorkspaceError(
            f"{total / 1e9:.1f} GB are needed, but only {free / 1e9:.1f} GB are free",
            where=str(folder),
        )


def _copy_entry(packed: Any, file: BinaryIO, info: zipfile.ZipInfo, archive: Path) -> None:
    """Copy one entry, and refuse to write more bytes than the archive declares for it."""
    written = 0
    while block := packed.read(CHUNK):
        written += len(block)
        if written > info.file_size:
            raise _refusal(archive, f"unpacks to more than its declared size ({info.filename!r})")
        file.write(block)


def _refusal(archive: Path, reason: str) -> ChipscapeError:
    return ChipscapeError(
        f"the archive {reason}", where=archive.name, remedy="Nothing was unpacked."
    )
