"""The app as an analyst uses it; the tests of the demo run in the order of the file."""

import re

import psutil
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PAGES = ("scenes", "chips", "embeddings", "clusters", "explore", "contact_sheet", "map", "runs")
EVIL = "<img src=x onerror=alert(1)>"
WAIT = 60_000
RANGE = "return g._fullLayout.xaxis.range.concat(g._fullLayout.yaxis.range)"
COLOURS = "return g.data[0].marker.color"
CHIP_CAPTION = re.compile(r"\d+ × \d+ scene px, ")
JOB = ".st-key-cs_job"


@pytest.fixture
def explorer(ready_demo, visit):
    """A new visitor on the demo's Explore page."""
    visitor = visit(ready_demo)
    visitor.go("explore")
    visitor.wait_for_plot()
    assert visitor.alerts() == []
    return visitor


def zoom(visitor, point: int) -> list[float]:
    """Zoom in on a point with the wheel; return the range of the axes."""
    x, y = visitor.position_of(point)
    visitor.page.mouse.move(x, y)
    visitor.page.mouse.wheel(0, -240)
    visitor.page.wait_for_timeout(800)
    return visitor.plot(RANGE)


def check_chip_size(visitor) -> None:
    """Check that the chip is as large on the page as its caption says, in its own proportions."""
    caption = visitor.page.get_by_text(CHIP_CAPTION).inner_text()
    width, height = map(int, re.match(r"(\d+) × (\d+) scene px", caption).groups())
    enlarged = re.search(r"enlarged (\d+) times", caption)
    reduced = re.search(r"at 1:(\d+)", caption)
    factor = int(enlarged[1]) if enlarged else 1 / int(reduced[1])
    image = visitor.page.locator("[data-testid=stImage] img").first
    expect(image).to_have_js_property("complete", True)
    box = image.bounding_box()
    assert box["width"] == pytest.approx(width * factor, abs=1)
    assert box["height"] == pytest.approx(height * factor, abs=1)
    assert max(box["width"], box["height"]) <= 184


def test_first_start__creates_the_demo_and_opens_it(demo, visit):
    visitor = visit(demo)
    page = visitor.page
    page.goto(demo.url)
    expect(page.get_by_text("A small demo is being prepared")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text(str(demo.root / "raw"))).to_be_visible()
    page.wait_for_url("**/explore", timeout=240_000)
    visitor.wait_for_plot()
    expect(page.get_by_text("This is the demo")).to_be_visible()
    assert len(visitor.plot("return g.data[0].x")) >= 600
    assert not (demo.root / "raw").exists()
    assert visitor.foreign_requests() == []


def test_server__listens_on_this_machine_only(demo):
    process = psutil.Process(demo.process.pid)
    connections = process.net_connections()
    addresses = [c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN]
    assert set(addresses) == {"127.0.0.1"}


def test_pages__open_and_request_no_other_host(explorer):
    for name in PAGES:
        explorer.go(name)
        expect(explorer.page.locator("h1").first).to_have_text(name.capitalize().replace("_", " "))
        explorer.page.wait_for_timeout(500)
        assert explorer.exceptions() == [], name
        assert explorer.foreign_requests() == [], name


def test_explore__click_shows_the_chip_and_its_surroundings(explorer):
    point = explorer.isolated_point()
    explorer.click(point)
    tip = explorer.frame.locator(".over .tip span")
    class_name = tip.inner_text().split("\n")[1]
    expect(explorer.page.get_by_text(CHIP_CAPTION)).to_be_visible(timeout=WAIT)
    explorer.wait_until_idle()
    facts = explorer.page.locator("dl.cs-facts").first
    expect(facts).to_contain_text(class_name)
    expect(facts).to_contain_text("m²")
    expect(explorer.page.get_by_text("footprint in yellow")).to_be_visible()
    surroundings = explorer.page.locator(".st-key-cs\\.around, [data-testid=stPlotlyChart]").first
    lines = surroundings.locator(".scatterlayer .trace")
    # Footprint and chip; neighbours and the north arrow follow.
    expect(lines.nth(1)).to_be_attached()
    image = surroundings.locator("image").first
    assert image.get_attribute("href").startswith("data:image/jpeg")
    check_chip_size(explorer)
    (ring, _) = explorer.plot("return g.layout.shapes")
    x = explorer.plot("return g.data[0].x[a[0]]", point)
    assert ring["xanchor"] == pytest.approx(x, abs=1e-3)


def test_explore__slider_recolours_and_keeps_the_zoom(explorer):
    point = explorer.isolated_point()
    before = explorer.plot(RANGE)
    zoomed = zoom(explorer, point)
    assert zoomed != pytest.approx(before)
    explorer.click(point)
    expect(explorer.page.get_by_text(CHIP_CAPTION)).to_be_visible(timeout=WAIT)
    explorer.wait_until_idle()
    colours = explorer.plot(COLOURS)
    slider = explorer.page.get_by_role("slider", name="Clusters of the mixture")
    slider.focus()
    for _ in range(4):
        explorer.page.keyboard.press("ArrowRight")
    expect(explorer.page.get_by_text("12 clusters").first).to_be_visible(timeout=WAIT)
    explorer.wait_until_idle()
    assert explorer.plot(COLOURS) != colours
    assert explorer.plot(RANGE) == pytest.approx(zoomed)
    assert len(explorer.plot("return g.layout.shapes")) == 2
    expect(explorer.page.get_by_text(CHIP_CAPTION)).to_be_visible()


