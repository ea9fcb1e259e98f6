"""The labels as this session displays them: the task, cached suggestions, and changes."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import pandas as pd
import streamlit as st

from app.session import cache
from app.session.state import keep_choice, pop_choice
from app.widgets.markup import escape_markdown
from core.errors import ChipscapeError
from core.labels.chip_classifier import Suggestions
from core.labels.chip_selection import NextChip
from core.labels.label_history import LabelHistory, LabelStep, add_label_steps
from core.labels.learning_curve import LearningCurve
from core.pipeline.labels.label_file import change_labels, labels_stamp
from core.pipeline.labels.label_tasks import LabelTask, find_duplicates, open_label_task
from core.pipeline.view import View

T = TypeVar("T")
REFUSED = "label refused"


def label_task(view: View) -> LabelTask:
    """Return the task of labelling the chips of a view; raises ArtifactError for damaged labels."""
    task = _with_labels(view, "label task", lambda: open_label_task(view))
    assert task is not None
    return task


def label_suggestions(view: View, task: LabelTask) -> Suggestions | None:
    """Return the suggestions; None if fewer than two different labels have been given."""
    if len(task.names) < 2:
        return None
    return _with_labels(view, "suggestions", task.suggestions)


def label_curve(view: View, task: LabelTask) -> LearningCurve | None:
    """Return the learning curve of the labels that have been given."""
    return _with_labels(view, "learning curve", task.learning_curve)


def label_table(view: View, task: LabelTask) -> pd.DataFrame:
    """Return the label or the suggestion of each chip; see `LabelTask.table`."""
    suggestions = label_suggestions(view, task)
    table = _with_labels(view, "label table", lambda: task.table(suggestions))
    assert table is not None
    return table


def doubtful_table(view: View, task: LabelTask, attribute: str) -> pd.DataFrame | None:
    """Return the most doubtful labels first; see `LabelTask.doubtful_labels`."""
    name = f"doubtful labels {attribute}"
    return _with_labels(view, name, lambda: task.doubtful_labels(attribute))


def duplicate_table(view: View, task: LabelTask) -> pd.DataFrame:
    """Return pairs of near-duplicates; the chips must have been screened."""
    table = cache.stage_result(view, "reduction", "pairs", lambda: find_duplicates(view, task))
    assert table is not None
    return table


def proposed_chip(view: View, task: LabelTask) -> NextChip | None:
    """Return the chip to label next; None if every chip has a label or was skipped."""
    proposed = _with_labels(view, "next chips", lambda: task.next_chips(1)) or []
    return proposed[0] if proposed else None


def change_history(view: View, change: Callable[[LabelHistory], LabelHistory]) -> None:
    """Change the labels of the workspace, or note why they cannot be changed."""
    try:
        change_labels(view.workspace, change)
    except ChipscapeError as error:
        keep_choice(view.workspace, REFUSED, str(error))


def add_steps(view: View, make: Callable[[], Sequence[LabelStep]]) -> None:
    """Add steps to the history of labels, or note why they cannot be made."""
    change_history(view, lambda history: add_label_steps(history, *make()))


def show_refusal(view: View) -> None:
    """Show why the last change was not made, once."""
    if problem := pop_choice(view.workspace, REFUSED, ""):
        st.error(escape_markdown(problem))


def _with_labels(view: View, name: str, read: Callable[[], T]) -> T | None:
    """Return a result that depends on the reduction and the labels; computed once for both."""
    stamp = labels_stamp(view.workspace)
    return cache.stage_result(view, "reduction", name, read, labels=stamp)
