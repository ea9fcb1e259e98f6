"""The file formats of artifacts, none of which can contain code, and atomic writing."""

import json
import math
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from core.disk import explained_disk_errors, reserve_space, sync_file, sync_names
from core.errors import ArtifactError, WorkspaceError
from core.leftovers import scratch_folder
from core.types import AnyArray, IntArray


def write_atomically(
    path: Path, content: str | Callable[[Path], object], *, durable: bool = True
) -> Path:
    """Write a file under a temporary name in its folder, then rename it, and return its path.

    Other processes see either the old file or the complete new one; if `durable`, also after a loss
    of power, and once the function has returned, it is the new one. The folder is created if
    necessary. The content is text, which is written as UTF-8, or a function that writes the file at
    the path that it receives. Raises WorkspaceError if the disk is full or read-only.
    """
    with explained_disk_errors(path.parent, path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, str):
        with _explained_scratch_folder(path.parent, path) as folder:
            content(folder / path.name)
            _rename(folder / path.name, path, durable)
        return path
    # Unfinished text must not match "*.toml".
    part = path.with_name(f".{path.stem}.{token_hex(4)}.part")
    try:
        with explained_disk_errors(part, path):
            part.write_text(content, encoding="utf-8")
            _rename(part, path, durable)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def _rename(part: Path, path: Path, durable: bool) -> None:
    if durable:
        sync_file(part)
    part.replace(path)
    if durable:
        sync_names(path.parent)


@contextmanager
def _explained_scratch_folder(parent: Path, target: Path) -> Iterator[Path]:
    """Yield a scratch folder for a target; errors of the disk name the target's files."""
    with (
        explained_disk_errors(parent, parent),
        scratch_folder(parent) as folder,
        explained_disk_errors(folder / target.name, target),
    ):
        yield folder


def write_folder(folder: Path, fill: Callable[[Path], object], mark: str) -> Path:
    """Fill a folder under a temporary name next to it, then rename it, and return its path.

    An earlier folder is replaced only if it contains the file `mark`, which `fill` writes too. The
    files are not synced: for 10 000 chips, this would take a minute.
    Raises WorkspaceError if it does not, or if the disk is full or read-only.
    """
    if folder.exists() and not (folder / mark).is_file():
        raise WorkspaceError(
            "exists and was not written by Chipscape",
            where=str(folder),
            remedy="Move it away, or choose another folder.",
        )
    with _explained_scratch_folder(folder.parent, folder) as scratch:
        part = scratch / folder.name
        part.mkdir()
        fill(part)
        if folder.exists():
            folder.rename(scratch / "former")
        part.rename(folder)
    return folder


