"""What benchmarks/click.py measures: a slider and a click in a real browser.

Ours is the app itself on 20,000 chips: seconds from a key on HDBSCAN's slider to the recoloured
plot, and from a click on a point to its chip and facts on the page. The other side is what a user
would write: a Streamlit page with a slider, `hdbscan.HDBSCAN` fitted anew and the whole figure
drawn by `st.plotly_chart`, on the same points in the same browser; there the clock stops at the
first frame after the answer, drawn or not. Headless Chromium renders in
software; both servers run on this machine. Medians over several turns; the browser's first draw
does not count on either side. The picture is the first two principal components, since t-SNE of
20,000 takes minutes and its places do not matter here.
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
from made_up import prepare
from playwright.sync_api import Browser, Frame, Page, sync_playwright

from core.clusters.methods.hdbscan_tree import compile_hdbscan

ROOT = Path(__file__).resolve().parents[1]
SOFTWARE = (
    "--headless",
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT = 60_000
TURNS = 7
# A tenth of the slider up, and back again.
KEYS = ("PageUp", "PageDown")
# What a user would write; the file of points and the first value are filled in.
THEIRS = """
import hdbscan, numpy as np, plotly.express as px, streamlit as st
points = np.load({points!r})
size = st.slider("Smallest cluster (chips)", 2, 400, {size})
labels = hdbscan.HDBSCAN(min_cluster_size=size, min_samples=5).fit_predict(points)
figure = px.scatter(x=points[:, 0], y=points[:, 1], color=labels.astype(str))
st.plotly_chart(figure, key="picture")
st.text(f"{{labels.max() + 1}} clusters at {{size}}")
"""


@contextmanager
def served(script: Path, root: Path) -> Iterator[str]:
    """A server on a script; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=root, env=environment, stdout=quiet, stderr=quiet) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/_stcore/health")
            yield address
        finally:
            server.terminate()


def _wait_for(address: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    sys.exit("the server did not start")


def rest(page: Page) -> None:
    """Wait until the script rests."""
    for _ in range(2):
        page.wait_for_function(
            "() => !document.querySelector('[data-testid=stStatusWidget]')"
            " && !document.querySelector('[data-stale=true]')",
            timeout=WAIT,
        )
        page.wait_for_timeout(400)


# The page remembers when its plot was drawn last, two frames after plotly says so.
LISTEN = """() => {
  const g = document.querySelector('.js-plotly-plot');
  window.drawn = 0;
  g.on('plotly_afterplot', () => requestAnimationFrame(() => requestAnimationFrame(
    () => { window.drawn = Date.now(); })));
}"""
COLOURS = """() => {
  const g = document.querySelector('.js-plotly-plot');
  return JSON.stringify(g.data.map(t => [t.marker.color, t.x.length]));
}"""


def slide(page: Page, plot: Page | Frame, turns: int) -> list[float]:
    """Seconds from a key on the slider to the plot in other colours, for each turn."""
    slider = page.get_by_role("slider", name="Smallest cluster (chips)")
    slider.focus()
    seconds = []
    for turn in range(turns):
        before = plot.evaluate(COLOURS)
        begun = time.time()
        page.keyboard.press(KEYS[turn % 2])
        plot.wait_for_function(
            f"before => window.drawn > {1000 * begun} && ({COLOURS})() !== before",
            arg=before,
            timeout=WAIT,
        )
        seconds.append(plot.evaluate("() => window.drawn") / 1000 - begun)
        rest(page)
        # One further: a value that was shown before would be answered from memory.
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(500)
        rest(page)
    return seconds


def click(page: Page, plot: Frame, ids: list[str], turns: int) -> list[float]:
    """Seconds from a click on a point to its id and its image on the page."""
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
    places = np.column_stack([x, y])
    from scipy.spatial import cKDTree

    away = cKDTree(places).query(places, 2)[0][:, 1]
    seconds = []
    for row in np.argsort(-away)[:turns].tolist():
        at = frame["x"] + places[row, 0], frame["y"] + places[row, 1]
        page.mouse.move(at[0] - 4, at[1] - 4)
        page.mouse.move(*at, steps=4)
        page.wait_for_timeout(500)
        begun = time.time()
        page.mouse.click(*at)
        page.get_by_text(ids[row], exact=True).first.wait_for(timeout=WAIT)
        page.wait_for_function(
            "() => { const i = document.querySelector('[data-testid=stImage] img');"
            " return i && i.complete && i.naturalWidth; }"
        )
        seconds.append(time.time() - begun)
        rest(page)
    return seconds


def ours(browser: Browser, root: Path, ids: list[str], turns: int) -> dict[str, list[float]]:
    """The app's answers to the slider and to clicks."""
    with served(ROOT / "app" / "main.py", root) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{address}/explore")
        page.frame_locator("iframe").first.locator(".nsewdrag").first.wait_for(timeout=WAIT)
        rest(page)
        plot = next(f for f in page.frames if "streamlit_plotly_events" in f.url)
        plot.evaluate(LISTEN)
        slide(page, plot, 1)
        found = {"slide": slide(page, plot, turns), "click": click(page, plot, ids, turns)}
        page.close()
    return found


def theirs(browser: Browser, root: Path, points: Path, turns: int) -> list[float]:
    """The plain page's answers to the slider."""
    script = root / "plain.py"
    script.write_text(THEIRS.format(points=str(points), size=20))
    with served(script, root) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.locator(".js-plotly-plot .nsewdrag").first.wait_for(timeout=WAIT)
        rest(page)
        slider = page.get_by_role("slider")
        slider.focus()
        seconds = []
        for turn in range(turns):
            before = page.get_by_text("clusters at").inner_text()
            begun = time.time()
            page.keyboard.press(KEYS[turn % 2])
            page.wait_for_function(
                "t => !document.querySelector('[data-testid=stText]').innerText.includes(t)",
                arg=before,
                timeout=WAIT,
            )
            page.evaluate(
                "() => new Promise(done => requestAnimationFrame(() => "
                "requestAnimationFrame(done)))"
            )
            seconds.append(time.time() - begun)
            rest(page)
        page.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5,000 chips, under 50 s")
    quick = parser.parse_args().quick
    n, turns = (5_000, 3) if quick else (20_000, TURNS)
    chromium = runpy.run_path(str(ROOT / "tests" / "chromium.py"))["find"]()
    if not chromium:
        sys.exit(f"No Chromium. Run once: {sys.executable} -m playwright install chromium")
    compile_hdbscan()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder)
        settings, ids, points = prepare(root, n)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(SOFTWARE))
        mine = ours(browser, root, ids, turns)
        plain = theirs(browser, root, points, 2 if quick else 3)
        browser.close()
    slid, clicked = statistics.median(mine["slide"]), statistics.median(mine["click"])
    result = {
        "name": "click",
        "ours": round(slid, 3),
        "other": round(statistics.median(plain), 3),
        "ratio": round(statistics.median(plain) / slid, 1),
        "unit": "seconds from the slider to the recoloured plot",
        "detail": {
            "points": n,
            "click_to_chip_s": round(clicked, 3),
            "slider_s": [round(one, 2) for one in mine["slide"]],
            "clicks_s": [round(one, 2) for one in mine["click"]],
            "other_s": [round(one, 2) for one in plain],
            "cut": dataclasses.asdict(settings.cut),
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
