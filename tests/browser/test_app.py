"""The app as an analyst meets it; the tests of the demo run in the order of the file."""

import re

import psutil
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PAGES = ("scenes", "chips", "embeddings", "clusters", "explore", "map")
EVIL = "<img src=x onerror=alert(1)>"
WAIT = 60_000
RANGE = "return g._fullLayout.xaxis.range.concat(g._fullLayout.yaxis.range)"
COLOURS = "return g.data[0].marker.color"
SAID = re.compile(r"\d+ × \d+ scene px, ")
JOB = ".st-key-cs_job"


@pytest.fixture
def made(demo, visit):
    """The demo, made by whichever test comes first, seen by a new visitor on Explore."""
    visitor = visit(demo)
    visitor.page.goto(demo.url)
    visitor.page.frame_locator("iframe").first.locator(".nsewdrag").first.wait_for(timeout=240_000)
    visitor.page.locator(JOB).wait_for(state="hidden", timeout=240_000)
    assert visitor.alerts() == []
    visitor.rest()
    return visitor


def zoom(visitor, point: int) -> list[float]:
    """Zoom in on a point with the wheel."""
    x, y = visitor.place_of(point)
    visitor.page.mouse.move(x, y)
    visitor.page.mouse.wheel(0, -240)
    visitor.page.wait_for_timeout(800)
    return visitor.plot(RANGE)


def check_native(visitor) -> None:
    """The chip is as large on the page as its caption says, its shape kept."""
    said = visitor.page.get_by_text(SAID).inner_text()
    width, height = map(int, re.match(r"(\d+) × (\d+) scene px", said).groups())
    times, by = re.search(r"(\d+) times enlarged", said), re.search(r"at 1:(\d+)", said)
    factor = int(times[1]) if times else 1 / int(by[1])
    box = visitor.page.locator("[data-testid=stImage] img").first.bounding_box()
    assert box["width"] == pytest.approx(width * factor, abs=1)
    assert box["height"] == pytest.approx(height * factor, abs=1)
    assert max(box["width"], box["height"]) <= 184


