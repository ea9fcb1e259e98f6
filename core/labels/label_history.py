"""The labels that the user gave to chips, as a history of steps that can be undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from core.errors import ArtifactError, SettingsError

LONGEST_LABEL = 80

Kind = Literal["label", "accept", "skip", "clear"]


@dataclass(frozen=True)
class LabelStep:
    """One step: some chips were labelled, skipped or cleared.

    Attributes
    ----------
    kind : "label", "accept", "skip" or "clear"
        An accepted label was suggested, a skipped chip is not proposed again, and a cleared chip
        has neither a label nor is it skipped.
    chips : tuple of str
        Chip ids.
    label : str
        Empty for skipped and cleared chips.
    """

    kind: Kind
    chips: tuple[str, ...]
    label: str = ""


@dataclass(frozen=True)
class LabelHistory:
    """The steps in effect, and the undone steps that can be redone, both oldest first."""

    steps: tuple[LabelStep, ...] = ()
    undone_steps: tuple[LabelStep, ...] = ()

    def labels(self) -> dict[str, str]:
        """Return the label of each labelled chip by its id, in the order of labelling."""
        return {chip: step.label for chip, step in self._last_steps().items() if step.label}

    def accepted_chips(self) -> frozenset[str]:
        """Return the ids of the chips whose label was suggested and accepted."""
        return frozenset(c for c, step in self._last_steps().items() if step.kind == "accept")

    def skipped_chips(self) -> frozenset[str]:
        """Return the ids of the skipped chips."""
        return frozenset(c for c, step in self._last_steps().items() if step.kind == "skip")

    def names(self) -> list[str]:
        """Return the different labels in the order in which each was first given."""
        return list(dict.fromkeys(self.labels().values()))

    def _last_steps(self) -> dict[str, LabelStep]:
        """Return the step that each chip's state comes from, the latest last."""
        last: dict[str, LabelStep] = {}
        for step in self.steps:
            for chip in step.chips:
                last.pop(chip, None)
                if step.kind != "clear":
                    last[chip] = step
        return last


def add_label_steps(history: LabelHistory, *steps: LabelStep) -> LabelHistory:
    """Return the history with more steps; undone steps are dropped if there are any."""
    return LabelHistory((*history.steps, *steps)) if steps else history


def label_step(chips: Sequence[str], label: str, kind: Kind = "label") -> LabelStep:
    """Return a step that gives chips a label, without white space around it.

    Raises SettingsError if the label is empty, longer than 80 characters or has a line break.
    """
    label = label.strip()
    if not label or len(label) > LONGEST_LABEL or not label.isprintable():
        raise SettingsError(
            f"{label[:LONGEST_LABEL]!r} cannot be used as a label",
            where="label",
            remedy=f"Use 1 to {LONGEST_LABEL} characters on one line.",
        )
    return LabelStep(kind, tuple(chips), label)


def undo_label_step(history: LabelHistory) -> LabelHistory:
    """Return the history without its last step, which can be redone."""
    if not history.steps:
        return history
    *steps, last = history.steps
    return replace(history, steps=tuple(steps), undone_steps=(*history.undone_steps, last))


def redo_label_step(history: LabelHistory) -> LabelHistory:
    """Return the history with the step that was undone last."""
    if not history.undone_steps:
        return history
    *undone, step = history.undone_steps
    return LabelHistory((*history.steps, step), tuple(undone))


def labels_to_document(history: LabelHistory) -> dict[str, Any]:
    """Return a history as a document that fits into JSON."""
    tables = (history.steps, history.undone_steps)
    names = ("steps", "undone_steps")
    return {
        name: [[step.kind, step.label, list(step.chips)] for step in steps]
        for name, steps in zip(names, tables, strict=True)
    }


def labels_from_document(document: Mapping[str, Any]) -> LabelHistory:
    """Return the history in a document; raises ArtifactError if it is damaged."""
    try:
        return LabelHistory(*(_read_steps(document[name]) for name in ("steps", "undone_steps")))
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"the labels cannot be read ({error})", where="labels") from error


def _read_steps(rows: Sequence[Any]) -> tuple[LabelStep, ...]:
    steps = []
    for kind, label, chips in rows:
        if kind not in get_args(Kind) or not all(isinstance(chip, str) for chip in chips):
            raise ValueError(f"{kind!r} is not a kind of step, or a chip id is not text")
        steps.append(LabelStep(kind, tuple(chips), str(label)))
    return tuple(steps)
