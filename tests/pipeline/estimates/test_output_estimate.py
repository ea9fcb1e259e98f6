from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from core.export.export_formats import FORMATS
from core.input_settings import DisplaySettings, GridSettings
from core.pipeline.estimates import output_estimate
from core.pipeline.estimates.job_estimate import CostModel, cost_model
from core.pipeline.estimates.machine_speed import MachineSpeed
from core.pipeline.estimates.output_estimate import (
    estimate_export,
    estimate_grid,
    estimate_overviews,
)
from core.pipeline.estimates.run_estimate import estimate_run
from core.pipeline.estimates.work_amounts import CHIP_READERS
from core.pipeline.overview_stage import build_all_overviews
from core.pipeline.run_stages import complete_view
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.view import View
from core.raster.scene import read_scene
from core.raster.tiles import STRIP_ROWS

MODEL = CostModel(MachineSpeed(1.0, 2, measured=True))


def test_export__every_format_has_an_estimate():
    assert set(output_estimate._FORMATS) == set(FORMATS)


def test_export__grows_with_chips_and_formats(view, monkeypatch):
    def seconds(n, *formats):
        monkeypatch.setattr(output_estimate, "expected_chips", lambda _: n)
        return estimate_export(view, MODEL, formats).seconds

    assert seconds(1000, "gpkg") < seconds(1000, "gpkg", "coco") < seconds(9000, "gpkg", "coco")
    # One file for each chip takes far longer than one row.
    assert seconds(10_000, "chips-png") > 5 * seconds(10_000, "csv")


def test_overviews__with_the_size_of_the_scene_and_former_results(view, make_scene):
    def source(side, bands):
        scene = SimpleNamespace(width=side, height=side, dtype="uint8")
        return SimpleNamespace(scene=scene, bands=bands)

    small, large = (
        estimate_overviews(view.workspace, source(side, ("1", "2", "3")), MODEL)
        for side in (1000, 20_000)
    )
    assert large.seconds > small.seconds + 1
    assert large.disk == 400 * small.disk
    path = make_scene("long.tif", np.full((1, 16, 2 * STRIP_ROWS), 100))
    survey, display = survey_scenes(view.workspace), DisplaySettings(read_scene(path).bands)
    assert build_all_overviews(view.workspace, survey, display, names=("long",)) == {
        "long": "built"
    }
    assert "overviews" in cost_model(view.workspace.store, CHIP_READERS).corrections


def test_grid__as_a_run_that_cuts_it(workspace, settings, make_scene):
    for file in workspace.raw.glob("*.geojson"):
        file.unlink()
    requested, grid = settings(), GridSettings(32)
    reports = survey_scenes(workspace).reports
    estimate = estimate_grid(workspace, reports, requested, grid, MODEL)
    cut = replace(requested, scenes=replace(requested.scenes, grid=grid))
    view = complete_view(View(workspace, cut, survey_scenes(workspace, settings=cut.scenes)))
    run = estimate_run(view, MODEL, "chips")
    assert run.seconds == pytest.approx(estimate.seconds, rel=0.05)
    finer = estimate_grid(workspace, reports, requested, GridSettings(32, 8), MODEL)
    assert finer.seconds > estimate.seconds
