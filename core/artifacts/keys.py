"""Keys: the hash of everything that changes an answer."""

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
    """The key of a stage's result.

    Parameters
    ----------
    stage : str
    version : int
        Raised when the stage's code gives another answer for the same inputs.
    inputs : mapping
        Settings that change the answer, checksums, upstream keys: plain JSON values.
    """
    text = json.dumps([stage, version, inputs], sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def file_checksum(path: Path) -> str:
    """SHA-256 of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Checksums:
    """Checksums of input files, kept by size and modification time.

    Parameters
    ----------
    ledger : Path
        Where they are kept between runs.
    verify : bool
        Read every file again, whatever the ledger says.
    """

    def __init__(self, ledger: Path, *, verify: bool = False) -> None:
        self._ledger = ledger
        self._verify = verify
        self._known = _read_ledger(ledger)
        self._fresh: set[str] = set()

    def of(self, path: Path) -> str:
        """The checksum of one file."""
        name, status = str(path.resolve()), path.stat()
        mark = [status.st_size, status.st_mtime_ns]
        trusted = not self._verify or name in self._fresh
        if trusted and name in self._known and self._known[name][:2] == mark:
            return str(self._known[name][2])
        checksum = file_checksum(path)
        self._known[name] = [*mark, checksum]
        self._fresh.add(name)
        return checksum

    def save(self) -> None:
        """Keep what was learnt."""
        if self._fresh:
            write_json(self._ledger, self._known)


def _read_ledger(ledger: Path) -> dict[str, list[Any]]:
    """What is kept; nothing where the ledger is damaged, as the files can be read again."""
    try:
        known = read_json(ledger) if ledger.is_file() else {}
    except ArtifactError as error:
        log.warning("checksums are taken anew: %s", error)
        return {}
    return known if isinstance(known, dict) else {}
