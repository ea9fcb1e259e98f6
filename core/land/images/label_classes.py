"""The classes of your own labels: from rasters, attributes of polygons, or a CSV file."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core.errors import SceneError, SettingsError, TooFewError
from core.land.data.dataset import LabelRule, Problem
from core.land.data.nomenclature import FULL, LandCover, Legend, class_colours
from core.land.data.window_reading import attribute_texts
from core.land.images.csv_rows import read_csv_rows
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
        if kinds == {True}:
            values = {_whole_number(value, classes): name for value, name in values.items()}
            table_colours = {
                _whole_number(value, classes): colour for value, colour in table_colours.items()
            }
        colours |= table_colours
        problems += _class_table_problems(present, values, classes)
    problems += _case_problems(values.values(), classes or files[0])
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
    """Report labels that a table of classes leaves out, and classes without any label.

    Raises SettingsError if there is no label of any class.
    """
    if not any(value in present for value in listed):
        raise SettingsError(
            f"none of the values in the table ({_list_some(listed)}) occurs in the labels, which "
            f"have {_list_some(present)}",
            where=path.name,
            remedy="The column value holds the values as they are stored in the labels.",
        )
    problems = []
    if unlisted := [value for value in present if value not in listed]:
        reason = (
            f"labels with values that are not in this table are left out: {_list_some(unlisted)}"
        )
        problems.append(Problem(path.name, reason))
    if unused := [f"{value} ({name})" for value, name in listed.items() if value not in present]:
        problems.append(Problem(path.name, f"no label has the value {', '.join(unused[:8])}"))
    return problems


def _case_problems(names: Iterable[str], path: Path) -> list[Problem]:
    """Report names that differ only in case, and are probably meant to be one class."""
    variants: dict[str, list[str]] = {}
    for name in names:
        variants.setdefault(name.casefold(), []).append(name)
    return [
        Problem(
            path.name,
            f"the classes {' and '.join(map(repr, group))} differ only in capital letters, and "
            "count as different classes; if they are one, correct the labels and import again",
        )
        for group in variants.values()
        if len(group) > 1
    ]


def _whole_number(text: str, path: Path) -> str:
    """Return the value of a raster as `LabelRule` stores it: "3" for "3.0" or "03"."""
    try:
        number = float(text)
        if not number.is_integer():
            raise ValueError
    except ValueError:
        raise SettingsError(
            f"the value {text!r} is no whole number, and the labels are rasters",
            where=path.name,
            remedy="The column value holds the values of the raster, and the column name the "
            "names of the classes.",
        ) from None
    return str(int(number))


def _list_some(values: Iterable[str]) -> str:
    """Return the first values, separated by commas."""
    texts = list(values)
    return ", ".join(texts[:8]) + (" ..." if len(texts) > 8 else "")


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
    names: dict[str, str] = {}
    colours: dict[str, str] = {}
    for number, row in read_csv_rows(path, ("value", "name")):
        value, name = row.get("value", ""), row.get("name", "")
        colour = row.get("colour", "") or row.get("color", "")
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
                remedy="Each line has the value in the labels, the name of its class and, if you "
                "like, a colour.",
            )
        names[value] = name
        if colour:
            colours[value] = colour.lower()
    return names, colours
