"""Removal of a scene from a workspace: its files are moved aside, never deleted."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import WorkspaceError
from core.pipeline.inputs.scene_files import files_of_scene
from core.pipeline.workspace import Workspace
from core.raster.importing.file_placement import move_into_place, set_file_aside
from core.raster.remote_scenes import LIST, is_remote
from core.raster.scene import find_rasters


@dataclass(frozen=True)
class RemovedScene:
    """A scene that was removed, with the new path of each of its files by file name."""

    scene: str
    files: dict[str, Path]


def list_scene_files(workspace: Workspace, scene: str) -> list[Path]:
    """Return the files in raw/ that belong to a scene alone: itself, annotations and sidecars.

    `scene` is the scene's file name. Raises WorkspaceError if the scene is not a file in raw/.
    """
    rasters = {path.name: path for path in find_rasters(workspace.raw)}
    path = rasters.get(scene)
    if path is None or is_remote(path):
        remedy = f"Remove its address from {LIST}." if path else "Reload the page."
        raise WorkspaceError("this is not a file in raw/", where=scene, remedy=remedy)
    files = [file for file in sorted(workspace.raw.iterdir()) if file.is_file()]
    # harbour.2020.tif belongs to another scene than harbour.tif, as do the files named after it.
    stems = [f"{other.stem}." for other in rasters.values() if len(other.stem) > len(path.stem)]
    return [
        file
        for file in files_of_scene(path, files)
        if file == path or (file not in rasters.values() and not file.name.startswith(tuple(stems)))
    ]


def remove_scene(workspace: Workspace, scene: str) -> RemovedScene:
    """Move a scene, its annotations and its sidecar files to the folder of replaced files.

    `scene` is the scene's file name. Vector files that several scenes share stay where they are.
    Stored results are not changed. Raises WorkspaceError if a file cannot be moved; files moved
    before are then moved back.
    """
    moved: dict[str, Path] = {}
    try:
        for file in list_scene_files(workspace, scene):
            moved[file.name] = set_file_aside(file, workspace.replaced)
    except OSError as error:
        restore_scene(workspace, RemovedScene(scene, moved))
        raise WorkspaceError(
            f"the file cannot be moved to {workspace.replaced} ({error.strerror})", where=scene
        ) from error
    return RemovedScene(scene, moved)


def restore_scene(workspace: Workspace, removed: RemovedScene) -> None:
    """Move the files of a removed scene back to raw/.

    Raises WorkspaceError, and moves nothing, if raw/ has a file of the same name or if one of the
    files no longer exists.
    """
    for name, path in removed.files.items():
        if (workspace.raw / name).exists() or not path.is_file():
            problem = "no longer exists" if not path.is_file() else "has been replaced in raw/"
            raise WorkspaceError(
                f"{removed.scene} cannot be put back, because the file {problem}",
                where=str(path),
                remedy="Copy the files into raw/ by hand.",
            )
    for name, path in removed.files.items():
        move_into_place(path, workspace.raw / name)
        path.unlink(missing_ok=True)
