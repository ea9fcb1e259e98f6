"""The land cover pages as an analyst uses them, on a small synthetic data set."""

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.land.models.features import FeatureSpec

pytestmark = pytest.mark.browser

WAIT = 60_000
RICH = FeatureSpec(fusion=True, robust=True)
PAGES = {
    "flair_data": ("Time series", "All patches", "Classes", "Files", "Label regions"),
    "flair_pixels": ("A channel by class", "Spectra", "Two channels"),
    "flair_models": ("The notebook's grid", "Label economy", "HDBSCAN live"),
    "flair_confusion": ("Two models", "Patch by patch", "Class maps"),
}
CELL = """([row, column]) => {
  const g = document.querySelector('.js-plotly-plot'), l = g._fullLayout;
  const r = g.getBoundingClientRect();
  return [r.left + l.xaxis._offset + l.xaxis.d2p(column),
          r.top + l.yaxis._offset + l.yaxis.d2p(row)];
}"""


@pytest.mark.parametrize("name", PAGES)
def test_page__every_view_opens_without_requests_to_other_hosts(land, visit, name):
    visitor = visit(land)
    visitor.go(name)
    assert visitor.exceptions() == []
    for view in PAGES[name]:
        visitor.page.get_by_text(view, exact=True).first.click()
        visitor.wait_until_idle()
        assert visitor.exceptions() == []
        assert visitor.alerts() == []
        expect(visitor.page.get_by_text("Garioud").first).to_be_visible(timeout=WAIT)
    assert visitor.foreign_requests() == []


def test_confusion__a_click_on_a_cell_shows_its_pixels(land, visit):
    visitor = visit(land)
    visitor.go("flair_confusion")
    page = visitor.page
    expect(page.get_by_text("to see the patches and pixels")).to_be_visible(timeout=WAIT)
    page.locator(".js-plotly-plot .heatmaplayer").first.wait_for(timeout=WAIT)
    visitor.wait_until_idle()
    x, y = page.evaluate(CELL, [1, 1])
    page.mouse.move(x - 4, y - 4)
    page.mouse.move(x, y, steps=4)
    page.wait_for_timeout(400)
    page.mouse.click(x, y)
    expect(page.get_by_text("pixels of this cell in IMG")).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()
    drawn = page.locator(".js-plotly-plot image").last
    assert drawn.get_attribute("href").startswith("data:image/png")
    assert visitor.exceptions() == []


def test_pixels__a_click_inspects_the_pixel(land, visit):
    visitor = visit(land)
    visitor.go("flair_pixels")
    frame = visitor.frame
    frame.locator(".nsewdrag").first.wait_for(timeout=WAIT)
    facts = visitor.page.locator("dl.cs-facts").first
    expect(facts).to_contain_text("column 256, row 256", timeout=WAIT)
    visitor.wait_until_idle()
    box = visitor.page.locator("iframe").first.bounding_box()
    visitor.page.mouse.move(box["x"] + 200, box["y"] + 120)
    visitor.page.mouse.move(box["x"] + 206, box["y"] + 126, steps=4)
    visitor.page.wait_for_timeout(400)
    visitor.page.mouse.click(box["x"] + 206, box["y"] + 126)
    expect(facts).not_to_contain_text("column 256, row 256", timeout=WAIT)
    visitor.wait_until_idle()
    assert visitor.exceptions() == []
    expect(visitor.page.get_by_text("Nearest voting pixels")).to_be_visible()


def test_models__the_slider_cuts_the_tree_again(land, visit):
    visitor = visit(land)
    visitor.go("flair_models")
    page = visitor.page
    page.get_by_text("HDBSCAN live", exact=True).first.click()
    clusters = page.locator("[data-testid=stMetricValue]").first
    expect(clusters).to_be_visible(timeout=WAIT)
    before = clusters.inner_text()
    page.get_by_role("slider", name="Minimum cluster size (pixels)").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(clusters).not_to_have_text(before, timeout=WAIT)
    assert page.get_by_role("button", name="Cancel").count() == 0


def test_first_use__generates_synthetic_data_and_shows_them(serve, visit, tmp_path):
    (tmp_path / "demo").mkdir()
    visitor = visit(serve(tmp_path))
    page = visitor.page
    page.goto(f"{visitor.server.url}/flair_data")
    expect(page.get_by_text("A small synthetic data set is being generated")).to_be_visible(
        timeout=WAIT
    )
    expect(page.get_by_text("Classes shown here")).to_be_visible(timeout=120_000)
    assert visitor.exceptions() == []
    assert visitor.foreign_requests() == []


def test_models__a_run_from_the_page_appears_in_the_table(land, visit):
    visitor = visit(land)
    visitor.go("flair_models")
    page = visitor.page
    page.get_by_text("Divide spectra by their intensity (N)").click()
    visitor.wait_until_idle()
    page.get_by_role("button", name="Run this model").click()
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible(timeout=WAIT)
    expect(cancel).to_be_hidden(timeout=120_000)
    expect(page.get_by_text("kNN, aerial, O+N").first).to_be_visible(timeout=WAIT)
    assert visitor.alerts() == []


