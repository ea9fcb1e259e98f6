"""The public API for scripts and notebooks: ``from core import run``.

Everything else may change without notice.
"""
# ruff: noqa: F401 - several of these imports are only re-exported

from pathlib import Path
from typing import Any

from core import PUBLIC_NAMES
from core.clusters.labelling import Labelling
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.clusters.methods.method_table import method_of
from core.embeddings.registry import encoder_cards, load_encoder
from core.errors import ChipscapeError
from core.pipeline.run import Run, keep_run, run_pipeline
from core.pipeline.run_results import collect_results, score_run
from core.pipeline.run_stages import STAGE_NAMES
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.raster.scene import read_scene
from core.settings import RunSettings
from core.types import FloatArray

__all__ = list(PUBLIC_NAMES)


def open_workspace(folder: Path | str | None = None) -> Workspace:
    """Open the workspace in a folder; nothing is written until something is computed.

    The default is the folder that CHIPSCAPE_WORKSPACE names, else the repository's data folder.
    Raises WorkspaceError if the path is a file.
    """
    return Workspace.at(folder)


def run(
    workspace: Workspace,
    settings: RunSettings | None = None,
    until: str = STAGE_NAMES[-1],
    report: Progress = silent,
) -> Run:
    """Run the stages in order up to and including `until`; existing results are reused.

    The stages are scenes, chips, embeddings, reduction, clusters and projection. Between steps,
    ``report(completed, total, note)`` is called; the run stops if it returns True. The run's
    `chips`, `embeddings()`, `labelling` and `summary()` are the results. A run with clusters and a
    projection becomes the current result of the workspace. Raises the ChipscapeError
    of the first stage that cannot be computed.
    """
    result = run_pipeline(workspace, settings or RunSettings(), lambda _: report, until)
    keep_run(result)
    return result


def cluster(points: FloatArray, settings: RunSettings | None = None) -> Labelling:
    """Cluster points with the method named in the settings, without a workspace.

    The points are principal components, float32 (n, d), in order of decreasing variance. Only the
    method and its own settings are used. Raises ChipscapeError if the points cannot be clustered.
    """
    settings = settings or RunSettings()
    return method_of(settings).fit(points, settings, silent)


def score(result: Run, attribute: str) -> dict[str, Any]:
    """Score the clusters and embeddings of a run against an attribute of the annotations.

    Raises SettingsError if no annotation has the attribute.
    """
    return score_run(result, attribute)


def export_chips(result: Run, folder: Path | str, kind: str = "gpkg") -> Path:
    """Write the results of a finished run for other programs, and return the path.

    The kinds are those of ``chipscape export --format``, such as "csv", "gpkg" and "coco"; some are
    folders.
    """
    # Imports geopandas, so only when it is needed.
    from core.export.export_formats import write_results

    return write_results(collect_results(result), Path(folder), kind)
