"""Settings as dataclasses that validate themselves, and their conversion to nested TOML tables."""

import dataclasses
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from core.errors import SettingsError


def bounded(default: Any, low: float, high: float) -> Any:
    """Declare a numeric field whose value lies between `low` and `high`, both included.

    A default of type int makes the field a whole number.
    """
    return field(default=default, metadata={"bounds": (low, high)})


def one_of(default: Any, literal: Any) -> Any:
    """Declare a field whose value must be one of the values of a ``Literal`` type."""
    return field(default=default, metadata={"choices": get_args(literal)})


class Checked:
    """Base class of settings: validates the bounds and choices that the fields declare."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if problem := _problem(value, item):
                remedy = 'Write it as ["red", ...].' if isinstance(item.default, tuple) else ""
                raise SettingsError(problem, where=item.name, remedy=remedy)
            if "bounds" in item.metadata:
                number = int if isinstance(item.default, int) else float
                # 30 and 30.0 are the same setting, so they must lead to the same key.
                object.__setattr__(self, item.name, number(value))


def _problem(value: Any, item: dataclasses.Field[Any]) -> str:
    """Return the reason why the value of a field is invalid; empty if it is valid."""
    if "bounds" in item.metadata:
        low, high = item.metadata["bounds"]
        if not isinstance(value, int | float) or isinstance(value, bool):
            return f"{value!r} is not a number"
        if not low <= value <= high:
            return f"{value!r} is not between {low:g} and {high:g}"
        fractional = isinstance(item.default, int) and value != int(value)
        return f"{value!r} is not a whole number" if fractional else ""
    if "choices" in item.metadata:
        choices = item.metadata["choices"]
        return "" if value in choices else f"{value!r} is not one of {', '.join(choices)}"
    if isinstance(item.default, bool) and not isinstance(value, bool):
        return f"{value!r} is neither true nor false"
    if isinstance(item.default, str) and not isinstance(value, str):
        return f"{value!r} is not text"
    if isinstance(item.default, tuple):
        names = isinstance(value, tuple) and all(isinstance(name, str) for name in value)
        return "" if names else f"{value!r} is not a list of names"
    return ""


def settings_from_table(
    cls: type[Any], table: Mapping[str, Any], where: str = "settings", prefix: str = ""
) -> Any:
    """Build settings of a class, a subclass of `Checked`, from nested tables.

    Fields that are missing get their defaults. Errors name `where`, the source of the tables, and
    `prefix`, the dotted path of this table within the outermost one, such as ``"scenes.grid."``.
    Raises SettingsError if a name is unknown (the message suggests the closest one) or a value is
    out of range.
    """
    fields = {item.name: item for item in dataclasses.fields(cls)}
    values: dict[str, Any] = {}
    require_known(table, fields, where, prefix)
    for name, value in table.items():
        factory = fields[name].default_factory
        if isinstance(factory, type) and dataclasses.is_dataclass(factory):
            if not isinstance(value, Mapping):
                raise SettingsError(f"{prefix + name!r} is a table, not {value!r}", where=where)
            values[name] = settings_from_table(factory, value, where, f"{prefix}{name}.")
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    try:
        return cls(**values)
    except SettingsError as error:
        location = f"{where}, {prefix}{error.where}"
        raise SettingsError(error.problem, where=location, remedy=error.remedy) from error


def require_known(
    names: Iterable[str], known: Collection[str], where: str, prefix: str = ""
) -> None:
    """Raise SettingsError if a name is unknown; see `settings_from_table`."""
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}."
            raise SettingsError(f"unknown setting {prefix + name!r}", where=where, remedy=hint)


def merge_tables(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nested tables of `base`, with values replaced by those in `overrides`."""
    result = dict(base)
    for name, value in overrides.items():
        old = result.get(name)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        result[name] = merge_tables(old, value) if both else value  # type: ignore[arg-type]
    return result


def read_toml(path: Path) -> dict[str, Any]:
    """Read nested tables of settings from a TOML file.

    Raises SettingsError if the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError("cannot be read", where=str(path), remedy=str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"is not TOML: {error}", where=str(path)) from error


def settings_table(settings: Any) -> dict[str, Any]:
    """Return settings as nested tables, the inverse of `settings_from_table`."""
    return dataclasses.asdict(settings)
