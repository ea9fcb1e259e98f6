"""Long computations on land cover data: `chipscape land` commands that run as jobs."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st
import tomli_w

from app.session import cache, jobs
from app.session.job_board import Job, core_command
from app.widgets.job_status import estimate_line
from core.artifacts.formats import write_atomically
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.land.models.regularisation import UNSMOOTHED, RegularisationSettings
from core.pipeline.estimates.job_estimate import CostModel, JobEstimate
from core.pipeline.estimates.land_estimate import LandCommand, LandJob, estimate_land
from core.pipeline.estimates.land_work import LAND_READERS
from core.pipeline.land.study import StudySettings
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.workspace import Workspace

SYNTHETIC_PATCHES = 12
FLAIR_COMMANDS = ("demo", "fetch")


def start_synthetic_data(workspace: Workspace) -> None:
    """Start a job that generates the synthetic data set and reads each of its files once."""
    generate = _command(workspace, "demo", "--patches", str(SYNTHETIC_PATCHES))
    commands = (generate, _command(workspace, "survey"))
    jobs.start_job(workspace, "Generating a synthetic data set", *commands, name="synthetic data")


def find_land_job(workspace: Workspace, **inputs: Any) -> Job | None:
    """Return the latest job with these inputs; the job for synthetic data has only a `name`."""
    return cache.job_board().get(jobs.job_key(workspace, **inputs))


def land_job_button(
    workspace: Workspace,
    label: str,
    title: str,
    *commands: Sequence[str],
    tables: Sequence[str] = (),
    primary: bool = True,
    estimated: Sequence[LandJob] = (),
    estimate: Callable[[CostModel], JobEstimate] | None = None,
) -> None:
    """Draw a button that starts `chipscape land` commands as one job; disabled while it runs.

    `commands` are the arguments after `chipscape land`, or after `chipscape flair` for the
    commands that only FLAIR has; `tables`, if not empty, contains the
    settings of each command as TOML. `estimated` are the same commands for the estimate of time and
    memory below the button, unless `estimate` computes it.
    """
    inputs = {"name": "land cover", "commands": commands, "tables": tables}
    job = find_land_job(workspace, **inputs)
    running = job is not None and job.state == "running"
    key = f"cs.land:{workspace.root}:{label}"
    if st.button(label, key=key, disabled=running, type="primary" if primary else "secondary"):
        lines = [_command(workspace, *words) for words in commands]
        for i, text in enumerate(tables):
            # The name contains a hash, so that other settings are written to another file.
            name = f"land-{hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"
            file = write_atomically(workspace.root / "app" / name, text)
            lines[i] = (*lines[i], "--settings", str(file))
        jobs.start_job(workspace, title, *lines, **inputs)
        st.rerun()
    if not running:
        if estimated:
            estimate = partial(estimate_land, estimated)
        estimate_line(workspace, estimate, LAND_READERS)


def study_job_button(
    run: StudyRun, label: str, title: str, command: LandCommand, *, primary: bool = True
) -> None:
    """Draw a button that starts a `chipscape land` command with the settings of a run."""
    words = (command, "--protocol", run.settings.protocol)
    tables = (land_settings_toml(run.settings, run.method, run.spec, run.regularisation),)
    # The page offers only what does not exist yet, apart from the run of class maps.
    estimated = [LandJob(run, command, exists=None if command == "maps" else False)]
    options: dict[str, Any] = {"tables": tables, "primary": primary, "estimated": estimated}
    land_job_button(run.study.workspace, label, title, words, **options)


def land_settings_toml(
    study: StudySettings,
    method: MethodSettings,
    spec: FeatureSpec,
    regularisation: RegularisationSettings = UNSMOOTHED,
) -> str:
    """Return settings as the TOML that `chipscape land` reads."""
    tables = asdict(study)
    parts = {name: tables.pop(name) for name in ("sample", "dates")}
    features = asdict(spec) | {"extras": list(spec.extras)}
    parts |= {"method": asdict(method), "features": features}
    if regularisation.changes_classes:
        parts["regularisation"] = regularisation.key_inputs()
    return tomli_w.dumps({"study": tables, **parts})


def label_settings_toml(spec: FeatureSpec, regularisation: RegularisationSettings) -> str:
    """Return the settings of a class map from labelled regions as TOML."""
    parts: dict[str, Any] = {"features": {"extras": list(spec.extras)}}
    if regularisation.changes_classes:
        parts["regularisation"] = regularisation.key_inputs()
    return tomli_w.dumps(parts)


def _command(workspace: Workspace, *words: str) -> tuple[str, ...]:
    group = "flair" if words[0] in FLAIR_COMMANDS else "land"
    return core_command(group, *words, "--workspace", workspace.root, "--json")
