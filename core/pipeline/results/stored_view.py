"""Views of results that were computed earlier, opened by the keys of their artifacts."""

import dataclasses
from collections.abc import Mapping, Sequence

from core.artifacts.store import Artifact
from core.clusters.methods.method_table import method_of
from core.pipeline.chip_stages import CHIPS
from core.pipeline.cluster_stages import PROJECTION, REDUCTION
from core.pipeline.embedding_stages import EMBEDDINGS, ENCODER_FITS
from core.pipeline.run_stages import RUN_STAGES, with_artifacts
from core.pipeline.scene_survey import SCENES, Survey, SurveyedScene, count_classes
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

KeyTable = Mapping[str, Sequence[str]]
"""The keys of the artifacts of each run stage, as a run record holds them."""


def list_keys(view: View) -> dict[str, tuple[str, ...]]:
    """Return the keys of a view's artifacts by stage, with which `open_view` opens it again."""
    return {stage: tuple(a.key for a in artifacts) for stage, artifacts in view.artifacts.items()}


def open_view(workspace: Workspace, settings: RunSettings, keys: KeyTable) -> View:
    """Return a view of stored artifacts; the files in raw/ are neither needed nor read.

    The survey consists of the scenes as they were inspected for this result. Its paths may no
    longer exist, see `core.pipeline.results.scene_changes`. A stage with a missing artifact, and
    the stages that depend on it, are left out of the view, and its `reason` names that stage.
    """
    view = View(workspace, settings, Survey(()))
    for stage in RUN_STAGES:
        if stage.needs and not view.has(stage.needs):
            continue
        names = _artifact_stages(stage.name, settings)
        stage_keys = list(keys.get(stage.name, ()))
        if stage.name == "scenes" and not stage_keys:
            stage_keys = scene_keys(workspace, keys.get("chips", ()))
        artifacts = [
            workspace.store.get(names[min(position, len(names) - 1)], key)
            for position, key in enumerate(stage_keys)
        ]
        existing = [artifact for artifact in artifacts if artifact is not None]
        if len(existing) < len(artifacts):
            reason = f"The stored results of the stage {stage.name} have been deleted."
            view = dataclasses.replace(view, reason=view.reason or reason)
        elif existing:
            view = with_artifacts(view, stage.name, existing)
        if stage.name == "scenes":
            view = dataclasses.replace(view, survey=_stored_survey(workspace, settings, existing))
    return view


def scene_keys(workspace: Workspace, chip_keys: Sequence[str]) -> list[str]:
    """Return the keys of the scenes that chips were cut from; deleted artifacts are left out."""
    keys = []
    for key in chip_keys:
        artifact = workspace.store.get(CHIPS.name, key)
        # Chips that remain after screening name the artifact of all chips, which names the scene.
        if artifact is not None and "scene" not in artifact.manifest["inputs"]:
            artifact = workspace.store.get(CHIPS.name, str(artifact.manifest["inputs"]["chips"]))
        if artifact is not None:
            keys.append(str(artifact.manifest["inputs"]["scene"]))
    return keys


def have_same_artifacts(keys: KeyTable, other: KeyTable) -> bool:
    """Return True if two results have the same artifacts.

    The keys of scenes are left out: they also depend on how a file was read. A labelling that was
    cut from a tree while a slider moved has no artifact of its own.
    """
    stages = ("chips", "embeddings", "reduction", "projection")
    return all(tuple(keys.get(stage, ())) == tuple(other.get(stage, ())) for stage in stages)


def _artifact_stages(name: str, settings: RunSettings) -> tuple[str, ...]:
    """Return the stage of each artifact of a run stage; the last one is that of all others."""
    method = method_of(settings)
    tree = (method.hierarchy.stage,) if method.hierarchy else ()
    return {
        "scenes": (SCENES.name,),
        "chips": (CHIPS.name,),
        "embeddings": (ENCODER_FITS.name, EMBEDDINGS.name),
        "reduction": (REDUCTION.name,),
        "clusters": (*tree, method.stage),
        "projection": (PROJECTION.name,),
    }[name]


def _stored_survey(
    workspace: Workspace, settings: RunSettings, artifacts: Sequence[Artifact]
) -> Survey:
    reports = [SCENES.open(artifact) for artifact in artifacts]
    scenes = [
        SurveyedScene(workspace.raw / report.path, report, artifact)
        for report, artifact in zip(reports, artifacts, strict=True)
    ]
    return count_classes(scenes, settings.scenes.class_property)
