"""Widgets for a single setting, each with the label and the unit of the setting."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.session.state import widget_key
from app.widgets.setting_labels import choice_label, setting_label
from core.pipeline.workspace import Workspace

# Letters of all labels together that fit into one row of the narrow column of a form.
MOST_LETTERS = 20


def setting_choice(
    workspace: Workspace,
    table: str,
    name: str,
    values: Sequence[str],
    current: str,
    help_text: str,
    *,
    disabled: bool = False,
) -> Any:
    """Draw the choice between a few values of a setting and return the chosen value."""
    widget: Any = st.selectbox
    options: dict[str, Any] = {}
    if sum(len(choice_label(value)) for value in values) <= MOST_LETTERS:
        widget, options = st.segmented_control, {"required": True}
    choice = widget(
        setting_label(table, name),
        values,
        format_func=choice_label,
        key=widget_key(workspace, f"{table} {name}", current),
        help=help_text,
        disabled=disabled,
        **options,
    )
    # A page that was interrupted can leave the widget without a value.
    return current if choice is None else choice


def setting_number(
    workspace: Workspace,
    table: str,
    name: str,
    current: float,
    bounds: tuple[float, float],
    step: float,
    help_text: str = "",
) -> Any:
    """Draw a number field for a setting; it accepts whole numbers if its arguments are whole."""
    label, key = setting_label(table, name), widget_key(workspace, f"{table} {name}", current)
    return st.number_input(label, *bounds, step=step, help=help_text or None, key=key)
