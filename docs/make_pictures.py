"""Draw the pictures of the README from the demo: `python docs/make_pictures.py`.

Needs the test tools and a Chromium. Starts the app on a temporary workspace, waits until the demo
is there, and writes docs/images/*.png, each with few colours, so that they stay small.
"""

import contextlib
import io
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import sleep

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
PAGES = ("scenes", "chips", "embeddings", "clusters", "explore", "map")
SIZE = {"width": 1280, "height": 860}
COLOURS = 256
MINUTE = 60_000


@contextlib.contextmanager
def server(workspace: Path) -> Iterator[str]:
    """The app on a workspace of its own; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = ["--server.port", port, "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "main.py"), *arguments]
    environment = {**os.environ, "CHIPSCAPE_WORKSPACE": str(workspace)}
    process = subprocess.Popen(command, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(120):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health"):
                break
            sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def rest(page: Page) -> None:
    """Wait until the page has been drawn."""
    page.locator("h1").first.wait_for(timeout=MINUTE)
    page.wait_for_timeout(1500)
    page.wait_for_function(
        "() => !document.querySelector('[data-testid=stStatusWidget]')"
        " && !document.querySelector('[data-stale=true]')",
        timeout=MINUTE,
    )


def pick(page: Page) -> None:
    """Click the point in the middle of the largest crowd."""
    frame = next(f for f in page.frames if "streamlit_plotly_events" in f.url)
    box = page.locator("iframe").first.bounding_box()
    assert box is not None
    x, y = frame.evaluate(
        "() => { const g = document.querySelector('.js-plotly-plot'), l = g._fullLayout,"
        " t = g.data[0], r = g.getBoundingClientRect(), i = 300;"
        " return [r.left + l.xaxis._offset + l.xaxis.d2p(t.x[i]),"
        " r.top + l.yaxis._offset + l.yaxis.d2p(t.y[i])]; }"
    )
    page.mouse.move(box["x"] + x - 4, box["y"] + y - 4)
    page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
    page.wait_for_timeout(400)
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.mouse.move(5, 5)
    page.wait_for_timeout(2500)


def keep(shot: bytes, name: str) -> None:
    """Write a screenshot with few colours."""
    IMAGES.mkdir(exist_ok=True)
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    small = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    small.save(IMAGES / f"{name}.png", optimize=True)


def main() -> None:
    """Draw every page."""
    chromium = runpy.run_path(str(ROOT / "tests" / "chromium.py"))["find"]()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        with server(Path(folder)) as url:
            page.goto(url)
            page.locator("iframe").first.wait_for(timeout=3 * MINUTE)
            for name in PAGES:
                page.goto(f"{url}/{name}")
                rest(page)
                if name == "explore":
                    page.locator("iframe").first.wait_for(timeout=MINUTE)
                    page.wait_for_timeout(2000)
                    pick(page)
                    rest(page)
                if name == "map":
                    page.wait_for_timeout(3000)
                keep(page.screenshot(), name)
        browser.close()


if __name__ == "__main__":
    main()
