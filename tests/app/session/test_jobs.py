"""Jobs of a workspace: one at a time, each with its own settings."""

import dataclasses
import os
import sys
import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.session import jobs, views
from app.session.views import request_settings, requested_settings
from app.widgets.job_status import describe_progress
from core.input_settings import GridSettings, SceneSettings
from core.pipeline.results.current_file import CurrentResult
from core.pipeline.results.current_result import update_current
from core.pipeline.scene_survey import Survey
from core.pipeline.view import View
from core.settings import ChipSettings, RunSettings
from core.tables import settings_from_table

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
SUCCEED = (sys.executable, "-c", "pass")
FAIL = (sys.executable, "-c", "raise SystemExit(1)")
SIZE_96 = RunSettings(chips=ChipSettings(size=96))
SIZE_128 = RunSettings(chips=ChipSettings(size=128))
GRIDDED = RunSettings(scenes=SceneSettings(grid=GridSettings(size=32)))
TWO_JOBS = """
import sys
import streamlit as st
from app.session import cache, jobs
from app.session.state import current_workspace
from app.widgets.job_status import show_running_jobs

sleep = (sys.executable, "-c", "import time; time.sleep(60)")
workspace = current_workspace()
for name in ("first", "second"):
    cache.job_board().start(jobs.job_prefix(workspace) + name, name, sleep)
with st.sidebar:
    show_running_jobs(workspace)
kind = st.segmented_control("Kind", ["a", "b"], default="a", required=True)
st.write(f"drawn {kind}")
"""


@pytest.fixture
def run_command(monkeypatch):
    """A function that replaces the command line of every job."""
    return lambda command: monkeypatch.setattr(jobs, "core_command", lambda *_: command)


def test_show_running_jobs__two_jobs_in_one_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = AppTest.from_string(TWO_JOBS, default_timeout=30).run()
    assert not app.exception
    assert "drawn a" in [element.value for element in app.markdown]
    assert [button.label for button in app.button] == ["Cancel", "Cancel"]


def test_start_run__second_job_waits_and_each_reads_its_own_settings(workspace, monkeypatch):
    commands: list[tuple[str, ...]] = []

    def note_command(*arguments: object) -> tuple[str, ...]:
        commands.append(tuple(str(argument) for argument in arguments))
        return SLEEP

    monkeypatch.setattr(jobs, "core_command", note_command)
    jobs.start_run(workspace, RunSettings(), "chips", "First")
    jobs.start_run(workspace, SIZE_96, "chips", "Second")
    files = [command[command.index("--settings") + 1] for command in commands]
    tables = [tomllib.loads(Path(file).read_text(encoding="utf-8")) for file in files]
    assert [settings_from_table(RunSettings, table) for table in tables] == [RunSettings(), SIZE_96]
    first, second = jobs.list_jobs(workspace)
    assert second.waits_for is first
    assert describe_progress(second) == "Waiting for: First"
    assert second.process is None


def test_start_run__equal_requests_share_one_job(workspace, run_command):
    run_command(SLEEP)
    jobs.start_run(workspace, RunSettings(), "chips", "First")
    jobs.start_run(workspace, RunSettings(), "chips", "First")
    assert len(jobs.list_jobs(workspace)) == 1


def test_start_run__other_workspaces_do_not_wait(workspace, run_command):
    run_command(SLEEP)
    jobs.start_run(workspace, RunSettings(), "chips", "First")
    jobs.start_run(workspace.demo, RunSettings(), "chips", "Second")
    (job,) = jobs.list_jobs(workspace.demo)
    assert job.waits_for is None


def run_to_the_end(workspace, settings):
    """Run a job for the chips of these settings until it ends."""
    jobs.start_run(workspace, settings, "chips", "First")
    for job in jobs.list_jobs(workspace):
        job.wait(30)


@pytest.fixture
def restart(workspace, new_session, settle):
    """A function that starts a new session; it returns the settings that the session requests."""

    def restart(ready_stages):
        new_session()
        # In the order of the app.
        jobs.resume_requested_settings(workspace)
        views.follow_current(workspace)
        settle(ready_stages)
        return requested_settings(workspace)

    return restart


def test_settings__of_a_finished_job_are_used_by_new_sessions(workspace, run_command, restart):
    run_command(SUCCEED)
    run_to_the_end(workspace, SIZE_128)
    assert restart(lambda _: ["chips"]) == SIZE_128
    assert not (workspace.root / "app" / "expected.toml").exists()


