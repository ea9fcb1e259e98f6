import numpy as np
import pytest

from core.errors import Cancelled, SettingsError
from core.input_settings import DisplaySettings
from core.pipeline.overview_stage import all_overviews, has_overviews, overviews, tile_source
from core.pipeline.run import run
from core.pipeline.scene_survey import survey
from core.pipeline.workspace import Workspace
from core.raster.map_placement import zooms
from core.raster.tiles import draw_tile


@pytest.fixture
def large(make_scene, tmp_path):
    make_scene("large.tif", height=2100, width=2300, photometric="RGB")
    workspace = Workspace.at(tmp_path)
    return workspace, survey(workspace).scenes[0]


def test_overviews__beside_the_artifacts_and_built_once(large, raw_files):
    workspace, found = large
    before = raw_files(workspace.root)
    plain = tile_source(workspace, found, DisplaySettings())
    assert plain.overviews is None
    told = []
    made = overviews(workspace, found, DisplaySettings(), lambda *at: bool(told.append(at)))
    assert told[-1][:2] == (2100, 2100)
    assert not made.cached
    assert overviews(workspace, found, DisplaySettings()).cached
    assert raw_files(workspace.root) == before
    ready = tile_source(workspace, found, DisplaySettings())
    assert ready.overviews.is_relative_to(workspace.artifacts)
    assert ready.bands == ("red", "green", "blue")
    assert draw_tile(ready, zooms(ready.scene)[0], 0, 0)


def test_overviews__of_other_bands_are_others_and_can_be_stopped(large):
    workspace, found = large
    with pytest.raises(Cancelled):
        overviews(workspace, found, DisplaySettings(), lambda *_: True)
    assert tile_source(workspace, found, DisplaySettings()).overviews is None
    grey = DisplaySettings(bands=("green",))
    overviews(workspace, found, grey)
    assert tile_source(workspace, found, DisplaySettings()).overviews is None
    assert tile_source(workspace, found, grey).bands == ("green",)
    assert tile_source(workspace, found, grey).overviews is not None


def test_overviews__a_small_scene_needs_none(workspace):
    found = survey(workspace).scenes[0]
    assert overviews(workspace, found, DisplaySettings()) is None


def test_all_overviews__what_was_done_for_each_scene(large, make_scene):
    workspace, _ = large
    make_scene("small.tif", height=300, width=200, photometric="RGB")
    found, plain = survey(workspace), DisplaySettings()
    wanted = found.scenes[0]
    assert wanted.report.name == "large"
    assert not has_overviews(workspace, wanted, plain)
    assert has_overviews(workspace, found.scenes[1], plain)
    assert all_overviews(workspace, found, plain) == {"large": "built", "small": "not needed"}
    assert has_overviews(workspace, wanted, plain)
    assert all_overviews(workspace, found, plain, names=("large",)) == {"large": "there already"}
    with pytest.raises(SettingsError, match="no scene 'none'"):
        all_overviews(workspace, found, plain, names=("none",))


def test_tile_source__the_stretch_is_a_setting(large):
    workspace, found = large
    plain = tile_source(workspace, found, DisplaySettings())
    assert plain.ends.tolist() == [[0, 255]] * 3
    tight = tile_source(workspace, found, DisplaySettings(stretch="percentiles", low=10, high=90))
    assert (tight.ends[:, 0] > 40).all()
    assert (tight.ends[:, 1] < 160).all()


def test_run__a_grid_where_nobody_annotated(make_scene, tmp_path, settings):
    make_scene("bare.tif", height=256, width=256)
    grid = settings(scenes={"grid": {"size": 32, "stride": 32}})
    done = run(Workspace.at(tmp_path), grid, until="chips")
    assert len(done.chips) == 64
    assert done.chips.facts["side"].to_numpy() == pytest.approx(np.full(64, 16), rel=1e-3)
    # Size 32 out of 32 x 32 pixels: the chips are the scene itself, whatever the margin is.
    tiles = done.chips.read(range(64))[0]
    rows = [np.concatenate(list(tiles[i : i + 8]), axis=2) for i in range(0, 64, 8)]
    import rasterio

    with rasterio.open(tmp_path / "raw" / "bare.tif") as source:
        # Sides are measured on the ground: a UTM pixel is 0.5002 m there.
        off = np.abs(np.concatenate(rows, axis=1).astype(int) - source.read())
    assert off.max() <= 2
    from core.tables import from_toml

    record = from_toml(next((tmp_path / "results" / "runs").glob("*.toml")))
    assert record["ingest"][0]["grid"] is True
    assert record["ingest"][0]["crs"] == "EPSG:32631"


def test_survey__the_class_property_is_a_setting(workspace, settings):
    guessed = survey(workspace).scenes[0].report
    assert guessed.class_property == "class"
    chosen = survey(workspace, settings=settings(scenes={"class_property": "number"}).scenes)
    assert chosen.scenes[0].report.class_property == "number"
    assert len(chosen.scenes[0].report.classes) == 20
    wrong = survey(workspace, settings=settings(scenes={"class_property": "x"}).scenes)
    assert "no annotation has the property 'x'" in wrong.scenes[0].report.warnings
