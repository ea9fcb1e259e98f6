"""Keys: hashes of everything that affects a result."""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.artifacts.integrity import file_mark, read_sealed_json, write_sealed_json
from core.errors import ArtifactError

log = logging.getLogger(__name__)

KEY_LENGTH = 20
# Two changes within one tick of a file system's clock give a file the same times. Most file systems
# tick at least 100 times per second; FAT, the coarsest in use, stores times in steps of 2 seconds.
_TICK_SECONDS, _COARSE_TICK_SECONDS = 0.02, 2.0


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
    """Checksums of input files, reused while a file's mark is unchanged; see `file_mark`.

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
        name, mark = str(path.resolve()), list(file_mark(path))
        trusted = not self._verify or name in self._fresh
        if trusted and name in self._entries and self._entries[name][:-1] == mark:
            return str(self._entries[name][-1])
        is_settled = _await_tick(max(mark[1:]))
        # The mark is that before reading: a change in the meantime makes the entry invalid.
        checksum = file_checksum(path)
        self._entries[name] = [*(mark if is_settled else ()), checksum]
        self._fresh.add(name)
        return checksum

    def save(self) -> None:
        """Write the ledger if any file was read."""
        if self._fresh:
            write_sealed_json(self._ledger, self._entries)


def _await_tick(changed: int) -> bool:
    """Wait until a later change of a file gives it another time; False if that takes too long.

    `changed` is the time of the file's latest change in nanoseconds.
    """
    age = (time.time_ns() - changed) / 1e9
    if changed % 10**9 == 0 and 0 <= age < _COARSE_TICK_SECONDS:
        return False
    if 0 <= age < _TICK_SECONDS:
        time.sleep(_TICK_SECONDS - age)
    return True


def _read_ledger(ledger: Path) -> dict[str, list[Any]]:
    """Return the entries of the ledger; empty if it is damaged, since files can be read again."""
    try:
        entries = read_sealed_json(ledger) if ledger.is_file() else {}
    except ArtifactError as error:
        log.warning("The checksums of all inputs are computed again: %s", error)
        return {}
    if not isinstance(entries, dict):
        return {}
    return {name: entry for name, entry in entries.items() if isinstance(entry, list)}
