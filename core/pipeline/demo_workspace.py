"""The demo in a workspace of its own, written once."""

from core.artifacts.formats import read_json, write_json
from core.errors import WorkspaceError
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent

MARK = "demo.json"
VERSION = 1


def is_demo(workspace: Workspace) -> bool:
    """True if the workspace holds the whole demo as this version writes it."""
    mark = workspace.root / MARK
    if not mark.is_file():
        return False
    table = read_json(mark)
    files = table.get("files")
    complete = bool(files) and all((workspace.raw / name).is_file() for name in files)
    return complete and table.get("version") == VERSION


def ensure_demo(workspace: Workspace, seed: int = 0, report: Progress = silent) -> bool:
    """Write the demo's scenes into raw/, unless they are there.

    Returns
    -------
    bool
        True if they were written.

    Raises
    ------
    WorkspaceError
        If raw/ holds other files: the demo is never mixed into the user's own.
    """
    # The painters are only loaded where something is painted.
    from core.demo.harbour.harbour_scenes import write_harbour

    mark = workspace.root / MARK
    if is_demo(workspace) and read_json(mark).get("seed") == seed:
        return False
    if not mark.is_file() and workspace.raw.is_dir() and any(workspace.raw.iterdir()):
        raise WorkspaceError(
            "holds files that are not the demo's",
            where=str(workspace.raw),
            remedy="Name another folder with --workspace.",
        )
    # Marked before it is complete, so that an interrupted demo is written again, not refused.
    write_json(mark, {"version": VERSION, "seed": seed, "files": []})
    written = write_harbour(workspace.raw, seed=seed, report=report)
    files = [path.name for path in written]
    write_json(mark, {"version": VERSION, "seed": seed, "files": files})
    return True
