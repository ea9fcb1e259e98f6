"""Open a large workspace in a real browser: `python benchmarks/large_app.py [--quick]`.

"Ours" is the app on its Explore page, timed from opening the page to the drawn plot, in sessions
after the first. "Other" is a page that a user might write: the same chips in a table of pandas,
their projection as `px.scatter` in `st.plotly_chart`, and all of their rows in `st.dataframe`. Its
clock stops when the plot has its axes, even if its points are not drawn yet. The sessions stay
open, and the memory of a server per session is what each session after the first adds to it,
without pages of mapped files.

The workspace is generated; `--root` opens a workspace that has a complete result. Headless Chromium
renders in software, and both servers run on this machine; the processor time of the server is
hardly affected by other load.
"""

import argparse
import json
import os
import runpy
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from generated_workspace import prepare
from playwright.sync_api import Browser, sync_playwright
from slider_and_click import CHROMIUM_FLAGS, ROOT, TIMEOUT_MS, run_server, wait_until_idle

from core.chips.chip_table import join_properties
from core.clusters.methods.density.hdbscan_tree import compile_hdbscan
from core.pipeline.assignment.assigned_scenes import open_reference
from core.pipeline.chip_stages import open_chips
from core.pipeline.cluster_stages import open_projection
from core.pipeline.results.current_result import keep_result
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace

MEGABYTE = 1e6
PLAIN_PAGE = """
import pandas as pd, plotly.express as px, streamlit as st
chips = pd.read_parquet({table!r})
colour = chips["cluster"].astype(str)
st.plotly_chart(px.scatter(chips, x="x", y="y", color=colour, hover_name="chip_id"))
st.dataframe(chips)
"""
# Each page, and what is in it as soon as its plot is drawn. Plotly draws few points of ours.
OUR_PLOT = ".plot[data-ready=true] canvas, .st-key-cs_plot iframe"
PLAIN_PLOT = ".js-plotly-plot .nsewdrag"


@dataclass
class Sessions:
    """What was measured in the sessions of a server, in their order."""

    seconds: list[float] = field(default_factory=list)
    core_seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    def as_table(self) -> dict[str, float]:
        """Return the figures of the first session, and those of the later ones."""
        steps = [
            after - before
            for before, after in zip(self.megabytes, self.megabytes[1:], strict=False)
        ]
        return {
            "first_s": round(self.seconds[0], 2),
            "later_s": round(statistics.median(self.seconds[1:]), 2),
            "first_core_s": round(self.core_seconds[0], 2),
            "later_core_s": round(statistics.median(self.core_seconds[1:]), 2),
            "server_mb": round(self.megabytes[-1]),
            "session_mb": round(statistics.mean(steps[1:])),
        }


@contextmanager
def server_process(script: Path, root: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Run a Streamlit server; yield its address and its process."""
    with run_server(script, root) as address:
        children = psutil.Process().children()
        (server,) = (c for c in children if any("streamlit" in word for word in c.cmdline()))
        yield address, server


def measure_sessions(
    browser: Browser, address: str, server: psutil.Process, plot: str, n_sessions: int
) -> Sessions:
    """Open sessions one after the other, which stay open, and measure each."""
    # Modules that the server imports by itself belong to no session.
    time.sleep(5)
    measured = Sessions(megabytes=[own_megabytes(server)])
    for _ in range(n_sessions):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(TIMEOUT_MS)
        start, before = time.perf_counter(), core_seconds(server)
        page.goto(address)
        page.locator(plot).first.wait_for()
        measured.seconds.append(time.perf_counter() - start)
        measured.core_seconds.append(core_seconds(server) - before)
        wait_until_idle(page)
        measured.megabytes.append(own_megabytes(server))
    return measured


def core_seconds(process: psutil.Process) -> float:
    """Return the processor time that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def own_megabytes(process: psutil.Process) -> float:
    """Return the memory of a process without mapped files, in MB."""
    memory = process.memory_info()
    return float(memory.rss - memory.shared) / MEGABYTE


def write_plain_page(root: Path, folder: Path) -> tuple[Path, int]:
    """Write the chips of a workspace as a table, and the page that shows it.

    Returns the script and the number of chips.
    """
    reference = open_reference(Workspace.at(root))
    chips, projection = open_chips(reference.view), open_projection(reference.view)
    if chips is None or projection is None:
        sys.exit(f"{root} has no complete result. Run: chipscape run --workspace {root}")
    table = join_properties(chips.facts, chips.properties)
    x, y = projection.coordinates.T
    table.assign(x=x, y=y, cluster=reference.edited.ids).to_parquet(folder / "chips.parquet")
    script = folder / "plain_page.py"
    script.write_text(PLAIN_PAGE.format(table=str(folder / "chips.parquet")))
    return script, len(table)


def generate_workspace(root: Path, n: int) -> None:
    """Generate a workspace with n chips and a current result."""
    settings, chip_ids, _ = prepare(root, n)
    run = run_pipeline(Workspace.at(root), settings)
    _, _, labelling = run.clustered()
    keep_result(run.view, labelling, chip_ids)


def main() -> None:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2,000 chips, three sessions")
    parser.add_argument("--chips", type=int, help="50,000 by default")
    parser.add_argument("--root", type=Path, help="a workspace with a complete result")
    parser.add_argument("--sessions", type=int, default=4)
    choice = parser.parse_args()
    n_sessions = 3 if choice.quick else max(3, choice.sessions)
    chromium = runpy.run_path(str(ROOT / "tests" / "chromium.py"))["find"]()
    if not chromium:
        sys.exit(f"Chromium is not installed. Run: {sys.executable} -m playwright install chromium")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        root = choice.root or folder / "workspace"
        if not choice.root:
            compile_hdbscan()
            generate_workspace(root, choice.chips or (2_000 if choice.quick else 50_000))
        plain_page, n = write_plain_page(root, folder)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        with server_process(ROOT / "app" / "main.py", root) as (address, server):
            ours = measure_sessions(browser, f"{address}/explore", server, OUR_PLOT, n_sessions)
        with server_process(plain_page, folder) as (address, server):
            other = measure_sessions(browser, address, server, PLAIN_PLOT, n_sessions)
        browser.close()
    sides = [ours.as_table(), other.as_table()]
    result = {
        "name": "large_app",
        "ours": sides[0]["later_s"],
        "other": sides[1]["later_s"],
        "ratio": round(sides[1]["later_s"] / sides[0]["later_s"], 2),
        "unit": "seconds to the first plot",
        "detail": {
            "chips": n,
            "sessions": n_sessions,
            "ours": sides[0],
            "other": sides[1],
            "cores": len(os.sched_getaffinity(0)),
            "load_average": [round(value, 1) for value in os.getloadavg()],
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
