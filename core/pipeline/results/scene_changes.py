"""Scenes of a stored result that have been moved away or changed since it was computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.artifacts.store import Artifact
from core.pipeline.inputs.scene_files import (
    added_checksums,
    added_file,
    checksum_of_input,
    files_of_scene,
)
from core.pipeline.results.stored_view import scene_keys
from core.pipeline.scene_survey import SCENES, Survey
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.raster.annotations.vector_files import vector_file_parts
from core.raster.scene import find_rasters

ChangeKind = Literal["missing", "annotations missing", "changed", "confirmed"]
# The largest number of files that a sentence names.
MOST_NAMES = 3


@dataclass(frozen=True)
class SceneChange:
    """A scene whose files are not those from which its chips were cut.

    Attributes
    ----------
    scene : str
        File name of the scene.
    kind : {"missing", "annotations missing", "changed", "confirmed"}
        "missing" if the scene is no longer in raw/, "annotations missing" if its vector file is
        not, and "changed" if any other file of the scene was replaced, added or removed.
        "confirmed" if only the annotations that the user made in the app have changed.
    files : tuple of str
        Names of the files concerned, sorted.
    """

    scene: str
    kind: ChangeKind
    files: tuple[str, ...]


def find_scene_changes(view: View) -> list[SceneChange]:
    """Compare the files in raw/ with those from which the chips of a view were cut.

    Scenes that were added later are no changes, and the settings of the scenes play no part. A
    remote scene is compared by its name only.
    """
    workspace = view.workspace
    rasters = {path.name: path for path in find_rasters(workspace.raw)}
    files = [p for p in sorted(workspace.raw.iterdir()) if p.is_file()] if rasters else []
    changes = []
    for key in scene_keys(
        workspace, [artifact.key for artifact in view.artifacts.get("chips", ())]
    ):
        artifact = workspace.store.get(SCENES.name, key)
        if artifact is not None:
            path = rasters.get(str(artifact.manifest["inputs"]["scene"]))
            changes += _compare_files(workspace, artifact, path, files)
    workspace.checksums.save()
    return changes


def find_added_scenes(view: View, survey: Survey) -> list[str]:
    """Return the file names of the usable scenes of a survey from which the view has no chips."""
    existing = {scene.report.path for scene in view.survey.usable}
    return [s.report.path for s in survey.usable if s.report.path not in existing]


def describe_scene_changes(changes: Sequence[SceneChange]) -> list[str]:
    """Return sentences on the changed scenes and on what cannot be displayed without the files."""
    sentences = []
    if missing := [change.scene for change in changes if change.kind == "missing"]:
        verb, its, files = "is", "Its", "the file"
        if len(missing) > 1:
            verb, its, files = "are", "Their", "the files"
        sentences.append(
            f"{list_file_names(missing)} {verb} no longer in raw/. {its} chips, clusters and "
            "points are still displayed, because they are stored. The map and the surroundings of "
            f"the chips need {files}."
        )
    if confirmed := [change.scene for change in changes if change.kind == "confirmed"]:
        sentences.append(
            f"Objects have been confirmed on {list_file_names(confirmed)}, or taken back, since "
            "the chips were cut. The next run includes them."
        )
    for change in changes:
        names, several = list_file_names(change.files), len(change.files) > 1
        if change.kind == "annotations missing":
            sentences.append(
                f"{names}, from which the chips of {change.scene} were cut, "
                f"{'are' if several else 'is'} no longer in raw/. The chips are still displayed, "
                "because they are stored."
            )
        elif change.kind == "changed":
            sentences.append(
                f"{names} {'have' if several else 'has'} changed since the chips of {change.scene} "
                "were cut. Chips, clusters and points show the earlier state; the map and the "
                "surroundings show the current file."
            )
    return sentences


def _compare_files(
    workspace: Workspace, artifact: Artifact, path: Path | None, files: Sequence[Path]
) -> list[SceneChange]:
    """Return the change of one scene, if any, given its path and all files in raw/."""
    inputs, raw = artifact.manifest["inputs"], workspace.raw
    scene, vector = str(inputs["scene"]), SCENES.open(artifact).annotation_file
    if path is None:
        return [SceneChange(scene, "missing", (scene,))]
    recorded = dict(inputs["files"])
    # Of the files shared by several scenes, only the one that was used matters.
    if vector in inputs["shared"]:
        stem = Path(vector).stem
        recorded |= {n: c for n, c in inputs["shared"].items() if Path(n).stem == stem}
    added = added_checksums(workspace, path).get("added")
    is_added = "added" in inputs and vector == f"{workspace.annotations.name}/{path.stem}.geojson"
    if vector and not is_added and not (raw / vector).is_file():
        return [SceneChange(scene, "annotations missing", (vector,))]
    current = {file.name: file for file in files_of_scene(path, files)}
    if vector in inputs["shared"]:
        current |= {part.name: part for part in vector_file_parts(raw / vector)}
    changed = {
        name
        for name in recorded.keys() | current.keys()
        if name not in current or recorded.get(name) != checksum_of_input(workspace, current[name])
    }
    if added != inputs.get("added") and not changed:
        return [SceneChange(scene, "confirmed", (added_file(workspace, path).name,))]
    return [SceneChange(scene, "changed", tuple(sorted(changed)))] if changed else []


def list_file_names(names: Sequence[str]) -> str:
    """Return names as part of a sentence; of many names, the first three and a count."""
    if len(names) > MOST_NAMES:
        return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
