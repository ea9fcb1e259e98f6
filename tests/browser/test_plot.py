"""The t-SNE plot with the mouse and with the keyboard alone, for few and for many points."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WAIT = 60_000
N = 36
RANGE = "return g._fullLayout.xaxis.range.concat(g._fullLayout.yaxis.range)"
CHIP = re.compile(r"\d+ × \d+ scene px, ")
MANY = 30_000
MANY_APP = """
import streamlit as st
from starlette.routing import Route
from app.main import POINTS, import_late
routes = [
    Route("/chipscape/numbers/{key}", import_late(POINTS, "serve_numbers")),
    Route("/chipscape/points/{key}/{row}", import_late(POINTS, "serve_point")),
]
app = st.App("page.py", routes=routes)
app
"""
MANY_PAGE = f"""
import numpy as np, pandas as pd, streamlit as st
from app.explore.chip_plot import rows_inside
from app.explore.plot_companion import PlotContent, draw_companion
from app.explore.point_shelf import PointDetails, details_address
from app.widgets.colouring import colour_by_cluster
random = np.random.default_rng(0)
points = random.normal(size=({MANY}, 2)).astype(np.float32)
points[0], points[1] = (6, 6), (-6, -6)
n_groups = st.slider("Groups", 2, 22, 12)
colouring = colour_by_cluster((np.arange({MANY}) % n_groups).astype(np.int32))
state = st.session_state
def apply(event):
    state["event"] = {{name: value for name, value in event.items() if name != "plot"}}
    if event["kind"] == "point":
        state["picked"] = event["point"]
    elif event["kind"] == "polygon":
        state["rows"] = rows_inside(points, event["polygon"], np.ones(len(points), bool))
    elif event["kind"] == "clear":
        state["picked"], state["rows"] = None, ()
def draw(rows):
    return np.full((len(rows), 16, 16, 4), 200, np.uint8)
