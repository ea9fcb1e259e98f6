"""The tables of FLAIR-HUB: splits and dates, stored as GeoPackages."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.land.data.dataset import Problem

# The official split of the land-cover results; older releases number five splits.
_SPLIT_COLUMNS = ("split_flairhub", "split_1")
# Validation patches belong to the training domains.
_SPLITS = {"train": "train", "valid": "train", "val": "train", "test": "test"}
_KEYS = ("patch_id", "zone_id")
# Views are left out, because a view can be an endless query.
_TABLES = (
    "SELECT table_name FROM gpkg_contents JOIN sqlite_master ON name = table_name "
    "WHERE type = 'table'"
)


def read_splits(tables: list[Path], problems: list[Problem]) -> dict[str, str]:
    """Return "train" or "test" by patch, from the first table that has an official split."""
    splits: dict[str, str] = {}
    for path in tables:
        for row in _read_rows(path, problems):
            name = next((column for column in _SPLIT_COLUMNS if column in row), None)
            split = _SPLITS.get(str(row[name]).lower()) if name else None
            if split and "patch_id" in row:
                splits[str(row["patch_id"])] = split
    return splits


def read_series_dates(
    tables: list[Path], problems: list[Problem]
) -> dict[str, tuple[tuple[str, ...], Path]]:
    """Return the dates of Sentinel-2 series, yyyy-mm-dd, and their table, by patch or area.

    The tables store the dates as a JSON object, {"1": "20210114", ...}, for each patch (column
    `patch_id`) or area (`zone_id`).
    """
    dates: dict[str, tuple[tuple[str, ...], Path]] = {}
    for path in tables:
        for row in _read_rows(path, problems):
            key = next((str(row[name]) for name in _KEYS if row.get(name)), "")
            try:
                table = json.loads(row["acquisition_dates"])
                texts = [str(table[number]) for number in sorted(table, key=int)]
                dates[key] = tuple(map(_iso_date, texts)), path
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                reason = f"the dates of {key or 'a row'} cannot be read ({error})"
                problems.append(Problem(path.name, reason))
    return dates


def read_image_dates(tables: list[Path], problems: list[Problem]) -> dict[str, str]:
    """Return the date of the aerial image of each patch, yyyy-mm-dd; rows without one are left out.

    The date is that of a column `date`, or the first of `acquisition_dates`.
    """
    dates: dict[str, str] = {}
    for path in tables:
        for row in _read_rows(path, problems):
            try:
                text = row["date"] if "date" in row else json.loads(row["acquisition_dates"])["1"]
                dates[str(row["patch_id"])] = _iso_date(str(text))
            except (KeyError, TypeError, ValueError):
                continue
    return dates


def _iso_date(text: str) -> str:
    """Convert yyyymmdd or yyyy-mm-dd; raises ValueError for anything else."""
    from datetime import date

    digits = text.replace("-", "")[:8]
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat()


def _read_rows(path: Path, problems: list[Problem]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the layers of a GeoPackage without geometry; report an unreadable file.

    A GeoPackage is an SQLite database (OGC 12-128), and reading it as such takes seconds for the
    241,100 rows of FLAIR-HUB.
    """
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            layers = connection.execute(_TABLES).fetchall()
            for (layer,) in layers:
                quoted = str(layer).replace('"', '""')
                cursor = connection.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608
                names = [column[0] for column in cursor.description]
                for row in cursor:
                    yield dict(zip(names, row, strict=True))
        finally:
            connection.close()
    except sqlite3.Error as error:
        problems.append(Problem(path.name, f"the table cannot be read ({error})"))
