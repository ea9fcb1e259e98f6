"""The landscape under the sliders, as artifacts: mixtures compared over their number."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_array, read_arrays, write_arrays
from core.artifacts.store import Artifact, Step
from core.clusters.evaluation.component_sweep import ComponentLandscape, survey_components
from core.pipeline.plan import Plan
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.settings import GmmSettings

# 2: each number of components with the covariance and dimensions of the slider's own fit.
VERSION = 2
COUNTS = tuple(range(2, 21))
"""Numbers of components that are compared, unless others are asked for."""


def components_step(reduction: str, settings: GmmSettings, counts: Sequence[int] = COUNTS) -> Step:
    """The step of the comparison over a reduction, by its key."""
    kept = {k: v for k, v in dataclasses.asdict(settings).items() if k != "n_components"}
    inputs = {"after": reduction, "settings": kept, "counts": list(counts)}
    return Step("component_surveys", VERSION, inputs)


def components(
    workspace: Workspace,
    reduced: Artifact,
    settings: GmmSettings,
    counts: Sequence[int] = COUNTS,
    report: Progress = silent,
) -> Artifact:
    """Fit mixtures of each number of components and judge them; see `survey_components`."""

    def compute(folder: Path) -> dict[str, Any]:
        points = read_array(reduced.folder / "points.npy")
        found = survey_components(points, settings, counts, report)
        arrays = dataclasses.asdict(found)
        shapes = list(arrays.pop("covariance"))
        write_arrays(folder, arrays)
        return {"covariance": shapes}

    return workspace.store.make(components_step(reduced.key, settings, counts), compute)


def open_components(artifact: Artifact) -> ComponentLandscape:
    """The comparison of a finished artifact."""
    shapes = tuple(artifact.counts["covariance"])
    return ComponentLandscape(**read_arrays(artifact.folder), covariance=shapes)


def find_components(
    workspace: Workspace, ready: Plan, settings: GmmSettings
) -> ComponentLandscape | None:
    """The comparison for these settings, if it was made."""
    made = ready.artifacts.get("reduction")
    found = workspace.store.find(components_step(made[0].key, settings)) if made else None
    return open_components(found) if found else None
