"""Timers of fragments are skipped while the script of their session runs, and only then."""

from types import SimpleNamespace

import pytest
from streamlit.runtime.app_session import AppSession, AppSessionState

from app.server.busy_timers import skip_timers_of_busy_sessions


@pytest.fixture
def requests(monkeypatch):
    """The requests that reach Streamlit."""
    requests = []
    monkeypatch.setattr(AppSession, "request_rerun", lambda _, state: requests.append(state))
    skip_timers_of_busy_sessions.cache_clear()
    skip_timers_of_busy_sessions()
    return requests


@pytest.mark.parametrize("state", AppSessionState)
@pytest.mark.parametrize("is_timer", [True, False])
def test_timer__skipped_while_the_script_runs(requests, state, is_timer):
    session, request = SimpleNamespace(_state=state), SimpleNamespace(is_auto_rerun=is_timer)
    AppSession.request_rerun(session, request)
    is_skipped = is_timer and state is AppSessionState.APP_IS_RUNNING
    assert requests == ([] if is_skipped else [request])


def test_timer__of_an_unknown_version_is_passed_on(requests):
    AppSession.request_rerun(SimpleNamespace(), SimpleNamespace(is_auto_rerun=True))
    AppSession.request_rerun(SimpleNamespace(_state=AppSessionState.APP_IS_RUNNING), None)
    assert len(requests) == 2


def test_session__has_the_state_that_is_read():
    # `_state` is private; without it timers would no longer be skipped.
    assert "_state" in AppSession.__init__.__code__.co_names
