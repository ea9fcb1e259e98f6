"""Overviews of scenes, built on request so that the map responds quickly at every scale."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.artifacts.row_target import FileTarget
from core.artifacts.store import Artifact
from core.compute.dask_cluster import active_client
from core.compute.work_streams import map_groups
from core.compute.worker_results import await_result, submit_call
from core.errors import SettingsError
from core.input_settings import DisplaySettings
from core.pipeline.inputs.scene_files import scene_sources
from core.pipeline.scene_survey import Survey, SurveyedScene
from core.pipeline.stage import Stage
from core.pipeline.workspace import Workspace
from core.progress import Progress, report_step, silent
from core.raster.rendering import Rendering, displayed_band_positions
from core.raster.scene import Scene, read_scene
from core.raster.tiles import TileSource, needs_overviews, write_overviews


@dataclass(frozen=True)
class _Overviews:
    """A scene, its artifact, and the bands that its overviews contain."""

    workspace: Workspace
    artifact: Artifact
    scene: Scene
    bands: tuple[str, ...]


def _write(overviews: _Overviews, folder: Path, report: Progress) -> dict[str, Any]:
    file, client = folder / "overviews.tif", active_client()
    if client is None:
        write_overviews(overviews.scene, overviews.bands, file, report)
    else:
        _write_on_worker(client, overviews, FileTarget.create(file), report)
    return {"bands": list(overviews.bands)}


def _write_on_worker(
    client: Any, overviews: _Overviews, target: FileTarget, report: Progress
) -> None:
    """Let a worker read the scene and write its overviews."""
    scene = overviews.scene
    future = submit_call(client, _fill_target, target, scene, overviews.bands)
    try:
        # Asks whether to stop; how far the worker is, is not known.
        poll = partial(report_step, report, 0, scene.height, scene.name)
        target.collect(await_result(client, future, poll))
    except BaseException:
        future.cancel()
        raise
    report_step(report, scene.height, scene.height, scene.name)


def _fill_target(target: FileTarget, scene: Scene, bands: tuple[str, ...]) -> str:
    """Write the overviews of a scene on a worker; returns the receipt of the file."""
    return target.write(partial(write_overviews, scene, bands))


OVERVIEWS: Stage[_Overviews, Path] = Stage(
    name="overviews",
    version=1,
    inputs=lambda overviews: {"scene": overviews.artifact.key, "bands": overviews.bands},
    compute=_write,
    load=lambda artifact: artifact.folder / "overviews.tif",
    sources=lambda overviews: scene_sources(
        overviews.workspace, overviews.scene.path, overviews.artifact.manifest["inputs"]
    ),
)


def has_overviews(workspace: Workspace, scene: SurveyedScene, display: DisplaySettings) -> bool:
    """Return True if a scene's overviews have been built or are not needed."""
    overviews = _overviews_of(workspace, scene, display)
    built = OVERVIEWS.find(workspace.store, overviews) is not None
    return built or not needs_overviews(overviews.scene)


def build_all_overviews(
    workspace: Workspace,
    survey: Survey,
    display: DisplaySettings,
    report: Progress = silent,
    names: tuple[str, ...] = (),
) -> dict[str, str]:
    """Build the overviews of the named scenes, by default of all scenes that can be read.

    Returns "built", "there already" or "not needed" for each scene. Raises SettingsError if a
    name belongs to no readable scene, or if no scene has the displayed bands; SceneError if part of
    a scene cannot be read; and Cancelled if `report` asks to stop. Finished overviews are kept.
    """
    readable = {scene.report.name: scene for scene in survey.scenes if scene.report.ok}
    if unknown := [name for name in names if name not in readable]:
        raise SettingsError(
            f"there is no scene {unknown[0]!r} that can be read",
            where="--scene",
            remedy=f"Readable scenes: {', '.join(readable) or 'none'}.",
        )
    names = names or tuple(readable)
    if names and not any(set(display.bands) <= set(readable[n].report.bands) for n in names):
        raise SettingsError(
            f"no scene has the bands {', '.join(display.bands)}",
            where="--shown",
            remedy=f"{names[0]} has {', '.join(readable[names[0]].report.bands)}.",
        )

    def build(name: str, listen: Progress) -> str:
        artifact = build_overviews(workspace, readable[name], display, listen)
        built = "there already" if artifact and artifact.cached else "built"
        return built if artifact else "not needed"

    sizes = [readable[name].report.height for name in names]
    return dict(zip(names, map_groups(build, names, sizes, report), strict=True))


def build_overviews(
    workspace: Workspace, scene: SurveyedScene, display: DisplaySettings, report: Progress = silent
) -> Artifact | None:
    """Find or build the overviews of a scene; None if the scene needs none."""
    overviews = _overviews_of(workspace, scene, display)
    if not needs_overviews(overviews.scene):
        return None
    return OVERVIEWS.make(workspace.store, overviews, report)


def open_tile_source(
    workspace: Workspace, scene: SurveyedScene, rendering: Rendering
) -> TileSource:
    """Open a scene for rendering tiles, with its overviews if they have been built."""
    overviews = _Overviews(workspace, scene.artifact, read_scene(scene.path), rendering.bands)
    file = OVERVIEWS.read(workspace.store, overviews)
    return TileSource(overviews.scene, overviews.bands, rendering.limits, file)


def _overviews_of(
    workspace: Workspace, scene: SurveyedScene, display: DisplaySettings
) -> _Overviews:
    header = read_scene(scene.path)
    positions = displayed_band_positions(header.bands, display)
    bands = tuple(header.bands[i] for i in positions)
    return _Overviews(workspace, scene.artifact, header, bands)
