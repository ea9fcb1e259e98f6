"""Labelling land cover in a browser: classes, drawings, undo, the confusion, and the exports."""

import io
import zipfile

import pytest
import rasterio
from playwright.sync_api import expect

from core.land.data.nomenclature import Legend
from core.land.images.image_import import ImportSettings
from core.pipeline.land.labelling.region_file import load_regions
from core.pipeline.land.land_workspace import import_folder
from core.pipeline.workspace import Workspace
from tests.land.images.conftest import HEIGHT, WIDTH
from tests.land.labelling.conftest import write_images

pytestmark = [pytest.mark.browser, pytest.mark.long]

WAIT = 60_000


@pytest.fixture
def folder(make_scene, tmp_path):
    return write_images(make_scene, tmp_path / "photos")


def regions_of(workspace):
    """Return class value and number of pixels of each region."""
    history = load_regions(Workspace.at(workspace), Legend((), 0))
    return [(region.value, round(region.shape.area)) for region in history.regions()]


def wait_for_regions(page, n):
    """Wait until the page has stored all drawings, and n regions lie on the patch."""
    noun = "region" if n == 1 else "regions"
    expect(page.locator(".state")).to_have_text(f"{n} {noun} on this patch", timeout=WAIT)


def drag(page, points):
    """Drag the pointer over the image along points in pixels of the image."""
    canvas = page.locator("canvas.image")
    canvas.scroll_into_view_if_needed()
    frame = canvas.bounding_box()
    scale = frame["width"] / WIDTH
    places = [(frame["x"] + x * scale, frame["y"] + y * scale) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def add_class(visitor, name):
    page = visitor.page
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Save the class").click()
    expect(page.locator(".classes").get_by_text(name)).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()


def test_label_regions__from_an_unlabelled_folder_to_maps(serve, visit, folder, tmp_path):
    workspace = tmp_path / "workspace"
    visitor = visit(serve(workspace))
    page = visitor.page
    visitor.go("flair_data")
    visitor.choose_workspace("My scenes")
    field = page.get_by_role("textbox", name="Folder of the images")
    field.fill(str(folder))
    field.press("Enter")
    page.get_by_text("The images have no labels. I will label them here.").click()
    page.get_by_role("button", name="Import the images").click()
    expect(page.get_by_text("There are no classes yet")).to_be_visible(timeout=WAIT)
    for name in ("soil", "sand"):
        add_class(visitor, name)
    # A rectangle of soil, then a freehand region of sand: now there is a class map.
    page.get_by_role("radio", name="Rectangle").click()
    drag(page, [(10, 20), (40, 50)])
    wait_for_regions(page, 1)
    expect(page.get_by_text("appears when regions of two classes")).to_be_visible(timeout=WAIT)
    page.locator("canvas.image").press("2")
    page.get_by_role("radio", name="Freehand").click()
    drag(page, [(100, 20), (130, 25), (125, 50), (100, 45), (100, 20)])
    wait_for_regions(page, 2)
    expect(page.get_by_text("Class map from 2 regions.")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("only one region: soil, sand")).to_be_visible(timeout=WAIT)
    soil, sand = regions_of(workspace)
    assert soil == (1, 900)
    assert sand[0] == 2
    assert 500 < sand[1] < 900
    # One click labels a superpixel; a second region of each class allows an evaluation.
    page.get_by_role("radio", name="Superpixel").click()
    page.locator("canvas.map").click(position={"x": 300, "y": 200})
    wait_for_regions(page, 3)
    page.get_by_role("radio", name="soil").click()
    page.locator("canvas.image").click(position={"x": 60, "y": 250})
    wait_for_regions(page, 4)
    expect(page.get_by_text("mIoU, 2 classes")).to_be_visible(timeout=WAIT)
    metrics = page.locator("[data-testid=stMetricValue]")
    expect(metrics.first).to_have_text("1.000", timeout=WAIT)
    before = regions_of(workspace)
    # Undo and redo by keys and buttons, and removal by a click.
    page.locator("canvas.image").press("Control+z")
    wait_for_regions(page, 3)
    page.get_by_role("button", name="Redo").click()
    wait_for_regions(page, 4)
    assert regions_of(workspace) == before
    page.get_by_role("radio", name="Remove").click()
    drag(page, [(20, 30)])
    wait_for_regions(page, 3)
    assert regions_of(workspace) == before[1:]
    page.get_by_role("button", name="Undo").click()
    wait_for_regions(page, 4)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the labels").click()
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
        assert "polygons/field0.gpkg" in archive.namelist()
        assert "rasters/field0.qml" in archive.namelist()
    page.get_by_role("button", name="Map the images with these labels").click()
    expect(page.get_by_text("2 maps of the last job")).to_be_visible(timeout=120_000)
    with rasterio.open(workspace / "results" / "label_maps" / "field1.tif") as raster:
        values = raster.read(1)
    assert values.shape == (HEIGHT, WIDTH)
    assert (values[20:, :70] == 1).all()
    assert (values[20:, 90:] == 2).all()
    # The regions are kept, and other pages say what is missing.
    visitor.go("flair_data")
    wait_for_regions(page, 4)
    visitor.go("flair_models")
    expect(page.get_by_text("These images have no labels.")).to_be_visible(timeout=WAIT)
    assert visitor.exceptions() == []


def test_label_regions__a_damaged_file_is_named(serve, visit, folder, tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    import_folder(workspace, folder, ImportSettings(unlabelled=True))
    (workspace.root / "land" / "regions.json").write_text('{"format": 1, "steps": [')
    visitor = visit(serve(workspace.root))
    visitor.go("flair_data")
    expect(visitor.page.get_by_text("labelled regions cannot be read")).to_be_visible(timeout=WAIT)
    assert visitor.exceptions() == []
