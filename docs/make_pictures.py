"""Take the screenshots of the demo for the README: `python docs/make_pictures.py`.

Needs the test tools and Chromium. Starts the app with a temporary workspace, waits until the demo
is ready, and writes docs/images/*.png in true colours: a palette would merge those of clusters.
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
MINUTE = 60_000


@contextlib.contextmanager
def run_app(workspace: Path) -> Iterator[str]:
    """Run the app with a workspace, and yield its address."""
    with socket.socket() as free_socket:
        free_socket.bind(("127.0.0.1", 0))
        port = str(free_socket.getsockname()[1])
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


def wait_until_drawn(page: Page) -> None:
    """Wait until the page has been drawn."""
    page.locator("h1").first.wait_for(timeout=MINUTE)
    page.wait_for_timeout(1500)
    page.wait_for_function(
        "() => !document.querySelector('[data-testid=stStatusWidget]')"
        " && !document.querySelector('[data-stale=true]')",
        timeout=MINUTE,
    )


def click_point(page: Page) -> None:
    """Click one point of the t-SNE plot."""
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


def save_screenshot(png: bytes, name: str) -> None:
    """Save a screenshot as a small file, without changing its colours."""
    IMAGES.mkdir(exist_ok=True)
    Image.open(io.BytesIO(png)).convert("RGB").save(IMAGES / f"{name}.png", optimize=True)


def main() -> None:
    """Take a screenshot of every page."""
    chromium = runpy.run_path(str(ROOT / "tests" / "chromium.py"))["find"]()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        with run_app(Path(folder)) as url:
            page.goto(url)
            page.locator("iframe").first.wait_for(timeout=3 * MINUTE)
            job = page.get_by_text("Preparing the sliders")
            job.wait_for(timeout=MINUTE)
            job.wait_for(state="hidden", timeout=3 * MINUTE)
            for name in PAGES:
                page.goto(f"{url}/{name}")
                wait_until_drawn(page)
                if name == "explore":
                    page.locator("iframe").first.wait_for(timeout=MINUTE)
                    page.wait_for_timeout(2000)
                    click_point(page)
                    wait_until_drawn(page)
                if name == "map":
                    page.wait_for_timeout(3000)
                save_screenshot(page.screenshot(), name)
        browser.close()


if __name__ == "__main__":
    main()
