"""A workspace: the folder of one body of work."""

import os
from functools import cached_property
from pathlib import Path

from core.artifacts.keys import Checksums
from core.artifacts.store import Store
from core.errors import WorkspaceError

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "CHIPSCAPE_WORKSPACE"


class Workspace:
    """Where scenes come in and results lie.

    Parameters
    ----------
    root : Path
    verify : bool
        Read every input file again instead of trusting size and modification time.
    """

    def __init__(self, root: Path, *, verify: bool = False) -> None:
        self.root = root
        self._verify = verify

    @classmethod
    def at(cls, root: Path | str | None = None, *, verify: bool = False) -> "Workspace":
        """The workspace at a folder, else the one the environment names, else the repository's.

        Raises
        ------
        WorkspaceError
            If the place is a file.
        """
        chosen = Path(root or os.environ.get(VARIABLE) or ROOT / "data").expanduser().resolve()
        if chosen.exists() and not chosen.is_dir():
            raise WorkspaceError(
                "is a file, not a folder", where=str(chosen), remedy="Name a folder."
            )
        return cls(chosen, verify=verify)

    @property
    def raw(self) -> Path:
        """The user's scenes and vector files; nothing is written there but what the user brings."""
        return self.root / "raw"

    @property
    def replaced(self) -> Path:
        """Files of raw/ that the user had replaced; nothing is deleted."""
        return self.root / "replaced"

    @property
    def extracted(self) -> Path:
        """Chips and tables in the seed's layout, written on request."""
        return self.root / "extracted"

    @property
    def results(self) -> Path:
        """Exports, pictures and run records."""
        return self.root / "results"

    @property
    def weights(self) -> Path:
        """Weight files that the user brought."""
        return self.root / "weights"

    @property
    def artifacts(self) -> Path:
        """The store's folder."""
        return self.root / "artifacts"

    @cached_property
    def store(self) -> Store:
        """The artifacts of this workspace."""
        return Store(self.artifacts)

    @cached_property
    def checksums(self) -> Checksums:
        """Checksums of this workspace's inputs."""
        return Checksums(self.artifacts / "checksums.json", verify=self._verify)

    @property
    def demo(self) -> "Workspace":
        """The demo's workspace, never mixed into the user's raw/."""
        return Workspace(self.root / "demo", verify=self._verify)
