"""Long work as command-line processes: one board a server, one process a key, cancelled at once."""

import atexit
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

State = Literal["running", "done", "failed", "cancelled"]
ROOT = Path(__file__).resolve().parents[2]
# Between the polite signal and the kill; cancel promises two seconds in all.
GRACE_SECONDS = 1.2
WAIT_SECONDS = 0.1
LOG_LINES = 200
JOBS_KEPT = 50

log = logging.getLogger(__name__)


def core_command(*arguments: str | Path) -> tuple[str, ...]:
    """The command line of Chipscape itself, run by this interpreter."""
    return (sys.executable, "-m", "core", *(str(argument) for argument in arguments))


@dataclass
class Job:
    """One piece of long work: commands that run one after the other.

    Attributes
    ----------
    key : str
        What the work makes; two requests for one key share one job.
    title : str
        What people call it.
    commands : sequence of commands
    stage, done, total, note
        The last progress that the running command reported.
    error : str
        One sentence, where it failed.
    result : dict
        The JSON object on the last line of the last command's output.
    before : tuple of Job
        Work that must have ended before this may begin.
    """

    key: str
    title: str
    commands: Sequence[Sequence[str]]
    state: State = "running"
    stage: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    error: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    ended: float = 0.0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    stopping: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[str] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None
    before: tuple["Job", ...] = ()

    @property
    def waits_for(self) -> "Job | None":
        """Running work that must end before this may begin."""
        return next((job for job in self.before if job.state == "running"), None)

    @property
    def fraction(self) -> float | None:
        """How much of the present step is done, None where the step can't say."""
        return min(1.0, self.done / self.total) if self.total > 0 else None

    @property
    def seconds(self) -> float:
        """How long the job has run."""
        return (self.ended or time.time()) - self.started

    def start(self) -> None:
        """Run the commands on a thread of their own."""
        self.thread = threading.Thread(target=self._run, name=f"job {self.title}", daemon=True)
        self.thread.start()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the job has ended."""
        if self.thread:
            self.thread.join(seconds)

    def cancel(self) -> None:
        """Ask the process to stop, and end it if it has not within `GRACE_SECONDS`."""
        with self.lock:
            self.stopping.set()
            process = self.process
        if process is not None and process.poll() is None:
            _signal(process, politely=True)
            threading.Thread(target=_end, args=(process,), daemon=True).start()

    def _run(self) -> None:
        state: State = "done"
        while self.waits_for is not None and not self.stopping.wait(WAIT_SECONDS):
            self.started = time.time()
        self.before = ()
        for command in self.commands:
            code = self._run_one(command)
            if self.stopping.is_set() and code != 0:
                state = "cancelled"
                break
            if code != 0:
                state = "failed"
                self.error = self.error or _unexplained(code, self.lines)
                break
        self.ended = time.time()
        self.state = state

    def _run_one(self, command: Sequence[str]) -> int:
        with self.lock:
            if self.stopping.is_set():
                return 130
            try:
                self.process = _spawn(command)
            except OSError as error:
                self.error = f"The job could not be started: {error}."
                return 1
        process = self.process
        assert process.stdout is not None
        assert process.stderr is not None
        last: deque[str] = deque(maxlen=1)
        reader = threading.Thread(target=last.extend, args=(process.stdout,), daemon=True)
        reader.start()
        self._listen(process.stderr)
        code = process.wait()
        reader.join(1)
        self.result = _object(last[-1]) or self.result if last else self.result
        return code

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            report = _object(line)
            if report is None:
                self.lines.append(line.rstrip())
            elif "error" in report:
                self.error = str(report["error"])
            else:
                self.stage = str(report.get("stage", self.stage))
                self.done = int(report.get("done", 0))
                self.total = int(report.get("total", 0))
                self.note = str(report.get("note", ""))


class Board:
    """All jobs of one server process."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        atexit.register(self.close)

    def start(self, key: str, title: str, *commands: Sequence[str], after: str = "") -> Job:
        """Start a job, or join the one that is running under this key.

        Parameters
        ----------
        key, title, commands
            As in `Job`.
        after : str
            The job waits until those have ended that run now and whose key starts so; by default
            it waits for none.
        """
        with self._lock:
            running = self._jobs.get(key)
            if running is not None and running.state == "running":
                return running
            first = tuple(
                job for other, job in self._jobs.items()
                if after and other.startswith(after) and job.state == "running"
            )  # fmt: skip
            # Taken out first, so that the order of the board is the order of their turns.
            self._jobs.pop(key, None)
            job = self._jobs[key] = Job(key, title, commands, before=first)
            ended = [old for old in self._jobs.values() if old.state != "running"]
            for old in ended[: max(0, len(self._jobs) - JOBS_KEPT)]:
                del self._jobs[old.key]
            job.start()
            return job

    def get(self, key: str) -> Job | None:
        """The newest job under a key."""
        return self._jobs.get(key)

    def jobs(self, prefix: str = "") -> list[Job]:
        """The jobs whose key starts with `prefix`, oldest first."""
        with self._lock:
            return [job for key, job in self._jobs.items() if key.startswith(prefix)]

    def forget(self, key: str) -> None:
        """Drop a job that has ended."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.state != "running":
                del self._jobs[key]

    def close(self) -> None:
        """End every process; called when the server ends."""
        running = [job for job in self.jobs() if job.state == "running"]
        # All at first: one that ends would otherwise let the next begin.
        for job in running:
            job.cancel()
        for job in running:
            job.wait(2 * GRACE_SECONDS)


def _spawn(command: Sequence[str]) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, so that its workers end with it."""
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        list(command),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "CHIPSCAPE_PROGRESS": "jsonl", "PYTHONUNBUFFERED": "1"},
        **group,
    )


def _signal(process: subprocess.Popen[str], *, politely: bool) -> None:
    if sys.platform == "win32":
        process.terminate()
        return
    try:
        os.killpg(process.pid, signal.SIGINT if politely else signal.SIGKILL)
    except ProcessLookupError:
        log.debug("process %d had ended already", process.pid)


def _end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal(process, politely=False)


def _object(line: str) -> dict[str, Any] | None:
    """The JSON object on a line, None where the line holds something else."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _unexplained(code: int, lines: deque[str]) -> str:
    last = next((line for line in reversed(lines) if line.strip()), "")
    said = f" Its last words: {last}" if last else ""
    return f"The job ended unexpectedly with exit code {code}.{said}"
