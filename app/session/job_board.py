"""Long-running jobs as command-line processes: one board per server, one job per key."""

import atexit
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any, Literal

from app.session.job_queue import check_queue, find_blocking_job, read_job_limit

State = Literal["running", "done", "failed", "cancelled"]
ROOT = Path(__file__).resolve().parents[2]
# Time between the interrupt and the kill; a cancelled job ends within two seconds in total.
GRACE_SECONDS = 1.2
WAIT_SECONDS = 0.1
LOG_LINES = 200
MOST_JOBS = 50

log = logging.getLogger(__name__)


def core_command(*arguments: str | Path) -> tuple[str, ...]:
    """Return a command line of Chipscape, for this interpreter."""
    return (sys.executable, "-m", "core", *(str(argument) for argument in arguments))


@dataclass
class Job:
    """A long-running job: commands that run one after the other.

    Two requests with the same key share one job. The stage, the counts and the note are the last
    progress that the running command reported, the error is a sentence if the job failed, and the
    result is the JSON object on the last line of the last command's output. The job begins when
    `find_blocker` returns None; see `app.session.job_queue` for its group, owner and turn.
    """

    key: str
    title: str
    commands: Sequence[Sequence[str]]
    state: State = "running"
    stage: str = ""
    n_done: int = 0
    n_total: int = 0
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
    group: str = ""
    owner: str = ""
    turn: int = -1
    find_blocker: Callable[["Job"], "Job | None"] = field(default=lambda _: None, repr=False)
    waits_for: "Job | None" = field(default=None, repr=False)
    is_reported: bool = False

    @property
    def is_waiting(self) -> bool:
        """True until the job begins or ends."""
        return self.state == "running" and self.turn < 0

    @property
    def is_working(self) -> bool:
        """True from the beginning of the job to its end."""
        return self.state == "running" and self.turn >= 0

    @property
    def fraction(self) -> float | None:
        """The completed fraction of the current step, 0..1; None if the step has no total."""
        return min(1.0, self.n_done / self.n_total) if self.n_total > 0 else None

    @property
    def seconds(self) -> float:
        """The run time of the job so far, or in total once it has ended."""
        return (self.ended or time.time()) - self.started

    def start(self) -> None:
        """Run the commands in a new thread."""
        self.thread = threading.Thread(target=self._run, name=f"job {self.title}", daemon=True)
        self.thread.start()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the job has ended, or for at most `seconds`."""
        if self.thread:
            self.thread.join(seconds)

    def cancel(self) -> None:
        """Interrupt the process; kill it if it has not ended within `GRACE_SECONDS`."""
        with self.lock:
            self.stopping.set()
            process = self.process
        if process is not None and process.poll() is None:
            _signal(process, force=False)
            threading.Thread(target=_kill_later, args=(process,), daemon=True).start()

    def _run(self) -> None:
        while (blocker := self.find_blocker(self)) and not self.stopping.wait(WAIT_SECONDS):
            self.started, self.waits_for = time.time(), blocker
        self.waits_for = None
        state: State = "done"
        for command in self.commands:
            if code := self._run_command(command):
                state = "cancelled" if self.stopping.is_set() else "failed"
                if state == "failed":
                    self.error = self.error or _unexpected_end(code, self.lines)
                break
        self.ended = time.time()
        self.state = state

    def _run_command(self, command: Sequence[str]) -> int:
        with self.lock:
            if self.stopping.is_set():
                return 130
            try:
                process = self.process = _spawn(command)
            except OSError as error:
                self.error = f"The job could not be started: {error}."
                return 1
        assert process.stdout is not None
        assert process.stderr is not None
        last_line: deque[str] = deque(maxlen=1)
        reader = threading.Thread(target=last_line.extend, args=(process.stdout,), daemon=True)
        reader.start()
        self._read_progress(process.stderr)
        code = process.wait()
        reader.join(1)
        if last_line:
            self.result = _json_object(last_line[0]) or self.result
        return code

    def _read_progress(self, lines: IO[str]) -> None:
        for line in lines:
            report = _json_object(line)
            if report is None:
                self.lines.append(line.rstrip())
            elif "error" in report:
                self.error = str(report["error"])
            else:
                self.stage = str(report.get("stage", self.stage))
                self.n_done = int(report.get("done", 0))
                self.n_total = int(report.get("total", 0))
                self.note = str(report.get("note", ""))


BOARDS: "weakref.WeakSet[Board]" = weakref.WeakSet()
"""The boards of this process."""


class Board:
    """All jobs of one server process."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.RLock()
        self._turns = count()
        self._limit = read_job_limit()
        BOARDS.add(self)
        atexit.register(self.close)

    def start(
        self, key: str, title: str, *commands: Sequence[str], group: str = "", owner: str = ""
    ) -> Job:
        """Start a job, or return the running job of this key.

        The job waits for the other jobs of its group, unless `group` is empty, and for its turn
        among the jobs of all owners. Raises ChipscapeError if too many jobs of its owner wait.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.state == "running":
                return job
            check_queue(self._jobs.values(), owner)
            # A previous job of this key is removed, so that the jobs stay in starting order.
            self._jobs.pop(key, None)
            job = self._jobs[key] = Job(key, title, commands, group=group, owner=owner)
            ended = [old for old in self._jobs.values() if old.state != "running"]
            for old in ended[: max(0, len(self._jobs) - MOST_JOBS)]:
                del self._jobs[old.key]
            job.find_blocker = self._find_blocker
            job.waits_for = self._find_blocker(job)
            job.start()
            return job

    def _find_blocker(self, job: Job) -> Job | None:
        """Return the job that a job waits for; give the job its turn if there is none."""
        with self._lock:
            if job.turn < 0 and job.state == "running":
                blocker = find_blocking_job(job, self._jobs.values(), self._limit)
                if blocker is not None:
                    return blocker
                job.turn = next(self._turns)
            return None

    def get(self, key: str) -> Job | None:
        """Return the latest job of a key."""
        return self._jobs.get(key)

    def jobs(self, prefix: str = "") -> list[Job]:
        """Return the jobs whose key starts with a prefix, oldest first."""
        with self._lock:
            return [job for key, job in self._jobs.items() if key.startswith(prefix)]

    def forget(self, key: str) -> None:
        """Remove a job that has ended."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.state != "running":
                del self._jobs[key]

    def running_jobs(self) -> list[Job]:
        """Return the jobs that are running or waiting."""
        return [job for job in self.jobs() if job.state == "running"]

    def cancel_all(self) -> list[Job]:
        """Cancel every running job, and return them."""
        running = self.running_jobs()
        for job in running:
            job.cancel()
        return running

    def close(self) -> None:
        """End every process; called when the server ends."""
        # All jobs are cancelled before waiting, since the end of one job starts the next.
        for job in self.cancel_all():
            job.wait(2 * GRACE_SECONDS)


def _spawn(command: Sequence[str]) -> subprocess.Popen[str]:
    """Start a command in its own process group, so that its workers end with it."""
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        list(command),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "CHIPSCAPE_PROGRESS": "jsonl", "PYTHONUNBUFFERED": "1"},
        **group,
    )


def _signal(process: subprocess.Popen[str], *, force: bool) -> None:
    if sys.platform == "win32":
        process.terminate()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL if force else signal.SIGINT)
    except ProcessLookupError:
        log.debug("process %d has ended already", process.pid)


def _kill_later(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal(process, force=True)


def _json_object(line: str) -> dict[str, Any] | None:
    """Return the JSON object on a line; None if there is none."""
    try:
        value = json.loads(line) if line.lstrip().startswith("{") else None
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _unexpected_end(code: int, lines: deque[str]) -> str:
    last = next((line for line in reversed(lines) if line.strip()), "")
    output = f" Its last output: {last}" if last else ""
    return f"The job ended unexpectedly with exit code {code}.{output}"
