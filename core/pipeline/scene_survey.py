"""Scenes of a workspace, each looked at once and remembered by the content of its files."""

import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from core.artifacts.formats import read_json, read_table, write_json, write_table
from core.artifacts.store import Artifact, Step
from core.errors import WorkspaceError
from core.input_settings import SceneSettings
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent, step
from core.raster.annotations.footprints import Footprints
from core.raster.annotations.vector_files import find_annotations, find_shared, parts
from core.raster.geodesy import Ground
from core.raster.remote_scenes import fingerprint, is_remote
from core.raster.scene import find_rasters
from core.raster.scene_report import SceneReport, by_class, inspect
from core.raster.sidecars import beside, leads_out

VERSION = 3
GROUND = ("longitude", "latitude", "width", "height", "length", "breadth", "area", "heading")


@dataclass(frozen=True)
class FoundScene:
    """A scene of the workspace: where it lies, what was found, under which key."""

    path: Path
    report: SceneReport
    artifact: Artifact

    @property
    def usable(self) -> bool:
        """True if chips can be cut from it."""
        return self.report.ok and self.report.annotations > 0

    def properties(self) -> pd.DataFrame:
        """What the annotations say of themselves, a row a footprint."""
        file = self.artifact.folder / "properties.parquet"
        return read_table(file) if file.is_file() else pd.DataFrame()

    def by_class(self, name: str) -> "FoundScene":
        """The same scene, its annotations counted by another property than the one guessed."""
        if not name or not self.report.annotations:
            return self
        return replace(self, report=by_class(self.report, self.properties(), name))

    def footprints(self) -> Footprints:
        """The scene's footprints as they were placed when it was looked at."""
        folder = self.artifact.folder
        table = read_table(folder / "footprints.parquet")
        return Footprints(
            pixels=_geometries(table["pixels"]),
            lonlat=_geometries(table["lonlat"]),
            ground=Ground(*(table[name].to_numpy(np.float64) for name in GROUND)),
            # Parquet forgets the rows of a table without columns.
            properties=read_table(folder / "properties.parquet").reindex(range(len(table))),
            index=table["annotation"].to_numpy(),
            cut=table["cut_by_edge"].to_numpy(),
            repaired=self.report.repaired,
            skipped=self.report.skipped,
            notes=self.report.warnings,
        )


@dataclass(frozen=True)
class Survey:
    """All scenes of a workspace, by name."""

    scenes: tuple[FoundScene, ...]
    seconds: float

    @property
    def reports(self) -> tuple[SceneReport, ...]:
        """What was found, scene by scene."""
        return tuple(scene.report for scene in self.scenes)

    @property
    def usable(self) -> tuple[FoundScene, ...]:
        """The scenes that chips can be cut from."""
        return tuple(scene for scene in self.scenes if scene.usable)

    @property
    def cached(self) -> bool:
        """True if every scene was known already."""
        return all(scene.artifact.cached for scene in self.scenes)


def survey(
    workspace: Workspace, report: Progress = silent, settings: SceneSettings | None = None
) -> Survey:
    """Look at every scene in raw/ and its annotations.

    Those are the vector file of the scene's stem, else a file of no scene's stem with annotations
    in this place, else, where the settings ask for it, a grid.

    Raises
    ------
    Cancelled
        If the listener asked to stop; what was looked at is remembered.
    """
    begun = time.perf_counter()
    settings = settings or SceneSettings()
    # Chips depend on where the footprints lie, not on the property that counts them: it is no
    # part of the key, and another one makes nothing anew.
    placing = replace(settings, class_property="")
    rasters = find_rasters(workspace.raw)
    files = sorted(workspace.raw.iterdir()) if workspace.raw.is_dir() else []
    stems = Counter(path.stem for path in rasters)
    shared = find_shared(workspace.raw, stems) if rasters else []
    sums = {p.name: _checksum(workspace, p) for f in shared for p in parts(f)}
    found = []
    for done, path in enumerate(rasters):
        step(report, done, len(rasters), path.name)
        own = find_annotations(path)
        near = {f for f in files if f.name.startswith(f"{path.stem}.") and f.is_file()}
        if not is_remote(path):
            near |= set(beside(path))
        inputs = {
            "files": {f.name: _checksum(workspace, f) for f in sorted(near)},
            "scene": path.name,
            "alone": stems[path.stem] == 1,
            "shared": {} if own else sums,
            "only": len(rasters) == 1 and bool(shared) and own is None,
            "settings": asdict(placing),
            "remote": fingerprint(path) if is_remote(path) else {},
        }
        wanted = Step("scenes", VERSION, inputs)
        looked = _look(workspace, path, wanted, placing, shared)
        found.append(looked.by_class(settings.class_property))
    workspace.checksums.save()
    step(report, len(rasters), len(rasters), "")
    return Survey(tuple(found), time.perf_counter() - begun)


def require_usable(workspace: Workspace, found: Survey) -> None:
    """Refuse to go on without a scene that has annotations, and say why there is none.

    Raises
    ------
    WorkspaceError
    """
    if found.usable:
        return
    if not found.scenes:
        raise WorkspaceError(
            "no scenes (*.tif, *.tiff)",
            where=str(workspace.raw),
            remedy="Put GeoTIFFs there, each with a vector file of the same stem beside it, "
            "or try `chipscape demo`.",
        )
    reasons = [r.error or "; ".join(r.warnings) or "no annotations" for r in found.reports]
    more = f" (and {len(reasons) - 3} more scenes)" if len(reasons) > 3 else ""
    told = " | ".join(
        f"{r.path}: {why}" for r, why in zip(found.reports, reasons[:3], strict=False)
    )
    raise WorkspaceError(
        "no scene with annotations that can be used", where=str(workspace.raw), remedy=told + more
    )


def _checksum(workspace: Workspace, path: Path) -> str:
    """Of a link out of the folder, which is told and not followed, the name is all there is."""
    return "" if leads_out(path) else workspace.checksums.of(path)


def _look(
    workspace: Workspace, path: Path, wanted: Step, settings: SceneSettings, shared: list[Path]
) -> FoundScene:
    def compute(folder: Path) -> dict[str, Any]:
        only = bool(wanted.inputs["only"])
        found, _, footprints = inspect(path, settings, shared, only=only)
        if not wanted.inputs["alone"]:
            found = SceneReport(
                path=path.name,
                name=path.stem,
                error=f"{path.name}: another scene has the same stem. Rename one of them.",
            )
            footprints = None
        write_json(folder / "report.json", found.as_table())
        if footprints is not None:
            _write_footprints(folder, footprints)
        return {"annotations": found.annotations, "ok": found.ok}

    artifact = workspace.store.make(wanted, compute)
    found = SceneReport.from_table(read_json(artifact.folder / "report.json"))
    return FoundScene(path, found, artifact)


def _write_footprints(folder: Path, footprints: Footprints) -> None:
    columns: dict[str, Any] = {
        "pixels": shapely.to_wkb(footprints.pixels),
        "lonlat": shapely.to_wkb(footprints.lonlat),
        "annotation": np.asarray(footprints.index, np.int64),
        "cut_by_edge": footprints.cut,
    }
    columns |= {name: getattr(footprints.ground, name) for name in GROUND}
    write_table(folder / "footprints.parquet", pd.DataFrame(columns))
    write_table(folder / "properties.parquet", footprints.properties)


def _geometries(column: "pd.Series[Any]") -> Any:
    return np.asarray(shapely.from_wkb(column.to_numpy(dtype=object)), dtype=object)
