"""The vector file of a scene: the file with its stem, or else the first matching shared file."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from core.errors import AnnotationError, ChipscapeError, convert_errors
from core.raster.annotations.feature_table import PIXELS, Annotations
from core.raster.annotations.footprints import (
    NOT_DEGREES,
    OUTSIDE,
    Footprints,
    boxes_may_touch,
    place_annotations,
)
from core.raster.annotations.vector_files import read_annotations, vector_file_parts
from core.raster.scene import Scene
from core.types import DoubleArray

FileVersion = tuple[tuple[str, int, int], ...]
Match = tuple[Footprints, str]
"""The footprints of a scene and the name of the file that they come from."""
UNPLACED = "the annotations cannot be placed on the scene"


def match_annotations(
    scene: Scene,
    vector: Path | None,
    shared_files: Sequence[Path],
    warnings: list[str],
    *,
    is_only_scene: bool,
) -> Match | None:
    """Return the footprints of a scene and the name of their file; None if no file has any.

    `vector` is the file with the scene's stem. If there is none, the shared files, which belong to
    no single scene, are searched. Sentences on assumptions, and on files that are not used, are
    appended to `warnings`. `is_only_scene` is True if the folder holds no other scene.
    """
    if vector:
        try:
            annotations = read_annotations(vector)
            with convert_errors(AnnotationError, vector.name, UNPLACED):
                selection = annotations.for_scene(scene.name)
                footprints = place_annotations(scene, selection)
        except ChipscapeError as error:
            warnings.append(str(error))
            return None
        if len(annotations) and not len(selection):
            warnings += [*footprints.notes, _other_scenes_note(vector.name, annotations)]
        else:
            warnings += footprint_notes(footprints, len(selection))
        return footprints, vector.name
    n_before = len(warnings)
    match, reasons = _match_shared(scene, shared_files, warnings, is_only_scene)
    if match is None:
        # `reasons` and new warnings already explain why some of the files are not used.
        n_unexplained = len(shared_files) - len(reasons) - (len(warnings) - n_before)
        suffix = ", and no other vector file has annotations on it" if n_unexplained else ""
        warnings.append(
            "The scene has no annotations: there is no vector file such as "
            f"{scene.name}.geojson next to it{suffix}."
        )
        warnings += reasons
    return match


def _match_shared(
    scene: Scene, shared_files: Sequence[Path], warnings: list[str], is_only_scene: bool
) -> tuple[Match | None, list[str]]:
    """Return the match with the first shared file, and reasons why others have no annotations here.

    Faults of the files themselves are appended to `warnings`.
    """
    match: Match | None = None
    reasons: list[str] = []
    for vector in shared_files:
        try:
            with convert_errors(AnnotationError, vector.name, UNPLACED):
                if match:
                    if _has_any(scene, vector, is_only_scene):
                        warnings.append(
                            f"{vector.name} also has annotations on this scene but is not used: "
                            "each scene uses one vector file."
                        )
                    continue
                annotations = _read_shared(vector)
                _refuse_ambiguous(scene, annotations, vector, is_only_scene)
                selection = annotations.for_scene(scene.name)
                footprints = place_annotations(scene, selection)
        except ChipscapeError as error:
            warnings.append(str(error))
            continue
        if len(footprints):
            warnings.append(_match_note(footprints, annotations, vector.name))
            warnings += footprint_notes(footprints, len(selection))
            match = footprints, vector.name
        elif annotations.scene_names and not len(selection):
            reasons.append(_other_scenes_note(vector.name, annotations))
        elif reason := _unmatched_reason(footprints, vector.name):
            # The file may belong to other scenes. If it cannot belong to any, the file is at fault.
            is_fault = OUTSIDE not in footprints.skipped or NOT_DEGREES in footprints.notes
            (warnings if is_fault else reasons).append(reason)
    return match, reasons


def _match_note(footprints: Footprints, annotations: Annotations, name: str) -> str:
    """Return a note on the match; annotations on other scenes no longer count as skipped."""
    n = len(footprints)
    if annotations.scene_names:
        return f"Annotations were matched by scene name: {n} from {name}."
    if annotations.crs == PIXELS:
        return f"The annotations of {name} are in pixels and were assigned to the only scene."
    n_outside = footprints.skipped.pop(OUTSIDE, 0)
    remainder = f", {n_outside} elsewhere" if n_outside else ""
    return f"Annotations were matched by location: {n} from {name} on this scene{remainder}."


def _unmatched_reason(footprints: Footprints, name: str) -> str:
    """Return why a shared file has no annotations on the scene; empty if all lie elsewhere."""
    if not footprints.skipped:
        return f"{name} holds no features."
    if not footprints.notes and list(footprints.skipped) == [OUTSIDE]:
        return ""
    counts = "; ".join(f"{n} {reason}" for reason, n in footprints.skipped.items())
    return " ".join([f"{name} has no annotations on this scene ({counts}).", *footprints.notes])


def _other_scenes_note(name: str, annotations: Annotations) -> str:
    """Return a sentence on the scenes that a file's rows name instead of this one."""
    names = sorted({scene_name for scene_name in annotations.scene_names if scene_name})
    examples = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    subject = f"{name}: none of its {len(annotations)} annotations names"
    return f"{subject} this scene; they name {examples}." if examples else f"{subject} a scene."


