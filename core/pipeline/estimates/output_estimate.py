"""Estimates of the jobs that read or write whole files: exports, overviews, grids of chips."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from core.input_settings import GridSettings
from core.pipeline.estimates import work_amounts as amounts
from core.pipeline.estimates.job_estimate import CostModel, JobEstimate, free_space
from core.pipeline.estimates.run_estimate import expected_chips
from core.pipeline.estimates.work_amounts import SceneSize, Work
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.raster.annotations.footprint_grid import count_grid_squares
from core.raster.scene_report import SceneReport
from core.raster.tiles import TileSource
from core.settings import RunSettings

# Core-seconds of each format: in any case, and for each thousand chips.
_FORMATS: Mapping[str, tuple[float, float]] = {
    "csv": (0.0, 0.022),
    "geojson": (0.0, 0.045),
    "geoparquet": (0.0, 0.01),
    "gpkg": (0.0, 0.02),
    "fgb": (0.0, 0.012),
    "hectares": (0.0, 0.001),
    "coco": (0.0, 0.054),
    "yolo": (0.0, 0.017),
    "voc": (0.0, 0.048),
    "chips-png": (0.0, 1.5),
    "chips-geotiff": (0.0, 1.5),
    "plot-svg": (0.3, 0.005),
    "plot-png": (0.3, 0.005),
    "report": (0.3, 0.005),
}


def estimate_export(view: View, model: CostModel, formats: Sequence[str]) -> JobEstimate:
    """Estimate writing the results of a view in some formats, by name."""
    thousands = expected_chips(view) / 1000
    costs = [_FORMATS[name] for name in formats]
    seconds = sum(fixed + rate * thousands for fixed, rate in costs)
    step = model.estimate("Files", Work("exports", seconds, thousands))
    return JobEstimate((step,), free_space(view.workspace.root))


def estimate_overviews(workspace: Workspace, source: TileSource, model: CostModel) -> JobEstimate:
    """Estimate building the overviews of the displayed bands of a scene."""
    scene, n_bands = source.scene, len(source.bands)
    work = amounts.overview_work(scene.width, scene.height, n_bands)
    # A copy at half size, with its own overviews, has a third of the values.
    n_bytes = scene.width * scene.height * n_bands * np.dtype(scene.dtype).itemsize / 3
    return JobEstimate((model.estimate("Overviews", work, n_bytes),), free_space(workspace.root))


def estimate_grid(
    workspace: Workspace,
    reports: Sequence[SceneReport],
    settings: RunSettings,
    grid: GridSettings,
    model: CostModel,
) -> JobEstimate:
    """Estimate cutting scenes without annotations into a grid of chips."""
    works = []
    for report in reports:
        gsd, n = report.gsd or 1.0, count_grid_squares(report.width, report.height, grid)
        bands, box = len(report.bands), grid.size * gsd
        size = SceneSize(n, report.width, report.height, bands, gsd, box, grid=True)
        chosen = len(settings.chips.bands) or bands
        works.append(amounts.cutting_work(size, asdict(settings.chips), chosen))
    return JobEstimate((model.estimate("Chips", works),), free_space(workspace.root))
