"""Long work on land cover, as command lines that run as jobs."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st
import tomli_w

from app.session import cache, jobs
from app.session.job_board import Job, core_command
from core.artifacts.formats import write_atomically
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.study import StudySettings
from core.pipeline.flair.study_cells import StudyRun
from core.pipeline.workspace import Workspace

LOOK_ALIKE_PATCHES = 12


def start_look_alike(workspace: Workspace) -> None:
    """Draw the look-alike, and read its files once."""
    draw = _command(workspace, "demo", "--patches", str(LOOK_ALIKE_PATCHES))
    commands = (draw, _command(workspace, "survey"))
    jobs.start_job(workspace, "Drawing a look-alike of FLAIR", *commands, name="look-alike")


def find_land_job(workspace: Workspace, **inputs: Any) -> Job | None:
    """Return the latest job with these inputs; that of the look-alike has its name only."""
    return cache.job_board().get(jobs.job_key(workspace, **inputs))


def land_job_button(
    workspace: Workspace,
    label: str,
    title: str,
    *commands: Sequence[str],
    tables: Sequence[str] = (),
    primary: bool = True,
) -> None:
    """Draw a button that starts `chipscape flair` commands as one job; disabled while it runs.

    `commands` are the words after `chipscape flair`; `tables`, unless empty, are the settings of
    each command as TOML.
    """
    inputs = {"name": "land cover", "commands": commands, "tables": tables}
    job = find_land_job(workspace, **inputs)
    running = job is not None and job.state == "running"
    key = f"cs.land:{workspace.root}:{label}"
    if st.button(label, key=key, disabled=running, type="primary" if primary else "secondary"):
        lines = [_command(workspace, *words) for words in commands]
        if tables:
            files = [str(_write_settings(workspace, text)) for text in tables]
            lines = [(*line, "--settings", file) for line, file in zip(lines, files, strict=True)]
        jobs.start_job(workspace, title, *lines, **inputs)
        st.rerun()


def study_job_button(
    run: StudyRun, label: str, title: str, command: str, *, primary: bool = True
) -> None:
    """Draw a button that starts a `chipscape flair` command with the settings of a run."""
    words = (command, "--protocol", run.settings.protocol)
    tables = (land_settings_toml(run.settings, run.method, run.spec),)
    land_job_button(run.workspace, label, title, words, tables=tables, primary=primary)


def land_settings_toml(study: StudySettings, method: MethodSettings, spec: FeatureSpec) -> str:
    """Return settings as the TOML that `chipscape flair` reads."""
    tables = asdict(study)
    sample, dates = tables.pop("sample"), tables.pop("dates")
    features = asdict(spec) | {"extras": list(spec.extras)}
    parts = {"sample": sample, "dates": dates, "method": asdict(method), "features": features}
    return tomli_w.dumps({"study": tables, **parts})


def _command(workspace: Workspace, *words: str) -> tuple[str, ...]:
    return core_command("flair", *words, "--workspace", workspace.root, "--json")


def _write_settings(workspace: Workspace, text: str) -> Path:
    """Write settings to a file that no other settings share."""
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    return write_atomically(workspace.root / "app" / f"flair-{name}.toml", text)
