"""Views (settings with results): the requested one, and those displayed until it is computed."""

import dataclasses
from typing import Any, cast

from app.session import saved_settings, state
from core.embeddings.joined_encoder import lacks_raster_path
from core.embeddings.registry import check_readiness
from core.input_settings import DisplaySettings
from core.pipeline.run_stages import RUN_STAGES, complete_view, settings_of, with_settings
from core.pipeline.scene_survey import Survey, survey_scenes
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

RASTER_HINT = "Enter the path of a GeoTIFF, a VRT or a folder of GeoTIFFs."
# Stages that have to be computed; the scenes are read whenever they are needed.
STAGES = tuple(stage.name for stage in RUN_STAGES if stage.needs)


def requested_settings(workspace: Workspace) -> RunSettings:
    """Return the requested settings; in a new session, those that were saved last."""
    settings = state.drawer("settings", workspace)
    if "wanted" not in settings:
        settings["wanted"] = saved_settings.load_settings(workspace)
    return cast(RunSettings, settings["wanted"])


def request_settings(workspace: Workspace, **changes: Any) -> RunSettings:
    """Request other settings of one or more stages, for example ``cut=CutSettings(...)``."""
    requested = dataclasses.replace(requested_settings(workspace), **changes)
    state.drawer("settings", workspace)["wanted"] = requested
    return requested


def reset_settings(workspace: Workspace, settings: RunSettings) -> None:
    """Request these settings, and let all widgets display them."""
    state.drawer("settings", workspace)["wanted"] = settings
    state.renew_widgets(workspace)


def requested_view(workspace: Workspace) -> View:
    """Return the view of the requested settings."""
    return find_view(workspace, requested_settings(workspace))


def find_view(workspace: Workspace, settings: RunSettings) -> View:
    """Look up the results for some settings, once in each run of the script.

    The Hugging Face hub is never queried: if the weights of the encoder are not on this machine,
    the view ends with the chips and gives the reason. The latest view of this script run is
    extended, so that only the stages that depend on other settings are looked up.
    """
    views = state.views_of_run()
    key = (workspace.root, settings)
    if key not in views:
        latest, survey = views.get((workspace.root, "latest")), _survey(workspace, settings)
        base = View(workspace, settings, survey)
        if latest is not None and latest.survey is survey:
            base = with_settings(latest, **vars(settings))
        views[key] = views[workspace.root, "latest"] = _complete(base)
    return cast(View, views[key])


def forget_views() -> None:
    """Forget the views of the last run of the script; the workspace may have changed since."""
    state.views_of_run().clear()


def displayed_view(workspace: Workspace, stage: str) -> View | None:
    """Return the view displayed for a stage: the requested one, or the last one with a result."""
    settings = state.drawer("shown", workspace).get(stage)
    if settings is None:
        return None
    requested = requested_settings(workspace)
    return find_view(workspace, requested if same_result(settings, requested, stage) else settings)


def is_current(view: View, stage: str) -> bool:
    """Return True if a view has the settings that are requested for a stage."""
    return same_result(view.settings, requested_settings(view.workspace), stage)


def same_result(settings: RunSettings, other: RunSettings, stage: str) -> bool:
    """Return True if two sets of settings give the same result for a stage."""
    return all(getattr(settings, name) == getattr(other, name) for name in settings_of(stage))


def remember_ready_stages(workspace: Workspace) -> None:
    """Remember the requested settings for each stage that has been computed with them.

    A stage whose result is no longer valid, because files in raw/ have changed, is forgotten.
    """
    _save_reached_settings(workspace)
    requested, ready = requested_view(workspace), state.drawer("shown", workspace)
    for stage in STAGES:
        if requested.has(stage):
            ready[stage] = requested.settings
        elif stage in ready and not find_view(workspace, ready[stage]).has(stage):
            del ready[stage]


def requested_display(workspace: Workspace) -> DisplaySettings:
    """Return the bands and the stretch with which scenes and chips are displayed."""
    display = state.drawer("display", workspace)
    if "chosen" not in display:
        display["chosen"] = saved_settings.load_display(workspace)
    return cast(DisplaySettings, display["chosen"])


def request_display(workspace: Workspace, settings: DisplaySettings) -> None:
    """Display scenes and chips with these settings, in later sessions too."""
    if settings != requested_display(workspace):
        state.drawer("display", workspace)["chosen"] = settings
        saved_settings.save_display(workspace, settings)


def _survey(workspace: Workspace, settings: RunSettings) -> Survey:
    views = state.views_of_run()
    key = (workspace.root, "survey", settings.scenes)
    if key not in views:
        views[key] = survey_scenes(workspace, settings=settings.scenes)
    return cast(Survey, views[key])


def _complete(view: View) -> View:
    settings = view.settings.embed
    readiness = check_readiness(settings.encoder, settings, view.workspace.weights)
    if readiness.ready:
        return complete_view(view)
    reason = f"{settings.encoder} is not ready yet. {readiness.needs}"
    if lacks_raster_path(settings.encoder):
        reason = RASTER_HINT
    return dataclasses.replace(complete_view(view, until="chips"), reason=reason)


def _save_reached_settings(workspace: Workspace) -> None:
    """Save the settings of a job that has succeeded, or requested settings that have results.

    Results of a job are looked up only if its settings are requested or the session is new, so that
    a cancelled job does not slow down every run of the script.
    """
    is_new_session = "wanted" not in state.drawer("settings", workspace)
    if target := saved_settings.load_job_target(workspace):
        settings, until = target
        if is_new_session or settings == requested_settings(workspace):
            if find_view(workspace, settings).has(until):
                saved_settings.save_settings(workspace, settings)
                saved_settings.remove_job_target(workspace)
            return
    if is_new_session:
        return
    requested = requested_settings(workspace)
    if requested != saved_settings.load_settings(workspace):
        view = requested_view(workspace)
        if view.has("projection") and view.has("clusters"):
            saved_settings.save_settings(workspace, requested)
