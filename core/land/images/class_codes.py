"""What the values of predictions stand for: values of labels, or numbers of classes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from core.errors import SettingsError
from core.land.data.dataset import Dataset
from core.land.data.nomenclature import LandCover, Legend, class_colours

Coding = Literal["auto", "stored", "numbers"]
"""What the values of predictions are: those of the rasters of labels, or numbers of classes."""


@dataclass(frozen=True)
class ClassCodes:
    """The classes of a data set by stored value; `stored` is empty for polygons."""

    legend: Legend
    stored: tuple[float, ...]

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        """The numbers of the classes, from 1, as in the class maps that Chipscape writes."""
        return tuple(float(cover.value) for cover in self.legend.classes)

    def choose(self, values: set[float], coding: Coding) -> Coding:
        """Return what predicted values are; raises SettingsError if that is ambiguous."""
        if coding == "stored" and not self.stored:
            raise SettingsError(
                "the labels are polygons, which have no stored values",
                where="--values",
                remedy="Predictions must contain the numbers of the classes, from 1.",
            )
        if coding != "auto":
            return coding
        if not self.stored or self.stored == self.numbers:
            return "numbers"
        n_stored, n_numbers = (
            len(values.intersection(known)) for known in (self.stored, self.numbers)
        )
        if n_stored == n_numbers:
            raise SettingsError(
                f"the predicted values ({list_values(values)}) may be values of the labels "
                f"({list_values(self.stored)}) or numbers of the classes (1 to "
                f"{len(self.numbers)})",
                where="--values",
                remedy="Use --values stored or --values numbers.",
            )
        return "stored" if n_stored > n_numbers else "numbers"


def codes_of_values(values: Sequence[int], known: Dataset | None) -> ClassCodes:
    """Return the classes of rasters of labels with these values.

    They are those of the data set `known` if it has rasters of labels with these values.
    """
    rule = known.layout.rule if known else None
    if known is not None and rule is not None and not rule.attribute:
        stored = tuple(map(float, rule.values))
        if set(values) <= set(stored):
            return ClassCodes(known.layout.legend, stored)
    covers = tuple(
        LandCover(number, f"class {value}", colour)
        for number, (value, colour) in enumerate(
            zip(values, class_colours(len(values)), strict=True), start=1
        )
    )
    return ClassCodes(Legend(covers, len(covers)), tuple(map(float, values)))


def list_values(values: Iterable[float]) -> str:
    """Return the smallest values, separated by commas."""
    texts = [f"{value:g}" for value in sorted(values)]
    return ", ".join(texts[:8]) + (" ..." if len(texts) > 8 else "")
