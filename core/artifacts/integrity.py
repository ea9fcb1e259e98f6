"""Checksums that find damaged files: of the data files of artifacts, and of single documents.

CRC-32 finds every change of up to 32 adjacent bits, and all but one in four billion of other
changes. It protects from damaged disks, not from attackers, who could change the checksum too.
"""

import json
import re
import tomllib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from core.artifacts.formats import damaged_error, write_atomically
from core.errors import ArtifactError

_CHUNK = 1 << 20
# The last entry of a sealed JSON document; the name may be damaged as well.
_JSON_SEAL = re.compile(rb',\s{2}"(.{8})": "(.{8})"\s\}\Z', re.DOTALL)
_TOML_SEAL = re.compile(r"\n# checksum: ([0-9a-f]{8})\n\Z")


def sealed_json(document: Mapping[str, Any]) -> str:
    """Return a document as JSON text that ends with a checksum of the text before it."""
    text = json.dumps(document, indent=1, default=list)
    return f'{text[:-2]},\n "checksum": "{zlib.crc32(text.encode()):08x}"\n}}'


def read_sealed_json(path: Path) -> Any:
    """Read a document written as `sealed_json`, or without a checksum by an earlier version.

    Raises ArtifactError if it is missing or damaged.
    """
    try:
        content = path.read_bytes()
        document = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise damaged_error(path, error) from error
    if seal := _JSON_SEAL.search(content):
        body = content[: seal.start()] + b"\n}"
        checksum = f"{zlib.crc32(body):08x}".encode()
        if seal[1] != b"checksum" or seal[2] != checksum:
            raise damaged_error(path, ValueError("its checksum is wrong"))
    return document


def read_versioned_json(path: Path, version: int) -> Any:
    """Read a document as `read_sealed_json` whose entry "format" is its version.

    Raises ArtifactError as well if it is of another version, and KeyError or TypeError if it states
    none.
    """
    document = read_sealed_json(path)
    if document["format"] != version:
        raise ArtifactError("it is from another version of Chipscape", where=str(path))
    return document


def file_stamp(path: Path) -> tuple[int, int] | None:
    """Return numbers that change with a file, for the keys of caches; None if it is missing."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def write_sealed_toml(path: Path, document: Mapping[str, Any]) -> Path:
    """Write a TOML document atomically, followed by a comment with its checksum."""
    text = tomli_w.dumps(document)
    return write_atomically(path, f"{text}\n# checksum: {zlib.crc32(text.encode()):08x}\n")


def read_sealed_toml(path: Path) -> dict[str, Any]:
    """Read a TOML document; raises OSError or ValueError if it is missing or damaged."""
    text = path.read_text(encoding="utf-8")
    seal = _TOML_SEAL.search(text)
    if seal and seal[1] != f"{zlib.crc32(text[: seal.start()].encode()):08x}":
        raise ValueError("it is damaged, or was edited without deleting its last line")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("its tables are nested too deeply") from error


def write_sealed_json(path: Path, document: Mapping[str, Any], *, durable: bool = True) -> Path:
    """Write a document as `sealed_json` atomically; see `write_atomically` for `durable`."""
    return write_atomically(path, sealed_json(document), durable=durable)


def file_mark(path: Path) -> tuple[int, int, int]:
    """Return size, modification time and change time of a file, times in nanoseconds.

    Programs can set the modification time, but not the change time (on Windows, this is the time
    of creation).
    """
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def file_crc(path: Path) -> str:
    """Return the CRC-32 of a file's content, 8 hexadecimal digits."""
    checksum = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(_CHUNK):
            checksum = zlib.crc32(block, checksum)
    return f"{checksum:08x}"


def describe_files(folder: Path, except_name: str) -> dict[str, dict[str, Any]]:
    """Return size, checksum and times of every file of a folder, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): {"crc32": file_crc(path), **_size_and_times(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != except_name
    }


def find_damaged_files(
    folder: Path, files: Mapping[str, Mapping[str, Any]], *, trust_times: bool = False
) -> dict[str, str]:
    """Return what is wrong with files, given the result of `describe_files`, by their path.

    With `trust_times`, files whose size and times have not changed are not read.
    """
    damaged = {}
    for name, entry in files.items():
        path = folder / name
        try:
            current = _size_and_times(path)
            if trust_times and current.items() <= entry.items():
                continue
            if current["bytes"] != entry["bytes"]:
                damaged[name] = f"it has {current['bytes']} bytes instead of {entry['bytes']}"
            elif file_crc(path) != entry["crc32"]:
                damaged[name] = "its content has changed since it was written"
        except OSError as error:
            damaged[name] = str(error.strerror or error).lower()
    return damaged


def with_current_times(
    folder: Path, files: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the description of intact files with their current times, such as those of a copy."""
    return {name: {**entry, **_size_and_times(folder / name)} for name, entry in files.items()}


def _size_and_times(path: Path) -> dict[str, Any]:
    n_bytes, *times = file_mark(path)
    return {"bytes": n_bytes, "times": times}
