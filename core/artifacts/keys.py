"""Keys: hashes of everything that affects a result."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.errors import ArtifactError

log = logging.getLogger(__name__)

KEY_LENGTH = 20


def make_key(stage: str, version: int, inputs: Mapping[str, Any]) -> str:
    """Return the key of a stage's result, 20 hexadecimal digits.

    The version must be increased when the stage's code gives a different result for the same
    inputs. The inputs are settings that affect the result, checksums and upstream keys, as plain
    JSON values.
    """
    text = json.dumps([stage, version, inputs], sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Checksums:
    """Checksums of input files, reused while a file's size and modification time are unchanged.

    The ledger is a JSON file that keeps the checksums between runs. With `verify`, every file is
    read once, even if the ledger contains its checksum.
    """

    def __init__(self, ledger: Path, *, verify: bool = False) -> None:
        self._ledger = ledger
        self._verify = verify
        self._entries = _read_ledger(ledger)
        self._fresh: set[str] = set()

    def of(self, path: Path) -> str:
        """Return the checksum of one file."""
        name, status = str(path.resolve()), path.stat()
        mark = [status.st_size, status.st_mtime_ns]
        trusted = not self._verify or name in self._fresh
        if trusted and name in self._entries and self._entries[name][:2] == mark:
            return str(self._entries[name][2])
        checksum = file_checksum(path)
        self._entries[name] = [*mark, checksum]
        self._fresh.add(name)
        return checksum

    def save(self) -> None:
        """Write the ledger if any file was read."""
        if self._fresh:
            write_json(self._ledger, self._entries)


def _read_ledger(ledger: Path) -> dict[str, list[Any]]:
    """Return the entries of the ledger; empty if it is damaged, since files can be read again."""
    try:
        entries = read_json(ledger) if ledger.is_file() else {}
    except ArtifactError as error:
        log.warning("The checksums of all inputs are computed again: %s", error)
        return {}
    return entries if isinstance(entries, dict) else {}
