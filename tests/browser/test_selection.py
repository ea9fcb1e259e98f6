"""One picked chip and one selection: in the address, the history, the table, on every page."""

import json
import shutil
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
import rasterio
from affine import Affine
from playwright.sync_api import expect

from app.session.saved_settings import save_settings
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, ProjectionSettings, RunSettings

pytestmark = pytest.mark.browser

WAIT = 60_000
N = 36


@pytest.fixture(scope="module")
def port(serve, tmp_path_factory):
    """A server on a scene of 36 squares, with every stage computed; also the ids of its chips."""
    workspace = Workspace.at(tmp_path_factory.mktemp("port"))
    workspace.raw.mkdir()
    rng, transform = np.random.default_rng(3), Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
    pixels, features = rng.normal(90, 20, (3, 300, 300)), []
    for i in range(N):
        x, y, side = 10 + i % 6 * 46, 10 + i // 6 * 46, 14 + i % 5 * 3
        pixels[i % 3, y : y + side, x : x + side] += 60
        corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
        geometry = {"type": "Polygon", "coordinates": [[list(transform @ c) for c in corners]]}
        properties = {"class": ("boat", "shed")[i % 2], "number": i}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": 300, "height": 300}
    profile |= {"crs": "EPSG:32631", "transform": transform}
    with rasterio.open(workspace.raw / "port.tif", "w", **profile) as scene:
        scene.write(pixels.clip(0, 255).astype("uint8"))
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    document = {"type": "FeatureCollection", "crs": crs, "features": features}
    (workspace.raw / "port.geojson").write_text(json.dumps(document))
    settings = RunSettings(
        gmm=GmmSettings(n_components=3, n_init=1), projection=ProjectionSettings(n_iter=50)
    )
    run = run_pipeline(workspace, settings, until="projection")
    save_settings(workspace, settings)
    return serve(workspace.root), run.chips.facts["chip_id"].tolist()


@pytest.fixture
def analyst(port, visit):
    """A visitor on Explore."""
    visitor = visit(port[0])
    visitor.go("explore")
    visitor.wait_for_plot()
    return visitor


def finder(visitor):
    return visitor.page.get_by_role("textbox", name="Chip id").first


def expect_chip(visitor, chip_id):
    """Wait until a chip, or none if it is empty, is picked and in the address."""
    expect(finder(visitor)).to_have_value(chip_id, timeout=WAIT)
    ending = f"?chip={chip_id}" if chip_id else visitor.page.url.split("?")[0][-4:]
    visitor.page.wait_for_function("ending => location.href.endsWith(ending)", arg=ending)
    visitor.wait_until_idle()


def press_button(visitor, name):
    visitor.page.get_by_role("button", name=name, exact=True).click()


def follow(visitor, name):
    visitor.page.get_by_role("link", name=name, exact=True).click()
    visitor.page.locator("h1", has_text=name).wait_for(timeout=WAIT)
    visitor.wait_until_idle()


def test_back_and_forward__return_to_the_chips_picked_before(analyst, port):
    _, ids = port
    for chip_id in ids[:3]:
        press_button(analyst, "Next")
        expect_chip(analyst, chip_id)
        if chip_id == ids[0]:
            # Within the cluster of the first chip, "Next" would skip other chips.
            finder(analyst).fill(ids[1])
            analyst.page.keyboard.press("Enter")
            expect_chip(analyst, ids[1])
            break
    analyst.page.go_back()
    expect_chip(analyst, ids[0])
    analyst.page.go_back()
    expect_chip(analyst, "")
    analyst.page.go_forward()
    analyst.page.go_forward()
    expect_chip(analyst, ids[1])
    assert analyst.exceptions() == []


def test_pages__share_the_chip_and_going_back_needs_one_step_each(analyst, port):
    _, ids = port
    finder(analyst).fill(ids[7])
    analyst.page.keyboard.press("Enter")
    expect_chip(analyst, ids[7])
    for name in ("Map", "Clusters", "Chips"):
        follow(analyst, name)
        expect_chip(analyst, ids[7])
    for name in ("clusters", "map", "explore"):
        analyst.page.go_back()
        analyst.page.wait_for_url(f"**/{name}?chip={ids[7]}")
        expect_chip(analyst, ids[7])


@pytest.mark.long
def test_link__opens_the_chip_on_explore_and_on_the_map(port, visit):
    server, ids = port
    for page in ("explore", "map"):
        visitor = visit(server)
        visitor.go(f"{page}?chip={ids[20]}")
        expect_chip(visitor, ids[20])
        expect(visitor.page.locator("dl.cs-facts").first).to_contain_text(ids[20], timeout=WAIT)
    visitor.go("explore?chip=port-none")
    expect(visitor.page.get_by_text("There is no chip port-none")).to_be_visible(timeout=WAIT)


def select_box(visitor):
    """Select the points in the middle of the plot; return the number that the page states."""
    visitor.page.locator("iframe").first.hover()
    visitor.frame.locator(".modebar-btn[data-title='Box Select']").click()
    box, mouse = visitor.page.locator("iframe").first.bounding_box(), visitor.page.mouse
    mouse.move(box["x"] + 60, box["y"] + 60)
    mouse.down()
    mouse.move(box["x"] + box["width"] - 60, box["y"] + box["height"] - 60, steps=6)
    mouse.up()
    count = visitor.page.get_by_text("chips selected")
    expect(count).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()
    return int(count.inner_text().split()[0])


