"""Load one server with many sessions: `python benchmarks/load.py [--quick] [--minutes 10]`.

Each session speaks Streamlit's protocol, as a browser does: it opens a WebSocket, moves sliders,
clicks points of the plot, changes pages, runs the fragments that the page repeats every few
seconds, and fetches the images and arrays that the page names, up to half a second later. Some
actions follow before the page is complete. Two of the sessions start jobs. No browser draws
anything, so the figures are those of the server; the sessions use the same processor cores.

"Ours" is the 95th percentile of the time from an action to the complete page, with all sessions;
"other" is the same for one session alone, before the others begin. The workspace is generated.
"""

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from generated_workspace import prepare
from slider_and_click import ROOT, run_server
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from core.clusters.methods.density.hdbscan_tree import compile_hdbscan

PAGES = ("explore", "clusters", "explore", "chips", "map", "scenes", "embeddings", "runs")
# The buttons of the two jobs, with the page and the view of each.
JOBS = (("clusters", "Report card", "Evaluate the clusters"), ("chips", "", "Screen the chips"))
ADDRESS = re.compile(rb"/(?:media/[0-9a-f]+\.[a-z]+|chipscape/[a-z]+/[0-9a-f]{24})")
TRIGGER = "$$STREAMLIT_INTERNAL_KEY_{}__events"
FINISHED = {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR}
PATIENCE_S = 120


@dataclass
class Record:
    """What all sessions have seen."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    n_fetched: int = 0
    n_actions: int = 0
    n_jobs: int = 0


@dataclass
class Elements:
    """What can be used on a page: sliders by id, buttons and views by label, the plot's data."""

    sliders: dict[str, Any] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)
    plot: tuple[str, dict[str, Any]] | None = None


