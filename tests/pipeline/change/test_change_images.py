"""Images of a footprint and its surroundings on both dates."""

import numpy as np
import pytest
import rasterio
from shapely.geometry import Polygon

from core.errors import SceneError
from core.input_settings import DisplaySettings
from core.pipeline.change.change_images import CONTEXT, draw_on_date
from core.pipeline.change.scene_comparison import choose_pair, compare_scenes, find_changes
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.raster.rendering import fit_rendering
from core.raster.scene import read_scene
from core.settings import ChipSettings, RunSettings
from tests.two_dates import SIDE, write_two_dates

IMAGE = 150


@pytest.fixture
def changes(tmp_path):
    """The changes between two scenes that differ only in their light."""
    write_two_dates(tmp_path / "raw", changed=False)
    settings = RunSettings(chips=ChipSettings(size=32))
    pair = choose_pair(run_pipeline(Workspace.at(tmp_path), settings, until="embeddings").view)
    compare_scenes(pair)
    return find_changes(pair)


def draw(changes, row, date):
    rendering = fit_rendering(read_scene(changes.pair.scenes[date].path), DisplaySettings())
    return draw_on_date(changes, row, date, rendering, IMAGE)


def test_draw_on_date__the_footprint_is_in_the_middle_of_its_surroundings(changes):
    image, (ring,) = draw(changes, 3, 0)
    assert image.shape == (IMAGE, IMAGE, 4)
    part = 1 / (1.3 * CONTEXT)
    low, high = IMAGE * (0.5 - part / 2), IMAGE * (0.5 + part / 2)
    assert np.array(Polygon(ring).bounds) == pytest.approx([low, low, high, high], abs=0.5)
    # The square is as bright as its pixels in the file.
    scene = changes.pair.scenes[0]
    facts = changes.sides[0].chips.facts.iloc[changes.table["row"].iloc[3]]
    with rasterio.open(scene.path) as source:
        left, top = (round(facts[name] - SIDE / 2) for name in ("column", "row"))
        pixels = source.read()[:, top : top + SIDE, left : left + SIDE]
    inside = image[int(low) + 4 : int(high) - 4, int(low) + 4 : int(high) - 4, :3]
    assert inside.mean() == pytest.approx(pixels[:, 1:-1, 1:-1].mean(), abs=6)


def test_draw_on_date__both_dates_show_the_same_ground(changes):
    first, second = (draw(changes, 3, date)[0] for date in (0, 1))
    opaque = (first[..., 3] == 255) & (second[..., 3] == 255)
    assert opaque.mean() > 0.5
    assert not np.array_equal(first, second)
    pixels = [image[..., 0][opaque].astype(float) for image in (first, second)]
    # The second date is darker and hazier, but its pattern is the same.
    assert np.corrcoef(*pixels)[0, 1] > 0.95


def test_draw_on_date__beyond_the_edge_is_transparent(changes):
    corner = changes.table["row"].tolist().index(0)
    assert not draw(changes, corner, 0)[0][0, 0, 3]


def test_draw_on_date__a_scene_that_was_moved_away(changes):
    rendering = fit_rendering(read_scene(changes.pair.scenes[1].path), DisplaySettings())
    changes.pair.scenes[1].path.unlink()
    with pytest.raises(SceneError, match="not in raw"):
        draw_on_date(changes, 0, 1, rendering)