def test_models__a_run_with_the_season_names_it(land, visit):
    visitor = visit(land)
    visitor.go("flair_models")
    page = visitor.page
    page.get_by_text("Add Sentinel to the aerial bands").click()
    page.get_by_role("combobox", name="Season").click(timeout=WAIT)
    page.get_by_role("option", name="mean and seasonal indices").click()
    visitor.wait_until_idle()
    page.get_by_role("button", name="Run this model").click()
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible(timeout=WAIT)
    expect(cancel).to_be_hidden(timeout=120_000)
    title = "kNN, aerial + Sentinel, O + mean and seasonal indices"
    expect(page.get_by_text(title).first).to_be_visible(timeout=WAIT)
    assert visitor.alerts() == []
    assert visitor.exceptions() == []


def download_csv(visitor, button):
    """Return the lines of the CSV that a button downloads."""
    with visitor.page.expect_download(timeout=WAIT) as download:
        visitor.page.get_by_role("button", name=button).click()
    return Path(download.value.path()).read_text(encoding="utf-8").strip().splitlines()


@pytest.mark.long
def test_data__without_the_date_filter_all_dates_are_shown(land, visit):
    visitor = visit(land)
    visitor.go("flair_data")
    page = visitor.page
    page.get_by_text("Time series", exact=True).first.click()
    expect(page.get_by_text("dates pass the filter")).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()
    series = page.locator(".cs-gallery").first.locator("img")
    n_usable = series.count()
    assert page.get_by_text("dropped").count() == 0
    page.get_by_text("Filter on", exact=True).click()
    expect(page.get_by_text("The filter is off: all dates are used")).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()
    assert series.count() == 24 > n_usable
    assert page.get_by_text("dropped").count() == 24 - n_usable
    assert visitor.exceptions() == []


@pytest.mark.long
def test_data__the_gallery_highlights_a_class(land, visit):
    visitor = visit(land)
    visitor.go("flair_data")
    page = visitor.page
    page.get_by_text("All patches", exact=True).first.click()
    expect(page.get_by_text("3 of 3 patches")).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()
    page.get_by_role("combobox", name="Only with the class").click()
    page.get_by_role("option", name="swimming pool").click()
    expect(page.get_by_text("contain swimming pool, the largest share first")).to_be_visible(
        timeout=WAIT
    )
    visitor.wait_until_idle()
    shares = page.locator(".cs-gallery small").all_inner_texts()
    assert shares
    assert all(share.endswith("% swimming pool") for share in shares)
    assert visitor.alerts() == []


def test_downloads__carry_citation_and_licence(land, visit):
    visitor = visit(land)
    visitor.go("flair_models")
    lines = download_csv(visitor, "Download all runs (CSV)")
    assert lines[0].startswith("Method,Features,mIoU")
    assert "Garioud" in lines[-1]
    assert "Etalab" in lines[-1]
    visitor.go("flair_confusion")
    visitor.page.get_by_text("Class maps", exact=True).first.click()
    with visitor.page.expect_download(timeout=WAIT) as download:
        visitor.page.get_by_role("button", name="Download all (").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        assert "Etalab" in archive.read("README.txt").decode()
    assert any(name.endswith(".tif") for name in names)
    assert visitor.foreign_requests() == []


@pytest.mark.long
def test_fetch__a_bad_address_is_explained(land, visit):
    visitor = visit(land)
    visitor.go("flair_data")
    page = visitor.page
    page.get_by_text("Files", exact=True).first.click()
    page.get_by_text("Another address, or a checksum").click()
    address = page.get_by_role("textbox", name="Address of a zip")
    for text, message in (
        ("nonsense", "is not an http address"),
        ("http://127.0.0.1:9/flair.zip", "Connection refused"),
    ):
        address.fill(text)
        address.press("Enter")
        visitor.wait_until_idle()
        page.get_by_role("button", name="Download the toy set").click()
        alert = page.get_by_test_id("stAlert").filter(has_text=message)
        expect(alert).to_be_visible(timeout=120_000)
        page.get_by_role("button", name="Dismiss").first.click()
        expect(alert).to_be_hidden(timeout=WAIT)
    assert visitor.exceptions() == []
    assert visitor.foreign_requests() == []


@pytest.mark.long
def test_models__chance_baselines_run_from_the_page(land, visit):
    visitor = visit(land)
    visitor.go("flair_models")
    page = visitor.page
    page.get_by_text("The notebook's grid", exact=True).first.click()
    expect(page.get_by_role("button", name="Run the missing configurations")).to_be_visible(
        timeout=WAIT
    )
    page.get_by_role("button", name="Run the chance baselines").click()
    expect(page.get_by_role("button", name="Run the chance baselines")).to_be_hidden(
        timeout=120_000
    )
    expect(page.get_by_text("Uniform chance").first).to_be_visible(timeout=WAIT)
    assert visitor.alerts() == []