class Session:
    """One browser tab: the widgets of its page, and their values."""

    def __init__(self, address: str, record: Record, seed: int) -> None:
        self.address, self.record = address, record
        self.random = random.Random(seed)
        self.page = "explore"
        self.widgets: dict[str, WidgetState] = {}
        # The elements of the complete page, and those of the page that is being drawn.
        self.elements, self.new_elements = Elements(), Elements()
        self.page_hashes: dict[str, str] = {}
        self.complete = asyncio.Event()
        self.timers: list[asyncio.Task[None]] = []
        self.fetches: set[asyncio.Task[None]] = set()

    async def run(self, seconds: float, job: tuple[str, str, str] | None = None) -> None:
        """Use the app for some time, but for three actions at least; start a job, if any."""
        url = f"{self.address.replace('http', 'ws', 1)}/_stcore/stream"
        protocols: Any = ["streamlit"]
        options = {"origin": self.address, "subprotocols": protocols, "max_size": None}
        async with connect(url, **options) as self.socket:
            reader = asyncio.create_task(self.read(self.socket))
            try:
                await self.act_for(seconds, job)
            finally:
                for task in (*self.timers, *self.fetches, reader):
                    task.cancel()

    async def act_for(self, seconds: float, job: tuple[str, str, str] | None) -> None:
        """Act until the time is over."""
        end = time.monotonic() + seconds
        await self.act("open")
        n_least = self.record.n_actions + 3
        while time.monotonic() < end or self.record.n_actions < n_least:
            await asyncio.sleep(self.random.uniform(0.5, 3))
            if job and time.monotonic() > end - 0.8 * seconds and await self.start_job(*job):
                job = None
            kind = self.random.choices(("slide", "click", "page", "hurry"), (4, 4, 2, 2))[0]
            if kind == "page" or (not self.elements.sliders and not self.elements.plot):
                self.page = self.random.choice(PAGES)
                self.widgets.clear()
                await self.act("page")
            elif kind == "hurry" and self.elements.sliders:
                sliders = list(self.elements.sliders.values())
                for _ in range(3):
                    # The next value follows before the page is complete.
                    await self.send(self.slide(sliders))
                    await asyncio.sleep(self.random.uniform(0.05, 0.4))
                await self.act("slide", self.slide(sliders))
            elif kind == "click" and self.elements.plot:
                await self.act("click", self.click())
            elif self.elements.sliders:
                await self.act("slide", self.slide(list(self.elements.sliders.values())))

        if job:
            self.record.errors[f"the button {job[2]!r} was never enabled"] += 1

    async def start_job(self, page: str, view: str, label: str) -> bool:
        """Open a view of a page and press the button of a job; return False if it is disabled."""
        self.page = page
        self.widgets.clear()
        await self.act("page")
        if view in self.elements.views:
            state = WidgetState(id=self.elements.views[view])
            state.string_array_value.data.append(view)
            self.widgets[state.id] = state
            await self.act("page", state)
        button = self.elements.buttons.get(label)
        if button is not None:
            self.record.n_jobs += 1
            await self.act("job", WidgetState(id=button, trigger_value=True))
        return button is not None

    def slide(self, sliders: list[Any]) -> WidgetState:
        """Return a new value for one of the sliders."""
        slider = self.random.choice(sliders)
        step = slider.step or 1
        n_steps = max(1, round((slider.max - slider.min) / step))
        value = slider.min + step * self.random.randint(0, n_steps)
        state = WidgetState(id=slider.id)
        state.double_array_value.data.append(min(value, slider.max))
        self.widgets[slider.id] = state
        return state

    def click(self) -> WidgetState:
        """Return the click on one of the first points of the plot."""
        assert self.elements.plot is not None
        name, data = self.elements.plot
        event = {"kind": "point", "point": self.random.randrange(200), "plot": data["plot"]}
        text = json.dumps([{"event": "event", "value": event}])
        return WidgetState(id=TRIGGER.format(name), json_trigger_value=text)

    async def act(self, kind: str, state: WidgetState | None = None) -> None:
        """Send an action and wait for the complete page."""
        start = time.monotonic()
        self.complete.clear()
        self.record.n_actions += 1
        await self.send(state)
        try:
            await asyncio.wait_for(self.complete.wait(), PATIENCE_S)
        except TimeoutError:
            self.record.errors[f"{kind}: no complete page in {PATIENCE_S} s"] += 1
        self.record.seconds.setdefault(kind, []).append(time.monotonic() - start)

    async def send(self, state: WidgetState | None = None, fragment: str = "") -> None:
        """Send the values of all widgets, and one trigger."""
        message = BackMsg()
        request = message.rerun_script
        request.page_script_hash = self.page_hashes.get(self.page, "")
        if not request.page_script_hash:
            request.page_name = self.page
        request.context_info.url = f"{self.address}/{self.page}"
        request.widget_states.widgets.extend(self.widgets.values())
        if state is not None and state.id not in self.widgets:
            request.widget_states.widgets.append(state)
        if fragment:
            request.fragment_id, request.is_auto_rerun = fragment, True
        await self.socket.send(message.SerializeToString())

    async def read(self, socket: ClientConnection) -> None:
        """Handle the messages of the server, as the page would."""
        try:
            async for content in socket:
                assert isinstance(content, bytes)
                self.fetch_all(content)
                self.handle(ForwardMsg.FromString(content))
        except ConnectionClosed as error:
            self.record.errors[f"connection closed: {error.rcvd}"] += 1
        except Exception as error:  # noqa: BLE001
            self.record.errors[f"client: {type(error).__name__}: {error}"[:100]] += 1

    def handle(self, message: ForwardMsg) -> None:
        """Remember the widgets of the page and what it requests."""
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            for task in self.timers:
                task.cancel()
            self.timers.clear()
            self.new_elements = Elements()
        elif kind == "navigation":
            pages = message.navigation.app_pages
            self.page_hashes = {page.url_pathname: page.page_script_hash for page in pages}
        elif kind == "auto_rerun":
            self.timers.append(asyncio.create_task(self.repeat(message.auto_rerun)))
        elif kind == "script_finished" and message.script_finished in FINISHED:
            self.elements = self.new_elements
            self.complete.set()
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self.handle_element(message.delta.new_element)

    def handle_element(self, element: Any) -> None:
        """Remember a widget; count an error that the page shows."""
        kind = element.WhichOneof("type")
        if kind == "slider" and _is_numeric(element.slider):
            self.new_elements.sliders[element.slider.id] = element.slider
        elif kind == "button" and not element.button.disabled:
            self.new_elements.buttons[element.button.label] = element.button.id
        elif kind == "button_group":
            for option in element.button_group.options:
                self.new_elements.views[option.content] = element.button_group.id
        elif kind == "bidi_component" and element.bidi_component.component_name.endswith("_plot"):
            text = element.bidi_component.json or element.bidi_component.mixed.json
            self.new_elements.plot = element.bidi_component.id, json.loads(text)
        elif kind == "exception":
            self.record.errors[f"exception: {element.exception.message[:80]}"] += 1
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.record.errors[f"error on the page: {element.alert.body[:80]}"] += 1

    async def repeat(self, request: Any) -> None:
        """Run a fragment again at the interval that the page requests."""
        while True:
            await asyncio.sleep(request.interval)
            await self.send(fragment=request.fragment_id)

    def fetch_all(self, content: bytes) -> None:
        """Fetch the images and arrays that a message names."""
        for address in set(ADDRESS.findall(content)):
            path = address.decode()
            if "/points/" in path:
                path = f"{path}/{self.random.randrange(200)}"
            if "/tiles/" not in path:
                task = asyncio.create_task(self.fetch(path))
                self.fetches.add(task)
                task.add_done_callback(self.fetches.discard)

    async def fetch(self, path: str) -> None:
        """Fetch an image or an array within half a second, and count it if it is missing."""
        await asyncio.sleep(self.random.uniform(0, 0.5))
        status = await asyncio.to_thread(read_status, self.address + path)
        self.record.n_fetched += 1
        if status != 200:
            self.record.errors[f"{status} {path.split('/')[1]}/{path.split('/')[2][:6]}"] += 1


