"""The jobs of a workspace: command lines that compute what a page requests."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.session import cache, saved_settings, state
from app.session.job_board import Job, core_command
from app.session.views import find_view, is_new_session, requested_settings, reset_settings
from core.artifacts.keys import make_key
from core.pipeline.run import count_chips
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

MOST_CLUSTERS = 20
"""Largest number of clusters fitted in advance, so that the slider responds at once."""
MOST_EXPORTS = 8
"""Number of exports whose files stay available for download."""


def job_prefix(workspace: Workspace) -> str:
    """Return the start of the keys of a workspace's jobs."""
    return f"{workspace.root}::"


def list_jobs(workspace: Workspace) -> list[Job]:
    """Return the jobs of a workspace, started by any session."""
    return cache.job_board().jobs(job_prefix(workspace))


def busy_workspaces(workspace: Workspace) -> list[str]:
    """Return the roots of the other workspaces in which a job is running."""
    roots = dict.fromkeys(job.key.partition("::")[0] for job in cache.job_board().running_jobs())
    return [root for root in roots if root != str(workspace.root)]


def running_job(workspace: Workspace) -> Job | None:
    """Return a running job of a workspace, or None."""
    return next((job for job in list_jobs(workspace) if job.state == "running"), None)


def resume_requested_settings(workspace: Workspace) -> None:
    """In a new session, request the settings of the run that is in progress, if there is one."""
    target = saved_settings.load_job_target(workspace)
    job = None if target is None else cache.job_board().get(target[2])
    is_running = job is not None and job.state == "running"
    if target is not None and is_running and is_new_session(workspace):
        reset_settings(workspace, target[0])


def start_run(workspace: Workspace, settings: RunSettings, until: str, title: str) -> None:
    """Compute a stage, and the stages before it that are missing."""
    job = _start_command(workspace, settings, title, "run", "--until", until)
    saved_settings.save_job_target(workspace, settings, until, job.key)


def start_replay(workspace: Workspace, run_id: str, name: str) -> None:
    """Compute a recorded run again, whose results were deleted, and make it the current result."""
    command = core_command("replay", run_id, "--workspace", str(workspace.root), "--json")
    start_job(workspace, f"Computing {name} again", command, name="replay", run=run_id)


def start_grid_run(workspace: Workspace, settings: RunSettings, until: str, title: str) -> None:
    """Compute a stage; the scene settings become the requested ones only when the job is done.

    Otherwise the page would have to compute the grid of every scene before it could be drawn.
    """
    job = _start_command(workspace, settings, title, "run", "--until", until)
    _pending_settings(workspace)[job.key] = settings


def apply_pending_settings(workspace: Workspace) -> bool:
    """Request the pending settings of jobs that have succeeded; return True if there were any."""
    applied, pending = False, _pending_settings(workspace)
    for key, settings in list(pending.items()):
        job = cache.job_board().get(key)
        if job is not None and job.state == "running":
            continue
        del pending[key]
        if job is not None and job.state == "done":
            requested = requested_settings(workspace)
            requested = dataclasses.replace(requested, scenes=settings.scenes)
            reset_settings(workspace, requested)
            saved_settings.save_settings(workspace, requested)
            applied = True
    return applied


def start_import(workspace: Workspace, folder: str, existing: str) -> Job:
    """Copy scenes and annotations from another folder into raw/."""
    options = ("--existing", existing, "--workspace", workspace.root, "--json")
    command = core_command("import", folder, *options)
    return start_job(workspace, "Copying files", command, name="import", folder=folder)


def start_assignment(workspace: Workspace) -> Job:
    """Assign the chips of added scenes to the clusters of the current result."""
    command = core_command("assign", "--workspace", workspace.root, "--json")
    return start_job(workspace, "Assigning the new chips", command, name="assign")


def start_scan(workspace: Workspace, options: Sequence[str], title: str) -> Job:
    """Search scenes for more objects like some chips; the options are those of the command."""
    command = core_command("scan", *options, "--workspace", workspace.root, "--json")
    return start_job(workspace, title, command, name="scan", options=list(options))


def start_change_comparison(workspace: Workspace, scenes: Sequence[str]) -> Job:
    """Compare two scenes that cover the same ground, given by name, the earlier one first."""
    names = ",".join(scenes)
    command = core_command("changes", f"--scenes={names}", "--workspace", workspace.root, "--json")
    return start_job(workspace, "Comparing two scenes", command, name="changes", scenes=names)


def start_screening(workspace: Workspace, settings: RunSettings) -> None:
    """Flag the chips that may not be worth keeping, such as blank ones."""
    _start_command(workspace, settings, "Screening", "screen")


def start_refit(workspace: Workspace, settings: RunSettings) -> None:
    """Fit the encoder again, to all scenes, and embed all chips again."""
    settings = dataclasses.replace(settings, embed=dataclasses.replace(settings.embed, refit=True))
    start_run(workspace, settings, "embeddings", "Fitting the encoder again")


def start_count_sweep(workspace: Workspace, settings: RunSettings) -> None:
    """Fit the method for each number of clusters, so that its slider responds at once."""
    most = most_clusters(find_view(workspace, settings))
    title, options = f"Fitting 2 to {most} clusters", _sweep_options(settings.method, most)
    _start_command(workspace, settings, title, "cluster", *options)


def most_clusters(view: View) -> int:
    """Return the largest number of clusters to fit in advance, at most the number of chips."""
    n_chips = count_chips(view)
    return min(MOST_CLUSTERS, max(n_chips, 2)) if n_chips else MOST_CLUSTERS


