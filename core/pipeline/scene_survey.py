"""The scenes of a workspace; each is inspected only once, unless its files change."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from core.artifacts.formats import read_json, read_table, write_json, write_table
from core.artifacts.store import Artifact, Step
from core.errors import ChangedInputError, ChipscapeError, WorkspaceError
from core.input_settings import SceneSettings
from core.pipeline.inputs.scene_files import (
    added_checksums,
    annotated_sources,
    checksum_of_input,
    files_of_scene,
    find_added_file,
    keyed_settings,
    settings_of_scene,
)
from core.pipeline.stage import Stage
from core.pipeline.workspace import Workspace
from core.progress import Progress, report_step, silent
from core.raster.annotations.footprints import Footprints, guess_class_attribute
from core.raster.annotations.vector_files import (
    find_annotations,
    find_shared_annotations,
    vector_file_parts,
)
from core.raster.geodesy import Ground
from core.raster.remote_scenes import is_remote, remote_fingerprint
from core.raster.scene import find_rasters
from core.raster.scene_report import SceneReport, count_by_attribute, inspect_scene

REPORT = "report.json"
GROUND = ("longitude", "latitude", "width", "height", "length", "breadth", "area", "heading")


@dataclass(frozen=True)
class SurveyedScene:
    """A scene of the workspace: its file, its report and its artifact."""

    path: Path
    report: SceneReport
    artifact: Artifact

    @property
    def usable(self) -> bool:
        """True if chips can be cut from the scene."""
        return self.report.ok and self.report.annotations > 0

    @property
    def present(self) -> bool:
        """True if the file is in raw/; a scene of a stored result may have been moved away."""
        return is_remote(self.path) or self.path.is_file()

    def properties(self) -> pd.DataFrame:
        """The attributes of the annotations, one row per footprint."""
        return _read_properties(self.artifact.folder)

    def footprints(self) -> Footprints:
        """Return the scene's footprints, as located when it was inspected."""
        self.artifact.require_intact()
        folder = self.artifact.folder
        table = read_table(folder / "footprints.parquet")
        return Footprints(
            pixels=_geometries(table["pixels"]),
            lonlat=_geometries(table["lonlat"]),
            ground=Ground(*(table[name].to_numpy(np.float64) for name in GROUND)),
            # Parquet does not store the number of rows of a table without columns.
            properties=read_table(folder / "properties.parquet").reindex(range(len(table))),
            index=table["annotation"].to_numpy(),
            cut_by_edge=table["cut_by_edge"].to_numpy(),
            repaired=self.report.repaired,
            skipped=self.report.skipped,
            notes=self.report.warnings,
        )


@dataclass(frozen=True)
class Survey:
    """All scenes of a workspace, sorted by name.

    `class_attribute` is the class attribute of all annotations: the requested one if any scene has
    it, else a guess; empty if no attribute looks like a class.
    """

    scenes: tuple[SurveyedScene, ...]
    seconds: float = 0.0
    class_attribute: str = ""

    @property
    def reports(self) -> tuple[SceneReport, ...]:
        """The reports of all scenes."""
        return tuple(scene.report for scene in self.scenes)

    @property
    def usable(self) -> tuple[SurveyedScene, ...]:
        """The scenes that chips can be cut from."""
        return tuple(scene for scene in self.scenes if scene.usable)

    @property
    def cached(self) -> bool:
        """True if every scene had been inspected before."""
        return all(scene.artifact.cached for scene in self.scenes)


@dataclass(frozen=True)
class _SceneFiles:
    """A scene with everything that its report depends on."""

    workspace: Workspace
    path: Path
    inputs: Mapping[str, Any]
    settings: SceneSettings
    shared: tuple[Path, ...]


def _inspect(scene: _SceneFiles, folder: Path, _: Progress) -> dict[str, Any]:
    path = scene.path
    only, added = bool(scene.inputs["only"]), find_added_file(scene.workspace, path)
    report, __, footprints = inspect_scene(
        path, scene.settings, scene.shared, is_only_scene=only, added_file=added
    )
    if not scene.inputs["alone"]:
        clash = f"{path.name}: another scene has the same name. Rename one of them."
        report, footprints = SceneReport(path.name, path.stem, error=clash), None
    write_json(folder / REPORT, report.as_table())
    if footprints is not None:
        columns = {
            "pixels": shapely.to_wkb(footprints.pixels),
            "lonlat": shapely.to_wkb(footprints.lonlat),
            "annotation": np.asarray(footprints.index, np.int64),
            "cut_by_edge": footprints.cut_by_edge,
        }
        columns |= {name: getattr(footprints.ground, name) for name in GROUND}
        write_table(folder / "footprints.parquet", pd.DataFrame(columns))
        write_table(folder / "properties.parquet", footprints.properties)
    return {"annotations": report.annotations, "ok": report.ok}


SCENES: Stage[_SceneFiles, SceneReport] = Stage(
    name="scenes",
    version=4,
    inputs=lambda scene: scene.inputs,
    compute=_inspect,
    load=lambda artifact: SceneReport.from_table(read_json(artifact.folder / REPORT)),
    sources=lambda scene: annotated_sources(scene.workspace, scene.path, scene.inputs),
    is_rechecked=True,
)


