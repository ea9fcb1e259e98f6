"""Timers of fragments wait while the page is drawn, so that no part of the page gets lost.

A fragment that repeats itself asks for a run at each interval. If this request arrives between the
end of a run of the script and the delivery of its last elements, Streamlit starts another runner
for the fragment and ignores what the first has left: elements at the end of the page are missing
and the page seems to be busy until the next click (streamlit/streamlit#9921 describes the same for
fragments that no longer exist). On a busy server, one action in a hundred was lost in this way.
"""

from functools import cache
from typing import Any

from streamlit.runtime.app_session import AppSession, AppSessionState


@cache
def skip_timers_of_busy_sessions() -> None:
    """Let sessions ignore a timer while their script runs; it fires again after its interval."""
    request_rerun = AppSession.request_rerun

    def request_unless_busy(session: AppSession, client_state: Any) -> None:
        is_timer = getattr(client_state, "is_auto_rerun", False)
        # Without this attribute, another version of Streamlit behaves as if nothing were changed.
        is_busy = getattr(session, "_state", None) is AppSessionState.APP_IS_RUNNING
        if not (is_timer and is_busy):
            request_rerun(session, client_state)

    AppSession.request_rerun = request_unless_busy  # type: ignore[assignment]
