"""Time a plot of 200,000 points in a real browser: `python benchmarks/plot.py [--quick]`.

"Ours" is the plot of the Explore page for more points than Plotly draws, on a page of its own.
"Other" is a page that a user might write: the same points and colours as `scattergl` in
`st.plotly_chart` with selections. Both pages recolour the points with a slider and state how many
points a lasso selected. The first paint is timed from opening the page to the drawn points, the
colours from a key press on the slider to the recoloured plot, and the lasso from releasing the
mouse to the number on the page. The page with Plotly is timed until its text appears and the next
frame is drawn, even if its plot is not complete. Headless Chromium renders in software, and both
servers run on this machine. Times are medians of several turns, without the first.
"""

import argparse
import json
import os
import runpy
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from slider_and_click import CHROMIUM_FLAGS, KEYS, ROOT, TIMEOUT_MS, run_server, wait_until_idle

TURNS = 5
OUR_APP = """
import sys
sys.path.insert(0, {root!r})
import streamlit as st
from starlette.routing import Route
from app.main import POINTS, import_late
routes = [Route("/chipscape/numbers/{{key}}", import_late(POINTS, "serve_numbers"))]
app = st.App("our_page.py", routes=routes)
app
"""
OUR_PAGE = """
import numpy as np, streamlit as st
from app.explore.chip_plot import rows_inside
from app.explore.plot_companion import PlotContent, draw_companion
from app.widgets.colouring import colour_by_cluster
points, kinds = np.load({points!r}), np.load({kinds!r})
n_groups = st.slider("Groups", 2, 22, 12)
def select(event):
    if event["kind"] == "polygon":
        every = np.ones(len(points), bool)
        st.session_state["rows"] = rows_inside(points, event["polygon"], every)
rows = st.session_state.get("rows", ())
colouring = colour_by_cluster((kinds % n_groups).astype(np.int32))
none = frozenset()
content = PlotContent("points", points, colouring, none, none, rows, None, "")
draw_companion(content, select, draws_points=True)
st.text(f"{{n_groups}} groups, {{len(rows)}} selected")
"""
PLAIN_PAGE = """
import numpy as np, plotly.express as px, streamlit as st
points, kinds = np.load({points!r}), np.load({kinds!r})
n_groups = st.slider("Groups", 2, 22, 12)
labels = (kinds % n_groups).astype(str)
figure = px.scatter(x=points[:, 0], y=points[:, 1], color=labels, render_mode="webgl", height=590)
figure.update_layout(dragmode="lasso")
event = st.plotly_chart(figure, key="picture", on_select="rerun", selection_mode="lasso")
st.text(f"{{n_groups}} groups, {{len(event.selection.point_indices)}} selected")
"""
NEXT_FRAME = "() => new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))"


