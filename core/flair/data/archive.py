"""Unpacking an archive that is not trusted."""

import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from core.errors import ChipscapeError, WorkspaceError
from core.flair.data.download import CHUNK, FetchSettings
from core.progress import Progress, silent, step


def unpack(
    archive: Path, folder: Path, settings: FetchSettings, report: Progress = silent
) -> list[Path]:
    """Unpack a zip that is not trusted; all of it, or nothing.

    Parameters
    ----------
    archive : Path
    folder : Path
        Where its top-level entries go; none of them may be there already.
    settings : FetchSettings
    report : Progress
        Called with files.

    Returns
    -------
    list of Path
        The top-level entries.

    Raises
    ------
    ChipscapeError
        If it is no zip, is damaged or encrypted, holds links or paths that lead out of the
        folder, or more than the settings allow.
    WorkspaceError
        If the folder cannot be written, has no room, or already holds one of the entries.
    Cancelled
        If the listener asked to stop; nothing is left.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            zipfile.ZipFile(archive) as source,
            tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder) as place,
        ):
            members = [_checked(info, archive) for info in source.infolist()]
            files = [member for member in members if not member[0].is_dir()]
            _check_size(archive, folder, [info for info, _ in files], settings)
            for done, (info, parts) in enumerate(files, start=1):
                target = Path(place).joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(info) as packed, target.open("xb") as file:
                    _copy(packed, file, info, archive)
                step(report, done, len(files), target.name)
            tops = sorted(Path(place).iterdir())
            for top in tops:
                if (folder / top.name).exists():
                    raise WorkspaceError(
                        "is there already", where=str(folder / top.name), remedy="Move it away."
                    )
            for top in tops:
                top.replace(folder / top.name)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _refused(archive, f"is damaged or no plain zip ({error})") from error
    except OSError as error:
        raise WorkspaceError("cannot be written", where=str(folder), remedy=str(error)) from error
    return [folder / top.name for top in tops]


def _checked(info: zipfile.ZipInfo, archive: Path) -> tuple[zipfile.ZipInfo, tuple[str, ...]]:
    """An entry and the parts of its path, if it stays in its folder and is no link."""
    path = PurePosixPath(info.filename)
    strange = "\\" in info.filename or ":" in info.filename or "\0" in info.orig_filename
    if path.is_absolute() or strange or ".." in path.parts or not path.parts:
        raise _refused(archive, f"holds a path that leads out of its folder ({info.filename!r})")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refused(archive, f"holds a link or a device ({info.filename!r})")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refused(archive, f"is packed by a method that is not read here ({info.filename!r})")
    if info.flag_bits & 0x1:
        raise _refused(archive, f"is encrypted ({info.filename!r})")
    return info, path.parts


def _check_size(
    archive: Path, folder: Path, files: list[zipfile.ZipInfo], settings: FetchSettings
) -> None:
    total = sum(info.file_size for info in files)
    if len(files) > settings.most_files:
        raise _refused(archive, f"holds {len(files)} files, more than {settings.most_files}")
    if total > settings.most_gigabytes * 1e9:
        size = f"{total / 1e9:.3g} GB unpacked, more than {settings.most_gigabytes:g}"
        raise _refused(archive, f"promises {size}")
    free = shutil.disk_usage(folder).free
    if total > free:
        raise WorkspaceError(
            f"has room for {free / 1e9:.1f} GB, not for {total / 1e9:.1f}", where=str(folder)
        )


def _copy(packed: Any, file: BinaryIO, info: zipfile.ZipInfo, archive: Path) -> None:
    """Copy one entry; never more than it promised, whatever comes out."""
    written = 0
    while block := packed.read(CHUNK):
        written += len(block)
        if written > info.file_size:
            raise _refused(archive, f"gives more than it promised for {info.filename!r}")
        file.write(block)


def _refused(archive: Path, why: str) -> ChipscapeError:
    return ChipscapeError(why, where=archive.name, remedy="Nothing was unpacked.")
