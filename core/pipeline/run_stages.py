"""The stages of a run, in order, and the look-up of what is there for some settings.

Runs, availability, progress and the app's list of stages all derive from `RUN_STAGES`.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.artifacts.store import Artifact
from core.errors import ChipscapeError, SettingsError
from core.pipeline.chip_stages import chip_artifacts
from core.pipeline.cluster_stages import (
    cluster_artifacts,
    projection_artifacts,
    reduction_artifacts,
)
from core.pipeline.embedding_stages import embedding_artifacts
from core.pipeline.scene_survey import Survey, survey_scenes
from core.pipeline.stage import Resolve, Stage
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.settings import RunSettings

ArtifactLister = Callable[[View, Resolve, Progress], list[Artifact]]
"""Lists the artifacts of a stage for a view, each found or made by the resolver."""


@dataclass(frozen=True)
class RunStage:
    """One stage of a run.

    Attributes
    ----------
    name : str
    title : str
        Its name in the app.
    needs : str
        The stage whose artifacts it is made from; empty for the first.
    tables : tuple of str
        The fields of `RunSettings` that it depends on, beyond those of the stage it needs.
    artifacts : callable
        Its artifacts for a view that has what it needs.
    """

    name: str
    title: str
    needs: str
    tables: tuple[str, ...]
    artifacts: ArtifactLister


RUN_STAGES: tuple[RunStage, ...] = (
    RunStage(
        "scenes",
        "Scenes",
        "",
        ("scenes",),
        lambda view, *_: [scene.artifact for scene in view.survey.scenes],
    ),
    RunStage("chips", "Chips", "scenes", ("chips", "screen"), chip_artifacts),
    RunStage("embeddings", "Embeddings", "chips", ("embed",), embedding_artifacts),
    RunStage("reduction", "Reduction", "embeddings", ("reduction",), reduction_artifacts),
    RunStage(
        "clusters",
        "Clusters",
        "reduction",
        ("method", "gmm", "tree", "cut", "kmeans", "ward"),
        cluster_artifacts,
    ),
    RunStage("projection", "Projection", "reduction", ("projection",), projection_artifacts),
)
STAGE_NAMES = tuple(stage.name for stage in RUN_STAGES)


class _NotMadeError(Exception):
    """An artifact that is looked up has not been made."""


def find_stage(name: str, where: str = "stage") -> RunStage:
    """Return a stage of a run by its name.

    Raises
    ------
    SettingsError
        If there is no such stage; the message lists those there are.
    """
    for stage in RUN_STAGES:
        if stage.name == name:
            return stage
    raise SettingsError(f"{name!r} is not one of {', '.join(STAGE_NAMES)}", where=where)


def settings_of(name: str) -> tuple[str, ...]:
    """Return the fields of `RunSettings` that a stage depends on, with those before it."""
    stage = find_stage(name)
    return (*(settings_of(stage.needs) if stage.needs else ()), *stage.tables)


def look_up(workspace: Workspace, settings: RunSettings, survey: Survey | None = None) -> View:
    """Look up what is there for some settings, computing nothing but the reports of new scenes.

    Parameters
    ----------
    workspace : Workspace
    settings : RunSettings
    survey : Survey, optional
        The scenes, if they have been surveyed already.
    """
    survey = survey or survey_scenes(workspace, settings=settings.scenes)
    return complete_view(View(workspace, settings, survey))


def complete_view(view: View, until: str = STAGE_NAMES[-1]) -> View:
    """Look up the stages that a view lacks, up to one of them, computing nothing."""
    for stage in RUN_STAGES[: STAGE_NAMES.index(until) + 1]:
        lacks_input = stage.needs and not (view.has(stage.needs) and view.survey.usable)
        if view.has(stage.name) or lacks_input:
            continue
        try:
            artifacts = find_artifacts(view, stage.artifacts)
        except ChipscapeError as error:
            return dataclasses.replace(view, reason=str(error))
        if artifacts:
            view = with_artifacts(view, stage.name, artifacts)
    return view


def find_artifacts(view: View, list_artifacts: ArtifactLister) -> list[Artifact]:
    """Return the artifacts of a stage if all of them are there, else an empty list."""
    store = view.workspace.store

    def find(stage: Stage[Any, Any], subject: Any, _: Progress = silent) -> Artifact:
        artifact = stage.find(store, subject)
        if artifact is None:
            raise _NotMadeError
        return artifact

    try:
        return list_artifacts(view, find, silent)
    except _NotMadeError:
        return []


def make_artifacts(
    view: View, list_artifacts: ArtifactLister, report: Progress = silent
) -> list[Artifact]:
    """Return the artifacts of a stage, computing those that are missing.

    Raises
    ------
    ChipscapeError
        If one cannot be computed.
    Cancelled
        If the listener asked to stop; what was finished is kept.
    """
    store = view.workspace.store

    def make(stage: Stage[Any, Any], subject: Any, report: Progress = silent) -> Artifact:
        return stage.make(store, subject, report)

    return list_artifacts(view, make, report)


def with_artifacts(view: View, stage: str, artifacts: list[Artifact]) -> View:
    """Return the view with the artifacts of one more stage."""
    return dataclasses.replace(view, artifacts={**view.artifacts, stage: tuple(artifacts)})


def with_settings(view: View, **changes: Any) -> View:
    """Return the view under other settings, with the artifacts that they leave valid.

    Artifacts of the stages that depend on the changed settings are dropped, not looked up. The
    survey stays as it is, so for other `scenes` settings `look_up` is needed.
    """
    settings = dataclasses.replace(view.settings, **changes)
    changed = {name for name in changes if getattr(settings, name) != getattr(view.settings, name)}
    artifacts = {
        name: stage_artifacts
        for name, stage_artifacts in view.artifacts.items()
        if not changed & set(settings_of(name))
    }
    return dataclasses.replace(view, settings=settings, artifacts=artifacts, reason="")
