import numpy as np
import pytest

from core.errors import SceneError
from core.input_settings import DisplaySettings
from core.mapping import chip_thumbnails
from core.pipeline import chip_images
from core.pipeline.chip_images import (
    find_rendering,
    read_chip_pixels,
    read_overview,
    read_surroundings,
)
from core.pipeline.chip_stages import open_chips
from core.pipeline.run import run_pipeline


def test_read_surroundings__chip_in_the_middle(workspace, settings):
    view = run_pipeline(workspace, settings()).view
    chips = open_chips(view)
    surroundings = read_surroundings(view, chips, 21, 100)
    facts = chips.facts.iloc[21]
    assert facts["scene"] == "b"
    position = np.array([facts["column"] - surroundings.left, facts["row"] - surroundings.top])
    centre = position / surroundings.step
    assert surroundings.squares[0].mean(axis=0) == pytest.approx(centre)
    ring = surroundings.footprints[0][0]
    assert ring.mean(axis=0) == pytest.approx(centre, abs=4)
    assert read_chip_pixels(view, chips, 21).shape[2] == 4


def test_find_rendering__a_scene_that_cannot_be_read_is_sampled_again(
    workspace, settings, look_up, monkeypatch
):
    survey = look_up(workspace, settings()).survey
    bands, display = survey.scenes[0].report.bands, DisplaySettings(stretch="percentiles")
    read_scene = chip_images.read_scene

    def read_first_scene(path):
        if path.name == "b.tif":
            raise SceneError("the disk does not answer", where=path.name)
        return read_scene(path)

    monkeypatch.setattr(chip_images, "read_scene", read_first_scene)
    without = find_rendering(workspace, survey, "uint8", bands, display)
    assert np.isfinite(without.limits).all()
    assert len(list((workspace.artifacts / "percentiles").iterdir())) == 1
    monkeypatch.setattr(chip_images, "read_scene", read_scene)
    find_rendering(workspace, survey, "uint8", bands, display)
    assert len(list((workspace.artifacts / "percentiles").iterdir())) == 2


def test_read_overview__whole_scene(workspace, settings, look_up):
    overview = read_overview(look_up(workspace, settings()), "a")
    assert overview.image.shape[:2] == (256, 256)
    assert len(overview.footprints) == 20


def test_read_chip_pixels__without_the_scene_they_are_those_of_the_stored_chip(workspace, settings):
    view = run_pipeline(workspace, settings(), until="chips").view
    chips = open_chips(view)
    (workspace.raw / "b.tif").unlink()
    pixels = read_chip_pixels(view, chips, 21)
    np.testing.assert_array_equal(pixels, chip_thumbnails(chips, [21])[0])
    with pytest.raises(SceneError, match=r"b\.tif.*no longer in raw/.*Put it back"):
        read_surroundings(view, chips, 21, 100)
    assert read_surroundings(view, chips, 1, 100).image.shape[2] == 4
