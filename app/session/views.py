"""Views (settings with results): the requested one, and those displayed until it is computed."""

import dataclasses
from typing import Any, cast

from app.session import saved_settings, state
from core.embeddings.joined_encoder import lacks_raster_path
from core.embeddings.registry import check_readiness
from core.input_settings import DisplaySettings
from core.pipeline.results.current_file import current_stamp, load_readable
from core.pipeline.results.stored_view import open_view
from core.pipeline.run_stages import RUN_STAGES, complete_view, have_same_result, with_settings
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


def is_new_session(workspace: Workspace) -> bool:
    """Return True until the session has requested settings of the workspace."""
    return "wanted" not in state.drawer("settings", workspace)


def request_settings(workspace: Workspace, **changes: Any) -> RunSettings:
    """Request other settings of one or more stages, for example ``cut=CutSettings(...)``."""
    requested = dataclasses.replace(requested_settings(workspace), **changes)
    state.drawer("settings", workspace)["wanted"] = requested
    return requested


def reset_settings(workspace: Workspace, settings: RunSettings) -> None:
    """Request these settings, and let all widgets display them."""
    state.drawer("settings", workspace)["wanted"] = settings
    state.renew_widgets(workspace)


def remember_current(workspace: Workspace, settings: RunSettings) -> None:
    """Remember that this session displays the current result, which has these settings."""
    state.drawer("settings", workspace)["current"] = settings


def display_current(workspace: Workspace) -> None:
    """Display the current result instead of the results of this session, after a run was loaded."""
    settings = load_readable(workspace).settings
    if settings is not None:
        state.drawer("shown", workspace).clear()
        remember_current(workspace, settings)
        reset_settings(workspace, settings)


def known_current(workspace: Workspace) -> RunSettings | None:
    """Return the settings of the current result that this session has last seen, or None."""
    return cast("RunSettings | None", state.drawer("settings", workspace).get("current"))


def remember_result_stamp(workspace: Workspace) -> None:
    """Remember which version of the current result this session has drawn."""
    state.drawer("settings", workspace)["stamp"] = current_stamp(workspace)


def is_result_changed(workspace: Workspace) -> bool:
    """Return True if the current result, or its edits, have changed since the page was drawn."""
    drawer = state.drawer("settings", workspace)
    return "stamp" in drawer and drawer["stamp"] != current_stamp(workspace)


def follow_current(workspace: Workspace) -> bool:
    """Display the current result if another session or a command has replaced it.

    Settings that this session has changed but not computed stay requested. Returns True if the
    requested settings have changed.
    """
    settings, known = load_readable(workspace).settings, known_current(workspace)
    if settings is None or settings == known:
        return False
    remember_current(workspace, settings)
    if known is None or requested_settings(workspace) != known:
        return False
    reset_settings(workspace, settings)
    return True


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
    if have_same_result(settings, requested, stage):
        settings = requested
    return _displayable_view(workspace, settings, stage)


def is_current(view: View, stage: str) -> bool:
    """Return True if a view has the settings that are requested for a stage."""
    return have_same_result(view.settings, requested_settings(view.workspace), stage)


def _displayable_view(workspace: Workspace, settings: RunSettings, stage: str) -> View:
    """Return the view of some settings, or of the stored result if the scenes have changed since.

    The stored result is the current one; its settings must agree with `settings`. A new run makes
    its own result the current one, so a result without a scene is displayed only on request.
    """
    view, current = find_view(workspace, settings), load_readable(workspace)
    if current.settings is None or not have_same_result(settings, current.settings, stage):
        return view
    chip_keys = tuple(artifact.key for artifact in view.artifacts.get("chips", ()))
    if view.has(stage) and chip_keys == tuple(current.keys.get("chips", ())):
        return view
    views, key = state.views_of_run(), (workspace.root, "stored", settings)
    if key not in views:
        views[key] = open_view(workspace, settings, current.keys)
    stored = cast(View, views[key])
    return stored if stored.has(stage) or not view.has(stage) else view


def remember_ready_stages(workspace: Workspace) -> None:
    """Remember, for each stage, the settings of the result that is displayed.

    These are the requested settings if the stage has been computed with them, else those displayed
    before, else those of the current result.
    """
    _save_reached_settings(workspace)
    requested, ready = requested_view(workspace), state.drawer("shown", workspace)
    current = load_readable(workspace).settings
    for stage in STAGES:
        if requested.has(stage):
            ready[stage] = requested.settings
            continue
        if stage in ready and not _displayable_view(workspace, ready[stage], stage).has(stage):
            del ready[stage]
        if stage in ready or current is None:
            continue
        if _displayable_view(workspace, current, stage).has(stage):
            ready[stage] = current


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
    """Save the settings of a job that has succeeded.

    Results of a job are looked up only if its settings are requested or the session is new, so that
    a cancelled job does not slow down every run of the script.
    """
    target = saved_settings.load_job_target(workspace)
    if target is None:
        return
    settings, until, _ = target
    # In a new session, a result that was computed later takes precedence.
    is_relevant = saved_settings.is_target_latest(workspace)
    if not is_new_session(workspace):
        is_relevant = settings == requested_settings(workspace)
    if is_relevant and find_view(workspace, settings).has(until):
        saved_settings.save_settings(workspace, settings)
        saved_settings.remove_job_target(workspace)
