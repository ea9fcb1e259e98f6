import pytest

from core.errors import Cancelled, SettingsError
from core.input_settings import DisplaySettings
from core.pipeline.chip_images import find_rendering
from core.pipeline.overview_stage import (
    build_all_overviews,
    build_overviews,
    has_overviews,
    open_tile_source,
)
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import Workspace
from core.raster.map_placement import scene_zooms
from core.raster.tiles import draw_tile

GUESSED = DisplaySettings()


@pytest.fixture
def large(make_scene, tmp_path):
    """A workspace and its only scene, which is large enough to need overviews."""
    make_scene("large.tif", height=2100, width=2300, photometric="RGB")
    workspace = Workspace.at(tmp_path)
    return workspace, survey_scenes(workspace).scenes[0]


def test_build_overviews__among_the_artifacts_and_built_once(large, raw_files):
    workspace, scene = large
    before = raw_files(workspace.root)
    assert open_displayed(workspace, scene, GUESSED).overviews is None
    reports = []
    artifact = build_overviews(
        workspace, scene, GUESSED, lambda *report: bool(reports.append(report))
    )
    assert reports[-1][:2] == (2100, 2100)
    assert not artifact.cached
    assert build_overviews(workspace, scene, GUESSED).cached
    assert raw_files(workspace.root) == before
    source = open_displayed(workspace, scene, GUESSED)
    assert source.overviews.is_relative_to(workspace.artifacts)
    assert source.bands == ("red", "green", "blue")
    assert draw_tile(source, scene_zooms(source.scene)[0], 0, 0)


def test_build_overviews__one_file_for_each_choice_of_bands_and_can_be_cancelled(large):
    workspace, scene = large
    with pytest.raises(Cancelled):
        build_overviews(workspace, scene, GUESSED, lambda *_: True)
    assert open_displayed(workspace, scene, GUESSED).overviews is None
    grey = DisplaySettings(bands=("green",))
    build_overviews(workspace, scene, grey)
    assert open_displayed(workspace, scene, GUESSED).overviews is None
    assert open_displayed(workspace, scene, grey).bands == ("green",)
    assert open_displayed(workspace, scene, grey).overviews is not None


def test_build_overviews__a_small_scene_needs_none(workspace):
    scene = survey_scenes(workspace).scenes[0]
    assert build_overviews(workspace, scene, GUESSED) is None


def test_build_all_overviews__states_of_the_scenes(large, make_scene):
    workspace, _ = large
    make_scene("small.tif", height=300, width=200, photometric="RGB")
    survey = survey_scenes(workspace)
    scene, small = survey.scenes
    assert scene.report.name == "large"
    assert not has_overviews(workspace, scene, GUESSED)
    assert has_overviews(workspace, small, GUESSED)
    states = build_all_overviews(workspace, survey, GUESSED)
    assert states == {"large": "built", "small": "not needed"}
    assert has_overviews(workspace, scene, GUESSED)
    states = build_all_overviews(workspace, survey, GUESSED, names=("large",))
    assert states == {"large": "there already"}
    with pytest.raises(SettingsError, match="no scene 'none'"):
        build_all_overviews(workspace, survey, GUESSED, names=("none",))


def open_displayed(workspace, scene, display):
    """Open the tile source as the map does."""
    survey = survey_scenes(workspace)
    rendering = find_rendering(workspace, survey, "uint8", scene.report.bands, display)
    return open_tile_source(workspace, scene, rendering)


def test_open_tile_source__the_stretch_is_a_setting(large):
    workspace, scene = large
    assert open_displayed(workspace, scene, GUESSED).limits.tolist() == [[0, 255]] * 3
    percentiles = DisplaySettings(stretch="percentiles", low=10, high=90)
    source = open_displayed(workspace, scene, percentiles)
    assert (source.limits[:, 0] > 40).all()
    assert (source.limits[:, 1] < 160).all()
