"""Notices of scenes that were moved away, changed or added since the results were computed."""

from functools import partial
from typing import Any, Literal

import streamlit as st

from app import messages
from app.clusters.assignment_panel import assignment_button
from app.runs.damaged_result import damaged_result_notice
from app.session import jobs, state, views
from app.widgets.job_status import estimate_line, show_ended_jobs
from app.widgets.markup import count_noun, escape_markdown
from core.errors import ChipscapeError
from core.pipeline.estimates.run_estimate import estimate_run
from core.pipeline.results.scene_changes import (
    describe_scene_changes,
    find_added_scenes,
    find_scene_changes,
    list_file_names,
)
from core.pipeline.results.scene_removal import (
    RemovedScene,
    list_scene_files,
    remove_scene,
    restore_scene,
)
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.workspace import Workspace

# The stages whose displayed results may contain a scene, the latest first.
_STAGES = ("projection", "clusters", "reduction", "embeddings", "chips")
REMOVED, PROBLEM = "removed scene", "problem of a removal"


def page_notices(workspace: Workspace) -> None:
    """Draw what needs attention on every page: damage, changed scenes, and jobs that failed."""
    damaged_result_notice(workspace)
    scene_change_notice(workspace)
    show_ended_jobs(workspace)


def scene_change_notice(workspace: Workspace) -> None:
    """Draw which scenes of the displayed results are missing, changed or not included yet."""
    view = next(filter(None, map(partial(views.displayed_view, workspace), _STAGES)), None)
    if view is None:
        return
    requested = views.requested_view(workspace)
    changes, added = find_scene_changes(view), find_added_scenes(view, requested.survey)
    if state.current_page() == "scan":
        # The page has a button of its own for confirmed objects.
        changes = [change for change in changes if change.kind != "confirmed"]
    if not (changes or added):
        return
    sentences = describe_scene_changes(changes)
    if added:
        verb = "is" if len(added) == 1 else "are"
        sentences.append(f"{list_file_names(added)} {verb} not part of these results yet.")
    missing = [c for c in changes if c.kind in ("missing", "annotations missing")]
    label = "Update the results"
    if missing and len(missing) == len(changes) and not added:
        label = "Continue without it" if len(missing) == 1 else "Continue without them"
    elif missing:
        label += " without the missing scene" + "s" * (len(missing) > 1)
    with st.container(border=True, key="cs_scene_changes"):
        for sentence in sentences:
            st.markdown(f":material/warning: {escape_markdown(sentence)}")
        with st.container(horizontal=True):
            is_busy = jobs.running_job(workspace) is not None
            if requested.survey.usable:
                help_text = "Computes the results for the scenes that are in raw/ now."
                # A missing file may be put back, so the page does not urge to leave it out.
                kind: Literal["primary", "secondary"] = "secondary" if missing else "primary"
                options: dict[str, Any] = {"disabled": is_busy, "help": help_text, "type": kind}
                if st.button(label, key="cs.update scenes", **options):
                    jobs.start_run(workspace, requested.settings, "projection", "Updating")
                    st.rerun()
            if added:
                assignment_button(workspace)
            if missing:
                # Each run of the script looks at the files again, so the button has no callback.
                st.button("I put it back: check again", key="cs.check scenes")
        if requested.survey.usable and not is_busy:
            estimate_line(workspace, partial(estimate_run, requested))


def removal_button(workspace: Workspace, scene: SurveyedScene) -> None:
    """Draw the button that removes a scene, with the files that it moves."""
    try:
        files = [file.name for file in list_scene_files(workspace, scene.report.path)]
    except ChipscapeError:
        # A remote scene is a line in a list, which users edit themselves.
        return
    with st.popover("Remove this scene", icon=":material/delete:"):
        text = (
            f"Moves {list_file_names(files)} to {workspace.replaced}. Nothing is deleted, and you "
            "can put the scene back. Results that contain its chips stay until you update them."
        )
        st.markdown(escape_markdown(text))
        is_busy = jobs.running_job(workspace) is not None
        label, args = f"Remove {scene.report.path}", (workspace, scene.report.path)
        st.button(label, "cs.remove scene", on_click=_remove, args=args, disabled=is_busy)


def removal_notice(workspace: Workspace) -> None:
    """Draw what the last removal of a scene did, and the button that undoes it."""
    removed: RemovedScene | None = state.page_choice(workspace, REMOVED, None)
    if problem := state.page_choice(workspace, PROBLEM, ""):
        st.error(problem)
    if removed is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="cs_removed"):
        n_files = count_noun(len(removed.files), "file")
        text = f"{removed.scene} was removed: {n_files} moved to {workspace.replaced}."
        st.markdown(escape_markdown(text))
        st.button(
            "Undo the removal", "cs.restore scene", on_click=_restore, args=(workspace, removed)
        )
        forget = partial(state.keep_choice, workspace, REMOVED, None)
        st.button("Close", "cs.forget removal", on_click=forget)


def _remove(workspace: Workspace, scene: str) -> None:
    removed, problem = None, ""
    try:
        removed = remove_scene(workspace, scene)
    except ChipscapeError as error:
        problem = messages.describe_error(error)
    _remember_removal(workspace, removed, problem)


def _restore(workspace: Workspace, removed: RemovedScene) -> None:
    problem = ""
    try:
        restore_scene(workspace, removed)
    except ChipscapeError as error:
        problem = messages.describe_error(error)
    _remember_removal(workspace, removed if problem else None, problem)


def _remember_removal(workspace: Workspace, removed: RemovedScene | None, problem: str) -> None:
    state.keep_choice(workspace, REMOVED, removed)
    state.keep_choice(workspace, PROBLEM, problem)
