"""What the component reports, and what it is given to draw, without a browser."""

import pytest

from app.land_cover.labelling import region_canvas
from app.land_cover.labelling.region_canvas import CanvasPicture
from app.land_cover.land_data import open_land
from core.errors import SettingsError
from core.land.data.patch_reading import read_aerial
from core.land.images.image_import import ImportSettings
from core.land.labelling.label_regions import undo_region_step
from core.pipeline.land.land_workspace import import_folder
from core.pipeline.workspace import Workspace
from tests.land.images.conftest import HEIGHT, WIDTH
from tests.land.labelling.conftest import add_rectangles, two_classes, write_images

SQUARE = [[10, 10], [20, 10], [20, 20], [10, 20]]


@pytest.fixture
def land(make_scene, tmp_path):
    workspace = Workspace.at(tmp_path / "workspace")
    folder = write_images(make_scene, tmp_path / "photos")
    import_folder(workspace, folder, ImportSettings(unlabelled=True))
    return open_land(workspace)


@pytest.fixture
def apply(land):
    """A function that applies an entry to a history."""
    patches = {patch.name: patch for patch in land.dataset.unlabelled}

    def apply_entry(history, *entry):
        return region_canvas._apply_entry(history, entry, land, patches, 300)

    return apply_entry


def test_entries__draw_click_remove_undo_and_redo(apply):
    history = apply(two_classes(), "polygon", "field1", 2, SQUARE)
    (square,) = history.regions()
    assert (square.image, square.value, square.shape.area) == ("field1.tif", 2, 100)
    history = apply(history, "superpixel", "field0", 1, 30, 60)
    assert history.regions()[1].image == "field0.tif"
    assert history.regions()[1].shape.area > 20
    removed = apply(history, "remove", "field0", square.number)
    assert [region.number for region in removed.regions()] == [2]
    assert apply(removed, "undo", "field0").regions() == history.regions()
    assert apply(undo_region_step(removed), "redo", "field0") == removed


def test_entries__that_are_repeated_or_unknown_change_nothing(apply):
    history = apply(two_classes(), "polygon", "field1", 2, SQUARE)
    for entry in (
        ("polygon", "field1", 2, SQUARE),
        ("remove", "field1", 99),
        ("polygon", "absent", 1, SQUARE),
        ("shape", "field1", 1, SQUARE),
    ):
        assert apply(history, *entry) == history
    assert len(apply(history, "polygon", "field1", 1, SQUARE).regions()) == 2


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (("polygon", "field0", 1, [[1, 1], [2, 2]]), "contains no pixel"),
        (("polygon", "field0", 1, [["x", 1]]), "cannot be read"),
        (("superpixel", "field0", 1, -5, 3), "contains no pixel"),
        (("polygon", "field0", 8, SQUARE), "no class with the value 8"),
    ],
)
def test_entries__that_cannot_be_used_are_clear_errors(apply, entry, message):
    with pytest.raises(SettingsError, match=message):
        apply(two_classes(), *entry)


def test_canvas_data__regions_of_the_displayed_patch(land):
    history = add_rectangles(two_classes(), "field0.tif", [(1, 2, 3, 5, 7)])
    history = add_rectangles(history, "field1.tif", [(2, 0, 0, 4, 4)])
    patch = land.dataset.unlabelled[0]
    image = region_canvas.patch_picture(land, read_aerial(patch))
    picture = CanvasPicture(land, patch, image, history, 300, None, "a note")
    data = region_canvas._canvas_data(picture)
    assert (data["width"], data["height"], data["map"]) == (WIDTH, HEIGHT, "")
    assert data["classes"] == [[1, "soil", "#804000"], [2, "sand", "#ffee88"]]
    ((number, value, rings),) = data["regions"]
    assert (number, value) == (1, 1)
    assert {tuple(point) for point in rings[0]} == {(2, 3), (5, 3), (5, 7), (2, 7)}
    assert (data["undo"], data["redo"]) == (True, False)


def test_canvas_key__has_no_two_underscores(land):
    assert "__" not in region_canvas.canvas_key(land)