def survey_scenes(
    workspace: Workspace, report: Progress = silent, settings: SceneSettings | None = None
) -> Survey:
    """Inspect every scene in raw/ together with its annotations.

    The annotations of a scene are read from the vector file with the same name, apart from the
    suffix. If there is none, they are read from a vector file that covers the scene and is not
    named after any scene. If there is none either, the annotations are a grid of chips, provided
    that the settings request it. Annotations made in the app are added to those of the vector file.
    Raises Cancelled if `report` asks to stop; scenes inspected so far are kept.
    """
    started = time.perf_counter()
    settings = settings or SceneSettings()
    rasters = find_rasters(workspace.raw)
    stems = Counter(path.stem for path in rasters)
    shared = tuple(find_shared_annotations(workspace.raw, stems)) if rasters else ()
    files = [p for p in sorted(workspace.raw.iterdir()) if p.is_file()] if rasters else []
    scenes = []
    for n_inspected, path in enumerate(rasters):
        report_step(report, n_inspected, len(rasters), path.name)
        try:
            scene_files = _describe_files(workspace, path, files, stems, shared, settings)
            artifact = SCENES.make(workspace.store, scene_files, retry_failed=True)
            scenes.append(SurveyedScene(path, SCENES.open(artifact), artifact))
        except (ChangedInputError, OSError) as error:
            # The other scenes can still be used, and this one as soon as its files are complete.
            scenes.append(_unreadable_scene(workspace, path, error))
    workspace.checksums.save()
    report_step(report, len(rasters), len(rasters), "")
    seconds = time.perf_counter() - started
    return replace(count_classes(scenes, settings.class_property), seconds=seconds)


def _describe_files(
    workspace: Workspace,
    path: Path,
    files: Sequence[Path],
    stems: Mapping[str, int],
    shared: tuple[Path, ...],
    settings: SceneSettings,
) -> _SceneFiles:
    """Return a scene with everything that its report depends on; raises OSError if unreadable."""
    annotations, scene_settings = find_annotations(path), settings_of_scene(settings, path.name)
    parts = [part for file in shared for part in vector_file_parts(file)]
    n_rasters = sum(stems.values())
    inputs = {
        "files": {f.name: checksum_of_input(workspace, f) for f in files_of_scene(path, files)},
        "scene": path.name,
        "alone": stems[path.stem] == 1,
        "shared": {}
        if annotations
        else {part.name: checksum_of_input(workspace, part) for part in parts},
        "only": n_rasters == 1 and bool(shared) and annotations is None,
        "settings": keyed_settings(scene_settings),
        "remote": remote_fingerprint(path) if is_remote(path) else {},
        **added_checksums(workspace, path),
    }
    return _SceneFiles(workspace, path, inputs, scene_settings, shared)


def _unreadable_scene(workspace: Workspace, path: Path, error: Exception) -> SurveyedScene:
    """Return a scene that cannot be inspected now, with a verdict that is not stored."""
    reason = f"{path.name}: the file cannot be read ({error})."
    if isinstance(error, ChipscapeError):
        reason = str(error)
    step = Step(SCENES.name, SCENES.version, {"scene": path.name, "error": reason})
    manifest = {"inputs": step.inputs, "counts": {"annotations": 0, "ok": False}}
    folder = workspace.store.root / step.stage / step.key
    artifact = Artifact(step.stage, step.key, folder, manifest, cached=False)
    return SurveyedScene(path, SceneReport(path.name, path.stem, error=reason), artifact)


def count_classes(scenes: Sequence[SurveyedScene], requested: str = "") -> Survey:
    """Return a survey of scenes whose annotations are counted by one attribute in all scenes.

    The attribute is the requested one, or the guess if none is requested.
    """
    guess = guess_shared_attribute(scenes)
    attribute = requested or guess
    counted = tuple(
        replace(scene, report=_count_scene(scene.artifact.folder, attribute, guessed=not requested))
        if scene.report.annotations and attribute and attribute != scene.report.class_property
        else scene
        for scene in scenes
    )
    is_known = any(scene.report.class_property == requested for scene in counted)
    return Survey(counted, class_attribute=requested if requested and is_known else guess)


def guess_shared_attribute(scenes: Sequence[SurveyedScene]) -> str:
    """Return the attribute that most likely holds the class, judged by all annotations together.

    The pages of the app and the command line use this guess, so that they agree. It is empty if no
    attribute looks like a class.
    """
    return _guess_attribute(tuple(s.artifact.folder for s in scenes if s.report.annotations))


# The app surveys the scenes in each run of its script, so these results are kept.
@lru_cache(maxsize=64)
def _guess_attribute(folders: tuple[Path, ...]) -> str:
    tables = [_read_properties(folder) for folder in folders]
    return guess_class_attribute(pd.concat(tables, ignore_index=True)) if tables else ""


@lru_cache(maxsize=1024)
def _count_scene(folder: Path, attribute: str, *, guessed: bool) -> SceneReport:
    report = SceneReport.from_table(read_json(folder / REPORT))
    return count_by_attribute(report, _read_properties(folder), attribute, guessed=guessed)


def _read_properties(folder: Path) -> pd.DataFrame:
    file = folder / "properties.parquet"
    return read_table(file) if file.is_file() else pd.DataFrame()


def require_usable(workspace: Workspace, survey: Survey) -> None:
    """Raise WorkspaceError, with the reasons, if no scene has annotations."""
    if survey.usable:
        return
    if not survey.scenes:
        raise WorkspaceError(
            "no scenes (*.tif, *.tiff)",
            where=str(workspace.raw),
            remedy="Put GeoTIFFs there, each with a vector file of the same name next to it, "
            "or try `chipscape demo`.",
        )
    reasons = [
        f"{report.path}: {report.error or ' '.join(report.warnings) or 'no annotations'}"
        for report in survey.reports
    ]
    more = f" (and {len(reasons) - 3} more scenes)" if len(reasons) > 3 else ""
    raise WorkspaceError(
        "no scene has annotations that can be used",
        where=str(workspace.raw),
        remedy=" | ".join(reasons[:3]) + more,
    )


def _geometries(column: "pd.Series[Any]") -> Any:
    return np.asarray(shapely.from_wkb(column.to_numpy(dtype=object)), dtype=object)
