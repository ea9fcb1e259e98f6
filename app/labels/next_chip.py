"""The chip to label next: large, in its surroundings, with a button and a key for each label."""

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.labels.label_state import add_steps, change_history
from app.session.state import (
    keep_choice,
    page_choice,
    pick_chip,
    set_widget_value,
    widget_key,
    widget_value,
)
from app.widgets.chip_display import chip_gallery
from app.widgets.chip_panel.chip_panel import chip_panel
from app.widgets.markup import count_noun, escape_markdown
from app.widgets.palette import cluster_colour
from core.labels.chip_classifier import Suggestions
from core.labels.chip_selection import NextChip
from core.labels.label_history import LabelStep, label_step, redo_label_step, undo_label_step
from core.pipeline.labels.label_tasks import LabelTask
from core.pipeline.view import View

MOST_KEYS = 9
NEAREST_WIDTH = 64
DISPLAYED = "chip to label"


def next_chip_panel(
    view: View,
    task: LabelTask,
    proposed: NextChip | None,
    row: int,
    suggestions: Suggestions | None,
) -> None:
    """Draw the chip of a row with the buttons of its labels; digits, s, u and y work as keys.

    `proposed` is the chip that is proposed, None if another one was picked or all are labelled.
    """
    chip_id = str(task.chips.facts["chip_id"].iloc[row])
    label = task.history.labels().get(chip_id, "")
    code = None if suggestions is None or label else int(suggestions.codes[row])
    text = _describe_choice(proposed, label)
    if code is not None and suggestions is not None:
        name, confidence = escape_markdown(task.names[code]), suggestions.confidence[row]
        text += f" Suggestion: **{name}** ({confidence:.0%} confidence)."
    st.markdown(text)
    buttons = st.container()
    keep_choice(view.workspace, DISPLAYED, chip_id)
    # The buttons follow the picture, so that no key labels a chip that has not been displayed.
    chip_panel(view, task.chips, row, None, partial(_label_buttons, buttons, view, task, row, code))
    if suggestions is not None and code is not None:
        nearest = [int(other) for other in suggestions.nearest[row] if other >= 0]
        st.caption(escape_markdown(f"The nearest chips labelled {task.names[code]}"))
        colours = [cluster_colour(code)] * len(nearest)
        chip_gallery(task.chips, nearest, colours, width=NEAREST_WIDTH, name="nearest labelled")


def _describe_choice(proposed: NextChip | None, label: str) -> str:
    if proposed is None:
        state = f"is labelled **{escape_markdown(label)}**" if label else "has no label yet"
        return f"The chip that you picked {state}."
    like = count_noun(proposed.n_represented, "chip")
    reason = "its suggestion is uncertain" if proposed.by_uncertainty else "it is typical"
    return f"Next: {reason}, and it represents about {like}."


def _label_buttons(
    box: DeltaGenerator, view: View, task: LabelTask, row: int, code: int | None
) -> None:
    """Draw a button for each label, the field for a new label, and Skip, Undo and Redo.

    Each chip has its own buttons: a click or a key changes the chip that the browser shows.
    """
    chip_id = str(task.chips.facts["chip_id"].iloc[row])
    with box.container(horizontal=True, gap="small", key="cs_label_buttons"):
        for number, name in enumerate(task.names):
            st.button(
                escape_markdown(name),
                key=f"cs.label {number} {chip_id}",
                shortcut=str(number + 1) if number < MOST_KEYS else None,
                type="primary" if number == code else "secondary",
                on_click=partial(_give_label, view, chip_id, name),
            )
    key = widget_key(view.workspace, "new label", "")
    with box.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        st.text_input(
            "New label",
            key=key,
            placeholder="Type, then Enter",
            on_change=partial(_give_new_label, view, chip_id, key),
            width=150,
        )
        skip = partial(add_steps, view, lambda: [LabelStep("skip", (chip_id,))])
        skip_key = f"cs.label skip {chip_id}"
        st.button("Skip", shortcut="s", key=skip_key, on_click=partial(_next, view, chip_id, skip))
        undo, redo = (partial(change_history, view, f) for f in (undo_label_step, redo_label_step))
        steps, undone = task.history.steps, task.history.undone_steps
        st.button("Undo", shortcut="u", key="cs.label undo", on_click=undo, disabled=not steps)
        st.button("Redo", shortcut="y", key="cs.label redo", on_click=redo, disabled=not undone)
        if chip_id in task.history.labels():
            clear = partial(add_steps, view, lambda: [LabelStep("clear", (chip_id,))])
            st.button("Remove the label", key=f"cs.label clear {chip_id}", on_click=clear)


def _give_label(view: View, chip_id: str, name: str) -> None:
    _next(view, chip_id, partial(add_steps, view, lambda: [label_step([chip_id], name)]))


def _give_new_label(view: View, chip_id: str, key: str) -> None:
    name = str(widget_value(key) or "")
    if name.strip():
        _give_label(view, chip_id, name)
        set_widget_value(key, "")


def _next(view: View, chip_id: str, change: partial[None]) -> None:
    """Make a change, then show the chip that is proposed next.

    A change of the former chip is ignored as soon as the next one is displayed: it may be meant for
    that one.
    """
    if page_choice(view.workspace, DISPLAYED, chip_id) == chip_id:
        change()
        pick_chip(view.workspace, None)
