"""Jobs of a workspace: one at a time, each with settings of its own."""

import dataclasses
import sys
import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import running
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, RunSettings
from core.tables import from_table

TWO = """
import sys
import streamlit as st
from app import cached, running, state

sleep = (sys.executable, "-c", "import time; time.sleep(60)")
place = state.workspace()
for name in ("one", "two"):
    cached.board().start(running.prefix(place) + name, name, sleep)
with st.sidebar:
    running.watch(place)
chosen = st.segmented_control("Kind", ["a", "b"], default="a", required=True)
st.write(f"drawn {chosen}")
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    found = Workspace.at(tmp_path)
    yield found
    for job in [*running.jobs(found), *running.jobs(found.demo)]:
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

    monkeypatch.setattr(running, "core_command", command)
    one, other = RunSettings(), RunSettings(chips=ChipSettings(size=96))
    running.start(place, one, "chips", "First")
    running.start(place, other, "chips", "Second")
    files = [words[words.index("--settings") + 1] for words in asked]
    read = [tomllib.loads(Path(file).read_text(encoding="utf-8")) for file in files]
    assert [from_table(RunSettings, table) for table in read] == [one, other]
    first, second = running.jobs(place)
    assert second.waits_for is first
    assert running.line(second) == "Waiting for: First"
    assert second.process is None


def test_start__the_same_work_is_one_job(place, monkeypatch):
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    monkeypatch.setattr(running, "core_command", lambda *_: sleep)
    running.start(place, RunSettings(), "chips", "First")
    running.start(place, RunSettings(), "chips", "First")
    assert len(running.jobs(place)) == 1


def test_start__other_workspaces_do_not_wait(place, monkeypatch):
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    monkeypatch.setattr(running, "core_command", lambda *_: sleep)
    running.start(place, RunSettings(), "chips", "First")
    running.start(place.demo, RunSettings(), "chips", "Second")
    (other,) = running.jobs(place.demo)
    assert other.waits_for is None


def test_settings__of_the_last_job_are_where_a_new_session_starts(place, monkeypatch):
    monkeypatch.setattr(running, "core_command", lambda *_: (sys.executable, "-c", "pass"))
    asked = dataclasses.replace(RunSettings(), chips=ChipSettings(size=128))
    running.start(place, asked, "chips", "First")
    kept = tomllib.loads((place.root / "app" / "settings.toml").read_text())
    assert from_table(RunSettings, kept) == asked