def _is_numeric(slider: Any) -> bool:
    """Return True for a slider of one number that can be moved."""
    return not slider.disabled and not slider.options and len(slider.default) == 1


def read_status(address: str) -> int:
    """Return the status of a request; 0 if there is no answer."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


async def watch_memory(process: psutil.Process, megabytes: list[float]) -> None:
    """Record the memory of the server process, in MB, every second."""
    while True:
        megabytes.append(process.memory_info().rss / 1e6)
        await asyncio.sleep(1)


async def load(
    address: str, server: psutil.Process, n_sessions: int, seconds: float
) -> tuple[Record, Record, list[float]]:
    """Run one session alone, then all; return both records, and the memory during the second."""
    alone, together = Record(), Record()
    await Session(address, alone, -1).run(max(15, seconds / 10))
    megabytes: list[float] = []
    watch = asyncio.create_task(watch_memory(server, megabytes))
    jobs = [JOBS[i] if i < len(JOBS) else None for i in range(n_sessions)]
    sessions = [Session(address, together, i).run(seconds, job) for i, job in enumerate(jobs)]
    for result in await asyncio.gather(*sessions, return_exceptions=True):
        if isinstance(result, BaseException):
            together.errors[f"{type(result).__name__}: {result}"[:100]] += 1
    watch.cancel()
    return alone, together, megabytes


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return the median and the 95th and 99th percentile."""
    values = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"n": len(seconds)} | {f"p{p}": round(values[p - 1], 2) for p in (50, 95, 99)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 sessions, under 50 s")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--sessions", type=int, default=20)
    options = parser.parse_args()
    n_sessions = 5 if options.quick else options.sessions
    seconds = 15 if options.quick else options.minutes * 60
    compile_hdbscan()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prepare(root, 500 if options.quick else 2_000)
        with run_server(ROOT / "app" / "main.py", root) as address:
            (server,) = (
                child
                for child in psutil.Process().children()
                if any("streamlit" in word for word in child.cmdline())
            )
            alone, together, megabytes = asyncio.run(load(address, server, n_sessions, seconds))
    actions = [value for values in together.seconds.values() for value in values]
    ours = percentiles(actions)["p95"]
    other = percentiles([value for values in alone.seconds.values() for value in values])["p95"]
    third = max(1, len(megabytes) // 3)
    result = {
        "name": "load",
        "ours": ours,
        "other": other,
        "ratio": round(other / ours, 2),
        "unit": "seconds from an action to the complete page, 95th percentile",
        "detail": {
            "sessions": n_sessions,
            "minutes": round(seconds / 60, 1),
            "actions": together.n_actions,
            "jobs": together.n_jobs,
            "fetched": together.n_fetched,
            "errors": dict(together.errors.most_common(20)),
            "latency_s": {kind: percentiles(v) for kind, v in together.seconds.items() if v[1:]},
            "alone_s": {kind: percentiles(v) for kind, v in alone.seconds.items() if v[1:]},
            "memory_mb": {
                "second_third": round(statistics.median(megabytes[third : 2 * third] or [0])),
                "last_third": round(statistics.median(megabytes[2 * third :] or [0])),
                "peak": round(max(megabytes, default=0)),
            },
            "cores": len(os.sched_getaffinity(0)),
            "load_average": [round(value, 1) for value in os.getloadavg()],
        },
    }
    print(json.dumps(result))
    sys.exit(1 if together.errors else 0)


if __name__ == "__main__":
    main()
