"""Write the demo's scenes into a workspace."""

from core.artifacts.formats import read_json, write_json
from core.errors import WorkspaceError
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent

MARK = "demo.json"
VERSION = 1


def is_demo(workspace: Workspace) -> bool:
    """Return True if the workspace contains the complete demo as written by this version."""
    mark = workspace.root / MARK
    if not mark.is_file():
        return False
    table = read_json(mark)
    files = table.get("files")
    complete = bool(files) and all((workspace.raw / name).is_file() for name in files)
    return complete and table.get("version") == VERSION


def ensure_demo(workspace: Workspace, seed: int = 0, report: Progress = silent) -> bool:
    """Write the demo's scenes into raw/ unless they exist; return True if they were written.

    Raises WorkspaceError if raw/ contains other files: the demo is never mixed with user data.
    """
    # Modules that generate the demo are imported only if it may have to be written.
    from core.demo.harbour.harbour_scenes import write_harbour

    mark = workspace.root / MARK
    if is_demo(workspace) and read_json(mark).get("seed") == seed:
        return False
    if not mark.is_file() and workspace.raw.is_dir() and any(workspace.raw.iterdir()):
        raise WorkspaceError(
            "contains files that do not belong to the demo",
            where=str(workspace.raw),
            remedy="Choose another folder with --workspace.",
        )
    # The mark is written first, so that an interrupted demo is not taken for user data.
    write_json(mark, {"version": VERSION, "seed": seed, "files": []})
    files = [path.name for path in write_harbour(workspace.raw, seed=seed, report=report)]
    write_json(mark, {"version": VERSION, "seed": seed, "files": files})
    return True