@pytest.mark.long
def test_explore__tree_is_cut_again_and_the_zoom_is_kept(explorer):
    zoomed = zoom(explorer, explorer.isolated_point())
    explorer.page.get_by_role("combobox", name="Clustering method").click()
    explorer.page.get_by_role("option", name="HDBSCAN", exact=True).click()
    expect(explorer.page.get_by_text("% noise").first).to_be_visible(timeout=WAIT)
    explorer.wait_until_idle()
    colours = explorer.plot(COLOURS)
    slider = explorer.page.get_by_role("slider", name="Minimum cluster size (chips)")
    slider.focus()
    for _ in range(6):
        explorer.page.keyboard.press("ArrowLeft")
    explorer.page.wait_for_timeout(1500)
    explorer.wait_until_idle()
    assert explorer.plot(COLOURS) != colours
    assert explorer.plot(RANGE) == pytest.approx(zoomed)


@pytest.mark.long
def test_explore__box_shows_the_chips_and_their_table(explorer):
    explorer.page.locator("iframe").first.hover()
    explorer.frame.locator(".modebar-btn[data-title='Box Select']").click()
    box = explorer.page.locator("iframe").first.bounding_box()
    mouse = explorer.page.mouse
    mouse.move(box["x"] + 60, box["y"] + 60)
    mouse.down()
    mouse.move(box["x"] + box["width"] - 60, box["y"] + box["height"] - 60, steps=6)
    mouse.up()
    heading = explorer.page.get_by_text("chips selected")
    expect(heading).to_be_visible(timeout=WAIT)
    explorer.wait_until_idle()
    count = int(heading.inner_text().split()[0])
    assert 1 < count <= len(explorer.plot("return g.data[0].x"))
    assert explorer.page.locator(".gallery.grid button").count() == min(48, count)
    with explorer.page.expect_download() as download:
        explorer.page.get_by_role("link", name="Download the table (CSV)").click()
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == count + 1
    assert "Length (m)" in lines[0]


def test_chips__new_settings_run_as_a_job_and_can_be_cancelled(explorer):
    page = explorer.page
    stale_text = "These results use your previous settings"
    page.get_by_role("link", name="Chips", exact=True).click()
    explorer.wait_until_idle()
    page.get_by_text("long axis up", exact=True).click()
    expect(page.get_by_text(stale_text)).to_be_visible(timeout=WAIT)
    page.get_by_role("link", name="Embeddings", exact=True).click()
    explorer.wait_until_idle()
    page.get_by_role("button", name="Update the embeddings").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("cancelled. Completed results are kept")).to_be_visible(timeout=10_000)
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_role("link", name="Chips", exact=True).click()
    explorer.wait_until_idle()
    page.get_by_role("button", name="Keep these results").click()
    expect(page.get_by_text(stale_text)).to_be_hidden(timeout=WAIT)


def test_own_scenes__run_from_the_page_and_values_are_displayed_as_text(own_scene, visit):
    visitor = visit(own_scene)
    visitor.go("")
    expect(visitor.page.locator("h1").first).to_have_text("Scenes")
    visitor.page.get_by_role("button", name="Run all stages").click()
    job = visitor.page.locator(JOB)
    expect(job).to_contain_text("Running all stages", timeout=WAIT)
    expect(job).to_be_hidden(timeout=120_000)
    assert visitor.alerts() == []
    for name in PAGES:
        visitor.go(name)
        assert visitor.exceptions() == []
        assert visitor.page.locator("img[src='x']").count() == 0
    visitor.go("explore")
    visitor.wait_for_plot()
    visitor.click(visitor.isolated_point())
    expect(visitor.page.locator("dl.cs-facts").first).to_contain_text(EVIL, timeout=WAIT)
    x, y = visitor.position_of(visitor.isolated_point())
    visitor.page.mouse.move(x - 30, y)
    visitor.page.mouse.move(x, y, steps=3)
    tip = visitor.frame.locator(".over .tip")
    expect(tip).to_be_visible()
    assert tip.locator("span").inner_text().split("\n")[1] in (EVIL, "<b>boat</b>")
    check_chip_size(visitor)
    assert visitor.frame.locator("img[src='x']").count() == 0
    assert visitor.dialogs == []
    assert visitor.foreign_requests() == []


def test_bad_input__is_reported_in_messages(serve, visit, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "cut off.tif").write_bytes(b"II*\0\x08\0\0\0\x0c\0")
    (raw / "virtual.tif").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    visitor = visit(serve(tmp_path))
    for name in PAGES:
        visitor.go(name)
        assert visitor.exceptions() == []
        assert "Traceback" not in visitor.page.locator("body").inner_text()
        if name == "scenes":
            alerts = " ".join(visitor.alerts())
            assert "cut off" in alerts
            assert "virtual" in alerts
