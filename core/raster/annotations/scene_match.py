"""Which vector file serves a scene: its own, else the first shared one with any on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from core.errors import AnnotationError, ChipscapeError
from core.raster.annotations.feature_table import PIXELS, Annotations
from core.raster.annotations.footprints import NO_DEGREES, OUTSIDE, Footprints, may_touch, place
from core.raster.annotations.vector_files import parts, read_annotations
from core.raster.scene import Scene
from core.types import DoubleArray

Mark = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class _Outline:
    """What tells, without the file, that it has nothing on a scene."""

    crs: str
    scenes: tuple[str, ...]
    bounds: DoubleArray


def match(
    scene: Scene, own: Path | None, shared: Sequence[Path], warnings: list[str], *, only: bool
) -> tuple[Footprints, str] | None:
    """The scene's footprints and the name of the file they come from; None where no file has any.

    Parameters
    ----------
    scene : Scene
    own : Path, optional
        The vector file of the scene's stem.
    shared : sequence of Path
        Files that belong to no one scene, looked into where there is no `own`.
    warnings : list of str
        Added to: what was assumed, and why a file is not used.
    only : bool
        True for the only scene of its folder.
    """
    if own:
        try:
            annotations = read_annotations(own)
        except ChipscapeError as error:
            warnings.append(str(error))
            return None
        mine = annotations.of(scene.name)
        footprints = place(scene, mine)
        if len(annotations) and not len(mine):
            warnings += [*footprints.notes, _for_others(own.name, annotations)]
        else:
            warnings += in_words(footprints, len(mine))
        return footprints, own.name
    before = len(warnings)
    found, elsewhere = _first(scene, shared, warnings, only)
    if found is None:
        # Each file that has a reason of its own tells it.
        untold = len(shared) - len(elsewhere) - (len(warnings) - before)
        nowhere = ", and none of the others has any on it" if untold else ""
        beside = f"no annotations: no vector file named {scene.name}.geojson beside it"
        warnings += [beside + nowhere, *elsewhere]
    return found


def _first(
    scene: Scene, shared: Sequence[Path], warnings: list[str], only: bool
) -> tuple[tuple[Footprints, str] | None, list[str]]:
    """The first shared file with any on the scene, and of each other one why it has none."""
    found: tuple[Footprints, str] | None = None
    elsewhere: list[str] = []
    for vector in shared:
        try:
            if found:
                if _has_any(scene, vector, only):
                    warnings.append(
                        f"{vector.name} also has annotations on this scene: not used, "
                        "one file serves a scene"
                    )
                continue
            annotations = _read_shared(vector)
            _refuse_placeless(scene, annotations, vector, only)
        except ChipscapeError as error:
            warnings.append(str(error))
            continue
        mine = annotations.of(scene.name)
        footprints = place(scene, mine)
        if len(footprints):
            warnings += _matched(footprints, annotations, vector.name)
            warnings += in_words(footprints, len(mine))
            found = footprints, vector.name
        elif annotations.scenes and not len(mine):
            elsewhere.append(_for_others(vector.name, annotations))
        elif words := _unplaced(footprints, vector.name):
            # All elsewhere is no fault of the file; nothing anywhere is, whoever else has some.
            faulty = OUTSIDE not in footprints.skipped or NO_DEGREES in footprints.notes
            (warnings if faulty else elsewhere).append(words)
    return found, elsewhere


def _matched(footprints: Footprints, annotations: Annotations, name: str) -> list[str]:
    """How the annotations of a shared file came to this scene; those elsewhere are not missed."""
    n = len(footprints)
    if annotations.scenes:
        return [f"annotations matched by name: {n} of {name} name this scene"]
    if annotations.crs == PIXELS:
        return [f"annotations of {name} are in pixels: taken for the only scene"]
    outside = footprints.skipped.pop(OUTSIDE, 0)
    words = f"annotations matched by place: {n} of {name} lie on the scene"
    return [words + (f", {outside} elsewhere" if outside else "")]


def _unplaced(footprints: Footprints, name: str) -> str:
    """Why a shared file has nothing on the scene; empty where all of it just lies elsewhere."""
    assumed = list(footprints.notes)
    counted = [f"{n} {why}" for why, n in footprints.skipped.items()]
    if not footprints.skipped:
        return f"{name} holds no features"
    told = [*assumed, *counted]
    plain = not assumed and list(footprints.skipped) == [OUTSIDE]
    return "" if plain else f"{name} has none on this scene: {'; '.join(told)}"


def _for_others(name: str, annotations: Annotations) -> str:
    """What a file's rows name instead of this scene."""
    names = sorted({one for one in annotations.scenes if one})
    some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{name}: none of its {len(annotations)} annotations names this scene" + (
        f", they name {some}" if some else ", nor any other"
    )


def _refuse_placeless(scene: Scene, annotations: Annotations, vector: Path, only: bool) -> None:
    """Refuse pixels that may be meant for any scene."""
    in_pixels = annotations.crs == PIXELS
    nowhere = not scene.crs and scene.transform.is_identity
    if annotations.scenes or only or not len(annotations) or not (in_pixels or nowhere):
        return
    column = ", or give it a column 'scene'" if vector.suffix.lower() == ".csv" else ""
    raise AnnotationError(
        "is not used: "
        + ("pixels have no place" if in_pixels else "the scene has no place")
        + ", so which scene is meant is not known",
        where=vector.name,
        remedy=f"Name the file {scene.name}{vector.suffix}{column}.",
    )


def _has_any(scene: Scene, vector: Path, only: bool) -> bool:
    """True if a shared file has annotations on the scene; it is read only where its boxes do."""
    outline = _outline_at(vector, _mark(vector))
    near = may_touch(scene, outline.crs, outline.bounds)
    if outline.scenes:
        near &= np.array([name == scene.name for name in outline.scenes])
    if not near.any():
        return False
    annotations = _read_shared(vector)
    _refuse_placeless(scene, annotations, vector, only)
    rows = np.flatnonzero(near)
    properties = pd.DataFrame(index=range(len(rows)))
    return bool(
        len(place(scene, Annotations(annotations.geometries[rows], properties, annotations.crs)))
    )


def _mark(path: Path) -> Mark:
    """What tells one version of a file, and of its parts, from the next."""
    stats = [(part.name, part.stat()) for part in parts(path)]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def _read_shared(path: Path) -> Annotations:
    """A file that scene after scene asks for, read once."""
    return _read_at(path, _mark(path))


@lru_cache(maxsize=4)
def _read_at(path: Path, _version: Mark) -> Annotations:
    return read_annotations(path)


@lru_cache(maxsize=256)
def _outline_at(path: Path, version: Mark) -> _Outline:
    read = _read_at(path, version)
    return _Outline(read.crs, read.scenes, shapely.bounds(read.geometries).reshape(-1, 4))


def in_words(footprints: Footprints, total: int, what: str = "annotations") -> list[str]:
    """What was assumed, mended and left out, a sentence each."""
    words = list(footprints.notes)
    if footprints.repaired:
        n = footprints.repaired
        what_crossed = "footprint crossed itself" if n == 1 else "footprints crossed themselves"
        words.append(f"{n} {what_crossed}: repaired")
    words += [f"{n} of {total} {what} skipped: {why}" for why, n in footprints.skipped.items()]
    if cut := int(footprints.cut.sum()):
        words.append(f"{cut / len(footprints):.1%} of footprints cross the scene's edge")
    if total == 0:
        nothing = "the annotation file holds no features"
        words.append(nothing if what == "annotations" else f"the {what} are larger than the scene")
    return words
