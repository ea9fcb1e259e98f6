"""A workspace: the folder with the data and results of one project."""

import os
from functools import cached_property
from pathlib import Path

from core.artifacts.keys import Checksums
from core.artifacts.store import Store
from core.errors import SettingsError, WorkspaceError

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "CHIPSCAPE_WORKSPACE"
# A folder with any of these subfolders is a workspace.
WORKSPACE_FOLDERS = {"raw", "artifacts", "flair", "land"}


class Workspace:
    """The folder that contains the scenes and the results.

    With `verify`, the checksum of every input file is computed again, even if the file's size and
    modification time have not changed.
    """

    def __init__(self, root: Path, *, verify: bool = False) -> None:
        self.root = root
        self._verify = verify

    @classmethod
    def at(cls, root: Path | str | None = None, *, verify: bool = False) -> "Workspace":
        """Return the workspace of a folder; the default is $CHIPSCAPE_WORKSPACE or else data/.

        Raises WorkspaceError if the path is a file.
        """
        chosen = Path(root or os.environ.get(VARIABLE) or ROOT / "data").expanduser().resolve()
        if chosen.exists() and not chosen.is_dir():
            raise WorkspaceError(
                "is a file, not a folder", where=str(chosen), remedy="Choose a folder."
            )
        return cls(chosen, verify=verify)

    @classmethod
    def open_folder(cls, path: str) -> "Workspace":
        """Return the workspace of an existing folder, given its absolute path as text.

        Raises WorkspaceError if there is no such folder, if it cannot be written to, or if it is
        neither empty nor a workspace.
        """
        folder = Path(path.strip()).expanduser()
        if not folder.is_absolute():
            raise WorkspaceError(
                "this is not an absolute path",
                where=path.strip(),
                remedy="Enter a path such as /home/me/harbour.",
            )
        folder = folder.resolve()
        if not folder.is_dir():
            problem = "is a file, not a folder" if folder.exists() else "there is no such folder"
            raise WorkspaceError(
                problem, where=str(folder), remedy="Check the path, or create the folder first."
            )
        names = {entry.name for entry in folder.iterdir()} if os.access(folder, os.R_OK) else set()
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise WorkspaceError(
                "the folder cannot be read and written to",
                where=str(folder),
                remedy="Change its permissions, or choose another folder.",
            )
        if names and not names & WORKSPACE_FOLDERS:
            raise WorkspaceError(
                "the folder is not a workspace, because it has no subfolder raw/",
                where=str(folder),
                remedy="Move the scenes and their annotations into a subfolder raw/, or open an "
                "empty folder and copy them on the Scenes page.",
            )
        return cls(folder)

    @property
    def raw(self) -> Path:
        """The user's scenes and vector files; only imported files are written there."""
        return self.root / "raw"

    def refuse_raw(self, out: Path | None) -> None:
        """Raise SettingsError if an output is to be written to raw/."""
        if out and out.resolve().is_relative_to(self.raw.resolve()):
            raise SettingsError("raw/ is never written to", where="--out")

    @property
    def annotations(self) -> Path:
        """Annotations that the user made in the app, and candidates that the user rejected."""
        return self.root / "annotations"

    @property
    def replaced(self) -> Path:
        """Files of raw/ that were replaced by an import; nothing is deleted."""
        return self.root / "replaced"

    @property
    def extracted(self) -> Path:
        """Chips and tables in the seed pipeline's layout, written on request."""
        return self.root / "extracted"

    @property
    def results(self) -> Path:
        """Exports, pictures and run records."""
        return self.root / "results"

    @property
    def weights(self) -> Path:
        """Weight files that the user provided."""
        return self.root / "weights"

    @property
    def artifacts(self) -> Path:
        """The store's folder."""
        return self.root / "artifacts"

    @cached_property
    def store(self) -> Store:
        """The artifacts of this workspace."""
        return Store(self.artifacts, verify=self._verify)

    @cached_property
    def checksums(self) -> Checksums:
        """Checksums of this workspace's inputs."""
        return Checksums(self.artifacts / "checksums.json", verify=self._verify)

    @property
    def demo(self) -> "Workspace":
        """The demo's workspace, which is separate from the user's raw/."""
        return Workspace(self.root / "demo", verify=self._verify)
