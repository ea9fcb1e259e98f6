"""Settings as dataclasses that check themselves, and as nested tables of TOML."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from core.errors import SettingsError


def bounded(default: Any, low: float, high: float) -> Any:
    """A numeric field with inclusive bounds; 0 bounds nothing but itself."""
    return field(default=default, metadata={"bounds": (low, high)})


def one_of(default: Any, literal: Any) -> Any:
    """A field whose values are those of a Literal."""
    return field(default=default, metadata={"choices": get_args(literal)})


class Checked:
    """Checks bounds and choices that the fields declare."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if not item.metadata:
                _check_kind(item.name, value, item.default)
            if "bounds" in item.metadata:
                low, high = item.metadata["bounds"]
                if not isinstance(value, int | float) or isinstance(value, bool):
                    raise SettingsError(f"{value!r} is not a number", where=item.name)
                if not low <= value <= high:
                    raise SettingsError(
                        f"{value!r} is not between {low:g} and {high:g}", where=item.name
                    )
                whole = isinstance(item.default, int)
                if whole and value != int(value):
                    raise SettingsError(f"{value!r} is not a whole number", where=item.name)
                # 30 and 30.0 are one setting, and must give one key.
                object.__setattr__(self, item.name, int(value) if whole else float(value))
            if isinstance(item.default, bool) and not isinstance(value, bool):
                raise SettingsError(f"{value!r} is neither true nor false", where=item.name)
            if "choices" in item.metadata and value not in item.metadata["choices"]:
                choices = ", ".join(item.metadata["choices"])
                raise SettingsError(f"{value!r} is not one of {choices}", where=item.name)


def _check_kind(name: str, value: Any, default: Any) -> None:
    """Refuse anything but text, or a list of texts, where the default is one."""
    if isinstance(default, str) and not isinstance(value, str):
        raise SettingsError(f"{value!r} is not text", where=name)
    if isinstance(default, tuple):
        listed = isinstance(value, tuple) and all(isinstance(part, str) for part in value)
        if not listed:
            raise SettingsError(
                f"{value!r} is not a list of names", where=name, remedy='Write it as ["red", ...].'
            )


def from_table(
    cls: type[Any], table: Mapping[str, Any], where: str = "settings", within: str = ""
) -> Any:
    """Build a settings object from nested tables.

    Parameters
    ----------
    cls : type
    table : mapping
    where : str
        What the tables were read from, for messages.
    within : str
        The path of this table among them, with a dot at its end.

    Raises
    ------
    SettingsError
        For an unknown name (with the nearest known one) or a value out of bounds.
    """
    known = {item.name: item for item in dataclasses.fields(cls)}
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
            raise SettingsError(f"unknown setting {within + name!r}", where=where, remedy=hint)
        factory = known[name].default_factory
        if isinstance(factory, type) and dataclasses.is_dataclass(factory):
            if not isinstance(value, Mapping):
                raise SettingsError(f"{within + name!r} is a table, not {value!r}", where=where)
            values[name] = from_table(factory, value, where, f"{within}{name}.")
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    try:
        return cls(**values)
    except SettingsError as error:
        place = f"{where}, {within}{error.where}"
        raise SettingsError(error.what, where=place, remedy=error.remedy) from error


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables, the second laid over the first."""
    merged = dict(base)
    for name, value in over.items():
        old = merged.get(name)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        merged[name] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def from_toml(path: Path) -> dict[str, Any]:
    """Read nested tables of settings from a TOML file.

    Raises
    ------
    SettingsError
        If the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError("cannot be read", where=str(path), remedy=str(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"is not TOML: {error}", where=str(path)) from error


def as_table(settings: Any) -> dict[str, Any]:
    """Settings as nested tables, the inverse of `from_table`."""
    return dataclasses.asdict(settings)
