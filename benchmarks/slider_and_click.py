"""The benchmark of benchmarks/click.py: the time of a slider and of a click in a real browser.

"Ours" is the app with 20,000 chips. The slider is timed from a key press on HDBSCAN's slider to the
recoloured plot, the click from a click on a point to its chip and facts on the page. "Other" is a
page that a user might write: Streamlit with a slider, a new fit of `hdbscan.HDBSCAN`, and the
figure drawn again by `st.plotly_chart`, with the same points in the same browser. Its clock stops
at the first frame after the page displays the new number of clusters, even if the plot is not drawn
yet. Headless Chromium renders in software, and both servers run on this machine. The results are
medians over several turns, without the first drawing of each page. The first two principal
components replace the projection, because t-SNE of 20,000 chips takes minutes and the coordinates
do not matter here.
"""

import argparse
import dataclasses
import json
import os
import runpy
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from generated_workspace import prepare
from playwright.sync_api import Browser, Frame, Page, sync_playwright

from core.clusters.methods.density.hdbscan_tree import compile_hdbscan

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT_MS = 60_000
TURNS = 7
# These keys move the slider up by a tenth of its range, and back again.
KEYS = ("PageUp", "PageDown")
# The page that a user might write; the file of points and the first value are filled in.
PLAIN_PAGE = """
import hdbscan, numpy as np, plotly.express as px, streamlit as st
points = np.load({points!r})
size = st.slider("Minimum cluster size (chips)", 2, 400, {size})
labels = hdbscan.HDBSCAN(min_cluster_size=size, min_samples=5).fit_predict(points)
figure = px.scatter(x=points[:, 0], y=points[:, 1], color=labels.astype(str))
st.plotly_chart(figure, key="picture")
st.text(f"{{labels.max() + 1}} clusters at {{size}}")
"""


@contextmanager
def run_server(script: Path, root: Path) -> Iterator[str]:
    """Run a Streamlit server for a script, and yield its address."""
    with socket.socket() as free_socket:
        free_socket.bind(("127.0.0.1", 0))
        port = free_socket.getsockname()[1]
    command = [
        sys.executable,
        # The workspace has a folder app/, which must not be imported in place of the package.
        "-P",
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.port",
        str(port),
        "--server.headless",
        "true",
        "--server.address",
        "127.0.0.1",
        "--browser.gatherUsageStats",
        "false",
    ]
    environment = {**os.environ, "CHIPSCAPE_WORKSPACE": str(root)}
    no_output = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=root, env=environment, stdout=no_output, stderr=no_output
    ) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/_stcore/health")
            yield address
        finally:
            server.terminate()


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    sys.exit("The server did not start within a minute.")


def wait_until_idle(page: Page) -> None:
    """Wait until no script is running and nothing on the page is outdated."""
    for _ in range(2):
        page.wait_for_function(
            "() => !document.querySelector('[data-testid=stStatusWidget]')"
            " && !document.querySelector('[data-stale=true]')",
            timeout=TIMEOUT_MS,
        )
        page.wait_for_timeout(400)


# Records in the page when the plot was last drawn: two frames after plotly's event.
RECORD_DRAWING = """() => {
  const g = document.querySelector('.js-plotly-plot');
  window.drawn = 0;
  g.on('plotly_afterplot', () => requestAnimationFrame(() => requestAnimationFrame(
    () => { window.drawn = Date.now(); })));
}"""
READ_COLOURS = """() => {
  const g = document.querySelector('.js-plotly-plot');
  return JSON.stringify(g.data.map(t => [t.marker.color, t.x.length]));
}"""


def time_slider(page: Page, plot: Page | Frame, turns: int) -> list[float]:
    """Return the seconds from a key press on the slider to the recoloured plot, for each turn."""
    slider = page.get_by_role("slider", name="Minimum cluster size (chips)")
    slider.focus()
    seconds = []
    for turn in range(turns):
        before = plot.evaluate(READ_COLOURS)
        start = time.time()
        page.keyboard.press(KEYS[turn % 2])
        plot.wait_for_function(
            f"before => window.drawn > {1000 * start} && ({READ_COLOURS})() !== before",
            arg=before,
            timeout=TIMEOUT_MS,
        )
        seconds.append(plot.evaluate("() => window.drawn") / 1000 - start)
        wait_until_idle(page)
        # Move on by one value, because the result of an earlier value would come from the cache.
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(500)
        wait_until_idle(page)
    return seconds


