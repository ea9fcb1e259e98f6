"""The map: its tiles and footprints, the picked chip that it shares with Explore, its routes."""

import json
import time
from typing import Any, NamedTuple

import numpy as np
import pytest
import rasterio
from affine import Affine
from playwright.sync_api import expect

from app.session.saved_settings import save_settings
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, GmmSettings, ProjectionSettings, RunSettings

pytestmark = pytest.mark.browser

EVIL = "<img src=x onerror=alert(1)>"
WAIT = 60_000
MANY = 20_000
# The standard deviation of the canvas, which shows whether anything is drawn on it.
SPREAD = """m => { const c = m.querySelector('canvas'), d = c.getContext('2d')
  .getImageData(c.width * 0.3, c.height * 0.3, c.width * 0.4, c.height * 0.4).data;
  const v = []; for (let i = 0; i < d.length; i += 404) v.push(d[i]);
  const mean = v.reduce((a, b) => a + b) / v.length;
  return Math.sqrt(v.reduce((a, b) => a + (b - mean) ** 2, 0) / v.length); }"""


def write_scene(raw, name, east, boxes, side=300):
    """A scene of noise at 0.5 m, with squares (left, top, size) whose classes try to be markup."""
    raw.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(boxes))
    transform = Affine(0.5, 0, 692_000 + east, 0, -0.5, 4_796_000)
    pixels = rng.normal(90, 20, (3, side, side)).clip(0, 255).astype("uint8")
    features = []
    for i, (x, y, size) in enumerate(boxes):
        corners = [(x, y), (x + size, y), (x + size, y + size), (x, y + size), (x, y)]
        ring = [list(transform @ corner) for corner in corners]
        properties = {"class": (EVIL, "<b>boat</b>", "quay")[i % 3], "number": i}
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": side, "height": side}
    profile |= {"crs": "EPSG:32631", "transform": transform, "photometric": "rgb"}
    with rasterio.open(raw / f"{name}.tif", "w", **profile) as scene:
        scene.write(pixels)
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    document = {"type": "FeatureCollection", "crs": crs, "features": features}
    (raw / f"{name}.geojson").write_text(json.dumps(document))


class MapServer(NamedTuple):
    """A server on a workspace, and the ids of its chips in the order of their rows."""

    server: Any
    chip_ids: list[str]


def serve_run(serve, workspace, settings, until):
    """Compute the stages up to one of them and start a server."""
    run = run_pipeline(workspace, settings, until=until)
    save_settings(workspace, settings)
    return MapServer(serve(workspace.root), run.chips.facts["chip_id"].tolist())


