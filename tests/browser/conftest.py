"""A server that is started from another folder, and a browser that visits it."""

import os
import runpy
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    FrameLocator,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from app.session.saved_settings import save_settings
from core.land.data.file_discovery import discover_dataset
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land.class_maps import CLASS_MAPS
from core.pipeline.land.economy_stage import ECONOMIES
from core.pipeline.land.land_workspace import ensure_land_cover, flair_folder
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.land.study_results import survey_files
from core.pipeline.land.tree_bench import BENCHES
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, ProjectionSettings, RunSettings
from tests.quay_scene import write_quay_scene

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_SECONDS = 60
# Waits may be long on a busy machine; each ends as soon as it can.
WAIT = 60_000
expect.set_options(timeout=WAIT)
EVIL = "<img src=x onerror=alert(1)>"


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    root: Path
    log: Path
    prefix: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """A function that starts a server on a workspace; all servers end with the tests."""
    servers: list[Server] = []

    def start(
        root: Path,
        *more: str,
        script: Path = ROOT / "app" / "main.py",
        prefix: str = "",
        secrets: str = "",
    ) -> Server:
        folder = tmp_path_factory.mktemp("elsewhere")
        with socket.socket() as free_socket:
            free_socket.bind(("127.0.0.1", 0))
            port = free_socket.getsockname()[1]
        options = ["--server.port", str(port), "--server.headless", "true", *more]
        options += ["--server.baseUrlPath", prefix] if prefix else []
        command = [sys.executable, "-m", "streamlit", "run", str(script), *options]
        if secrets:
            (folder / ".streamlit").mkdir()
            text = secrets.replace("SERVER", f"http://127.0.0.1:{port}")
            (folder / ".streamlit" / "secrets.toml").write_text(text)
        log = folder / "server.log"
        environment = {**os.environ, "CHIPSCAPE_WORKSPACE": str(root)}
        with log.open("wb") as out:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
        server = Server(process, port, root, log, prefix)
        servers.append(server)
        _wait_for_server(server)
        return server

    yield start
    for server in servers:
        server.process.terminate()
        try:
            server.process.wait(10)
        except subprocess.TimeoutExpired:
            server.process.kill()


def _wait_for_server(server: Server) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=2) as response:
                if response.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
        if server.process.poll() is not None:
            break
    pytest.fail(f"the server did not start:\n{server.log.read_text()}")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium: CHIPSCAPE_CHROMIUM, an installed one, or that of Playwright."""
    path = runpy.run_path(str(ROOT / "tests" / "chromium.py"))["find"]()
    if not path:
        pytest.fail("no Chromium: run `python -m playwright install chromium`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A browser page in its own profile, with the requests that it sent."""

    page: Page
    server: Server
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def go(self, page: str) -> None:
        """Open a page of the app and wait until it has been drawn."""
        self.page.goto(f"{self.server.url}/{page}")
        self.page.locator("h1").first.wait_for(timeout=WAIT)
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait until no script is running and nothing on the page is outdated."""
        for _ in range(2):
            self.page.wait_for_function(
                "() => !document.querySelector('[data-testid=stStatusWidget]')"
                " && !document.querySelector('[data-stale=true]')",
                timeout=WAIT,
            )
            self.page.wait_for_timeout(250)

    def choose_workspace(self, name: str) -> None:
        """Choose a workspace in the sidebar."""
        self.page.get_by_role("combobox", name="Workspace").click()
        self.page.get_by_role("option", name=name, exact=True).click()

    def exceptions(self) -> list[str]:
        """Return the tracebacks on the page."""
        return self.page.locator("[data-testid=stException]").all_inner_texts()

    def alerts(self) -> list[str]:
        """Return the notices and errors on the page; one that is hidden has no text."""
        return list(filter(None, self.page.locator("[data-testid=stAlert]").all_inner_texts()))

    def foreign_requests(self) -> list[str]:
        """Return the requests to another host."""
        local = (self.server.url, self.server.url.replace("http", "ws", 1), "data:", "blob:")
        return [url for url in self.requests if not url.startswith(local)]

    @property
    def frame(self) -> FrameLocator:
        """The frame that holds the t-SNE plot."""
        return self.page.frame_locator("iframe").first

    def wait_for_plot(self) -> None:
        """Wait until the points can be clicked."""
        self.frame.locator(".nsewdrag").first.wait_for(timeout=WAIT)
        self.page.locator(".plot[data-ready=true]").wait_for(state="attached", timeout=WAIT)
        self.wait_until_idle()

    def plot(self, code: str, *arguments: Any) -> Any:
        """Evaluate JavaScript with the plot as `g` and the arguments as `a`."""
        frame = next(f for f in self.page.frames if "streamlit_plotly_events" in f.url)
        return frame.evaluate(
            f"a => {{ const g = document.querySelector('.js-plotly-plot'); {code} }}",
            list(arguments),
        )

    def position_of(self, point: int) -> tuple[float, float]:
        """Return the position of a point on the page, in CSS pixels."""
        box = self.page.locator("iframe").first.bounding_box()
        x, y = self.plot(
            "const l = g._fullLayout, t = g.data[0], r = g.getBoundingClientRect();"
            "return [r.left + l.xaxis._offset + l.xaxis.d2p(t.x[a[0]]),"
            " r.top + l.yaxis._offset + l.yaxis.d2p(t.y[a[0]])]",
            point,
        )
        assert box is not None
        return box["x"] + x, box["y"] + y

    def isolated_point(self) -> int:
        """Return the point that is farthest from all others, so that a click can only hit it."""
        x, y = self.plot("return [g.data[0].x, g.data[0].y]")
        points = np.column_stack([x, y]).astype(float)
        distances = np.linalg.norm(points[:, None] - points[None], axis=2)
        np.fill_diagonal(distances, np.inf)
        return int(distances.min(axis=1).argmax())

    @property
    def legend(self) -> Locator:
        """The legend of the plot."""
        return self.page.locator("div.legend")

    def tip_of_group(self, code: int) -> Locator:
        """Move the pointer to a chip of a group of the legend; return what is displayed next to it.

        Other chips of the group may be closer, so only the name of the group is certain.
        """
        x, y = self.position_of(
            self.plot("return Array.from(g.data[0].marker.color).indexOf(a[0])", code)
        )
        self.page.mouse.move(x - 4, y - 4)
        self.page.mouse.move(x, y, steps=4)
        return self.frame.locator(".over .tip")

    def click(self, point: int) -> None:
        """Move the pointer to a point in steps, as a hand would, and click."""
        x, y = self.position_of(point)
        self.page.mouse.move(x - 4, y - 4)
        self.page.mouse.move(x, y, steps=4)
        self.page.wait_for_timeout(300)
        self.page.mouse.click(x, y)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[Server], Visit]]:
    """A function that opens a browser page with an empty profile."""
    contexts: list[BrowserContext] = []

    def open_page(server: Server) -> Visit:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        visitor = Visit(page, server)
        page.on("request", lambda request: visitor.requests.append(request.url))
        page.on("dialog", lambda dialog: (visitor.dialogs.append(dialog.message), dialog.accept()))
        return visitor

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def demo(serve: Callable[[Path], Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server on a workspace without any data, which starts with the demo."""
    root = tmp_path_factory.mktemp("nothing")
    (root / "demo").mkdir()
    return serve(root)


