"""The Export button as a user sees it: files are created, downloaded and read back."""

import json
import zipfile

import geopandas as gpd
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

JOB = 240_000


@pytest.fixture
def explorer(ready_demo, visit):
    """A visitor on the Explore page of the demo."""
    visitor = visit(ready_demo)
    visitor.go("explore")
    visitor.wait_for_plot()
    return visitor


def open_panel(visitor) -> None:
    visitor.page.get_by_role("button", name="Export").click()
    expect(visitor.page.get_by_text("Export the clusters as displayed")).to_be_visible()


def download(visitor, name, folder):
    link = visitor.page.get_by_role("link", name=f"Download {name}")
    link.wait_for(timeout=JOB)
    with visitor.page.expect_download() as event:
        link.click()
    assert event.value.suggested_filename == name
    path = folder / name
    event.value.save_as(path)
    return path


def test_export__files_are_created_and_downloaded(explorer, tmp_path):
    page = explorer.page
    open_panel(explorer)
    for title in ("COCO JSON", "Chips as PNG"):
        page.get_by_role("button", name=title).click()
        explorer.wait_until_idle()
    page.get_by_role("button", name="Create 3 files").click()
    table = gpd.read_file(download(explorer, "chips.gpkg", tmp_path), layer="chips")
    coco = json.loads(download(explorer, "chips_coco.json", tmp_path).read_text("utf-8"))
    assert len(coco["annotations"]) == len(table) > 100
    with zipfile.ZipFile(download(explorer, "chips_png.zip", tmp_path)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")]
        assert archive.testzip() is None
    assert len(names) == len(table)
    assert explorer.exceptions() == []
    assert explorer.foreign_requests() == []


@pytest.mark.long
def test_export__captions_in_the_panel_have_the_contrast_of_the_page(explorer):
    colours = "es => es.map(e => [getComputedStyle(e).color, getComputedStyle(e).opacity])"
    captions = explorer.page.get_by_test_id("stCaptionContainer")
    outside = captions.evaluate_all(colours)[0]
    open_panel(explorer)
    inside = explorer.page.get_by_test_id("stPopoverBody").get_by_test_id("stCaptionContainer")
    found = inside.evaluate_all(colours)
    assert outside[1] == "1"
    assert found
    assert all(style == outside for style in found)


def test_export__with_the_keyboard_alone(explorer):
    page = explorer.page
    page.get_by_role("button", name="Export").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Export the clusters as displayed")).to_be_visible()
    page.get_by_role("button", name="Area of each cluster").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Create 2 files")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Export the clusters as displayed")).to_be_hidden()


def test_export__the_report_opens_offline(explorer, tmp_path, browser):
    page = explorer.page
    open_panel(explorer)
    page.get_by_role("button", name="GeoPackage").click()
    page.get_by_role("button", name="Report").click()
    page.get_by_role("button", name="Create 1 file").click()
    path = download(explorer, "report.html", tmp_path)
    context = browser.new_context(offline=True, color_scheme="dark")
    report, requests, messages = context.new_page(), [], []
    report.on("request", lambda request: requests.append(request.url))
    report.on("console", lambda message: messages.append(message.text))
    report.goto(path.as_uri())
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert messages == []
    loaded = "() => [...document.images].every(i => i.complete && i.naturalWidth > 0)"
    assert report.evaluate(loaded)
    assert report.locator("h2").all_inner_texts()[:3] == [
        "Plot of the chips",
        "Clusters",
        "Typical chips",
    ]
    context.close()
