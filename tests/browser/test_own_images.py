"""Land cover with images of one's own: imported on the page, run, and inspected."""

import pytest
from playwright.sync_api import expect

from tests.land.images.conftest import ground_box, halves
from tests.satellite_series import write_series

pytestmark = [pytest.mark.browser, pytest.mark.long]

WAIT = 60_000


@pytest.fixture
def folder(make_scene, make_annotations, tmp_path):
    """Three images of dark and bright ground, each with a polygon of either."""
    path = tmp_path / "photos"
    for number in range(3):
        image = make_scene(f"field{number}.tif", halves(number), folder=path)
        shapes = [ground_box(10, 10, 60, 100), ground_box(100, 20, 150, 110)]
        make_annotations(image, shapes, [{"kind": "soil"}, {"kind": "sand"}])
    return path


def test_own_images__from_the_folder_to_the_confusion(serve, visit, folder, tmp_path):
    visitor = visit(serve(tmp_path / "workspace"))
    page = visitor.page
    visitor.go("flair_data")
    visitor.choose_workspace("My scenes")
    field = page.get_by_role("textbox", name="Folder of the images")
    field.fill(str(tmp_path / "absent"))
    field.press("Enter")
    page.get_by_role("button", name="Import the images").click()
    expect(page.get_by_text("there is no such folder").first).to_be_visible(timeout=WAIT)
    field.fill(str(folder))
    field.press("Enter")
    dates = {f"2021{month:02}15": 1000 + 100 * month for month in (2, 5, 8, 11)}
    field = page.get_by_role("textbox", name="Time series of satellite images (optional)")
    field.fill(str(write_series(tmp_path / "dates", dates)))
    field.press("Enter")
    visitor.wait_until_idle()
    page.get_by_role("button", name="Import the images").click()
    expect(page.get_by_text("Classes shown here")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("field0").first).to_be_visible()
    for name in ("soil", "sand", "no class"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    for view in ("All windows", "Classes", "Files"):
        page.get_by_text(view, exact=True).first.click()
        visitor.wait_until_idle()
        assert visitor.exceptions() == []
    assert page.get_by_text("Time series", exact=True).count() == 0
    visitor.go("flair_pixels")
    expect(page.locator("dl.cs-facts").first).to_contain_text("Red", timeout=WAIT)
    for view in ("A channel by class", "Spectra", "Two channels"):
        page.get_by_text(view, exact=True).first.click()
        visitor.wait_until_idle()
        assert visitor.exceptions() == []
    visitor.go("flair_models")
    page.get_by_text("Add the time series to the bands").click()
    page.get_by_role("combobox", name="Season").click(timeout=WAIT)
    page.get_by_role("option", name="monthly composites").click()
    visitor.wait_until_idle()
    page.get_by_role("button", name="Run this model").click()
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible(timeout=WAIT)
    expect(cancel).to_be_hidden(timeout=120_000)
    title = "kNN, bands + time series, O + monthly composites"
    expect(page.get_by_text(title).first).to_be_visible(timeout=WAIT)
    visitor.go("flair_confusion")
    expect(page.get_by_text("to see the windows and pixels")).to_be_visible(timeout=WAIT)
    page.get_by_text("Window by window", exact=True).first.click()
    expect(page.get_by_text("Wrong pixels: 0.0%").first).to_be_visible(timeout=WAIT)
    page.get_by_text("Class maps", exact=True).first.click()
    page.get_by_role("button", name="Map the images").click()
    expect(page.get_by_text("3 maps of the model that was used last")).to_be_visible(timeout=WAIT)
    maps = tmp_path / "workspace" / "results" / "class_maps"
    assert len(list(maps.glob("field*.tif"))) == len(list(maps.glob("field*.qml"))) == 3
    assert visitor.exceptions() == []
    assert page.get_by_text("Garioud").count() == 0
