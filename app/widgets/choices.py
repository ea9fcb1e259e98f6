"""Widgets for settings, with labels and units, and for choices that a page remembers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.session.state import choice_key, keep_choice, set_widget_value, widget_key
from app.widgets.setting_labels import choice_label, setting_label
from core.pipeline.workspace import Workspace

# Total number of letters in the button labels that fit into one row of a narrow column.
MOST_LETTERS = 20


def setting_choice(
    workspace: Workspace,
    table: str,
    name: str,
    values: Sequence[str],
    current: str,
    help_text: str,
    **options: Any,
) -> Any:
    """Draw buttons or a list for the few values of a setting; return the chosen value."""
    label, titles = setting_label(table, name), {value: choice_label(value) for value in values}
    widget_name, options = f"{table} {name}", {"help": help_text} | options
    if sum(map(len, titles.values())) <= MOST_LETTERS:
        return button_choice(workspace, label, titles, widget_name, current, **options)
    key, title = widget_key(workspace, widget_name, current), titles.__getitem__
    choice = st.selectbox(label, values, format_func=title, key=key, **options)
    return current if choice is None else choice


def button_choice(
    workspace: Workspace,
    label: str,
    titles: Mapping[str, str],
    name: str,
    start: str,
    **options: Any,
) -> Any:
    """Draw a row of buttons, one for each title; return the chosen value."""
    key, title = widget_key(workspace, name, start), titles.__getitem__
    options |= {"format_func": title, "key": key, "required": True}
    choice = st.segmented_control(label, list(titles), **options)
    # An interrupted run of the page can leave the widget without a value.
    return start if choice is None else choice


def setting_number(
    workspace: Workspace,
    table: str,
    name: str,
    current: float,
    bounds: tuple[float, float],
    step: float,
    help_text: str = "",
    **options: Any,
) -> Any:
    """Draw a number field for a setting; if its step and bounds are integers, so is its value."""
    label, key = setting_label(table, name), widget_key(workspace, f"{table} {name}", current)
    return st.number_input(label, *bounds, step=step, help=help_text or None, key=key, **options)


def remembered_widget(
    workspace: Workspace,
    name: str,
    start: Any,
    draw: Callable[..., Any],
    *args: Any,
    **options: Any,
) -> Any:
    """Draw a widget that starts with the choice remembered under a name; remember its new value."""
    key = choice_key(workspace, name, start)
    return keep_choice(workspace, name, draw(*args, key=key, **options))


def gallery_pager(
    workspace: Workspace, name: str, total: int, page_size: int, item: int | None = None
) -> int:
    """Draw the page numbers of a gallery; return the index of the first item on the chosen page.

    With an item, an index, its page is opened.
    """
    n_pages = max(1, math.ceil(total / page_size))
    if n_pages == 1:
        return 0
    key = f"cs.page:{workspace.root}:{name}:{n_pages}"
    if item is not None:
        set_widget_value(key, item // page_size + 1)
    page = st.pagination(n_pages, key=key)
    return (page - 1) * page_size
