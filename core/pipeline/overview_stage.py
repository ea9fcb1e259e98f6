"""Scenes made ready for the map: overviews built on request, beside the artifacts."""

from pathlib import Path
from typing import Any

from core.artifacts.store import Artifact, Step
from core.errors import SettingsError
from core.input_settings import DisplaySettings
from core.pipeline.scene_survey import FoundScene, Survey
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.raster.rendering import percentiles
from core.raster.rendering import shown_bands as positions
from core.raster.scene import Scene, read_scene
from core.raster.tiles import TileSource, display_ends, needs_overviews, write_overviews

VERSION = 1
OVERVIEWS = "overviews.tif"


def shown_bands(scene: Scene, display: DisplaySettings) -> tuple[str, ...]:
    """The bands that show as red, green and blue: the user's, or those guessed."""
    return tuple(scene.bands[i] for i in positions(scene.bands, display))


def overviews_step(found: FoundScene, bands: tuple[str, ...]) -> Step:
    """The overviews of some bands of a scene."""
    return Step("overviews", VERSION, {"scene": found.artifact.key, "bands": bands})


def has_overviews(workspace: Workspace, found: FoundScene, display: DisplaySettings) -> bool:
    """True if a scene's overviews were built, or it needs none."""
    scene = read_scene(found.path)
    step = overviews_step(found, shown_bands(scene, display))
    return not needs_overviews(scene) or workspace.store.find(step) is not None


def all_overviews(
    workspace: Workspace,
    found: Survey,
    display: DisplaySettings,
    report: Progress = silent,
    names: tuple[str, ...] = (),
) -> dict[str, str]:
    """Build the overviews of scenes that need them: what was done, by scene.

    Parameters
    ----------
    workspace : Workspace
    found : Survey
    display : DisplaySettings
    report : Progress
    names : tuple of str
        Scenes to look at; empty for all that can be read.

    Returns
    -------
    dict of str
        "built", "there already" or "not needed".

    Raises
    ------
    SettingsError
        If there is no scene of that name, or none with these bands.
    SceneError
        If a scene cannot be read somewhere.
    Cancelled
        If the listener asked to stop; scenes that were finished are kept.
    """
    readable = {scene.report.name: scene for scene in found.scenes if scene.report.ok}
    if missing := [name for name in names if name not in readable]:
        known = ", ".join(readable) or "none"
        raise SettingsError(
            f"there is no scene {missing[0]!r} that can be read",
            where="--scene",
            remedy=f"Scenes there are: {known}.",
        )
    wanted = names or tuple(readable)
    if wanted and not any(set(display.bands) <= set(readable[n].report.bands) for n in wanted):
        raise SettingsError(
            f"no scene has the bands {', '.join(display.bands)}",
            where="--shown",
            remedy=f"{wanted[0]} has {', '.join(readable[wanted[0]].report.bands)}.",
        )
    done = {}
    for name in wanted:
        made = overviews(workspace, readable[name], display, report)
        done[name] = "not needed" if made is None else "there already" if made.cached else "built"
    return done


def overviews(
    workspace: Workspace, found: FoundScene, display: DisplaySettings, report: Progress = silent
) -> Artifact | None:
    """Find or build a scene's overviews; None where it needs none.

    Raises
    ------
    SceneError
        If the scene cannot be read somewhere.
    Cancelled
        If the listener asked to stop.
    """
    scene = read_scene(found.path)
    if not needs_overviews(scene):
        return None
    bands = shown_bands(scene, display)

    def compute(folder: Path) -> dict[str, Any]:
        write_overviews(scene, bands, folder / OVERVIEWS, report)
        return {"bands": list(bands)}

    return workspace.store.make(overviews_step(found, bands), compute)


def tile_source(workspace: Workspace, found: FoundScene, display: DisplaySettings) -> TileSource:
    """A scene ready to be drawn, from its overviews where those were built."""
    scene = read_scene(found.path)
    bands = shown_bands(scene, display)
    made = workspace.store.find(overviews_step(found, bands))
    smaller = made.folder / OVERVIEWS if made else None
    ends = display_ends(scene, bands, percentiles(display), smaller)
    return TileSource(scene, bands, ends, smaller)