details = PointDetails(colouring.texts, None, pd.Series(range({MANY})).astype(str), draw)
address = details_address(f"test {{n_groups}}", details)
rows, picked = state.get("rows", ()), state.get("picked")
content = PlotContent(
    "many", points, colouring, frozenset(), frozenset({{0}}), rows, picked, address, {{0: "+"}}
)
draw_companion(content, apply, draws_points=True)
st.text(f"picked {{picked}}, {{len(rows)}} selected")
st.json(state.get("event", {{}}))
"""


@pytest.fixture
def explorer(plotted_scene, visit):
    """A new visitor on the Explore page of the small scene, whose errors are collected."""
    visitor = visit(plotted_scene)
    visitor.errors = []
    visitor.page.on("pageerror", lambda error: visitor.errors.append(str(error)))
    # Plotly catches errors of its listeners and reports them on the console.
    visitor.page.on(
        "console",
        lambda message: "TypeError" in message.text and visitor.errors.append(message.text),
    )
    visitor.go("explore")
    visitor.wait_for_plot()
    return visitor


@pytest.fixture(scope="module")
def many_server(serve, tmp_path_factory):
    """A server on a page with nothing but a plot of many points."""
    root = tmp_path_factory.mktemp("many")
    (root / "server.py").write_text(MANY_APP)
    (root / "page.py").write_text(MANY_PAGE)
    return serve(root, script=root / "server.py")


@pytest.fixture
def many(many_server, visit):
    """A new visitor on the page with many points."""
    visitor = visit(many_server)
    visitor.page.goto(many_server.url)
    visitor.page.locator(".plot[data-ready=true]").wait_for(timeout=WAIT)
    visitor.wait_until_idle()
    return visitor


def caption(visitor):
    return visitor.page.get_by_text(CHIP)


def heading(visitor):
    return visitor.page.get_by_text(re.compile(r"^\d+ chips? selected"))


def tip(visitor):
    return visitor.frame.locator(".over .tip")


def is_drawn(visitor, row):
    return visitor.plot("return g.data[0].x[a[0]] !== null", row)


def choose_tool(visitor, title):
    visitor.page.locator("iframe").first.hover()
    visitor.frame.locator(f".modebar-btn[data-title='{title}']").click()


def drag(visitor, locator, *, is_lasso=False):
    """Draw a box, or a lasso of the same shape, around everything but the margins of a plot."""
    box, mouse = locator.bounding_box(), visitor.page.mouse
    left, top = box["x"] + 24, box["y"] + 44
    right, bottom = box["x"] + box["width"] - 24, box["y"] + box["height"] - 24
    corners = ((right, top), (right, bottom), (left, bottom))
    mouse.move(left, top)
    mouse.down()
    for corner in corners if is_lasso else corners[1:2]:
        mouse.move(*corner, steps=6)
    mouse.up()
    visitor.wait_until_idle()


def frame_of(visitor):
    return visitor.page.locator("iframe").first


def empty_ground(visitor):
    """Return a position in the plot that is far from every point."""
    box = frame_of(visitor).bounding_box()
    points = np.array([visitor.position_of(row) for row in range(N)])
    x = np.linspace(box["x"] + 30, box["x"] + box["width"] - 30, 30)
    y = np.linspace(box["y"] + 60, box["y"] + box["height"] - 30, 30)
    ground = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    distances = np.linalg.norm(ground[:, None] - points[None], axis=2).min(axis=1)
    return ground[distances.argmax()].tolist()


def select_all(visitor):
    choose_tool(visitor, "Box Select")
    drag(visitor, frame_of(visitor))
    expect(heading(visitor)).to_be_visible(timeout=WAIT)


def pick(visitor, row):
    visitor.click(row)
    expect(caption(visitor)).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()


def test_click__marks_the_chip_with_a_ring_and_empty_ground_clears_it(explorer):
    row = explorer.isolated_point()
    pick(explorer, row)
    rings = explorer.plot("return g.layout.shapes")
    x = explorer.plot("return g.data[0].x[a[0]]", row)
    assert [ring["xanchor"] for ring in rings] == pytest.approx([x, x], abs=1e-3)
    explorer.page.mouse.click(*empty_ground(explorer))
    expect(caption(explorer)).to_be_hidden(timeout=WAIT)
    explorer.wait_until_idle()
    assert explorer.plot("return g.layout.shapes") == []
    pick(explorer, row)


def test_escape__clears_the_selection_and_the_picked_chip(explorer):
    select_all(explorer)
    assert len(explorer.plot("return g.data[0].selectedpoints")) == N
    choose_tool(explorer, "Pan")
    pick(explorer, explorer.isolated_point())
    explorer.page.keyboard.press("Escape")
    expect(heading(explorer)).to_be_hidden(timeout=WAIT)
    expect(caption(explorer)).to_be_hidden(timeout=WAIT)
    explorer.wait_until_idle()
    assert explorer.plot("return g.data[0].selectedpoints ?? null") is None
    assert explorer.frame.locator(".select-outline").count() == 0
    expect(explorer.page.locator(".live")).to_have_text("Selection cleared.")


def test_lasso__selects_and_the_others_are_fainter(explorer):
    choose_tool(explorer, "Lasso Select")
    x, y = explorer.position_of(explorer.isolated_point())
    mouse = explorer.page.mouse
    mouse.move(x - 8, y - 8)
    mouse.down()
    for corner in ((x + 8, y - 8), (x + 8, y + 8), (x - 8, y + 8)):
        mouse.move(*corner, steps=4)
    mouse.up()
    expect(heading(explorer)).to_have_text(re.compile("^1 chip selected"), timeout=WAIT)
    explorer.wait_until_idle()
    assert explorer.plot("return g.data[0].selectedpoints") == [explorer.isolated_point()]
    assert explorer.errors == []


@pytest.mark.long
def test_double_click__resets_the_zoom_without_errors(explorer):
    before = explorer.plot(RANGE)
    x, y = empty_ground(explorer)
    for tool in ("Box Select", "Lasso Select", "Pan"):
        explorer.page.mouse.move(x, y)
        explorer.page.mouse.wheel(0, -240)
        explorer.page.wait_for_timeout(800)
        assert explorer.plot(RANGE) != pytest.approx(before), tool
        choose_tool(explorer, tool)
        explorer.page.mouse.dblclick(x, y)
        explorer.page.wait_for_timeout(1000)
        explorer.wait_until_idle()
        assert explorer.plot(RANGE) == pytest.approx(before), tool
        assert explorer.errors == []
        assert explorer.exceptions() == []


def test_keyboard__reaches_every_chip_and_selects_it(explorer):
    page = explorer.page
    frame_of(explorer).evaluate("frame => frame.focus()")
    page.keyboard.press("Tab")
    plot = explorer.frame.locator(".js-plotly-plot")
    expect(plot).to_be_focused()
    assert plot.evaluate("plot => getComputedStyle(plot).outlineStyle") == "solid"
    page.keyboard.press("ArrowRight")
    ring = explorer.frame.locator(".over .cursor")
    expect(ring).to_be_visible()
    expect(tip(explorer)).to_be_visible()
    live, texts = page.locator(".live"), set()
    expect(live).to_have_text(re.compile(r"Cluster \d.*(boat|img)"))
    for _ in range(N):
        before = live.inner_text()
        page.keyboard.press("PageDown")
        expect(live).not_to_have_text(before)
        texts.add(live.inner_text())
    assert len(texts) == N
    before = ring.bounding_box()
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(300)
    after = ring.bounding_box()
    moved = after["x"] < before["x"]
    assert moved or "no further point" in live.inner_text()
    chip_id = live.inner_text().split(", ")[-1]
    page.keyboard.press("Enter")
    expect(page.locator("dl.cs-facts").first).to_contain_text(chip_id, timeout=WAIT)
    page.keyboard.press("Escape")
    expect(page.locator("dl.cs-facts")).to_have_count(0, timeout=WAIT)
    assert explorer.errors == []


@pytest.mark.long
def test_keyboard__the_cursor_is_in_the_middle_of_the_ring(explorer):
    explorer.frame.locator(".js-plotly-plot").focus()
    explorer.page.keyboard.press("ArrowRight")
    expect(tip(explorer)).to_be_visible()
    explorer.page.keyboard.press("Enter")
    expect(caption(explorer)).to_be_visible(timeout=WAIT)
    explorer.wait_until_idle()
    shapes = (".shapelayer path", ".over .cursor")
    middles = explorer.plot(
        "return a[0].map((shape) => { const b = document.querySelector(shape)"
        ".getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })",
        shapes,
    )
    assert middles[0] == pytest.approx(middles[1], abs=0.5)


def test_keyboard__selects_and_removes_single_chips(explorer):
    page = explorer.page
    explorer.frame.locator(".js-plotly-plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    expect(heading(explorer)).to_have_text(re.compile("^1 chip selected"), timeout=WAIT)
    expect(page.locator(".live")).to_have_text(re.compile("^Added to the selection: Cluster"))
    # A page that is busy must not miss any of them.
    for _ in range(4):
        page.keyboard.press("PageDown")
        page.keyboard.press(" ")
    expect(heading(explorer)).to_have_text(re.compile("^5 chips selected"), timeout=WAIT)
    explorer.wait_until_idle()
    page.keyboard.press(" ")
    expect(heading(explorer)).to_have_text(re.compile("^4 chips selected"), timeout=WAIT)
    page.keyboard.press("Escape")
    expect(heading(explorer)).to_be_hidden(timeout=WAIT)
    explorer.wait_until_idle()
    page.keyboard.press("ArrowRight")
    keys = ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown")
    live = page.locator(".live")
    for key in keys:
        page.keyboard.press(f"Shift+{key}")
    expect(heading(explorer)).to_have_text(re.compile("^[2-5] chips selected"), timeout=WAIT)
    expect(live).to_have_text(re.compile("selected$|in this direction"))
    assert explorer.errors == []


def test_legend__selects_the_chips_of_a_cluster(explorer):
    row = explorer.legend.locator("li").nth(1)
    count = row.locator("em").inner_text()
    row.get_by_role("button", name="Select the chips").press("Enter")
    expect(heading(explorer)).to_have_text(re.compile(f"^{count} chips selected"), timeout=WAIT)
    explorer.wait_until_idle()
    row.get_by_role("button", name="Hide").click()
    expect(row.get_by_role("button", name="Select the chips")).to_be_hidden(timeout=WAIT)


def test_frame__does_not_draw_without_end(explorer):
    explorer.plot("window.n = 0; addEventListener('message', () => window.n++); return 0")
    pick(explorer, explorer.isolated_point())
    explorer.page.wait_for_timeout(2000)
    assert explorer.plot("return window.n") <= 3


def test_hover__shows_the_chip_its_class_and_its_cluster(explorer):
    x, y = explorer.position_of(explorer.isolated_point())
    explorer.page.mouse.move(x - 30, y)
    explorer.page.mouse.move(x, y, steps=4)
    expect(tip(explorer)).to_be_visible()
    expect(tip(explorer)).to_contain_text("Cluster")
    expect(tip(explorer)).to_contain_text("quay-")
    image = tip(explorer).locator("img")
    assert image.evaluate("image => image.naturalWidth") > 0
    assert image.get_attribute("alt").startswith("Chip quay-")
    assert explorer.dialogs == []
    explorer.page.mouse.move(*empty_ground(explorer), steps=4)
    expect(tip(explorer)).to_be_hidden()


@pytest.mark.long
def test_legend__isolates_a_cluster_and_hidden_chips_are_not_selected(explorer):
    page = explorer.page
    names = page.locator(".legend .name")
    expect(names).to_have_count(3)
    count = int(names.first.locator("em").inner_text())
    names.first.click()
    expect(page.get_by_text("Hidden and not selected")).to_be_visible(timeout=WAIT)
    explorer.wait_until_idle()
    assert sum(is_drawn(explorer, row) for row in range(N)) == count
    select_all(explorer)
    expect(heading(explorer)).to_have_text(re.compile(rf"^{count} chips? selected"))
    names.first.click()
    expect(page.get_by_text("Hidden and not selected")).to_be_hidden(timeout=WAIT)
    explorer.wait_until_idle()
    assert all(is_drawn(explorer, row) for row in range(N))


def test_legend__hides_and_renames_with_the_keyboard_and_the_zoom_is_kept(explorer):
    page = explorer.page
    x, y = explorer.position_of(explorer.isolated_point())
    page.mouse.move(x, y)
    page.mouse.wheel(0, -240)
    page.wait_for_timeout(800)
    zoomed = explorer.plot(RANGE)
    eye = page.locator(".legend li").nth(1).get_by_role("button", name="Hide")
    eye.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Hidden and not selected")).to_be_visible(timeout=WAIT)
    explorer.wait_until_idle()
    assert explorer.plot(RANGE) == pytest.approx(zoomed)
    page.locator(".legend li").nth(1).get_by_role("button", name="Show").press("Enter")
    expect(page.get_by_text("Hidden and not selected")).to_be_hidden(timeout=WAIT)
    page.get_by_role("button", name=re.compile("^Rename ")).nth(2).press("Enter")
    page.get_by_role("textbox", name=re.compile("^New name of ")).fill("roofs <b>")
    page.keyboard.press("Enter")
    expect(page.locator(".legend .name").nth(2)).to_contain_text("roofs <b>", timeout=WAIT)
    explorer.wait_until_idle()
    assert explorer.plot(RANGE) == pytest.approx(zoomed)
    assert explorer.errors == []


def layer(visitor):
    return visitor.page.locator(".plot").get_attribute("data-layer")


def state_of(visitor):
    return visitor.page.locator("[data-testid=stText]")


def point_position(visitor, row):
    plot = visitor.page.locator(".plot")
    return plot.evaluate("(plot, row) => plot.positionOf(row)", row)


def test_many__density_until_the_points_are_apart(many):
    assert layer(many) == "density"
    box = many.page.locator(".plot canvas").bounding_box()
    many.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _ in range(6):
        many.page.mouse.wheel(0, -300)
        many.page.wait_for_timeout(100)
    expect(many.page.locator(".plot")).to_have_attribute("data-layer", "points")
    zoomed = point_position(many, 7)
    slider = many.page.get_by_role("slider")
    colours = many.page.locator(".plot").get_attribute("data-colours")
    slider.focus()
    many.page.keyboard.press("ArrowRight")
    expect(many.page.locator(".plot")).not_to_have_attribute("data-colours", colours, timeout=WAIT)
    assert point_position(many, 7) == pytest.approx(zoomed)
    many.page.reload()
    many.page.locator(".plot[data-ready=true]").wait_for(timeout=WAIT)
    assert point_position(many, 7) == pytest.approx(zoomed)
    many.page.get_by_role("button", name="Show everything").click()
    expect(many.page.locator(".plot")).to_have_attribute("data-layer", "density")


@pytest.mark.long
def test_many__click_keyboard_and_escape(many):
    page = many.page
    x, y = point_position(many, 0)
    page.mouse.move(x, y)
    expect(page.locator(".plot .tip")).to_contain_text("Cluster 0", timeout=WAIT)
    page.mouse.click(x, y)
    expect(state_of(many)).to_have_text("picked 0, 0 selected", timeout=WAIT)
    many.wait_until_idle()
    page.locator(".plot canvas").focus()
    page.keyboard.press("ArrowLeft")
    live = page.locator(".live")
    expect(live).to_have_text(re.compile(r"Cluster \d+, \d+"), timeout=WAIT)
    row = live.inner_text().split(", ")[-1]
    page.keyboard.press("Enter")
    expect(state_of(many)).to_have_text(f"picked {row}, 0 selected", timeout=WAIT)
    many.wait_until_idle()
    page.keyboard.press(" ")
    event = page.locator("[data-testid=stJson]")
    expect(event).to_contain_text("mark", timeout=WAIT)
    expect(event).to_contain_text(row)
    page.keyboard.press("Escape")
    expect(state_of(many)).to_have_text("picked None, 0 selected", timeout=WAIT)


def test_many__lasso_and_box_send_a_polygon(many):
    page, canvas = many.page, many.page.locator(".plot canvas")
    page.get_by_role("button", name="Select with a box").click()
    drag(many, canvas)
    expect(state_of(many)).to_have_text(re.compile(r"picked None, \d{5} selected"), timeout=WAIT)
    event = page.locator("[data-testid=stJson]")
    expect(event).to_contain_text("polygon")
    page.get_by_role("button", name="Select with a lasso").click()
    drag(many, canvas, is_lasso=True)
    expect(state_of(many)).to_have_text(re.compile(r"picked None, \d{5} selected"), timeout=WAIT)
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 20, box["y"] + 20)
    expect(state_of(many)).to_have_text("picked None, 0 selected", timeout=WAIT)
