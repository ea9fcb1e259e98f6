"""Arrays and files that workers of a cluster read and write, in a shared folder or object store.

Workers that see the folder of the workspace open its files. Others use the exchange, a folder in an
object store: the process that started them moves rows between the exchange and the workspace, one
block at a time.
"""

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from core.artifacts.formats import RowFile, read_array, write_atomically
from core.compute.dask_cluster import exchange_folder, is_worker
from core.types import AnyArray, IntArray


@dataclass(frozen=True)
class RowTarget:
    """An .npy file that workers write rows of, and the address of the exchange, if there is one."""

    file: Path
    exchange: str = ""

    @classmethod
    def create(cls, file: Path, shape: tuple[int, ...], dtype: str) -> "RowTarget":
        """Create a file of zeros, for the workers of the connected cluster or for threads."""
        with RowFile(file, shape, dtype):
            return cls(file, exchange_folder())

    def write(self, rows: IntArray, values: AnyArray) -> str:
        """Write rows, on any worker; returns what `collect` needs to know."""
        if not self.exchange:
            with RowFile.continued(self.file) as target:
                target.write(rows, values)
                if is_worker():
                    # The other machine cannot wait for this one's disk when it records the block.
                    target.sync()
            return ""
        return put_array(self.exchange, values) if len(rows) else ""

    def collect(self, rows: IntArray, receipt: str) -> None:
        """Move the rows that a worker has written to the file, if they are not there yet."""
        if receipt:
            with RowFile.continued(self.file) as target:
                target.write(rows, take_array(receipt))


@dataclass(frozen=True)
class FileTarget:
    """A file that a worker writes as a whole, and the address of the exchange, if there is one."""

    file: Path
    exchange: str = ""

    @classmethod
    def create(cls, file: Path) -> "FileTarget":
        """Return the target for a worker of the connected cluster; writes nothing."""
        return cls(file, exchange_folder())

    def write(self, fill: Callable[[Path], object]) -> str:
        """Let `fill` write the file, on any worker; returns what `collect` needs to know.

        `fill` receives the path to write to.
        """
        if not self.exchange:
            # A worker that was given up may still write the file when another one does.
            write_atomically(self.file, fill, durable=False)
            return ""
        address = f"{self.exchange}/{uuid4().hex}{self.file.suffix}"
        system, path = _locate(address)
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / self.file.name
            fill(local)
            system.put_file(str(local), path)
        return address

    def collect(self, receipt: str) -> None:
        """Move the file that a worker has written to its place, if it is not there yet."""
        if receipt:
            system, path = _locate(receipt)
            write_atomically(
                self.file, lambda part: system.get_file(path, str(part)), durable=False
            )
            system.rm(path)


@dataclass(frozen=True)
class ArraySource:
    """An .npy file, or a range of its rows, for a worker; with an exchange, a copy's address."""

    file: Path
    start: int = 0
    stop: int | None = None
    address: str = ""

    @classmethod
    def share(cls, file: Path, start: int = 0, stop: int | None = None) -> "ArraySource":
        """Return a source that the workers of the connected cluster can read."""
        exchange = exchange_folder()
        address = ""
        if exchange:
            address = put_array(exchange, read_array(file, mapped=True)[start:stop])
        return cls(file, start, stop, address)

    def read(self) -> AnyArray:
        """Return the array, on any worker; memory-mapped if it is in a shared folder."""
        if self.address:
            return _load(self.address)
        return read_array(self.file, mapped=True)[self.start : self.stop]

    def discard(self) -> None:
        """Delete the copy in the exchange."""
        if self.address:
            system, path = _locate(self.address)
            system.rm(path)


def put_array(exchange: str, values: AnyArray) -> str:
    """Write an array to a new object of the exchange and return its address."""
    address = f"{exchange}/{uuid4().hex}.npy"
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(values), allow_pickle=False)
    system, path = _locate(address)
    system.pipe_file(path, buffer.getvalue())
    return address


def take_array(address: str) -> AnyArray:
    """Read an array from the exchange and delete it there."""
    values = _load(address)
    system, path = _locate(address)
    system.rm(path)
    return values


def _load(address: str) -> AnyArray:
    system, path = _locate(address)
    return np.asarray(np.load(io.BytesIO(system.cat_file(path)), allow_pickle=False))


def _locate(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    folder, _, name = address.rpartition("/")
    system, path = _file_system(folder)
    return system, f"{path}/{name}"


@lru_cache(maxsize=4)
def _file_system(folder: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    system, path = url_to_fs(folder)
    return system, str(path)
