"""Overviews of scenes, built on request so that the map is quick at every scale."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.artifacts.store import Artifact
from core.errors import SettingsError
from core.input_settings import DisplaySettings
from core.pipeline.scene_survey import Survey, SurveyedScene
from core.pipeline.stage import Stage
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.raster.rendering import displayed_band_positions, stretch_percentiles
from core.raster.scene import Scene, read_scene
from core.raster.tiles import TileSource, display_limits, needs_overviews, write_overviews


@dataclass(frozen=True)
class _Overviews:
    """The bands of a scene that its overviews hold."""

    scene_key: str
    scene: Scene
    bands: tuple[str, ...]


def _write(overviews: _Overviews, folder: Path, report: Progress) -> dict[str, Any]:
    write_overviews(overviews.scene, overviews.bands, folder / "overviews.tif", report)
    return {"bands": list(overviews.bands)}


OVERVIEWS: Stage[_Overviews, Path] = Stage(
    name="overviews",
    version=1,
    inputs=lambda overviews: {"scene": overviews.scene_key, "bands": overviews.bands},
    compute=_write,
    open=lambda artifact: artifact.folder / "overviews.tif",
)


def displayed_bands(scene: Scene, display: DisplaySettings) -> tuple[str, ...]:
    """Return the bands shown as red, green and blue: the user's, or those guessed."""
    return tuple(scene.bands[index] for index in displayed_band_positions(scene.bands, display))


def has_overviews(workspace: Workspace, scene: SurveyedScene, display: DisplaySettings) -> bool:
    """Return True if a scene's overviews have been built, or it needs none."""
    overviews = _overviews_of(scene, display)
    built = OVERVIEWS.find(workspace.store, overviews) is not None
    return built or not needs_overviews(overviews.scene)


def build_all_overviews(
    workspace: Workspace,
    survey: Survey,
    display: DisplaySettings,
    report: Progress = silent,
    names: tuple[str, ...] = (),
) -> dict[str, str]:
    """Build the overviews of the scenes that need them.

    Parameters
    ----------
    workspace : Workspace
    survey : Survey
    display : DisplaySettings
    report : Progress
    names : tuple of str
        The scenes; empty for all that can be read.

    Returns
    -------
    dict of str
        "built", "there already" or "not needed", by scene.

    Raises
    ------
    SettingsError
        If there is no scene of that name, or none with these bands.
    SceneError
        If part of a scene cannot be read.
    Cancelled
        If the listener asked to stop; scenes that were finished are kept.
    """
    readable = {scene.report.name: scene for scene in survey.scenes if scene.report.ok}
    if unknown := [name for name in names if name not in readable]:
        raise SettingsError(
            f"there is no scene {unknown[0]!r} that can be read",
            where="--scene",
            remedy=f"Scenes there are: {', '.join(readable) or 'none'}.",
        )
    names = names or tuple(readable)
    if names and not any(set(display.bands) <= set(readable[n].report.bands) for n in names):
        raise SettingsError(
            f"no scene has the bands {', '.join(display.bands)}",
            where="--shown",
            remedy=f"{names[0]} has {', '.join(readable[names[0]].report.bands)}.",
        )
    states = {}
    for name in names:
        artifact = build_overviews(workspace, readable[name], display, report)
        if artifact is None:
            states[name] = "not needed"
        else:
            states[name] = "there already" if artifact.cached else "built"
    return states


def build_overviews(
    workspace: Workspace, scene: SurveyedScene, display: DisplaySettings, report: Progress = silent
) -> Artifact | None:
    """Find or build a scene's overviews; None if it needs none.

    Raises
    ------
    SceneError
        If part of the scene cannot be read.
    Cancelled
        If the listener asked to stop.
    """
    overviews = _overviews_of(scene, display)
    if not needs_overviews(overviews.scene):
        return None
    return OVERVIEWS.make(workspace.store, overviews, report)


def open_tile_source(
    workspace: Workspace, scene: SurveyedScene, display: DisplaySettings
) -> TileSource:
    """Open a scene for drawing tiles, with its overviews if they have been built."""
    overviews = _overviews_of(scene, display)
    file = OVERVIEWS.read(workspace.store, overviews)
    percentiles = stretch_percentiles(display)
    limits = display_limits(overviews.scene, overviews.bands, percentiles, file)
    return TileSource(overviews.scene, overviews.bands, limits, file)


def _overviews_of(scene: SurveyedScene, display: DisplaySettings) -> _Overviews:
    header = read_scene(scene.path)
    return _Overviews(scene.artifact.key, header, displayed_bands(header, display))
