"""The notice that a page displays results of previous settings, with what can be done about it."""

import dataclasses

import streamlit as st

from app.session import jobs
from app.session.views import (
    displayed_view,
    is_current,
    remember_ready_stages,
    requested_settings,
    reset_settings,
)
from app.widgets.markup import escape_markdown
from app.widgets.setting_labels import list_differences
from core.pipeline.run_stages import settings_of
from core.pipeline.view import View


def stale_notice(view: View, stage: str, until: str = "") -> None:
    """Draw which settings the displayed stage of a view belongs to, if others are requested.

    Called after the forms of the page, which may change what is requested. The last stage to
    compute is `until`, by default the displayed stage.
    """
    if is_current(view, stage):
        return
    workspace, until = view.workspace, until or stage
    remember_ready_stages(workspace)
    latest = displayed_view(workspace, stage)
    if latest is not None and is_current(latest, stage):
        # A form requested settings that have a result: draw the page again with that.
        st.rerun()
    requested, tables = requested_settings(workspace), settings_of(stage)
    phrases = escape_markdown(", ".join(list_differences(view.settings, requested, tables)))
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="cs_stale"):
        st.markdown(f"**These results use your previous settings** ({phrases}).")
        is_busy = jobs.running_job(workspace) is not None
        if st.button(
            "Update",
            key=f"cs.compute:{stage}",
            type="primary",
            disabled=is_busy,
            help="A job is already running." if is_busy else None,
        ):
            jobs.start_run(workspace, requested, until, f"Computing {until}")
            st.rerun()
        if st.button("Keep these results", key=f"cs.keep:{stage}"):
            previous = {table: getattr(view.settings, table) for table in tables}
            reset_settings(workspace, dataclasses.replace(requested, **previous))
            st.rerun()
