"""The land cover pages as an analyst meets them, on a small look-alike."""

import pytest
from playwright.sync_api import expect

from core.flair.classifiers import MethodSettings
from core.flair.features import FeatureSpec
from core.flair.files import discover
from core.pipeline import flair_bench, flair_results
from core.pipeline.flair_data import ensure_land_cover, folder_of
from core.pipeline.patches_to_confusion import Study, StudySettings
from core.pipeline.workspace import Workspace

pytestmark = pytest.mark.browser

WAIT = 60_000
RICH = FeatureSpec(fusion=True, robust=True)
PAGES = {
    "flair_data": ("Time series", "All patches", "Classes", "Files"),
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


@pytest.fixture(scope="module")
def land(serve, tmp_path_factory):
    """A server whose demo holds three patches with finished runs."""
    home = Workspace(tmp_path_factory.mktemp("land"))
    place = home.demo
    ensure_land_cover(place, 3)
    dataset = discover(folder_of(place))
    flair_results.make_survey(place, dataset)
    study = Study(place, StudySettings(), dataset)
    for spec in (FeatureSpec(), RICH):
        study.cell(MethodSettings(), spec)
        flair_results.make_maps(study, MethodSettings(), spec)
    flair_bench.make_bench(study, MethodSettings("hdbscan"), RICH)
    flair_bench.make_economy(study, MethodSettings(), RICH)
    return serve(home.root)


@pytest.mark.parametrize("name", PAGES)
def test_page__every_view_opens_and_asks_no_other_host(land, visit, name):
    visitor = visit(land)
    visitor.go(name)
    assert visitor.exceptions() == []
    for view in PAGES[name]:
        visitor.page.get_by_text(view, exact=True).first.click()
        visitor.rest()
        assert visitor.exceptions() == []
        assert visitor.alerts() == []
        expect(visitor.page.get_by_text("Garioud").first).to_be_visible(timeout=WAIT)
    assert visitor.foreign() == []


def test_confusion__a_click_on_a_cell_shows_its_pixels(land, visit):
    visitor = visit(land)
    visitor.go("flair_confusion")
    page = visitor.page
    expect(page.get_by_text("to see the patches and pixels")).to_be_visible(timeout=WAIT)
    page.locator(".js-plotly-plot .heatmaplayer").first.wait_for(timeout=WAIT)
    visitor.rest()
    x, y = page.evaluate(CELL, [1, 1])
    page.mouse.move(x - 4, y - 4)
    page.mouse.move(x, y, steps=4)
    page.wait_for_timeout(400)
    page.mouse.click(x, y)
    expect(page.get_by_text("pixels of this cell in IMG")).to_be_visible(timeout=WAIT)
    visitor.rest()
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
    visitor.rest()
    box = visitor.page.locator("iframe").first.bounding_box()
    visitor.page.mouse.move(box["x"] + 200, box["y"] + 120)
    visitor.page.mouse.move(box["x"] + 206, box["y"] + 126, steps=4)
    visitor.page.wait_for_timeout(400)
    visitor.page.mouse.click(box["x"] + 206, box["y"] + 126)
    expect(facts).not_to_contain_text("column 256, row 256", timeout=WAIT)
    visitor.rest()
    assert visitor.exceptions() == []
    expect(visitor.page.get_by_text("nearest voting pixels")).to_be_visible()


def test_models__the_slider_cuts_the_tree_anew(land, visit):
    visitor = visit(land)
    visitor.go("flair_models")
    page = visitor.page
    page.get_by_text("HDBSCAN live", exact=True).first.click()
    clusters = page.locator("[data-testid=stMetricValue]").first
    expect(clusters).to_be_visible(timeout=WAIT)
    before = clusters.inner_text()
    page.get_by_role("slider", name="Smallest cluster (pixels)").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(clusters).not_to_have_text(before, timeout=WAIT)
    assert page.get_by_role("button", name="Cancel").count() == 0


def test_first_use__paints_the_look_alike_and_shows_it(serve, visit, tmp_path):
    visitor = visit(serve(tmp_path))
    page = visitor.page
    page.goto(f"{visitor.server.url}/flair_data")
    expect(page.get_by_text("A small look-alike is being painted")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("Classes of this patch")).to_be_visible(timeout=120_000)
    assert visitor.exceptions() == []
    assert visitor.foreign() == []


def test_models__a_run_from_the_page_appears_beside_the_others(land, visit):
    visitor = visit(land)
    visitor.go("flair_models")
    page = visitor.page
    page.get_by_text("Spectra over their intensity (N)").click()
    visitor.rest()
    page.get_by_role("button", name="Run it").click()
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible(timeout=WAIT)
    expect(cancel).to_be_hidden(timeout=120_000)
    expect(page.get_by_text("kNN, aerial, O+N").first).to_be_visible(timeout=WAIT)
    assert visitor.alerts() == []
