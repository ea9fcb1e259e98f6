"""Small CSV files that users write: tables of classes, and pairs of files."""

import csv
from collections.abc import Sequence
from pathlib import Path

from core.errors import SettingsError

# Spreadsheets of many countries write semicolons, because the comma is their decimal mark.
_DELIMITERS = ",;\t"


def read_csv_rows(path: Path, required: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a CSV file with a header, each with its line number, from 2.

    Columns are separated by commas, semicolons or tabs, as in the header; their names are
    lower-cased. Empty lines are left out. Raises SettingsError if the file cannot be read, is not
    UTF-8, has no rows, or lacks one of the required columns.
    """
    lines = _read_text(path).splitlines()
    header = next((line for line in lines if line.strip()), "")
    columns = f"The first line names the columns, such as {','.join(required)}."
    if not header:
        raise SettingsError("the file is empty", where=str(path), remedy=columns)
    delimiter = max(_DELIMITERS, key=header.count)
    try:
        reader = csv.DictReader(lines, delimiter=delimiter)
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        if missing := [name for name in required if name not in names]:
            noun = "column is" if len(missing) == 1 else "columns are"
            raise SettingsError(
                f"the {noun} missing: {', '.join(missing)}; the first line is {header.strip()!r}",
                where=str(path),
                remedy=columns,
            )
        rows = [(reader.line_num, _cells(row)) for row in reader]
    except csv.Error as error:
        raise SettingsError(f"the file is not a CSV file ({error})", where=str(path)) from error
    filled = [(number, row) for number, row in rows if any(row.values())]
    if not filled:
        raise SettingsError(
            "there is no row below the names of the columns", where=str(path), remedy=columns
        )
    return filled


def _read_text(path: Path) -> str:
    try:
        # Spreadsheets begin UTF-8 with a byte order mark.
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(f"the file cannot be read ({reason})", where=str(path)) from error
    except UnicodeDecodeError as error:
        number = error.object[: error.start].count(b"\n") + 1
        raise SettingsError(
            f"the file is not UTF-8 text (line {number})",
            where=str(path),
            remedy="Save it as CSV in UTF-8; Excel calls this format CSV UTF-8.",
        ) from error


def _cells(row: dict[str | None, str | list[str] | None]) -> dict[str, str]:
    """Return the cells of a row by column; cells beyond the last column are left out."""
    return {
        name.strip().lower(): text.strip()
        for name, text in row.items()
        if name and isinstance(text, str)
    }
