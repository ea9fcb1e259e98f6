"""The file of the land-cover regions that the user labelled in a workspace."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from core.artifacts.integrity import file_stamp, read_versioned_json, write_sealed_json
from core.errors import ArtifactError
from core.land.data.nomenclature import Legend
from core.land.labelling.label_regions import (
    RegionHistory,
    regions_from_document,
    regions_to_document,
)
from core.pipeline.results.current_file import results_lock
from core.pipeline.workspace import Workspace

FORMAT = 1
REMEDY = "Restore the file from a copy, or rename it; the regions then begin anew."


def regions_path(workspace: Workspace) -> Path:
    """Return the path of the file of labelled regions."""
    return workspace.root / "land" / "regions.json"


def regions_stamp(workspace: Workspace) -> tuple[int, int] | None:
    """Return numbers that change with the regions; None if there is no file."""
    return file_stamp(regions_path(workspace))


def load_regions(workspace: Workspace, legend: Legend) -> RegionHistory:
    """Load the regions; without any, the classes are those of a data set's legend.

    Raises ArtifactError if the file is damaged or of another version.
    """
    stamp = regions_stamp(workspace)
    if stamp is None:
        return RegionHistory(legend.listed)
    return _read_regions(regions_path(workspace), *stamp)


def change_regions(
    workspace: Workspace, legend: Legend, change: Callable[[RegionHistory], RegionHistory]
) -> RegionHistory:
    """Change the regions and return them; only one process at a time changes the file."""
    with results_lock(workspace.results):
        former = load_regions(workspace, legend)
        history = change(former)
        if history != former:
            document = {"format": FORMAT, **regions_to_document(history)}
            write_sealed_json(regions_path(workspace), document)
    return history


@lru_cache(maxsize=8)
def _read_regions(path: Path, _changed: int, _size: int) -> RegionHistory:
    try:
        return regions_from_document(read_versioned_json(path, FORMAT))
    except (ArtifactError, KeyError, TypeError) as error:
        reason = error.__cause__ or getattr(error, "problem", error)
        problem = f"the labelled regions cannot be read ({reason})"
        raise ArtifactError(problem, where=str(path), remedy=REMEDY) from error
