"""The stages of a run, in order, and the look-up of existing results.

Runs, availability, progress and the app's list of stages are all derived from `RUN_STAGES`.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.artifacts.store import Artifact
from core.clusters.methods.method_table import method_tables
from core.errors import ChipscapeError, SettingsError
from core.pipeline.chip_stages import chip_artifacts
from core.pipeline.cluster_stages import PROJECTION, REDUCTION, cluster_artifacts
from core.pipeline.embedding_stages import embedding_artifacts
from core.pipeline.stage import Resolve, Stage
from core.pipeline.view import View
from core.progress import Progress, silent
from core.settings import RunSettings

ArtifactLister = Callable[[View, Resolve, Progress], list[Artifact]]
"""Lists the artifacts of a stage for a view, each found or made by the resolver."""


@dataclass(frozen=True)
class RunStage:
    """One stage of a run, with its title in the app.

    `needs` is the earlier stage whose artifacts are its inputs, empty for the first stage. `tables`
    are the fields of `RunSettings` that the stage depends on, in addition to those of the stages
    before it.
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
    RunStage(
        "reduction",
        "Reduction",
        "embeddings",
        ("reduction",),
        lambda view, resolve, report: [resolve(REDUCTION, view, report)],
    ),
    RunStage("clusters", "Clusters", "reduction", method_tables(), cluster_artifacts),
    RunStage(
        "projection",
        "Projection",
        "reduction",
        ("projection",),
        lambda view, resolve, report: [resolve(PROJECTION, view, report)],
    ),
)
STAGE_NAMES = tuple(stage.name for stage in RUN_STAGES)


class _NotMadeError(Exception):
    """An artifact that was looked up does not exist."""


def find_stage(name: str, where: str = "stage") -> RunStage:
    """Return a stage of a run by its name; raises SettingsError if there is none."""
    for stage in RUN_STAGES:
        if stage.name == name:
            return stage
    raise SettingsError(f"{name!r} is not one of {', '.join(STAGE_NAMES)}", where=where)


def settings_of(name: str) -> tuple[str, ...]:
    """Return the fields of `RunSettings` that a stage and the stages before it depend on."""
    stage = find_stage(name)
    return (*(settings_of(stage.needs) if stage.needs else ()), *stage.tables)


def have_same_result(settings: RunSettings, other: RunSettings, stage: str) -> bool:
    """Return True if two sets of settings give the same result for a stage."""
    return all(getattr(settings, name) == getattr(other, name) for name in settings_of(stage))


def complete_view(view: View, until: str = STAGE_NAMES[-1]) -> View:
    """Return the view with the artifacts of finished stages up to `until`; computes nothing."""
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
    """Return the artifacts of a stage if all of them exist, else an empty list."""
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
    view: View,
    list_artifacts: ArtifactLister,
    report: Progress = silent,
    *,
    retry_failed: bool = False,
) -> list[Artifact]:
    """Return the artifacts of a stage, computing those that are missing.

    With `retry_failed`, the chips of scenes that could not be read are cut again. Raises
    ChipscapeError if an artifact cannot be computed, and Cancelled if `report` asks to stop;
    finished artifacts are kept.
    """
    store = view.workspace.store

    def make(stage: Stage[Any, Any], subject: Any, report: Progress = silent) -> Artifact:
        return stage.make(store, subject, report, retry_failed=retry_failed)

    return list_artifacts(view, make, report)


def with_artifacts(view: View, stage: str, artifacts: list[Artifact]) -> View:
    """Return the view with the artifacts of one more stage."""
    return dataclasses.replace(view, artifacts={**view.artifacts, stage: tuple(artifacts)})


def with_settings(view: View, **changes: Any) -> View:
    """Return the view with changed settings, and with the artifacts that are still valid.

    Artifacts of the stages that depend on the changed settings are dropped and not looked up. The
    survey is kept, so a change of the `scenes` settings needs a new view.
    """
    settings = dataclasses.replace(view.settings, **changes)
    changed = {name for name in changes if getattr(settings, name) != getattr(view.settings, name)}
    artifacts = {
        name: stage_artifacts
        for name, stage_artifacts in view.artifacts.items()
        if not changed & set(settings_of(name))
    }
    return dataclasses.replace(view, settings=settings, artifacts=artifacts, reason="")
