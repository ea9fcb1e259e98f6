"""Labelling the chips of a result: which to label next, suggestions, doubts and duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.chips.chip_set import ChipSet
from core.errors import SettingsError, TooFewError
from core.labels.chip_classifier import Suggestions, suggest_labels
from core.labels.chip_selection import NextChip, choose_next_chips
from core.labels.doubtful_labels import find_doubtful_labels
from core.labels.label_history import LabelHistory
from core.labels.learning_curve import LearningCurve, trace_learning_curve
from core.labels.near_duplicates import find_near_duplicates
from core.pipeline.chip_stages import attribute_values, open_chips, screen_chips
from core.pipeline.cluster_stages import open_reduction
from core.pipeline.labels.label_file import load_labels
from core.pipeline.view import View
from core.progress import Progress, silent
from core.types import AnyArray, FloatArray, IntArray

GIVEN, ACCEPTED, SUGGESTED = "given", "accepted", "suggested"


@dataclass(frozen=True)
class LabelTask:
    """The chips of a result, their principal components, and the labels given so far."""

    chips: ChipSet
    points: FloatArray
    history: LabelHistory

    @cached_property
    def names(self) -> list[str]:
        """The different labels of these chips, in the order in which they were first given."""
        return list(dict.fromkeys(self._labels.values()))

    @cached_property
    def rows(self) -> AnyArray:
        """The labelled chips, (m,), in the order of labelling."""
        return np.array([self.chips.row_by_id[chip] for chip in self._labels], np.int64)

    @cached_property
    def codes(self) -> IntArray:
        """The position in `names` of each labelled chip's label, (m,)."""
        codes = {name: code for code, name in enumerate(self.names)}
        return np.array([codes[name] for name in self._labels.values()], np.int32)

    @cached_property
    def _labels(self) -> dict[str, str]:
        known = self.chips.row_by_id
        return {chip: label for chip, label in self.history.labels().items() if chip in known}

    def next_chips(self, n_chips: int = 1) -> list[NextChip]:
        """Return the chips to label next, the best first."""
        rows_by_id = self.chips.row_by_id
        skipped = [rows_by_id[c] for c in self.history.skipped_chips() if c in rows_by_id]
        return choose_next_chips(self.points, self.rows, self.codes, n_chips, skipped)

    def suggestions(self) -> Suggestions:
        """Return the suggestions; raises TooFewError if fewer than two labels have been given."""
        return suggest_labels(self.points, self.rows, self.codes)

    def learning_curve(self) -> LearningCurve:
        """Return agreement and stability by the number of labels, in the order of labelling."""
        return trace_learning_curve(self.points, self.rows, self.codes)

    def table(self, suggestions: Suggestions | None) -> pd.DataFrame:
        """Return the label of each chip, one row per chip.

        The columns are chip_id; scene; longitude; latitude; label, the label that was given, else
        the suggestion; source, "given", "accepted" or "suggested"; and confidence, 0..1, of the
        suggestion, empty for labels that were given. Without suggestions, only labelled chips have
        a label.
        """
        table = self.chips.facts[["chip_id", "scene", "longitude", "latitude"]].copy()
        labels = np.full(len(table), None, object)
        sources, confidence = np.full(len(table), "", object), np.full(len(table), np.nan)
        if suggestions is not None:
            labels[:] = np.array(self.names, object)[suggestions.codes]
            sources[:], confidence[:] = SUGGESTED, suggestions.confidence
        accepted = self.history.accepted_chips()
        for (chip, label), row in zip(self._labels.items(), self.rows.tolist(), strict=True):
            labels[row], confidence[row] = label, np.nan
            sources[row] = ACCEPTED if chip in accepted else GIVEN
        return table.assign(label=labels, source=sources, confidence=confidence)

    def doubtful_labels(self, attribute: str = "") -> pd.DataFrame:
        """Return the chips with a label, or a value of an attribute, the most doubtful first.

        Adds the column chip_id to the table of `find_doubtful_labels`.
        """
        if attribute:
            values: Sequence[Any] | AnyArray = attribute_values(self.chips, attribute)
        else:
            values = np.full(len(self.chips), None, object)
            values[self.rows] = list(self._labels.values())
        table = find_doubtful_labels(self.points, values, attribute or "labels")
        table.insert(0, "chip_id", self.chips.facts["chip_id"].to_numpy()[table["row"]])
        return table


def open_label_task(view: View) -> LabelTask:
    """Open the task of labelling the chips of a view whose reduction is complete.

    Raises TooFewError if it is not, and ArtifactError if the file of labels is damaged.
    """
    chips, reduction = open_chips(view), open_reduction(view)
    if chips is None or reduction is None:
        raise TooFewError(
            "there is no result whose chips could be labelled",
            where="labels",
            remedy="Run `chipscape run` first.",
        )
    return LabelTask(chips, reduction.points, load_labels(view.workspace))


def find_duplicates(view: View, task: LabelTask, report: Progress = silent) -> pd.DataFrame:
    """Return pairs of near-duplicate chips, the most similar first; screens the chips if necessary.

    The columns are those of `find_near_duplicates`; chip_id and other_id; and across_scenes, True
    if the chips are of different scenes.
    """
    flags = screen_chips(view, report)
    rows = task.chips.row_by_id
    first = np.full(len(task.chips), -1)
    for chip, earlier in zip(flags["chip_id"], flags["duplicate_of"], strict=True):
        if earlier in rows and chip in rows:
            first[rows[chip]] = rows[earlier]
    table = find_near_duplicates(task.points, first)
    ids, scenes = (task.chips.facts[name].to_numpy(object) for name in ("chip_id", "scene"))
    pair = table["row"].to_numpy(), table["other_row"].to_numpy()
    return table.assign(
        chip_id=ids[pair[0]],
        other_id=ids[pair[1]],
        across_scenes=scenes[pair[0]] != scenes[pair[1]],
    )


def require_chips(chips: ChipSet, chip_ids: Sequence[str]) -> None:
    """Raise SettingsError if a chip id is unknown."""
    unknown = [chip for chip in chip_ids if chip not in chips.row_by_id]
    if unknown:
        raise SettingsError(
            f"there is no chip {unknown[0]!r}",
            where="labels",
            remedy="`chipscape label next` lists ids of chips, and so do the exports.",
        )