def test_first_start__makes_the_demo_and_leads_to_it(demo, visit):
    visitor = visit(demo)
    page = visitor.page
    page.goto(demo.url)
    expect(page.get_by_text("A small demo is being prepared")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("Drawing the demo harbour")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    expect(page.get_by_text(str(demo.root / "raw"))).to_be_visible()
    page.wait_for_url("**/explore", timeout=240_000)
    visitor.wait_for_landscape()
    expect(page.get_by_text("This is the demo")).to_be_visible()
    assert len(visitor.plot("return g.data[0].x")) >= 600
    assert not (demo.root / "raw").exists()
    assert visitor.foreign() == []


def test_server__listens_on_this_machine_alone(demo):
    process = psutil.Process(demo.process.pid)
    listening = [c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert set(listening) == {"127.0.0.1"}


@pytest.mark.parametrize("name", PAGES)
def test_page__opens_and_asks_no_other_host(made, name):
    made.go(name)
    expect(made.page.locator("h1").first).to_have_text(name.capitalize())
    made.page.wait_for_timeout(500)
    assert made.exceptions() == []
    assert made.foreign() == []


def test_explore__click_shows_the_chip_and_where_it_lies(made):
    point = made.lonely()
    kind = made.plot("return g.data[0].text[a[0]]", point).split("<br>")[1]
    made.click(point)
    expect(made.page.get_by_text(SAID)).to_be_visible(timeout=WAIT)
    made.rest()
    facts = made.page.locator("dl.cs-facts").first
    expect(facts).to_contain_text(kind)
    expect(facts).to_contain_text("m²")
    expect(made.page.get_by_text("footprint in yellow")).to_be_visible()
    around = made.page.locator(".st-key-cs\\.around, [data-testid=stPlotlyChart]").first
    lines = around.locator(".scatterlayer .trace")
    expect(lines).to_have_count(2)
    assert around.locator("image").first.get_attribute("href").startswith("data:image/jpeg")
    check_native(made)
    (arrow,) = made.plot("return g.layout.annotations")
    assert arrow["x"] == pytest.approx(made.plot("return g.data[0].x[a[0]]", point), abs=1e-3)


def test_explore__slider_recolours_and_keeps_the_zoom(made):
    point = made.lonely()
    before = made.plot(RANGE)
    zoomed = zoom(made, point)
    assert zoomed != pytest.approx(before)
    made.click(point)
    expect(made.page.get_by_text(SAID)).to_be_visible(timeout=WAIT)
    made.rest()
    colours = made.plot(COLOURS)
    slider = made.page.get_by_role("slider", name="Components")
    slider.focus()
    for _ in range(4):
        made.page.keyboard.press("ArrowRight")
    expect(made.page.get_by_text("12 clusters").first).to_be_visible(timeout=WAIT)
    made.rest()
    assert made.plot(COLOURS) != colours
    assert made.plot(RANGE) == pytest.approx(zoomed)
    assert len(made.plot("return g.layout.annotations")) == 1
    expect(made.page.get_by_text(SAID)).to_be_visible()


def test_explore__tree_is_cut_anew_and_keeps_the_zoom(made):
    zoomed = zoom(made, made.lonely())
    made.page.get_by_role("combobox", name="Clusters by").click()
    made.page.get_by_role("option", name="HDBSCAN", exact=True).click()
    expect(made.page.get_by_text("% noise").first).to_be_visible(timeout=WAIT)
    made.rest()
    colours = made.plot(COLOURS)
    slider = made.page.get_by_role("slider", name="Smallest cluster (chips)")
    slider.focus()
    for _ in range(12):
        made.page.keyboard.press("ArrowLeft")
    made.page.wait_for_timeout(1500)
    made.rest()
    assert made.plot(COLOURS) != colours
    assert made.plot(RANGE) == pytest.approx(zoomed)


def test_explore__box_shows_the_chips_and_their_table(made):
    made.page.locator("iframe").first.hover()
    made.frame.locator(".modebar-btn[data-title='Box Select']").click()
    box = made.page.locator("iframe").first.bounding_box()
    made.page.mouse.move(box["x"] + 60, box["y"] + 60)
    made.page.mouse.down()
    made.page.mouse.move(box["x"] + box["width"] - 60, box["y"] + box["height"] - 60, steps=6)
    made.page.mouse.up()
    heading = made.page.get_by_text("chips selected")
    expect(heading).to_be_visible(timeout=WAIT)
    made.rest()
    count = int(heading.inner_text().split()[0])
    assert 1 < count <= len(made.plot("return g.data[0].x"))
    assert made.page.locator(".cs-gallery figure").count() == min(48, count)
    with made.page.expect_download() as download:
        made.page.get_by_role("button", name="Download the table (CSV)").click()
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == count + 1
    assert "Length (m)" in lines[0]


def test_chips__new_settings_run_as_a_job_and_can_be_cancelled(made):
    made.page.get_by_role("link", name="Chips").click()
    made.rest()
    made.page.get_by_text("the long axis", exact=True).click()
    expect(made.page.get_by_text("before your changes")).to_be_visible(timeout=WAIT)
    made.page.get_by_role("link", name="Embeddings").click()
    made.rest()
    made.page.get_by_role("button", name="Embed the chips").click()
    made.page.get_by_role("button", name="Cancel").click()
    expect(made.page.get_by_text("stopped. What was finished is kept")).to_be_visible(
        timeout=10_000
    )
    made.page.get_by_role("button", name="Dismiss").click()
    made.page.get_by_role("link", name="Chips").click()
    made.rest()
    made.page.get_by_role("button", name="Keep what is shown").click()
    expect(made.page.get_by_text("before your changes")).to_be_hidden(timeout=WAIT)


def test_own_scenes__run_from_the_page_and_values_stay_text(own, visit):
    visitor = visit(own)
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
    visitor.wait_for_landscape()
    point = visitor.lonely()
    visitor.click(point)
    expect(visitor.page.locator("dl.cs-facts").first).to_contain_text(EVIL, timeout=WAIT)
    hover = visitor.frame.locator(".hoverlayer .hovertext")
    shown = (hover.first.text_content() or "").strip()
    assert shown.endswith((EVIL, "<b>boat</b>"))
    ink = hover.first.locator("text").first.evaluate("text => getComputedStyle(text).fill")
    assert ink == "rgb(31, 41, 51)"
    check_native(visitor)
    assert visitor.frame.locator("img").count() == 0
    assert visitor.dialogs == []
    assert visitor.foreign() == []


def test_bad_input__is_told_in_sentences(serve, visit, tmp_path):
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
            told = " ".join(visitor.alerts())
            assert "cut off" in told
            assert "virtual" in told