def zip_folder(path: Path, fill: Callable[[Path], object]) -> None:
    """Fill a temporary folder and write its files as one zip file."""
    with (
        scratch_folder(path.parent) as folder,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        fill(folder)
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file atomically."""
    write_atomically(path, json.dumps(document, indent=1, default=list))


def read_json(path: Path) -> Any:
    """Read a JSON file; raises ArtifactError if it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise damaged_error(path, error) from error


def write_array(path: Path, values: AnyArray) -> None:
    """Write one array as .npy."""
    np.save(path, np.ascontiguousarray(values), allow_pickle=False)


class RowFile:
    """An .npy file, initially all zeros, whose rows can be written in any order.

    The file is not memory-mapped: written rows do not stay in memory, and a full disk raises an
    error, whereas writing to a memory map would crash the process. With `resume`, an existing file
    is continued. Raises OSError at once if the disk has too little space.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: str, *, resume: bool = False
    ) -> None:
        self.path = path
        self._dtype = np.dtype(dtype)
        self._row_bytes = math.prod(shape[1:]) * self._dtype.itemsize
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        is_continued = resume and path.is_file()
        # Unbuffered: each write is a whole chip, and rows are seldom written in sequence.
        self._file = path.open("r+b" if is_continued else "wb", buffering=0)
        np.lib.format.write_array_header_1_0(self._file, header)
        self._data_offset = self._file.tell()
        n_bytes = shape[0] * self._row_bytes
        self._file.truncate(self._data_offset + n_bytes)
        if not is_continued:
            reserve_space(self._file.fileno(), path, self._data_offset + n_bytes)

    @classmethod
    def continued(cls, path: Path) -> "RowFile":
        """Open the existing file at a path for more rows; raises OSError if there is none.

        Nothing but rows is written: another machine may be writing other rows of the same file.
        """
        continued = cls.__new__(cls)
        file = continued._file = path.open("r+b", buffering=0)
        np.lib.format.read_magic(file)
        shape, _, continued._dtype = np.lib.format.read_array_header_1_0(file)
        continued.path, continued._data_offset = path, file.tell()
        continued._row_bytes = math.prod(shape[1:]) * continued._dtype.itemsize
        return continued

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, rows: IntArray, values: AnyArray) -> None:
        """Write `values`, shape (len(rows), ...), to the rows numbered in `rows`.

        Raises OSError if the disk is full.
        """
        native = np.ascontiguousarray(values, self._dtype)
        if len(native) != len(rows):
            raise ValueError(f"{len(native)} values for {len(rows)} rows")
        # Consecutive rows are written together.
        starts = np.flatnonzero(np.diff(rows, prepend=np.int64(-2)) != 1)
        stops = [*starts[1:], len(rows)] if len(starts) and self._row_bytes else []
        for start, stop in zip(starts, stops, strict=False):
            self._write_bytes(int(rows[start]), native[start:stop].data.cast("B"))

    def _write_bytes(self, row: int, content: memoryview) -> None:
        self._file.seek(self._data_offset + row * self._row_bytes)
        while content:
            # A nearly full disk takes a part; the next call then raises the error.
            content = content[self._file.write(content) :]

    def sync(self) -> None:
        """Wait until the rows are on the disk."""
        os.fsync(self._file.fileno())


def read_array(path: Path, *, mapped: bool = False) -> AnyArray:
    """Read one .npy file, never a pickle; if `mapped`, as a read-only memory map.

    Raises ArtifactError if the file is missing or damaged, or holds pickled objects.
    """
    try:
        if mapped:
            return np.lib.format.open_memmap(path, mode="r")
        with path.open("rb") as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise damaged_error(path, error) from error


def write_arrays(folder: Path, arrays: Mapping[str, AnyArray]) -> None:
    """Write arrays as ``NAME.npy`` files in a folder; unlike .npz, they hold no time stamps."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in arrays.items():
        write_array(folder / f"{name}.npy", values)


def read_arrays(folder: Path) -> dict[str, AnyArray]:
    """Read every .npy file of a folder, by name."""
    return {file.stem: read_array(file) for file in sorted(folder.glob("*.npy"))}


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet; columns of mixed types become text."""
    plain_table(table).to_parquet(path, index=False)


def plain_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with column names as text, and columns of mixed types as text."""
    plain = table.copy()
    plain.columns = [str(name) for name in plain.columns]
    for name in plain.columns:
        if not _fits_parquet(plain[name]):
            plain[name] = plain[name].map(str, na_action="ignore")
    return plain


def _fits_parquet(column: "pd.Series[Any]") -> bool:
    """Return True if the values have one type, or are all numbers, and Parquet can store them."""
    if column.dtype != object:
        return True
    kinds = {type(value) for value in column.dropna()}
    numbers = all(issubclass(kind, int | float | np.number) for kind in kinds - {bool})
    if len(kinds) > 1 and (bool in kinds or not numbers):
        return False
    try:
        pa.array(column, from_pandas=True)
    except (pa.ArrowException, OverflowError):
        return False
    return True


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet table; raises ArtifactError if it is missing or damaged."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise damaged_error(path, error) from error


def damaged_error(path: Path, error: Exception) -> ArtifactError:
    """Return the error for an artifact's file that cannot be read."""
    return ArtifactError(
        f"cannot be read ({error})",
        where=str(path),
        remedy="Delete its folder; the next run computes it again. `chipscape verify --recompute` "
        "does this for all damaged results.",
    )