@pytest.mark.parametrize(
    ("width", "height"), [(1280, 800), pytest.param(1440, 900, marks=pytest.mark.long)]
)
def test_plot__is_visible_and_does_not_move_when_chips_are_selected(port, visit, width, height):
    visitor = visit(port[0])
    visitor.page.set_viewport_size({"width": width, "height": height})
    visitor.go("explore")
    visitor.wait_for_plot()
    plot = visitor.page.locator("iframe").first
    before = plot.bounding_box()
    assert before["y"] + before["height"] <= height
    legend = visitor.legend.bounding_box()
    assert legend["y"] + legend["height"] <= height
    assert select_box(visitor) > 1
    assert plot.bounding_box() == before
    for name in ("Clear", "Move", "Create", "Exclude"):
        button = visitor.page.get_by_role("button", name=name, exact=True).bounding_box()
        assert button["y"] + button["height"] <= before["y"]
        assert button["x"] + button["width"] <= width
    press_button(visitor, "More")
    visitor.wait_until_idle()
    assert plot.bounding_box() == before
    press_button(visitor, "Less")
    press_button(visitor, "Clear")
    expect(visitor.page.get_by_text("chips selected")).to_be_hidden(timeout=WAIT)
    assert plot.bounding_box() == before


def suspend_job(server):
    """Stop the process of the job, which might otherwise end before it is cancelled."""
    end = time.monotonic() + WAIT / 1000
    while time.monotonic() < end:
        for process in psutil.Process(server.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if "run" in process.cmdline() and "--settings" in process.cmdline():
                    process.suspend()
                    return
        time.sleep(0.05)
    pytest.fail("no job was started")


@pytest.mark.long
def test_plot_and_map__stay_when_a_scene_is_added_and_a_job_is_cancelled(port, visit):
    server, _ = port
    visitor, scene = visit(server), server.root / "raw" / "port.tif"
    added = [scene.with_stem("late"), scene.with_name("late.geojson")]
    visitor.go("map")
    canvas = visitor.page.locator(".map canvas")
    before_map = canvas.bounding_box()
    visitor.go("explore")
    visitor.wait_for_plot()
    plot = visitor.page.locator("iframe").first
    before = plot.bounding_box()
    try:
        for source, path in zip((scene, scene.with_suffix(".geojson")), added, strict=True):
            shutil.copy(source, path)
        press_button(visitor, "Next")
        expect(visitor.page.get_by_text("late.tif is not part of these")).to_be_visible(
            timeout=WAIT
        )
        visitor.wait_until_idle()
        assert plot.bounding_box() == before
        press_button(visitor, "Update the results")
        suspend_job(server)
        press_button(visitor, "Cancel")
        expect(visitor.page.get_by_role("button", name="Dismiss")).to_be_visible(timeout=WAIT)
        visitor.wait_until_idle()
        assert plot.bounding_box() == before
        follow(visitor, "Map")
        expect(visitor.page.get_by_text("late.tif is not part of these")).to_be_visible(
            timeout=WAIT
        )
        visitor.wait_until_idle()
        assert canvas.bounding_box() == before_map
        press_button(visitor, "Dismiss")
    finally:
        for path in added:
            path.unlink(missing_ok=True)


@pytest.mark.long
def test_selection__is_displayed_and_cleared_on_every_page(analyst):
    count = select_box(analyst)
    for name in ("Map", "Chips", "Clusters"):
        follow(analyst, name)
        expect(analyst.page.get_by_text(f"{count} chips selected")).to_be_visible(timeout=WAIT)
    press_button(analyst, "Clear")
    expect(analyst.page.get_by_text("chips selected")).to_be_hidden(timeout=WAIT)
    follow(analyst, "Explore")
    expect(analyst.page.get_by_text("chips selected")).to_be_hidden()
    expect(analyst.page.get_by_role("button", name="Exclude")).to_have_count(0)


def test_table__rows_pick_and_select(analyst, port):
    _, ids = port
    analyst.page.get_by_text("Table of all chips").click()
    table = analyst.page.locator("[data-testid=stDataFrame]").first
    table.scroll_into_view_if_needed()
    analyst.wait_until_idle()

    def tick(row):
        analyst.wait_until_idle()
        table.scroll_into_view_if_needed()
        # The table is drawn again while the elements above it settle.
        analyst.page.wait_for_timeout(1000)
        box = table.bounding_box()
        analyst.page.mouse.click(box["x"] + 18, box["y"] + 35 * row + 52)

    tick(0)
    expect_chip(analyst, ids[0])
    tick(2)
    expect(analyst.page.get_by_text("2 chips selected")).to_be_visible(timeout=WAIT)
    analyst.wait_until_idle()
    tick(3)
    expect(analyst.page.get_by_text("3 chips selected")).to_be_visible(timeout=WAIT)
    assert analyst.exceptions() == []


def test_keyboard_alone__finds_steps_and_closes(analyst, port):
    _, ids = port
    page = analyst.page
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Chip id":
            break
    page.keyboard.type(ids[4])
    page.keyboard.press("Enter")
    expect_chip(analyst, ids[4])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") in ("Previous", "Next")
    page.keyboard.press("Enter")
    expect(finder(analyst)).not_to_have_value(ids[4], timeout=WAIT)
    analyst.wait_until_idle()
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "Close":
            break
    page.keyboard.press("Enter")
    expect_chip(analyst, "")
