"""Starts commands of the command line, kills them at a given moment, and judges what is left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# GNU's OpenMP, numba's usual layer, must not be loaded before a fork.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "NUMBA_THREADING_LAYER": "workqueue",
}


@dataclass(frozen=True)
class Outcome:
    """Exit code, negative after a signal, duration in seconds, and all output of a command."""

    code: int
    seconds: float
    output: str


class CommandRunner:
    """Runs one command at a time in a fork of a process that has loaded the libraries."""

    def __init__(self, folder: Path) -> None:
        self._output = folder / f"output-{os.getpid()}-{id(self):x}.txt"
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.warm_commands"],
            cwd=ROOT,
            env=os.environ | ONE_THREAD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def _answer(self) -> str:
        return self._server.stdout.readline().strip()

    def start(self, *arguments: Any) -> int:
        """Start a command; returns the number of its process, which leads its own group."""
        self._server.stdin.write(json.dumps([str(self._output), list(map(str, arguments))]) + "\n")
        self._server.stdin.flush()
        self._started = time.perf_counter()
        return int(self._answer())

    def wait(self) -> Outcome:
        code = int(self._answer())
        seconds = time.perf_counter() - self._started
        return Outcome(code, seconds, self._output.read_text(errors="replace"))

    def run(self, *arguments: Any, kill_after: float | None = None) -> Outcome:
        """Run a command; after `kill_after` seconds, end its processes by SIGKILL."""
        process = self.start(*arguments)
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
        return self.wait()

    def close(self) -> None:
        self._server.stdin.close()
        self._server.wait(timeout=60)


@contextmanager
def command_runners(folder: Path, n: int) -> Iterator[list[CommandRunner]]:
    """Yield `n` runners, whose commands can run at the same time."""
    runners = [CommandRunner(folder) for _ in range(n)]
    try:
        yield runners
    finally:
        for runner in runners:
            runner.close()
