"""The classes of your own labels: from rasters, attributes of polygons, or a CSV file."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import SceneError, SettingsError, TooFewError
from core.land.data.dataset import LabelRule, Problem
from core.land.data.nomenclature import FULL, LandCover, Legend, class_colours
from core.land.data.window_reading import attribute_texts
from core.raster.annotations.footprints import guess_class_attribute
from core.raster.annotations.vector_files import read_annotations
from core.raster.label_rasters import LabelValues, read_label_values
from core.raster.sidecars import RASTER_SUFFIXES

MOST_CLASSES = 200
"""The highest number of classes, so that a class map fits into bytes."""
_COLOUR = re.compile(r"#[0-9a-f]{6}", re.I)


def find_classes(
    files: Sequence[Path],
    attribute: str,
    background: str,
    classes: Path | None,
    problems: list[Problem],
) -> tuple[LabelRule, Legend]:
    """Return the classes of labels, from a CSV file or from the labels themselves.

    `files` are all rasters or all vector files. The `attribute` of polygons is guessed if it is
    empty; `background` names the class of all other pixels, if any. Files that cannot be read are
    added to `problems`. Raises TooFewError if there are fewer than two classes, and SettingsError
    if the labels are of different kinds or the attribute does not exist.
    """
    kinds = {file.suffix.lower() in RASTER_SUFFIXES for file in files}
    if len(kinds) > 1:
        raise SettingsError(
            "some labels are rasters and others are polygons",
            where=", ".join(file.name for file in files[:4]),
            remedy="Import them as two workspaces, or convert one kind into the other.",
        )
    colours: dict[str, str] = {}
    if kinds == {True}:
        attribute = ""
        values, colours = _raster_classes(files, problems)
    else:
        attribute = attribute or _guess_attribute(files)
        values = {text: text for text in _attribute_values(files, attribute, problems)}
    if classes is not None:
        present = values
        values, table_colours = read_class_table(classes)
        colours |= table_colours
        problems += _class_table_problems(present, values, classes)
    names = [*values.values(), *([background] if background else [])]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise SettingsError(
            f"two classes are named {repeated!r}",
            where=classes.name if classes else files[0].name,
            remedy="Give each class a name of its own.",
        )
    if not 2 <= len(names) <= MOST_CLASSES:
        count = "1 class" if len(names) == 1 else f"{len(names)} classes"
        raise TooFewError(
            f"the labels have {count} ({', '.join(names[:4])}), and a classification needs 2 to "
            f"{MOST_CLASSES}",
            where=files[0].name,
            remedy="Name the class of all other pixels with --background, or choose another "
            "attribute with --attribute.",
        )
    known = {cover.name: cover.colour for cover in FULL}
    covers: list[LandCover] = []
    for value, name, spare in zip((*values, ""), names, class_colours(len(names)), strict=False):
        colour = colours.get(value) or known.get(name) or spare
        covers.append(LandCover(len(covers) + 1, name, colour))
    rule = LabelRule(tuple(values), attribute, len(names) if background else 0)
    return rule, Legend(tuple(covers), len(covers))


def _class_table_problems(
    present: Mapping[str, str], listed: Mapping[str, str], path: Path
) -> list[Problem]:
    """Report labels that a table of classes leaves out, and classes without any label."""
    problems = []
    if unlisted := [value for value in present if value not in listed]:
        words = ", ".join(unlisted[:8])
        reason = f"labels with values that are not in this table are left out: {words}"
        problems.append(Problem(path.name, reason))
    if unused := [f"{value} ({name})" for value, name in listed.items() if value not in present]:
        problems.append(Problem(path.name, f"no label has the value {', '.join(unused[:8])}"))
    return problems


def _raster_classes(
    files: Sequence[Path], problems: list[Problem]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names of the values of rasters, and their colours."""
    tables: list[LabelValues] = []
    for file in files:
        try:
            tables.append(read_label_values(file))
        except SceneError as error:
            problems.append(Problem(file.name, f"it is not used ({error})"))
    if not tables:
        raise SceneError(
            "none of the rasters of labels can be read", where="; ".join(map(str, problems[:3]))
        )
    numbers = sorted({value for table in tables for value in table.counts})
    if 0 in numbers and not any(0 in table.colours for table in tables):
        reason = (
            "the value 0 is a class, because it is not declared as nodata; list the other classes "
            "in a CSV file (--classes) if it means no class"
        )
        problems.append(Problem(files[0].name, reason))
    colours = {str(value): text for table in tables for value, text in table.colours.items()}
    return {str(value): f"class {value}" for value in numbers}, colours


def _guess_attribute(files: Sequence[Path]) -> str:
    properties = read_annotations(files[0]).properties
    attribute = guess_class_attribute(properties)
    if not attribute:
        raise SettingsError(
            "no attribute of the polygons looks like a class",
            where=files[0].name,
            remedy=f"Name it with --attribute: {', '.join(map(str, properties.columns[:12]))}.",
        )
    return attribute


def _attribute_values(files: Sequence[Path], attribute: str, problems: list[Problem]) -> list[str]:
    values: set[str] = set()
    for file in files:
        properties = read_annotations(file).properties
        if attribute not in properties:
            raise SettingsError(
                f"there is no attribute {attribute!r}",
                where=file.name,
                remedy=f"Its attributes are {', '.join(map(str, properties.columns[:12]))}.",
            )
        texts = attribute_texts(properties[attribute])
        if n_empty := texts.count(""):
            noun = "polygon has" if n_empty == 1 else "polygons have"
            problems.append(Problem(file.name, f"{n_empty} {noun} no value of {attribute!r}"))
        values |= set(texts)
    return sorted(values - {""})


def read_class_table(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Read a CSV file of classes; return the names and the colours by stored value.

    The columns are value, name and, optionally, colour (#rrggbb). Raises SettingsError if the file
    cannot be read, a column is missing, or a value occurs twice.
    """
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"the file cannot be read ({error})", where=str(path)) from error
    names: dict[str, str] = {}
    colours: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        fields = {(key or "").strip().lower(): (text or "").strip() for key, text in row.items()}
        value, name, colour = (fields.get(key, "") for key in ("value", "name", "colour"))
        colour = colour or fields.get("color", "")
        problem = ""
        if not value or not name:
            problem = "there is no value or no name"
        elif value in names:
            problem = f"the value {value} occurs twice"
        elif colour and not _COLOUR.fullmatch(colour):
            problem = f"{colour!r} is not a colour such as #1b9e77"
        if problem:
            raise SettingsError(
                f"{problem} in line {number}",
                where=path.name,
                remedy="The columns are value, name and colour, separated by commas.",
            )
        names[value] = name
        if colour:
            colours[value] = colour.lower()
    return names, colours