def _refuse_ambiguous(
    scene: Scene, annotations: Annotations, vector: Path, is_only_scene: bool
) -> None:
    """Refuse annotations that could belong to any scene."""
    if annotations.scene_names or is_only_scene or not len(annotations):
        return
    if annotations.crs == PIXELS:
        reason = "its pixel coordinates could belong to any scene"
    elif not scene.crs and scene.transform.is_identity:
        reason = "this scene has no georeference to match them by"
    else:
        return
    column = ", or add a column 'scene'" if vector.suffix.lower() == ".csv" else ""
    raise AnnotationError(
        f"the file is not used, because {reason}",
        where=vector.name,
        remedy=f"Rename it to {scene.name}{vector.suffix}{column}.",
    )


def _has_any(scene: Scene, vector: Path, is_only_scene: bool) -> bool:
    """Return True if a shared file has annotations on the scene; bounds are compared first."""
    crs, scene_names, bounds = _read_extent(vector, _file_version(vector))
    may_touch = boxes_may_touch(scene, crs, bounds)
    if scene_names:
        may_touch &= np.array([name == scene.name for name in scene_names])
    if not may_touch.any():
        return False
    annotations = _read_shared(vector)
    _refuse_ambiguous(scene, annotations, vector, is_only_scene)
    geometries = annotations.geometries[may_touch]
    properties = pd.DataFrame(index=range(len(geometries)))
    candidates = Annotations(geometries, properties, annotations.crs)
    return len(place_annotations(scene, candidates)) > 0


def _file_version(path: Path) -> FileVersion:
    """Return the name, modification time and size of each part of a file, to detect changes."""
    stats = [(part.name, part.stat()) for part in vector_file_parts(path)]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def _read_shared(path: Path) -> Annotations:
    """Read a shared file; the result is cached for other scenes."""
    return _read_version(path, _file_version(path))


@lru_cache(maxsize=4)
def _read_version(path: Path, _version: FileVersion) -> Annotations:
    return read_annotations(path)


@lru_cache(maxsize=256)
def _read_extent(path: Path, version: FileVersion) -> tuple[str, tuple[str, ...], DoubleArray]:
    """Return the CRS, scene names and bounds of a file, which often suffice to rule it out."""
    annotations = _read_version(path, version)
    bounds = shapely.bounds(annotations.geometries).reshape(-1, 4)
    return annotations.crs, annotations.scene_names, bounds


def footprint_notes(footprints: Footprints, total: int, noun: str = "annotations") -> list[str]:
    """Return sentences on assumptions, and on repairs and omissions among `total` annotations."""
    notes = list(footprints.notes)
    if n := footprints.repaired:
        noun_and_verb = "footprint was" if n == 1 else "footprints were"
        notes.append(f"{n} self-intersecting {noun_and_verb} repaired.")
    notes += [f"{n} of {total} {noun} skipped: {why}." for why, n in footprints.skipped.items()]
    if n := int(footprints.cut_by_edge.sum()):
        notes.append(f"{n / len(footprints):.1%} of the footprints cross the scene's edge.")
    if total == 0 and noun == "annotations":
        notes.append("The annotation file holds no features.")
    elif total == 0:
        notes.append(f"The {noun} are larger than the scene.")
    return notes
