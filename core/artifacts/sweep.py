"""Deleting artifacts that are no longer needed: mark and sweep over the manifests of a store."""

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from core.artifacts.formats import read_json
from core.artifacts.keys import KEY_LENGTH
from core.artifacts.store import MANIFEST, PARTIAL, SWEEP_LOCK, Store, unwritable_store_error
from core.errors import ArtifactError, WorkspaceError

_HEX = frozenset("0123456789abcdef")
_DELETED = "deleted-"


@dataclass(frozen=True)
class StoredArtifact:
    """A finished artifact and the keys that its manifest names among its inputs."""

    stage: str
    key: str
    folder: Path
    inputs: frozenset[str] = frozenset()


def stored_folders(store: Store) -> dict[str, Path]:
    """Return the folder of every finished artifact of a store by its key, sorted by stage."""
    manifests = sorted(store.root.glob(f"*/*/{MANIFEST}"))
    folders = [path.parent for path in manifests if path.parts[-3] != PARTIAL]
    return {folder.name: folder for folder in folders}


def list_stored(store: Store) -> list[StoredArtifact]:
    """Return the finished artifacts of all stages of a store, sorted by stage.

    An artifact with a damaged manifest has no inputs.
    """
    stored = []
    for key, folder in stored_folders(store).items():
        try:
            manifest = read_json(folder / MANIFEST)
        except ArtifactError:
            manifest = {}
        inputs = manifest.get("inputs") if isinstance(manifest, dict) else None
        keys = frozenset(find_keys(inputs)) - {key}
        stored.append(StoredArtifact(folder.parent.name, key, folder, keys))
    return stored


def find_keys(value: Any) -> Iterator[str]:
    """Yield every text in nested mappings and lists that has the form of an artifact's key."""
    if isinstance(value, str):
        if len(value) == KEY_LENGTH and _HEX.issuperset(value):
            yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from find_keys(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from find_keys(part)


def find_unneeded(
    stored: Iterable[StoredArtifact],
    roots: Collection[str],
    results: Collection[str],
    by_products: Collection[str],
) -> list[StoredArtifact]:
    """Return the artifacts that can be deleted.

    Needed are the roots, the artifacts of stages that are neither in `results` nor in
    `by_products`, and everything that a needed artifact was computed from. By-products are also
    needed while everything that they were computed from is needed.

    Parameters
    ----------
    stored : iterable of StoredArtifact
        All artifacts of the store.
    roots : collection of str
        Keys that are needed. They need not exist: a by-product of a result that was displayed
        without being stored names the key that the result would have.
    results, by_products : collection of str
        Names of the stages whose artifacts may be deleted.
    """
    by_key = {artifact.key: artifact for artifact in stored}
    swept = {*results, *by_products}
    pending = [*roots, *(key for key, item in by_key.items() if item.stage not in swept)]
    needed: set[str] = set()
    while pending:
        key = pending.pop()
        if key not in needed:
            needed.add(key)
            pending += by_key[key].inputs if key in by_key else ()
    candidates = [item for item in by_key.values() if item.stage in by_products]
    while additions := {a.key for a in candidates if a.inputs <= needed} - needed:
        needed |= additions
    return [artifact for artifact in by_key.values() if artifact.key not in needed]


def find_dependants(store: Store, key: str) -> list[StoredArtifact]:
    """Return the artifacts that were computed from an artifact, directly or indirectly."""
    stored, dependants = list_stored(store), {key}
    while additions := {a.key for a in stored if a.inputs & dependants} - dependants:
        dependants |= additions
    return [artifact for artifact in stored if artifact.key in dependants - {key}]


def list_leftovers(store: Store) -> list[Path]:
    """Return the folders of artifacts that were never finished, or not deleted completely."""
    folder = store.root / PARTIAL
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


@contextmanager
def exclusive_access(store: Store) -> Iterator[None]:
    """Keep other processes from computing artifacts until the block ends.

    Raises WorkspaceError if a process is computing artifacts, or if the store is not writable.
    """
    folder = store.root / PARTIAL
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SWEEP_LOCK).touch()
    except OSError as error:
        raise unwritable_store_error(store, error) from error
    with FileLock(folder / SWEEP_LOCK):
        for path in folder.glob("*.lock"):
            if path.name != SWEEP_LOCK:
                _require_free(store, path)
        yield


def _require_free(store: Store, path: Path) -> None:
    # The file of a killed process stays, because another process may be waiting for it.
    try:
        with FileLock(path, timeout=0):
            pass
    except Timeout as error:
        raise WorkspaceError(
            "another process is computing results, so nothing was deleted",
            where=str(store.root),
            remedy="Wait until it has ended, or cancel the job, then try again.",
        ) from error


def delete_folders(store: Store, folders: Iterable[Path]) -> None:
    """Delete folders of a store; call it inside `exclusive_access`.

    Each folder is moved away first, so that an interruption leaves no incomplete artifact.
    """
    for folder in folders:
        target = folder
        if folder.parent.name != PARTIAL:
            target = store.root / PARTIAL / f"{_DELETED}{folder.name}-{uuid4().hex[:8]}"
            folder.replace(target)
        shutil.rmtree(target)


def folder_bytes(folder: Path) -> int:
    """Return the space that the files of a folder take on the disk, in bytes."""
    files = [folder] if folder.is_file() else folder.rglob("*")
    return sum(_disk_bytes(path.stat()) for path in files if path.is_file())


def _disk_bytes(status: os.stat_result) -> int:
    # The masks of earlier versions are sparse files, which take less space than their length. A
    # block is 512 bytes (POSIX).
    blocks = getattr(status, "st_blocks", None)
    return int(status.st_size if blocks is None else 512 * blocks)
