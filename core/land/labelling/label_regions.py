"""Regions that the user labels on images, as a history of steps that can be undone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import shapely
from shapely.errors import ShapelyError

from core.errors import ArtifactError, SettingsError
from core.land.data.nomenclature import LandCover, Legend, class_colours
from core.land.images.label_classes import MOST_CLASSES

LONGEST_NAME = 80
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class Region:
    """A labelled region: the pixels of an image that show a class.

    Attributes
    ----------
    number : int
        Unique in a history; a later region has a higher number.
    image : str
        Path of the image, relative to the folder of the data set.
    value : int
        The value of the class.
    outline : str
        Polygons in pixels of the image along the edges of its pixels, as well-known text.
    """

    number: int
    image: str
    value: int
    outline: str

    @property
    def shape(self) -> Any:
        """The outline as a shapely geometry."""
        return _parse_outline(self.outline)


@dataclass(frozen=True)
class Removal:
    """The removal of a region."""

    number: int


RegionStep = Region | Removal | LandCover
"""A region that was added or removed, or a class that was added or changed."""


@dataclass(frozen=True)
class RegionHistory:
    """Labelled regions and their classes.

    Attributes
    ----------
    first_classes : tuple of LandCover
        The classes of the data set when the first region was labelled. They are kept here, so that
        a later import of other labels does not change the classes of regions.
    steps, undone_steps : tuple
        The steps in effect, and the undone steps that can be redone, both oldest first.
    """

    first_classes: tuple[LandCover, ...] = ()
    steps: tuple[RegionStep, ...] = ()
    undone_steps: tuple[RegionStep, ...] = field(default=())

    def regions(self) -> tuple[Region, ...]:
        """Return the regions in the order in which they were labelled."""
        removed = {step.number for step in self.steps if isinstance(step, Removal)}
        added = (step for step in self.steps if isinstance(step, Region))
        return tuple(region for region in added if region.number not in removed)

    def classes(self) -> tuple[LandCover, ...]:
        """Return the classes, sorted by value."""
        covers = {cover.value: cover for cover in self.first_classes}
        covers |= {step.value: step for step in self.steps if isinstance(step, LandCover)}
        return tuple(covers[value] for value in sorted(covers))

    def legend(self) -> Legend:
        """Return the classes as the legend of class maps, in which all classes are scored."""
        classes = self.classes()
        return Legend(classes, len(classes))


def add_region_steps(history: RegionHistory, *steps: RegionStep) -> RegionHistory:
    """Return the history with more steps; undone steps are dropped if there are any."""
    return replace(history, steps=(*history.steps, *steps), undone_steps=()) if steps else history


def undo_region_step(history: RegionHistory) -> RegionHistory:
    """Return the history without its last step, which can be redone."""
    if not history.steps:
        return history
    *steps, last = history.steps
    return replace(history, steps=tuple(steps), undone_steps=(*history.undone_steps, last))


def redo_region_step(history: RegionHistory) -> RegionHistory:
    """Return the history with the step that was undone last."""
    if not history.undone_steps:
        return history
    *undone, step = history.undone_steps
    return replace(history, steps=(*history.steps, step), undone_steps=tuple(undone))


def region_step(history: RegionHistory, image: str, value: int, outline: str) -> Region:
    """Return the step that labels a region; raises SettingsError if there is no such class."""
    if value not in {cover.value for cover in history.classes()}:
        raise SettingsError(
            f"there is no class with the value {value}",
            where="class",
            remedy="Choose one of the listed classes, or add a class.",
        )
    numbers = [step.number for step in history.steps if isinstance(step, Region)]
    return Region(max(numbers, default=0) + 1, image, value, outline)


def class_step(
    history: RegionHistory, name: str, colour: str = "", value: int | None = None
) -> LandCover:
    """Return the step that adds a class, or changes the class with a value.

    Without a colour, #rrggbb, a class keeps its colour, and a new one gets a distinct colour.
    Raises SettingsError if the name is empty, too long or that of another class, or if the colour
    is not one.
    """
    name, colour, classes = name.strip(), colour.strip().lower(), history.classes()
    present = {cover.value: cover for cover in classes}
    if value is None:
        value = max(present, default=0) + 1
    elif value not in present:
        raise SettingsError(f"there is no class with the value {value}", where="class")
    problem, remedy = "", f"Use 1 to {LONGEST_NAME} characters on one line."
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        problem = f"{name[:LONGEST_NAME]!r} cannot be used as the name of a class"
    elif any(cover.name == name and cover.value != value for cover in classes):
        problem, remedy = f"two classes would be named {name!r}", "Choose another name."
    elif value > MOST_CLASSES:
        problem, remedy = f"there are {MOST_CLASSES} classes already", "Rename a class instead."
    elif colour and not _COLOUR.fullmatch(colour):
        problem, remedy = f"{colour!r} is not a colour", "Use a colour such as #1b9e77."
    if problem:
        raise SettingsError(problem, where="class", remedy=remedy)
    former = present[value].colour if value in present else _spare_colour(classes)
    return LandCover(value, name, colour or former)


def _spare_colour(classes: tuple[LandCover, ...]) -> str:
    colours = {cover.colour.lower() for cover in classes}
    return next(text for text in class_colours(len(classes) + 1) if text not in colours)


def regions_to_document(history: RegionHistory) -> dict[str, Any]:
    """Return a history as a document that fits into JSON."""
    return {
        "classes": [_step_row(cover) for cover in history.first_classes],
        "steps": [_step_row(step) for step in history.steps],
        "undone_steps": [_step_row(step) for step in history.undone_steps],
    }


def _step_row(step: RegionStep) -> list[Any]:
    if isinstance(step, Region):
        return ["region", step.number, step.image, step.value, step.outline]
    if isinstance(step, Removal):
        return ["remove", step.number]
    return ["class", step.value, step.name, step.colour]


def regions_from_document(document: Mapping[str, Any]) -> RegionHistory:
    """Return the history in a document; raises ArtifactError if it is damaged."""
    try:
        classes = tuple(LandCover(*_read_class(row)) for row in document["classes"])
        steps, undone = (
            tuple(_read_step(row) for row in document[name]) for name in ("steps", "undone_steps")
        )
        history = RegionHistory(classes, steps, undone)
        values = {cover.value for cover in history.classes()}
        if not {region.value for region in history.regions()} <= values:
            raise ValueError("a region has a class that does not exist")
    except (IndexError, KeyError, TypeError, ValueError, ShapelyError) as error:
        problem = f"the labelled regions cannot be read ({error})"
        raise ArtifactError(problem, where="labelled regions") from error
    return history


def _read_class(row: Any) -> tuple[int, str, str]:
    kind, value, name, colour = row
    if kind != "class" or not _COLOUR.fullmatch(colour) or not 1 <= value <= MOST_CLASSES:
        raise ValueError(f"{row!r} is not a class")
    return int(value), str(name), str(colour)


def _read_step(row: Any) -> RegionStep:
    if row[0] == "class":
        return LandCover(*_read_class(row))
    if row[0] == "remove":
        return Removal(int(row[1]))
    kind, number, image, value, outline = row
    if kind != "region" or shapely.from_wkt(outline).geom_type not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"{kind!r} is not a kind of step, or a region is not a polygon")
    return Region(int(number), str(image), int(value), str(outline))


@lru_cache(4096)
def _parse_outline(text: str) -> Any:
    return shapely.from_wkt(text)
