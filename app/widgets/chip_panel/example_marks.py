"""Widgets that mark chips as examples for or against in the search for similar chips."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from app.session import state
from app.session.chip_search import example_marks, mark_examples
from core.chips.chip_set import ChipSet
from core.pipeline.search.chip_examples import ExampleSet
from core.pipeline.workspace import Workspace

FOR, AGAINST = "More like this", "Not like this"
HELP = (
    "Marks this chip as an example for or against. All chips are then ranked by their similarity "
    "to the examples. Press the same button again to remove the mark."
)


def example_buttons(workspace: Workspace, chip_id: str) -> None:
    """Draw the buttons that mark a chip as an example for or against, or remove its mark."""
    marks = example_marks(workspace)
    current = FOR if chip_id in marks.examples else None
    current = AGAINST if chip_id in marks.counterexamples else current
    key = state.widget_key(workspace, f"example {chip_id}", current)
    if state.widget_value(key) != current:
        # The chip was marked elsewhere, for example as part of a selection.
        state.set_widget_value(key, current)

    def mark() -> None:
        choice, ids = state.widget_value(key), (chip_id,)
        changes = {FOR: ExampleSet.mark_for, AGAINST: ExampleSet.mark_against}
        change = changes.get(choice, ExampleSet.unmark)
        mark_examples(workspace, lambda examples: change(examples, ids))

    options = [FOR, AGAINST]
    st.segmented_control(
        "Example", options, key=key, on_change=mark, help=HELP, label_visibility="collapsed"
    )


def example_menu(workspace: Workspace, chips: ChipSet, rows: Sequence[int]) -> None:
    """Draw the menu that marks the selected chips as examples for or against."""
    ids = tuple(chips.facts["chip_id"].iloc[list(rows)].tolist())
    with st.popover("Examples", help="Find chips that are similar to the selected chips"):
        for label, change in (
            ("More like these", ExampleSet.mark_for),
            ("Not like these", ExampleSet.mark_against),
            ("Remove marks", ExampleSet.unmark),
        ):
            args, key = (workspace, partial(_change_marks, change, ids)), f"cs.examples {label}"
            st.button(label, key=key, on_click=mark_examples, args=args, width="stretch")


def _change_marks(
    change: Callable[[ExampleSet, Sequence[str]], ExampleSet],
    chip_ids: Sequence[str],
    examples: ExampleSet,
) -> ExampleSet:
    return change(examples, chip_ids)
