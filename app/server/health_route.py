"""The route that tells a monitor or a load balancer whether this server can work."""

import os
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import JSONResponse

from app.session import cache
from app.session.state import home_workspace
from core.errors import WorkspaceError


def serve_health(_: Request) -> JSONResponse:
    """Return 200, or 503 with the problems, and the numbers of jobs, ``/chipscape/health``.

    No path or name of the workspace is part of the answer.
    """
    jobs = cache.job_board().running_jobs()
    waiting = sum(job.is_waiting for job in jobs)
    problems = _find_problems()
    report = {
        "status": "unable" if problems else "ok",
        "version": version("chipscape"),
        "jobs": {"running": len(jobs) - waiting, "waiting": waiting},
        "problems": problems,
    }
    code = 503 if problems else 200
    return JSONResponse(report, code, headers={"Cache-Control": "no-store"})


def _find_problems() -> list[str]:
    """Return what keeps the server from computing results; empty if nothing does."""
    try:
        root = home_workspace().root
    except WorkspaceError as error:
        return [f"The workspace {error.problem}."]
    # A workspace that does not exist yet is created in the nearest folder that does.
    folder = next(path for path in (root, *root.parents) if path.exists())
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return ["The workspace cannot be read or written."]
    return []
