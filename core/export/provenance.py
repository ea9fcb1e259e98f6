"""Where exported results come from: the run, its settings and its scenes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from core import __version__
from core.artifacts.formats import write_atomically

PROVENANCE_FILE = "provenance.toml"
"""Name of the file that every exported folder contains."""


@dataclass(frozen=True)
class Provenance:
    """The run that the results belong to.

    Attributes
    ----------
    run_id : str
        Name of the run's record in results/runs/, without the suffix.
    run_name : str
        The name that the user gave to the run; empty if there is none.
    date : str
        When the run was finished, in UTC, as ISO 8601.
    version : str
        The version of Chipscape.
    settings : mapping
        All settings, one table per stage.
    scenes : tuple of str
        File names of the scenes with chips.
    """

    run_id: str = ""
    run_name: str = ""
    date: str = ""
    version: str = __version__
    settings: Mapping[str, Any] = field(default_factory=dict)
    scenes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The run's name, or its id if it has no name."""
        return self.run_name or self.run_id

    def as_table(self) -> dict[str, Any]:
        """The provenance as nested tables, with the program's name first."""
        return {"program": "Chipscape", **asdict(self), "scenes": list(self.scenes)}

    def as_json(self) -> str:
        """The provenance as JSON on one line."""
        return json.dumps(self.as_table(), ensure_ascii=False)

    def settings_toml(self) -> str:
        """The settings as TOML, in the form that ``--settings`` reads."""
        return tomli_w.dumps(dict(self.settings))

    def write(self, folder: Path) -> None:
        """Write the provenance into a folder, as `PROVENANCE_FILE`."""
        write_atomically(folder / PROVENANCE_FILE, tomli_w.dumps(self.as_table()))
