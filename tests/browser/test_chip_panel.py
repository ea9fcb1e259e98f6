"""The chip panel and the galleries, used with the mouse and with the keyboard alone."""

import pytest
from playwright.sync_api import expect

from app.session.saved_settings import save_settings
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, ProjectionSettings, RunSettings
from tests.quay_scene import write_quay_scene

pytestmark = pytest.mark.browser

WAIT = 60_000
EVIL = "<img src=x onerror=alert(1)>"
BANDS = ("blue", "green", "red", "nir")


@pytest.fixture(scope="module")
def four_bands(serve, tmp_path_factory):
    """A server on a float32 scene of four bands, with 36 annotations of nine attributes each."""
    workspace = Workspace.at(tmp_path_factory.mktemp("four"))
    facts = {f"remark {k}": k for k in range(6)}
    write_quay_scene(
        workspace.raw,
        lambda i: facts | {"class": (EVIL, "quay")[i % 2], "number": i, "crew": "b"},
        float_bands=BANDS,
    )
    settings = RunSettings(
        gmm=GmmSettings(n_components=3, n_init=1), projection=ProjectionSettings(n_iter=50)
    )
    run_pipeline(workspace, settings)
    save_settings(workspace, settings)
    return serve(workspace.root)


@pytest.fixture
def explorer(four_bands, visit):
    visitor = visit(four_bands)
    visitor.go("explore")
    visitor.wait_for_plot()
    return visitor


def gallery_buttons(page):
    return page.locator(".gallery button")


def pick_first(visitor):
    """Click the first chip of the overview and return its id."""
    button = gallery_buttons(visitor.page).first
    chip_id = button.get_attribute("data-chip")
    button.click()
    expect(visitor.page.get_by_text(chip_id, exact=True).first).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()
    return chip_id


def facts(page):
    return page.locator("dl.cs-facts").first.locator("dt").all_inner_texts()


def chip_image(page, chip_id):
    return page.locator(f"[data-testid=stImage] img[alt*='{chip_id}']")


def test_gallery__click_picks_a_chip_whose_class_comes_first(explorer):
    page = explorer.page
    image = gallery_buttons(page).first.locator("img")
    alt = image.get_attribute("alt")
    assert "Cluster" in alt
    assert "quay-" in alt
    chip_id = pick_first(explorer)
    assert chip_id in alt
    assert facts(page)[:2] == ["Cluster", "class"]
    page.get_by_text("3 more attributes").click()
    expect(page.get_by_text("crew", exact=True)).to_be_visible(timeout=WAIT)
    expect(chip_image(page, chip_id)).to_be_visible(timeout=WAIT)
    assert page.locator("img[src=x]").count() == 0
    assert explorer.dialogs == []
    assert explorer.foreign_requests() == []


def test_gallery__keyboard_alone(explorer):
    page = explorer.page
    buttons = gallery_buttons(page)
    buttons.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    focused = page.evaluate_handle("() => document.activeElement.shadowRoot.activeElement")
    assert focused.evaluate("b => getComputedStyle(b).outlineStyle") == "solid"
    chip_id = focused.evaluate("b => b.dataset.chip")
    assert chip_id not in (None, buttons.first.get_attribute("data-chip"))
    page.keyboard.press("Enter")
    expect(chip_image(page, chip_id)).to_be_visible(timeout=WAIT)


@pytest.mark.long
def test_chip_panel__spectral_index_and_three_bands(explorer):
    page = explorer.page
    chip_id = pick_first(explorer)
    before = chip_image(page, chip_id).get_attribute("src")
    page.get_by_label("Bands", exact=True).click()
    page.get_by_role("option", name="NDVI, vegetation").click()
    expect(page.get_by_text("(nir − red) / (nir + red)")).to_be_visible(timeout=WAIT)
    explorer.wait_until_idle()
    index = chip_image(page, chip_id).get_attribute("src")
    page.get_by_label("Bands", exact=True).click()
    page.get_by_role("option", name="Three bands…").click()
    page.get_by_label("Red", exact=True).click()
    page.get_by_role("option", name="nir", exact=True).click()
    for earlier in (before, index):
        expect(chip_image(page, chip_id)).not_to_have_attribute("src", earlier, timeout=WAIT)
    assert before != index
    assert explorer.exceptions() == []


def test_chip_panel__click_on_a_neighbour_and_link_to_the_map(explorer):
    page = explorer.page
    chip_id = pick_first(explorer)
    assert page.locator("code", has_text="EPSG").count() == 0
    expect(page.get_by_text("x, y (EPSG:32631)")).to_be_visible(timeout=WAIT)
    expect(page.locator("[data-testid=stCode]", has_text="43.").first).to_be_visible(timeout=WAIT)
    chart = page.locator("[data-testid=stPlotlyChart]").first
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(800)
    x, y = chart.locator(".js-plotly-plot").evaluate(
        # The dot nearest to the middle: one at the edge may be cut off, or below the buttons.
        """g => { const t = g.data.find((t) => t.mode === 'markers'), r = g.getBoundingClientRect(),
          { xaxis: x, yaxis: y } = g._fullLayout,
          dots = t.x.map((_, i) => [x.d2p(t.x[i]), y.d2p(t.y[i])]),
          far = ([left, top]) => Math.hypot(left - x._length / 2, top - y._length / 2);
          const [left, top] = dots.sort((a, b) => far(a) - far(b))[0];
          return [r.left + x._offset + left, r.top + y._offset + top]; }"""
    )
    page.mouse.move(x - 6, y - 6)
    page.mouse.move(x, y, steps=4)
    page.wait_for_timeout(400)
    page.mouse.click(x, y)
    expect(chip_image(page, chip_id)).to_have_count(0, timeout=WAIT)
    explorer.wait_until_idle()
    neighbour = page.locator("[data-testid=stImage] img").first.get_attribute("alt").split(", ")[-1]
    assert neighbour.startswith("quay-")
    page.get_by_role("link", name="Show on the map").click()
    page.locator(".map[data-ready=true]").wait_for(timeout=WAIT)
    expect(chip_image(page, neighbour)).to_be_visible(timeout=WAIT)
    assert explorer.exceptions() == []


@pytest.mark.long
def test_galleries__open_a_chip_in_a_dialog_on_other_pages(four_bands, visit):
    visitor = visit(four_bands)
    for name in ("chips", "clusters"):
        visitor.go(name)
        button = gallery_buttons(visitor.page).nth(2)
        chip_id = button.get_attribute("data-chip")
        button.click()
        dialog = visitor.page.get_by_role("dialog")
        expect(dialog.locator(f"img[alt*='{chip_id}']")).to_be_visible(timeout=WAIT)
        visitor.wait_until_idle()
        visitor.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0, timeout=WAIT)
        expect(gallery_buttons(visitor.page).nth(2)).to_have_attribute("aria-pressed", "true")
        assert visitor.exceptions() == []
