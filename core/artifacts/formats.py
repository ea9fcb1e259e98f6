"""The file formats of artifacts, none of which can contain code, and atomic writing."""

import errno
import json
import math
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import ArtifactError, WorkspaceError
from core.types import AnyArray, IntArray


def write_atomically(path: Path, content: str | Callable[[Path], object]) -> Path:
    """Write a file under a temporary name in its folder, then rename it, and return its path.

    Other processes see either the old file or the complete new one. The folder is created if
    necessary. The content is text, which is written as UTF-8, or a function that writes the file at
    the path that it receives.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Libraries choose the format by the suffix; unfinished text must not match "*.toml".
    suffix = ".part" if isinstance(content, str) else path.suffix
    part = path.with_name(f".{path.stem}.{token_hex(4)}{suffix}")
    try:
        if isinstance(content, str):
            part.write_text(content, encoding="utf-8")
        else:
            content(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def write_folder(folder: Path, fill: Callable[[Path], object], mark: str) -> Path:
    """Fill a folder under a temporary name next to it, then rename it, and return its path.

    An earlier folder is replaced only if it contains the file `mark`, which `fill` writes too.
    Raises WorkspaceError if it does not.
    """
    if folder.exists() and not (folder / mark).is_file():
        raise WorkspaceError(
            "exists and was not written by Chipscape",
            where=str(folder),
            remedy="Move it away, or choose another folder.",
        )
    part, former = (folder.with_name(f".{folder.name}.{token_hex(4)}") for _ in range(2))
    try:
        part.mkdir(parents=True)
        fill(part)
        if folder.exists():
            folder.rename(former)
        part.rename(folder)
    finally:
        for leftover in (part, former):
            shutil.rmtree(leftover, ignore_errors=True)
    return folder


def zip_folder(path: Path, fill: Callable[[Path], object]) -> None:
    """Fill a temporary folder and write its files as one zip file."""
    with (
        TemporaryDirectory(prefix=".zip-", dir=path.parent) as name,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        folder = Path(name)
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
    error, whereas writing to a memory map would crash the process.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str) -> None:
        self._dtype = np.dtype(dtype)
        self._row_bytes = math.prod(shape[1:]) * self._dtype.itemsize
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        # Unbuffered: each write is a whole chip, and rows are seldom written in sequence.
        self._file = path.open("wb", buffering=0)
        np.lib.format.write_array_header_1_0(self._file, header)
        self._data_offset = self._file.tell()
        self._file.truncate(self._data_offset + shape[0] * self._row_bytes)

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, rows: IntArray, values: AnyArray) -> None:
        """Write `values`, shape (len(rows), ...), to the rows numbered in `rows`.

        Raises OSError if the disk is full.
        """
        native = np.ascontiguousarray(values, self._dtype)
        for row, value in zip(rows.tolist(), native, strict=True):
            self._file.seek(self._data_offset + row * self._row_bytes)
            if self._file.write(value.data) != self._row_bytes:
                raise OSError(errno.ENOSPC, "no space left on the disk", str(self._file.name))


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
        remedy="Delete its folder; the next run computes it again.",
    )
