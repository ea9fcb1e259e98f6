"""The few formats that artifacts are kept in; none of them can carry code."""

import errno
import json
import math
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from core.errors import ArtifactError
from core.types import AnyArray, IntArray


def write_json(path: Path, document: Any) -> None:
    """Write JSON under a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{token_hex(4)}.part")
    part.write_text(json.dumps(document, indent=1, default=list), encoding="utf-8")
    part.replace(path)


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises
    ------
    ArtifactError
        If the file is missing or damaged.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error


def write_array(path: Path, values: AnyArray) -> None:
    """Write one array as .npy."""
    np.save(path, np.ascontiguousarray(values), allow_pickle=False)


def create_array(path: Path, shape: tuple[int, ...], dtype: str) -> AnyArray:
    """An array on disk, mapped for writing, zeros at first."""
    array: AnyArray = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)
    return array


class RowFile:
    """An array on disk whose rows are written in any order; zeros at first.

    Nothing is mapped: what is written leaves the process's memory, and a full disk is an error
    where a map would end the process.

    Parameters
    ----------
    path : Path
    shape : tuple of int
        Rows first.
    dtype : str
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str) -> None:
        self._dtype = np.dtype(dtype)
        row_bytes = math.prod(shape[1:]) * self._dtype.itemsize
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        # Unbuffered: rows come one whole chip at a time, seldom one behind the other.
        self._file = path.open("wb", buffering=0)
        np.lib.format.write_array_header_1_0(self._file, header)
        self._start, self._row_bytes = self._file.tell(), row_bytes
        self._file.truncate(self._start + shape[0] * row_bytes)

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, rows: IntArray, values: AnyArray) -> None:
        """Write values, (len(rows), ...), as these rows.

        Raises
        ------
        OSError
            If the disk is full.
        """
        for row, value in zip(
            rows.tolist(), np.ascontiguousarray(values, self._dtype), strict=True
        ):
            self._file.seek(self._start + row * self._row_bytes)
            if self._file.write(value.data) != self._row_bytes:
                raise OSError(errno.ENOSPC, "no space left on the disk", str(self._file.name))


def read_array(path: Path, *, mapped: bool = False) -> AnyArray:
    """Read one .npy, mapped into memory where it may be large; never a pickle.

    Raises
    ------
    ArtifactError
        If the file is missing, damaged, or would need a pickle.
    """
    try:
        if mapped:
            mapping: AnyArray = np.lib.format.open_memmap(path, mode="r")
            return mapping
        with path.open("rb") as file:
            array: AnyArray = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, error) from error
    return array


def write_arrays(path: Path, arrays: Mapping[str, AnyArray]) -> None:
    """Write named arrays as files of a folder, so that equal content is equal in bytes."""
    path.mkdir(parents=True, exist_ok=True)
    for name, values in sorted(arrays.items()):
        write_array(path / f"{name}.npy", values)


def read_arrays(path: Path) -> dict[str, AnyArray]:
    """Read what `write_arrays` wrote."""
    return {file.stem: read_array(file) for file in sorted(path.glob("*.npy"))}


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet; columns of mixed types become text."""
    plain_table(table).to_parquet(path, index=False)


def plain_table(table: pd.DataFrame) -> pd.DataFrame:
    """The table with names that are text, and columns of mixed types as text."""
    plain = table.copy()
    plain.columns = [str(name) for name in plain.columns]
    for name in plain.columns:
        if not _fits_parquet(plain[name]):
            plain[name] = plain[name].map(str, na_action="ignore")
    return plain


def _fits_parquet(column: "pd.Series[Any]") -> bool:
    """True if the values are of one kind, or all numbers, that Parquet can hold."""
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
    """Read a table.

    Raises
    ------
    ArtifactError
        If the file is missing or damaged.
    """
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> ArtifactError:
    """The one answer to an artifact that cannot be read."""
    return ArtifactError(
        f"cannot be read ({error})",
        where=str(path),
        remedy="Delete its folder; the next run computes it again.",
    )