def start_tree(workspace: Workspace, settings: RunSettings) -> None:
    """Build the tree that the sliders of the method cut."""
    options = ("--method", settings.method)
    _start_command(workspace, settings, "Building the tree", "cluster", *options)


def prepare_sliders(workspace: Workspace, settings: RunSettings) -> None:
    """Build the tree of HDBSCAN, then fit mixtures, so that both sliders respond at once."""
    tree = _command(workspace, settings, "cluster", "--method", "hdbscan")
    fits = _command(workspace, settings, "cluster", *_sweep_options("gmm"))
    start_job(workspace, "Preparing the sliders", tree, fits, name="prepare", settings=settings)


def start_estimate(workspace: Workspace, settings: RunSettings, encoders: Sequence[str]) -> None:
    """Measure the cost of encoders on a few of the chips."""
    names = ",".join(encoders)
    _start_command(workspace, settings, "Measuring encoders", "estimate", "--encoders", names)


def start_comparison(
    workspace: Workspace, settings: RunSettings, encoders: Sequence[str], attribute: str
) -> None:
    """Embed the chips with several encoders and score each encoder against an attribute."""
    options = ("--encoders", ",".join(encoders), f"--property={attribute}")
    _start_command(workspace, settings, "Comparing encoders", "compare", *options)


def start_quality(workspace: Workspace, settings: RunSettings) -> None:
    """Compute the report card: stability, silhouette, DBCV, confounders."""
    _start_command(workspace, settings, "Measuring cluster quality", "quality")


def start_corrections(workspace: Workspace, settings: RunSettings, attribute: str) -> None:
    """Cluster with each correction of a confounder, and measure the effect."""
    options = ("--corrections", f"--property={attribute}")
    _start_command(workspace, settings, "Comparing corrections", "quality", *options)


def start_component_sweep(workspace: Workspace, settings: RunSettings) -> None:
    """Compare mixtures with different numbers of components."""
    _start_command(workspace, settings, "Comparing mixtures", "landscape", "--method", "gmm")


def start_overviews(
    workspace: Workspace, settings: RunSettings, scene: str, bands: Sequence[str]
) -> None:
    """Build a scene's overviews, so that the map is fast at every scale."""
    options = (f"--scene={scene}", f"--shown={','.join(bands)}")
    _start_command(workspace, settings, "Building overviews", "overviews", *options)


def start_export(view: View, formats: Sequence[str], mark: str) -> Job:
    """Write results in some formats; `mark` identifies the edits and the look of the clusters.

    The files of a job are in a folder of their own, so that no other export replaces them.
    """
    workspace, inputs = view.workspace, _export_inputs(view, formats, mark)
    exports = workspace.root / "app" / "exports"
    remove_old_folders(exports, MOST_EXPORTS - 1)
    folder = exports / make_key("export", 1, {"key": job_key(workspace, **inputs)})[:16]
    options = ("--format", ",".join(formats), "--out", str(folder), "--zip")
    command = _command(workspace, view.settings, "export", *options)
    return start_job(workspace, "Exporting", command, **inputs)


def find_export(view: View, formats: Sequence[str], mark: str) -> Job | None:
    """Return the latest export of these results in these formats; None if there is none."""
    return cache.job_board().get(job_key(view.workspace, **_export_inputs(view, formats, mark)))


def remove_old_folders(parent: Path, n_folders: int) -> None:
    """Remove all folders in a folder except the most recent ones."""
    folders = [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
    folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in folders[n_folders:]:
        shutil.rmtree(folder, ignore_errors=True)


def _export_inputs(view: View, formats: Sequence[str], mark: str) -> dict[str, Any]:
    return {"name": "export", "settings": view.settings, "formats": list(formats), "mark": mark}


def job_key(workspace: Workspace, **inputs: Any) -> str:
    """Return the key of a job; two requests with the same inputs share one job."""
    if isinstance(settings := inputs.get("settings"), RunSettings):
        inputs["settings"] = dataclasses.asdict(settings)
    return job_prefix(workspace) + make_key("job", 1, inputs)


def start_job(workspace: Workspace, title: str, *commands: Sequence[str], **inputs: Any) -> Job:
    """Start commands as one job; the jobs of a workspace run one after the other.

    Raises ChipscapeError if too many jobs of this session are waiting.
    """
    key, group = job_key(workspace, **inputs), job_prefix(workspace)
    owner = state.session_token()
    return cache.job_board().start(key, title, *commands, group=group, owner=owner)


def _start_command(
    workspace: Workspace, settings: RunSettings, title: str, name: str, *options: str
) -> Job:
    command = _command(workspace, settings, name, *options)
    return start_job(workspace, title, command, name=name, options=options, settings=settings)


def _command(
    workspace: Workspace, settings: RunSettings, name: str, *options: str
) -> tuple[str, ...]:
    file = saved_settings.write_job_settings(workspace, settings)
    shared = ("--workspace", workspace.root, "--settings", file, "--json")
    return core_command(name, *shared, *options)


def _sweep_options(method: str, most: int = MOST_CLUSTERS) -> tuple[str, ...]:
    return ("--method", method, "--sweep", f"2:{most}")


def _pending_settings(workspace: Workspace) -> dict[str, RunSettings]:
    """Return the settings to request when a job is done, by the key of the job."""
    return state.drawer("later", workspace)