def test_settings__of_a_finished_job_are_used_although_there_is_an_older_result(
    workspace, run_command, restart
):
    update_current(workspace, lambda _: CurrentResult(RunSettings()))
    assert restart(lambda _: []) == RunSettings()
    run_command(SUCCEED)
    run_to_the_end(workspace, SIZE_128)
    assert restart(lambda _: ["chips"]) == SIZE_128


def test_settings__of_a_job_are_not_used_if_there_is_a_later_result(
    workspace, run_command, restart
):
    run_command(SUCCEED)
    run_to_the_end(workspace, SIZE_128)
    update_current(workspace, lambda _: CurrentResult(RunSettings(method="ward")))
    assert restart(lambda _: ["chips"]) == RunSettings(method="ward")


def test_settings__of_an_ended_job_are_not_resumed_while_another_job_runs(
    workspace, run_command, restart
):
    run_command(FAIL)
    run_to_the_end(workspace, SIZE_128)
    run_command(SLEEP)
    jobs.start_screening(workspace, RunSettings())
    assert jobs.running_job(workspace) is not None
    assert restart(lambda _: []) == RunSettings()


def test_settings__of_a_failed_job_are_not_used_by_new_sessions(workspace, run_command, restart):
    run_command(FAIL)
    run_to_the_end(workspace, SIZE_128)
    for _ in range(2):
        assert restart(lambda _: []) == RunSettings()
    # Another session, or the command line, computes what was requested after all.
    assert restart(lambda settings: ["chips"] if settings == SIZE_128 else []) == SIZE_128


def test_settings__of_a_failed_job_are_not_looked_up_by_running_sessions(
    workspace, run_command, restart, settle
):
    restart(lambda _: [])
    run_command(FAIL)
    run_to_the_end(workspace, SIZE_128)
    assert settle(lambda _: []) == [RunSettings()]


def test_start_grid_run__saves_the_scene_settings_when_the_job_has_finished(
    workspace, run_command, restart
):
    run_command(SUCCEED)
    jobs.start_grid_run(workspace, GRIDDED, "chips", "Grid")
    request_settings(workspace, chips=ChipSettings(size=96))
    (job,) = jobs.list_jobs(workspace)
    job.wait(30)
    assert jobs.apply_pending_settings(workspace)
    requested = requested_settings(workspace)
    assert (requested.scenes, requested.chips.size) == (GRIDDED.scenes, 96)
    assert not jobs.apply_pending_settings(workspace)
    assert restart(lambda _: []).scenes == GRIDDED.scenes


def test_start_grid_run__a_failed_job_changes_nothing(workspace, run_command):
    run_command(FAIL)
    jobs.start_grid_run(workspace, GRIDDED, "chips", "Grid")
    (job,) = jobs.list_jobs(workspace)
    job.wait(30)
    assert not jobs.apply_pending_settings(workspace)
    assert requested_settings(workspace) == RunSettings()
    assert jobs._pending_settings(workspace) == {}


def test_start_grid_run__page_does_not_create_the_grid(workspace, run_command, monkeypatch):
    run_command(SUCCEED)
    monkeypatch.setattr(views, "find_view", lambda *_: pytest.fail("looked up"))
    jobs.start_grid_run(workspace, dataclasses.replace(SIZE_128), "chips", "Grid")


def test_start_export__files_in_a_folder_of_their_own(workspace, monkeypatch):
    commands: list[tuple[str, ...]] = []

    def note_command(*arguments: object) -> tuple[str, ...]:
        commands.append(tuple(str(argument) for argument in arguments))
        return SUCCEED

    monkeypatch.setattr(jobs, "core_command", note_command)
    view = View(workspace, RunSettings(), Survey((), 0.0))
    for mark in ("before", "after an edit"):
        assert jobs.find_export(view, ["gpkg", "coco"], mark) is None
        job = jobs.start_export(view, ["gpkg", "coco"], mark)
        assert jobs.find_export(view, ["gpkg", "coco"], mark) is job
        assert jobs.find_export(view, ["gpkg"], mark) is None
    folders = {command[command.index("--out") + 1] for command in commands}
    assert len(folders) == 2
    assert {Path(folder).parent for folder in folders} == {workspace.root / "app" / "exports"}
    assert all("gpkg,coco" in command and "--zip" in command for command in commands)


def test_remove_old_folders__keeps_the_most_recent(tmp_path):
    for age, name in enumerate("abcd"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "file").write_text("")
    jobs.remove_old_folders(tmp_path, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "file"]
    jobs.remove_old_folders(tmp_path / "missing", 2)
