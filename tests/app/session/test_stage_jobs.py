"""Jobs of a workspace: one at a time, each with settings of its own."""

import dataclasses
import sys
import tomllib
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.session import stage_jobs, state
from core.input_settings import GridSettings, SceneSettings
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, RunSettings
from core.tables import from_table

TWO = """
import sys
import streamlit as st
from app.session import cache, stage_jobs, state

sleep = (sys.executable, "-c", "import time; time.sleep(60)")
place = state.workspace()
for name in ("one", "two"):
    cache.board().start(stage_jobs.prefix(place) + name, name, sleep)
with st.sidebar:
    stage_jobs.watch(place)
chosen = st.segmented_control("Kind", ["a", "b"], default="a", required=True)
st.write(f"drawn {chosen}")
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    found = Workspace.at(tmp_path)
    yield found
    for job in [*stage_jobs.jobs(found), *stage_jobs.jobs(found.demo)]:
        job.cancel()
        job.wait(4)


def test_watch__two_jobs_in_one_workspace(place):
    app = AppTest.from_string(TWO, default_timeout=30).run()
    assert not app.exception
    assert "drawn a" in [element.value for element in app.markdown]
    assert [button.label for button in app.button] == ["Cancel", "Cancel"]


def test_start__second_job_waits_and_each_reads_its_own_settings(place, monkeypatch):
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    asked: list[tuple[str, ...]] = []

    def command(*words: object) -> tuple[str, ...]:
        asked.append(tuple(str(word) for word in words))
        return sleep

    monkeypatch.setattr(stage_jobs, "core_command", command)
    one, other = RunSettings(), RunSettings(chips=ChipSettings(size=96))
    stage_jobs.start(place, one, "chips", "First")
    stage_jobs.start(place, other, "chips", "Second")
    files = [words[words.index("--settings") + 1] for words in asked]
    read = [tomllib.loads(Path(file).read_text(encoding="utf-8")) for file in files]
    assert [from_table(RunSettings, table) for table in read] == [one, other]
    first, second = stage_jobs.jobs(place)
    assert second.waits_for is first
    assert stage_jobs.line(second) == "Waiting for: First"
    assert second.process is None


def test_start__the_same_work_is_one_job(place, monkeypatch):
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    monkeypatch.setattr(stage_jobs, "core_command", lambda *_: sleep)
    stage_jobs.start(place, RunSettings(), "chips", "First")
    stage_jobs.start(place, RunSettings(), "chips", "First")
    assert len(stage_jobs.jobs(place)) == 1


def test_start__other_workspaces_do_not_wait(place, monkeypatch):
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    monkeypatch.setattr(stage_jobs, "core_command", lambda *_: sleep)
    stage_jobs.start(place, RunSettings(), "chips", "First")
    stage_jobs.start(place.demo, RunSettings(), "chips", "Second")
    (other,) = stage_jobs.jobs(place.demo)
    assert other.waits_for is None


def started(place, monkeypatch, asked, state_of_it):
    """A job that ended so, and what a new session of the app starts from."""
    code = {"done": "pass", "failed": "raise SystemExit(1)"}[state_of_it]
    monkeypatch.setattr(stage_jobs, "core_command", lambda *_: (sys.executable, "-c", code))
    stage_jobs.start(place, asked, "chips", "First")
    for job in stage_jobs.jobs(place):
        job.wait(30)


ASKED = dataclasses.replace(RunSettings(), chips=ChipSettings(size=128))


def new_session(place, monkeypatch, ready):
    monkeypatch.setattr(st, "session_state", {})
    state.settle(place, ready)
    return state.wanted(place)


def test_settings__of_a_finished_job_are_where_a_new_session_starts(place, monkeypatch):
    started(place, monkeypatch, ASKED, "done")
    assert new_session(place, monkeypatch, lambda _: {"chips": True}) == ASKED
    assert not (place.root / "app" / "expected.toml").exists()


def test_settings__that_one_went_back_to_are_where_a_new_session_starts(place, monkeypatch):
    started(place, monkeypatch, ASKED, "done")
    whole = {"chips": True, "clusters": True, "projection": True}
    assert new_session(place, monkeypatch, lambda _: whole) == ASKED
    state.want(place, chips=RunSettings().chips)
    state.settle(place, lambda _: whole)
    assert new_session(place, monkeypatch, lambda _: whole) == RunSettings()
    state.want(place, chips=ASKED.chips)
    state.settle(place, lambda _: {"chips": True})
    assert new_session(place, monkeypatch, lambda _: whole) == RunSettings()


def test_settings__of_a_job_that_was_stopped_are_not(place, monkeypatch):
    started(place, monkeypatch, ASKED, "failed")
    for _ in range(2):
        assert new_session(place, monkeypatch, lambda _: {}) == RunSettings()
    # Another session, or the command line, makes what was asked for after all.
    assert new_session(place, monkeypatch, lambda s: {"chips": s == ASKED}) == ASKED


def test_settings__of_a_stopped_job_cost_the_sessions_there_are_nothing(place, monkeypatch):
    new_session(place, monkeypatch, lambda _: {})
    started(place, monkeypatch, ASKED, "failed")
    looked_up = []
    state.settle(place, lambda settings: looked_up.append(settings) or {})
    assert looked_up == [RunSettings()]


def test_start_first__asks_for_the_scenes_settings_when_the_job_is_done(place, monkeypatch):
    monkeypatch.setattr(stage_jobs, "core_command", lambda *_: (sys.executable, "-c", "pass"))
    gridded = dataclasses.replace(RunSettings(), scenes=SceneSettings(grid=GridSettings(size=32)))
    stage_jobs.start_first(place, gridded, "chips", "Grid")
    state.want(place, chips=ChipSettings(size=96))
    (job,) = stage_jobs.jobs(place)
    job.wait(30)
    reruns = []
    monkeypatch.setattr(st, "rerun", lambda: reruns.append(1))
    stage_jobs._asked_for_now(place)
    assert (state.wanted(place).scenes, state.wanted(place).chips.size) == (gridded.scenes, 96)
    assert (len(reruns), state.later(place)) == (1, {})
    assert new_session(place, monkeypatch, lambda _: {}).scenes == gridded.scenes


def test_start_first__a_job_that_failed_changes_nothing(place, monkeypatch):
    fails = (sys.executable, "-c", "raise SystemExit(1)")
    monkeypatch.setattr(stage_jobs, "core_command", lambda *_: fails)
    gridded = dataclasses.replace(RunSettings(), scenes=SceneSettings(grid=GridSettings(size=32)))
    stage_jobs.start_first(place, gridded, "chips", "Grid")
    (job,) = stage_jobs.jobs(place)
    job.wait(30)
    stage_jobs._asked_for_now(place)
    assert (state.wanted(place), state.later(place)) == (RunSettings(), {})


def test_start_first__the_page_itself_lays_no_grid(place, monkeypatch):
    monkeypatch.setattr(stage_jobs, "core_command", lambda *_: (sys.executable, "-c", "pass"))
    monkeypatch.setattr(stage_jobs.cache, "plan", lambda *_: pytest.fail("looked up"))
    stage_jobs.start_first(place, ASKED, "chips", "Grid")
