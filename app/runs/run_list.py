"""The list of runs: loading, renaming, pinning and deleting them, and saving the current result."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import streamlit as st

from app import messages
from app.session import jobs, views
from app.session.state import choice_key, keep_choice, pop_choice, widget_key, widget_value
from app.widgets.job_status import estimate_line
from app.widgets.markup import count_noun, escape_markdown, format_bytes
from app.widgets.setting_labels import choice_label
from core.errors import ChipscapeError
from core.pipeline.estimates.fit_estimate import estimate_replay
from core.pipeline.results.cleaning import (
    Cleaning,
    RunStorage,
    clean_workspace,
    measure_runs,
    plan_cleaning,
)
from core.pipeline.results.current_file import load_readable
from core.pipeline.results.current_result import restore_run, save_current_run
from core.pipeline.results.run_records import (
    RunRecord,
    change_record,
    list_complete_runs,
    list_unreadable_records,
    read_record,
)
from core.pipeline.workspace import Workspace

LISTED_AT_MOST = 20


def save_form(workspace: Workspace) -> None:
    """Draw the form that saves the current result as a run, unless it is one already."""
    current = load_readable(workspace)
    if current.settings is None or current.run:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="bottom"):
        key = widget_key(workspace, "run name", "")
        st.text_input(
            "The current result is not saved as a run yet",
            key=key,
            placeholder="Name of the run, for example: boats, first try",
            width=420,
        )
        st.button("Save as a run", key="cs.save run", on_click=_save_run, args=(workspace, key))


@contextmanager
def _noted_errors(workspace: Workspace) -> Iterator[None]:
    """Note a ChipscapeError in a callback, for the page to show it."""
    try:
        yield
    except ChipscapeError as error:
        keep_choice(workspace, "run error", messages.describe_error(error))


def run_list(workspace: Workspace, records: list[RunRecord]) -> None:
    """Draw the runs, the latest first, each with its buttons."""
    if error := pop_choice(workspace, "run error", ""):
        st.error(error)
    with messages.show_errors():
        storage, current = measure_runs(workspace, records), load_readable(workspace).run
        n_listed = len(records)
        if n_listed > LISTED_AT_MOST:
            key = choice_key(workspace, "all runs", default=False)
            show_all = st.toggle(f"Show all {len(records)} runs", key=key)
            n_listed = n_listed if keep_choice(workspace, "all runs", show_all) else LISTED_AT_MOST
        for record in records[:n_listed]:
            _run_row(workspace, record, storage[record.run_id], is_current=record.run_id == current)
    for problem in list_unreadable_records(workspace):
        st.warning(f"This run cannot be listed: {messages.describe_error(problem)}")


def cleaning_button(workspace: Workspace) -> None:
    """Draw the button that deletes the results that no run needs."""
    if st.button("Delete results that no run needs", key="cs.clean", help=CLEANING_HELP):
        _confirm_deletion(workspace, None)


CLEANING_HELP = (
    "Every run keeps its results. Results of deleted runs, of encoders that were only compared, "
    "of interrupted jobs, and of computations that stopped before the plot take up space until you "
    "delete them. You see how much first."
)


def _run_row(
    workspace: Workspace, record: RunRecord, storage: RunStorage, *, is_current: bool
) -> None:
    busy = jobs.running_job(workspace) is not None
    with st.container(border=True, key=f"cs_run_{record.run_id}"):
        text, buttons = st.columns([3, 2], gap="medium", vertical_alignment="center")
        with text:
            badges = [":green-badge[current]"] if is_current else []
            badges += [":blue-badge[pinned]"] if record.pinned else []
            st.markdown(f"**{escape_markdown(record.name)}** {' '.join(badges)}")
            st.caption(escape_markdown(describe_run(record, storage)))
            if record.note:
                st.markdown(escape_markdown(record.note))
            if storage.n_missing:
                st.caption("Its stored results have been deleted. They can be computed again.")
                if not busy:
                    view = views.requested_view(workspace)
                    estimate_line(workspace, partial(estimate_replay, view, record))
        with buttons.container(horizontal=True, horizontal_alignment="right"):
            if storage.n_missing:
                key = f"cs.replay:{record.run_id}"
                if st.button("Compute again", key=key, disabled=busy):
                    jobs.start_replay(workspace, record.run_id, record.name)
                    st.rerun()
            elif is_current:
                _copy_form(workspace, record)
            else:
                key, args = f"cs.load:{record.run_id}", (workspace, record)
                st.button("Load", key=key, on_click=load_run, args=args)
            _change_form(workspace, record)
            st.button(
                "Unpin" if record.pinned else "Pin",
                key=f"cs.pin:{record.run_id}",
                on_click=_change_pin,
                args=(workspace, record),
                help=None if record.pinned else "A pinned run cannot be deleted.",
            )
            reason = "the current result" if is_current else "pinned" if record.pinned else ""
            if st.button(
                "Delete",
                key=f"cs.delete:{record.run_id}",
                disabled=bool(reason),
                help=f"This run is {reason}, so it cannot be deleted." if reason else None,
            ):
                _confirm_deletion(workspace, record)


def describe_run(record: RunRecord, storage: RunStorage) -> str:
    """Return the settings and the counts of a run in words."""
    facts = [
        record.finished[:16].replace("T", " ") + " UTC",
        record.settings.embed.encoder,
        choice_label(record.settings.method),
        count_noun(record.n_chips or 0, "chip"),
        count_noun(record.n_clusters or 0, "cluster"),
        f"{record.noise_fraction or 0:.0%} noise",
    ]
    if n_edits := len(record.curation.history.edits):
        facts.append(count_noun(n_edits, "edit"))
    return " · ".join([*facts, format_bytes(storage.n_bytes)])


def load_run(workspace: Workspace, record: RunRecord) -> None:
    """Make a run the current result, which this session and all others then display."""
    with _noted_errors(workspace):
        restore_run(workspace, record)
        views.display_current(workspace)


def _save_run(workspace: Workspace, key: str) -> None:
    name = str(widget_value(key) or "").strip()
    with _noted_errors(workspace):
        save_current_run(workspace, name or "Unnamed run")


def _copy_form(workspace: Workspace, record: RunRecord) -> None:
    """Draw the button that opens the form in which the current run is saved under another name."""
    key = widget_key(workspace, f"name of a copy of {record.run_id}", "")
    with st.popover("Save a copy", key=f"cs.copy:{record.run_id}"):
        st.caption("Later edits belong to the copy. This run keeps its names and other edits.")
        st.text_input("Name of the copy", key=key)
        args = (workspace, key)
        st.button("Save", key=f"cs.save copy:{record.run_id}", on_click=_save_run, args=args)


def _change_pin(workspace: Workspace, record: RunRecord) -> None:
    with _noted_errors(workspace):
        change_record(record, pinned=not record.pinned)


def _change_form(workspace: Workspace, record: RunRecord) -> None:
    """Draw the button that opens the name and the note of a run."""
    run_id = record.run_id
    name_key = widget_key(workspace, f"name of {run_id} {record.name}", record.name)
    note_key = widget_key(workspace, f"note on {run_id} {record.note}", record.note)

    def change() -> None:
        name, note = str(widget_value(name_key)).strip(), str(widget_value(note_key)).strip()
        with _noted_errors(workspace):
            change_record(read_record(record.path), name=name or record.name, note=note)

    with st.popover("Name and note", key=f"cs.rename:{run_id}"):
        st.text_input("Name", key=name_key, on_change=change)
        st.text_area("Note", key=note_key, on_change=change, height=80)


@st.dialog("Delete")
def _confirm_deletion(workspace: Workspace, record: RunRecord | None) -> None:
    """Ask before a run is deleted or, without a run, all results that no run needs."""
    runs = [] if record is None else [record]
    with messages.show_errors():
        cleaning = plan_cleaning(workspace, runs, only_freed=record is not None)
        st.markdown(describe_cleaning(cleaning))
        is_empty = not (cleaning.runs or cleaning.artifacts or cleaning.leftovers)
        confirm = partial(_delete, workspace, record)
        if st.button(
            "Delete", key="cs.confirm", type="primary", disabled=is_empty, on_click=confirm
        ):
            st.rerun()


def _delete(workspace: Workspace, record: RunRecord | None) -> None:
    runs = [] if record is None else [record]
    with _noted_errors(workspace):
        clean_workspace(workspace, runs, only_freed=record is not None)


def describe_cleaning(cleaning: Cleaning) -> str:
    """Return sentences, as Markdown, on what is deleted and what that frees."""
    n_results = len(cleaning.artifacts) + len(cleaning.leftovers)
    size = escape_markdown(format_bytes(cleaning.n_bytes))
    sentences = []
    if cleaning.runs:
        names = ", ".join(f"**{escape_markdown(record.name)}**" for record in cleaning.runs)
        sentences.append(f"The run {names} is deleted with its names and other edits.")
    if n_results:
        results = count_noun(n_results, "stored result")
        sentences.append(f"This frees {size}: {results} that no other run needs.")
    elif cleaning.runs:
        sentences.append("This frees no space, because other runs need all of its results.")
    else:
        sentences.append("There is nothing to delete: runs need all stored results.")
    if cleaning.runs or n_results:
        sentences.append("This cannot be undone.")
    return " ".join(sentences)


def listed_runs(workspace: Workspace) -> list[RunRecord]:
    """Return the runs of a workspace, the current one first, then the latest first."""
    current = load_readable(workspace).run
    return sorted(list_complete_runs(workspace), key=lambda record: record.run_id != current)