@pytest.fixture(scope="module")
def mapped(serve, tmp_path_factory):
    """A server on two scenes of 36 footprints each, with every stage computed."""
    workspace = Workspace.at(tmp_path_factory.mktemp("mapped"))
    boxes = [(10 + i % 6 * 46, 10 + i // 6 * 46, 14 + i % 5 * 3) for i in range(36)]
    write_scene(workspace.raw, "quay", 0, boxes)
    write_scene(workspace.raw, "wharf", 600, boxes)
    settings = RunSettings(
        gmm=GmmSettings(n_components=3, n_init=1), projection=ProjectionSettings(n_iter=50)
    )
    return serve_run(serve, workspace, settings, "projection")


@pytest.fixture(scope="module")
def crowded(serve, tmp_path_factory):
    """A server on one scene of 20,000 footprints whose chips have been cut."""
    workspace = Workspace.at(tmp_path_factory.mktemp("crowded"))
    boxes = [(10 + i % 142 * 21, 10 + i // 142 * 21, 12 + i % 4) for i in range(MANY)]
    write_scene(workspace.raw, "field", 0, boxes, 3000)
    return serve_run(serve, workspace, RunSettings(chips=ChipSettings(size=16)), "chips")


def wait_for_map(visitor):
    visitor.page.locator(".map[data-ready=true]").wait_for(timeout=WAIT)
    visitor.wait_until_idle()
    return visitor.page.locator(".map")


def open_map(visitor):
    visitor.go("map")
    return wait_for_map(visitor)


def position_of(map_element, chip_id):
    """Return the position of a chip's footprint on the page, in CSS pixels."""
    return map_element.evaluate("(map, chip) => map.positionOf(chip)", chip_id)


def follow(visitor, name):
    visitor.page.get_by_role("link", name=name, exact=True).click()
    visitor.page.locator("h1", has_text=name).wait_for(timeout=WAIT)
    visitor.wait_until_idle()


def wait_for_number(visitor, number):
    """Wait until the picked chip is that of an annotation."""
    visitor.page.wait_for_function(
        "n => [...document.querySelectorAll('dl.cs-facts dd')].some(d => d.textContent === n)",
        arg=str(number),
        timeout=WAIT,
    )


def test_map__draws_tiles_without_requests_to_other_hosts(mapped, visit):
    visitor = visit(mapped.server)
    map_element = open_map(visitor)
    assert map_element.evaluate(SPREAD) > 8
    assert any("/chipscape/tiles/" in url for url in visitor.requests)
    assert not any(".tif" in url for url in visitor.requests)
    visitor.page.locator(".map .tools .in").click()
    visitor.page.wait_for_timeout(500)
    assert visitor.exceptions() == []
    assert visitor.foreign_requests() == []
    visitor.page.get_by_text("Image", exact=True).first.click()
    visitor.page.get_by_text("Footprints", exact=True).first.click()
    visitor.wait_until_idle()
    visitor.page.wait_for_timeout(500)
    assert map_element.evaluate(SPREAD) < 2


def test_map__shares_the_picked_chip_with_explore(mapped, visit):
    ids = mapped.chip_ids
    visitor = visit(mapped.server)
    visitor.go("explore")
    visitor.wait_for_plot()
    point = visitor.isolated_point()
    row = 20 if point != 20 else 21
    follow(visitor, "Map")
    map_element = wait_for_map(visitor)
    before = position_of(map_element, ids[row])
    visitor.page.mouse.click(*before)
    wait_for_number(visitor, row)
    visitor.wait_until_idle()
    assert position_of(map_element, ids[row]) == pytest.approx(before)
    follow(visitor, "Explore")
    visitor.wait_for_plot()
    wait_for_number(visitor, row)
    x = visitor.plot("return g.data[0].x[a[0]]", row)
    rings = visitor.plot("return g.layout.shapes")
    assert [ring["xanchor"] for ring in rings] == pytest.approx([x, x], abs=1e-3)
    visitor.click(point)
    wait_for_number(visitor, point % 36)
    follow(visitor, "Map")
    map_element = wait_for_map(visitor)
    wait_for_number(visitor, point % 36)
    box = map_element.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert position_of(map_element, ids[point]) == pytest.approx(middle, abs=2)
    assert visitor.foreign_requests() == []


def test_map__markup_in_a_class_is_displayed_as_text(mapped, visit):
    ids = mapped.chip_ids
    visitor = visit(mapped.server)
    map_element = open_map(visitor)
    x, y = position_of(map_element, ids[0])
    visitor.page.mouse.move(x - 30, y - 30)
    visitor.page.mouse.move(x, y, steps=3)
    tip = visitor.page.locator(".map .tip")
    tip.wait_for()
    assert EVIL in tip.inner_text()
    visitor.page.mouse.click(x, y)
    wait_for_number(visitor, 0)
    assert visitor.page.locator("img[src=x]").count() == 0
    assert visitor.dialogs == []


@pytest.mark.long
def test_map__click_on_the_small_map_selects_a_scene(mapped, visit):
    ids = mapped.chip_ids
    visitor = visit(mapped.server)
    open_map(visitor)
    small = visitor.page.locator("[data-testid=stDeckGlJsonChart]")
    small.scroll_into_view_if_needed()
    visitor.page.wait_for_timeout(1500)
    box = small.bounding_box()
    names = visitor.page.locator(".deck-tooltip")
    for share in np.arange(0.95, 0.5, -0.05):
        visitor.page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        visitor.page.wait_for_timeout(400)
        if "wharf" in names.all_inner_texts():
            break
    visitor.page.mouse.down()
    visitor.page.mouse.up()
    visitor.page.locator(".map canvas[aria-label='Map of wharf']").wait_for(timeout=WAIT)
    map_element = wait_for_map(visitor)
    assert position_of(map_element, ids[0]) is None
    assert position_of(map_element, ids[36 + 20]) is not None
    assert visitor.foreign_requests() == []


def choose_scene(visitor, name):
    visitor.page.get_by_role("combobox", name="Scene").click()
    visitor.page.get_by_role("option", name=name, exact=True).click()
    visitor.wait_until_idle()
    return wait_for_map(visitor)


def drag(visitor, start, end):
    visitor.page.mouse.move(*start)
    visitor.page.mouse.down()
    visitor.page.mouse.move(*end, steps=5)
    visitor.page.mouse.up()


def count_selected(visitor, count):
    expect(visitor.page.get_by_text(f"{count} selected")).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()


@pytest.mark.long
def test_map__all_scenes_and_a_box_across_both(mapped, visit):
    ids = mapped.chip_ids
    visitor = visit(mapped.server)
    open_map(visitor)
    map_element = choose_scene(visitor, "All scenes")
    positions = np.array([position_of(map_element, chip_id) for chip_id in ids])
    box = map_element.bounding_box()
    assert positions.min() > 0
    assert positions[:, 0].max() < box["x"] + box["width"]
    # Both scenes are drawn at their positions: the second is 600 m east of the first.
    assert positions[36, 0] - positions[0, 0] > 3 * np.ptp(positions[:36, 0])
    visitor.page.locator(".map .tools .select").click()
    drag(visitor, positions.min(axis=0) - 6, positions.max(axis=0) + 6)
    count_selected(visitor, "72 chips")
    visitor.page.keyboard.down("Shift")
    drag(visitor, positions[36] - 3, positions[36] + 3)
    visitor.page.keyboard.up("Shift")
    count_selected(visitor, "1 chip")
    follow(visitor, "Explore")
    visitor.wait_for_plot()
    count_selected(visitor, "1 chip")
    visitor.page.get_by_role("button", name="Clear", exact=True).click()
    expect(visitor.page.get_by_text("chip selected")).to_be_hidden(timeout=WAIT)
    follow(visitor, "Map")
    assert map_element_data(visitor) == "Map of 2 scenes"
    expect(visitor.page.get_by_text("chip selected")).to_be_hidden()
    assert visitor.exceptions() == []


def map_element_data(visitor):
    return wait_for_map(visitor).locator("canvas").get_attribute("aria-label")


def test_map__keyboard_alone_picks_selects_and_clears(mapped, visit):
    ids = mapped.chip_ids
    visitor = visit(mapped.server)
    map_element = open_map(visitor)
    page, live = visitor.page, visitor.page.locator(".map .live").first
    page.locator("canvas").first.evaluate("canvas => canvas.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        if map_element.evaluate("map => map.matches(':has(canvas:focus-visible)')"):
            break
    ring = map_element.evaluate("map => getComputedStyle(map, '::after').borderTopWidth")
    assert ring == "3px"
    page.keyboard.press("ArrowRight")
    expect(live).to_contain_text("quay-")
    positions = {chip_id: position_of(map_element, chip_id) for chip_id in ids[:36]}
    first = live.inner_text().split(", ")[-1]
    page.keyboard.press("ArrowRight")
    second = live.inner_text().split(", ")[-1]
    assert positions[second][0] > positions[first][0] + 10
    assert abs(positions[second][1] - positions[first][1]) < 10
    page.keyboard.press("ArrowDown")
    third = live.inner_text().split(", ")[-1]
    assert positions[third][1] > positions[second][1] + 10
    page.keyboard.press("Enter")
    wait_for_number(visitor, ids.index(third))
    page.wait_for_url(f"**/map?chip={third}")
    page.keyboard.press("Space")
    count_selected(visitor, "1 chip")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    count_selected(visitor, "2 chips")
    page.keyboard.press("Escape")
    expect(page.get_by_text("chips selected")).to_be_hidden(timeout=WAIT)
    page.wait_for_url("**/map")
    before = position_of(map_element, ids[0])
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("-")
    assert position_of(map_element, ids[0]) != before
    assert visitor.exceptions() == []


def test_map__twenty_thousand_footprints_are_hovered_and_clicked(crowded, visit, record_property):
    ids = crowded.chip_ids
    visitor = visit(crowded.server)
    map_element = open_map(visitor)
    for row in (2_900, 14_300):
        x, y = position_of(map_element, ids[row])
        visitor.page.mouse.move(x - 60, y)
        begun = time.perf_counter()
        visitor.page.mouse.move(x, y)
        visitor.page.locator(".map .tip", has_text="field-").wait_for(timeout=WAIT)
        record_property(f"hover {row}", round(time.perf_counter() - begun, 3))
        begun = time.perf_counter()
        visitor.page.mouse.click(x, y)
        wait_for_number(visitor, row)
        record_property(f"click {row}", round(time.perf_counter() - begun, 3))
    visitor.page.mouse.wheel(0, -900)
    visitor.page.wait_for_timeout(800)
    assert map_element.evaluate(SPREAD) > 8
    assert visitor.foreign_requests() == []


def test_routes__other_hosts_and_other_keys_are_refused(mapped, visit):
    import urllib.error
    import urllib.request

    def status(path, **headers):
        request = urllib.request.Request(f"{mapped.server.url}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    visitor = visit(mapped.server)
    open_map(visitor)
    path = next(url for url in visitor.requests if "/tiles/" in url).removeprefix(mapped.server.url)
    assert status(path) == 200
    assert status(path, Host="evil.example") == 403
    key = path.split("/")[3]
    assert status(path.replace(key, "0" * 24)) == 404
    assert status("/chipscape/tiles/..%2f..%2fetc%2fpasswd/0/0/0") in (400, 404)
    assert "Traceback" not in mapped.server.log.read_text()
