"""What a scene is inspected from: its files in raw/, their checksums, and its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.artifacts.integrity import file_mark
from core.input_settings import GridSettings, SceneSettings
from core.pipeline.stage import changed_input_error
from core.pipeline.workspace import Workspace
from core.raster.remote_scenes import annotation_folder, is_remote, remote_fingerprint
from core.raster.sidecars import is_outside_link, sidecar_files


def files_of_scene(path: Path, files: Sequence[Path]) -> list[Path]:
    """Return the files of raw/ that belong to a scene, sorted: itself, annotations and sidecars."""
    nearby = {file for file in files if file.name.startswith(f"{path.stem}.")}
    return sorted(nearby if is_remote(path) else nearby | set(sidecar_files(path)))


def checksum_of_input(workspace: Workspace, path: Path) -> str:
    """Return a file's checksum; empty for a link to another folder, which is never followed.

    A file that cannot be read has the reason instead: the scene's report says so.
    """
    try:
        return "" if is_outside_link(path) else workspace.checksums.of(path)
    except OSError as error:
        return f"unreadable: {error.strerror}"


def added_file(workspace: Workspace, path: Path) -> Path:
    """Return the path of the file with the annotations that the user made on a scene in the app."""
    return workspace.annotations / f"{path.stem}.geojson"


def find_added_file(workspace: Workspace, path: Path) -> Path | None:
    """Return the file with the annotations made on a scene in the app; None if there is none."""
    file = added_file(workspace, path)
    return file if file.is_file() else None


def added_checksums(workspace: Workspace, path: Path) -> dict[str, str]:
    """Return the checksum of the annotations made on a scene, as an input; empty without any."""
    file = find_added_file(workspace, path)
    return {"added": checksum_of_input(workspace, file)} if file else {}


def annotated_sources(workspace: Workspace, path: Path, inputs: Mapping[str, Any]) -> list[Any]:
    """Return the state of a scene's files, as `scene_sources`, and of the annotations made on it.

    Raises ChangedInputError if they are no longer the files that were inspected.
    """
    if added_checksums(workspace, path).get("added") != inputs.get("added"):
        raise changed_input_error(added_file(workspace, path).name)
    return scene_sources(workspace, path, inputs)


def scene_sources(workspace: Workspace, path: Path, inputs: Mapping[str, Any]) -> list[Any]:
    """Return the state of the files of an inspected scene, given its artifact's inputs.

    Raises ChangedInputError if they are no longer the files that were inspected.
    """
    # Scenes to be assigned may be in another folder than raw/.
    raw = annotation_folder(path)
    recorded, states = {**inputs["files"], **inputs["shared"]}, []
    for name, checksum in recorded.items():
        if checksum_of_input(workspace, raw / name) != checksum:
            raise changed_input_error(name)
        try:
            states.append(file_mark(raw / name) if checksum else ())
        except OSError:
            # A broken link, for example; its checksum says that it cannot be read.
            states.append(())
    if inputs.get("remote"):
        if remote_fingerprint(path) != inputs["remote"]:
            raise changed_input_error(str(inputs["scene"]))
    elif added := {file.name for file in sidecar_files(path)} - recorded.keys():
        raise changed_input_error(min(added))
    return states


def settings_of_scene(settings: SceneSettings, scene: str) -> SceneSettings:
    """Return the settings that affect how one scene is inspected.

    The class attribute decides how annotations are counted, not where they are. It is left out, so
    that scenes are not inspected again when another attribute is chosen.
    """
    grid = settings.grid
    if grid.scenes:
        # A scene that the grid was not chosen for is inspected as if there were none.
        grid = replace(grid, scenes=()) if grid.covers(scene) else GridSettings()
    return SceneSettings(grid=grid)


def keyed_settings(settings: SceneSettings) -> dict[str, Any]:
    """Return settings as plain values; without the list of scenes, which earlier keys lack."""
    values = asdict(settings)
    del values["grid"]["scenes"]
    return values