def generate_points(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return n points of 60 clouds as float32, (n, 2), and the number of each point's cloud."""
    random = np.random.default_rng(0)
    kinds = random.integers(0, 60, n)
    centres, sizes = random.uniform(-80, 80, (60, 2)), random.uniform(1, 9, (60, 1))
    points = centres[kinds] + sizes[kinds] * random.normal(size=(n, 2))
    return points.astype(np.float32), kinds


def wait_for_text(page: Page, text: str) -> None:
    """Wait until the page displays a text and has drawn a frame with it."""
    page.wait_for_function(
        "text => document.querySelector('[data-testid=stText]')?.innerText.includes(text)",
        arg=text,
        timeout=TIMEOUT_MS,
    )
    page.evaluate(NEXT_FRAME)


def drag_lasso(page: Page, area: dict[str, float]) -> None:
    """Draw a circle around a part of the plot and hold the mouse."""
    angles = np.linspace(0, 2 * np.pi, 40)
    x = area["x"] + area["width"] * (0.5 + 0.2 * np.cos(angles))
    y = area["y"] + area["height"] * (0.5 + 0.2 * np.sin(angles))
    page.mouse.move(x[0], y[0])
    page.mouse.down()
    for position in zip(x.tolist(), y.tolist(), strict=True):
        page.mouse.move(*position)


def time_page(
    browser: Browser, script: Path, plot: str, turns: int, *, ours: bool
) -> dict[str, list[float]]:
    """Return the seconds of each turn for the first paint, the colours and the lasso."""
    seconds: dict[str, list[float]] = {"paint": [], "colours": [], "lasso": []}
    with run_server(script, script.parent) as address:
        for turn in range(turns):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(TIMEOUT_MS)
            start = time.time()
            page.goto(address)
            page.locator(plot).first.wait_for()
            wait_for_text(page, "groups")
            seconds["paint"].append(time.time() - start)
            wait_until_idle(page)
            if turn:
                seconds["colours"].append(_time_slider(page, turn, ours=ours))
                seconds["lasso"].append(_time_lasso(page, plot, ours=ours))
            page.close()
    return {name: values[1:] or values for name, values in seconds.items()}


def _time_slider(page: Page, turn: int, *, ours: bool) -> float:
    slider = page.get_by_role("slider")
    slider.focus()
    before = page.locator("[data-testid=stText]").first.inner_text().split()[0]
    start = time.time()
    page.keyboard.press(KEYS[turn % 2])
    page.wait_for_function(
        "n => document.querySelector('[data-testid=stText]').innerText.split(' ')[0] !== n",
        arg=before,
    )
    if ours:
        frame = page.locator(".plot").element_handle()
        drawn = "([frame, start]) => Number(frame.dataset.drawn) > start"
        page.wait_for_function(drawn, arg=[frame, 1000 * start])
    page.evaluate(NEXT_FRAME)
    seconds = time.time() - start
    wait_until_idle(page)
    return seconds


def _time_lasso(page: Page, plot: str, *, ours: bool) -> float:
    if ours:
        page.get_by_role("button", name="Select with a lasso").click()
    area = page.locator(plot).first.bounding_box()
    assert area is not None
    drag_lasso(page, area)
    start = time.time()
    page.mouse.up()
    page.wait_for_function(
        "() => !document.querySelector('[data-testid=stText]').innerText.includes(', 0 ')"
    )
    page.evaluate(NEXT_FRAME)
    return time.time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two turns with 50,000 points")
    parser.add_argument("--points", type=int, help="200,000 by default")
    arguments = parser.parse_args()
    n_points = arguments.points or (50_000 if arguments.quick else 200_000)
    turns = 2 if arguments.quick else TURNS
    chromium = runpy.run_path(str(ROOT / "tests" / "chromium.py"))["find"]()
    if not chromium:
        sys.exit(f"Chromium is not installed. Run: {sys.executable} -m playwright install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        files = {"points": str(root / "points.npy"), "kinds": str(root / "kinds.npy")}
        for file, array in zip(files.values(), generate_points(n_points), strict=True):
            np.save(file, array)
        (root / "our_app.py").write_text(OUR_APP.format(root=str(ROOT)))
        (root / "our_page.py").write_text(OUR_PAGE.format(**files))
        (root / "plain_page.py").write_text(PLAIN_PAGE.format(**files))
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        ready = ".plot[data-ready=true] canvas"
        ours = time_page(browser, root / "our_app.py", ready, turns, ours=True)
        plain = ".js-plotly-plot .nsewdrag"
        other = time_page(browser, root / "plain_page.py", plain, turns, ours=False)
        browser.close()
    medians = [{name: statistics.median(s) for name, s in side.items()} for side in (ours, other)]
    result = {
        "name": "plot",
        "ours": round(medians[0]["colours"], 3),
        "other": round(medians[1]["colours"], 3),
        "ratio": round(medians[1]["colours"] / medians[0]["colours"], 1),
        "unit": "seconds from the slider to the recoloured plot",
        "detail": {
            "points": n_points,
            **{
                f"{name}_s": [round(side[name], 2) for side in medians]
                for name in ("paint", "colours", "lasso")
            },
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
