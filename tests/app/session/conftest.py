"""An empty workspace with a new session, and look-ups that need no results."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest
import streamlit as st

from app.session import jobs, views
from core.pipeline.scene_survey import Survey
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

ReadyStages = Callable[[RunSettings], Collection[str]]


@pytest.fixture
def new_session(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that starts a session without any choices."""
    return lambda: monkeypatch.setattr(st, "session_state", {})


@pytest.fixture
def workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_session: Callable[[], None]
) -> Iterator[Workspace]:
    """An empty workspace, which the app opens in a new session."""
    new_session()
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    workspace = Workspace.at(tmp_path)
    yield workspace
    for job in [*jobs.list_jobs(workspace), *jobs.list_jobs(workspace.demo)]:
        job.cancel()
        job.wait(4)


@pytest.fixture
def settle(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> Callable[[ReadyStages], list[RunSettings]]:
    """A function that remembers the ready stages, given the stages that some settings have.

    It returns the settings that were looked up.
    """

    def settle(ready_stages: ReadyStages) -> list[RunSettings]:
        lookups: list[RunSettings] = []

        def find_view(workspace: Workspace, settings: RunSettings) -> View:
            lookups.append(settings)
            artifacts: dict[str, tuple] = dict.fromkeys(ready_stages(settings), ())
            return View(workspace, settings, Survey((), 0.0), artifacts)

        monkeypatch.setattr(views, "find_view", find_view)
        views.remember_ready_stages(workspace)
        return lookups

    return settle