@pytest.fixture(scope="session")
def ready_demo(demo: Server, browser: Browser) -> Server:
    """The same server when its first visitor has created the demo."""
    page = browser.new_page()
    page.set_default_timeout(4 * WAIT)
    page.goto(demo.url)
    page.frame_locator("iframe").first.locator(".nsewdrag").first.wait_for()
    page.locator(".st-key-cs_job").wait_for(state="hidden")
    page.close()
    return demo


def _write_quay(raw: Path) -> None:
    """Write one small scene, whose class names look like markup."""
    classes = (EVIL, "<b>boat</b>")
    write_quay_scene(raw, lambda i: {"class": classes[i % 2], EVIL: f"{EVIL}{i % 3}"})


@pytest.fixture
def own_scene(serve: Callable[..., Server], tmp_path: Path) -> Server:
    """A server on a workspace with one small scene."""
    _write_quay(tmp_path / "raw")
    return serve(tmp_path)


@pytest.fixture(scope="session")
def land(serve: Callable[[Path], Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server whose demo holds three patches with finished runs."""
    fused = FeatureSpec(fusion=True, robust=True)
    home = Workspace(tmp_path_factory.mktemp("land"))
    ensure_land_cover(home.demo, 3)
    dataset = discover_dataset(flair_folder(home.demo))
    survey_files(home.demo, dataset)
    study = Study(home.demo, StudySettings(), dataset)
    for spec in (FeatureSpec(), fused):
        run = StudyRun(study, MethodSettings(), spec)
        run.make(CELLS)
        run.make(CLASS_MAPS)
    StudyRun(study, MethodSettings("hdbscan"), FeatureSpec()).make(BENCHES)
    StudyRun(study, MethodSettings(), FeatureSpec()).make(ECONOMIES)
    return serve(home.root)


@pytest.fixture(scope="module")
def plotted_scene(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server on a workspace with one small scene and its t-SNE plot."""
    root = tmp_path_factory.mktemp("plotted")
    _write_quay(root / "raw")
    settings = RunSettings(
        gmm=GmmSettings(n_components=3, n_init=1), projection=ProjectionSettings(n_iter=50)
    )
    run_pipeline(Workspace.at(root), settings, until="projection")
    save_settings(Workspace.at(root), settings)
    return serve(root)