def time_clicks(page: Page, plot: Frame, ids: list[str], turns: int) -> list[float]:
    """Return the seconds from a click on a point to its id and its image on the page."""
    x, y = np.array(
        plot.evaluate(
            "() => { const g = document.querySelector('.js-plotly-plot'), l = g._fullLayout,"
            " t = g.data[0], r = g.getBoundingClientRect();"
            " return [t.x.map(v => r.left + l.xaxis._offset + l.xaxis.d2p(v)),"
            " t.y.map(v => r.top + l.yaxis._offset + l.yaxis.d2p(v))]; }"
        )
    )
    frame = page.locator("iframe").first.bounding_box()
    assert frame is not None
    positions = np.column_stack([x, y])
    from scipy.spatial import cKDTree

    distances = cKDTree(positions).query(positions, 2)[0][:, 1]
    seconds = []
    for row in np.argsort(-distances)[:turns].tolist():
        position = frame["x"] + positions[row, 0], frame["y"] + positions[row, 1]
        page.mouse.move(position[0] - 4, position[1] - 4)
        page.mouse.move(*position, steps=4)
        page.wait_for_timeout(500)
        start = time.time()
        page.mouse.click(*position)
        page.get_by_text(ids[row], exact=True).first.wait_for(timeout=TIMEOUT_MS)
        page.wait_for_function(
            "() => { const i = document.querySelector('[data-testid=stImage] img');"
            " return i && i.complete && i.naturalWidth; }"
        )
        seconds.append(time.time() - start)
        wait_until_idle(page)
    return seconds


def time_app(browser: Browser, root: Path, ids: list[str], turns: int) -> dict[str, list[float]]:
    """Time the slider and the clicks in the app; return the seconds of each turn."""
    with run_server(ROOT / "app" / "main.py", root) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{address}/explore")
        page.frame_locator("iframe").first.locator(".nsewdrag").first.wait_for(timeout=TIMEOUT_MS)
        wait_until_idle(page)
        plot = next(f for f in page.frames if "streamlit_plotly_events" in f.url)
        plot.evaluate(RECORD_DRAWING)
        time_slider(page, plot, 1)
        seconds = {
            "slide": time_slider(page, plot, turns),
            "click": time_clicks(page, plot, ids, turns),
        }
        page.close()
    return seconds


def time_plain_page(browser: Browser, root: Path, points: Path, turns: int) -> list[float]:
    """Time the slider of the plain page; return the seconds of each turn."""
    script = root / "plain.py"
    script.write_text(PLAIN_PAGE.format(points=str(points), size=20))
    with run_server(script, root) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.locator(".js-plotly-plot .nsewdrag").first.wait_for(timeout=TIMEOUT_MS)
        wait_until_idle(page)
        slider = page.get_by_role("slider")
        slider.focus()
        seconds = []
        for turn in range(turns):
            before = page.get_by_text("clusters at").inner_text()
            start = time.time()
            page.keyboard.press(KEYS[turn % 2])
            page.wait_for_function(
                "t => !document.querySelector('[data-testid=stText]').innerText.includes(t)",
                arg=before,
                timeout=TIMEOUT_MS,
            )
            page.evaluate(
                "() => new Promise(done => requestAnimationFrame(() => "
                "requestAnimationFrame(done)))"
            )
            seconds.append(time.time() - start)
            wait_until_idle(page)
        page.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5,000 chips, under 50 s")
    quick = parser.parse_args().quick
    n, turns = (5_000, 3) if quick else (20_000, TURNS)
    chromium = runpy.run_path(str(ROOT / "tests" / "chromium.py"))["find"]()
    if not chromium:
        install = f"{sys.executable} -m playwright install chromium"
        sys.exit(f"Chromium is not installed. To install it, run: {install}")
    compile_hdbscan()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        settings, ids, points = prepare(root, n)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        app_seconds = time_app(browser, root, ids, turns)
        plain_seconds = time_plain_page(browser, root, points, 2 if quick else 3)
        browser.close()
    slider_seconds, click_seconds = (
        statistics.median(app_seconds["slide"]),
        statistics.median(app_seconds["click"]),
    )
    result = {
        "name": "click",
        "ours": round(slider_seconds, 3),
        "other": round(statistics.median(plain_seconds), 3),
        "ratio": round(statistics.median(plain_seconds) / slider_seconds, 1),
        "unit": "seconds from the slider to the recoloured plot",
        "detail": {
            "points": n,
            "click_to_chip_s": round(click_seconds, 3),
            "slider_s": [round(value, 2) for value in app_seconds["slide"]],
            "clicks_s": [round(value, 2) for value in app_seconds["click"]],
            "other_s": [round(value, 2) for value in plain_seconds],
            "cut": dataclasses.asdict(settings.cut),
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
