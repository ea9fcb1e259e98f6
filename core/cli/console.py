"""Output of the command line: results on standard output, all else on standard error."""

import atexit
import json
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from core.disk import disk_error
from core.errors import Cancelled, ChipscapeError
from core.pipeline.estimates.machine_speed import ensure_speed
from core.pipeline.run import Reporter
from core.progress import Progress

PROGRESS = "CHIPSCAPE_PROGRESS"
"""Environment variable that is "jsonl" if a parent process, such as the app, reads progress."""
# Shells report a command that was ended by a signal as 128 and the signal's number.
_INTERRUPTED, _TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
_INTERRUPTED_TEXT = "Interrupted. Finished work is kept; the same command continues from there."
_SECONDS_PER_LINE = 0.1

errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
results = Console(highlight=False, soft_wrap=True, emoji=False)


def emit(result: dict[str, Any]) -> None:
    """Print the result as one JSON object on one line of standard output."""
    sys.stdout.write(json.dumps(result, default=str, allow_nan=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a line of a result as text on standard output; never together with `emit`."""
    results.print(escape(text))


def show_result(as_json: bool, result: dict[str, Any], lines: Iterable[str]) -> None:
    """Print a result either as one JSON object or as lines of text."""
    if as_json:
        emit(result)
        return
    for line in lines:
        say(line)


def remark(text: str) -> None:
    """Print a line that is not part of the result, on standard error."""
    errors.print(escape(text))


def counted(n: int, noun: str) -> str:
    """Return a number with its noun, "1 scene" or "2 scenes"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def machine_read() -> bool:
    """Return True if a parent process reads progress as JSON lines."""
    return os.environ.get(PROGRESS) == "jsonl"


@contextmanager
def reporter() -> Iterator[Reporter]:
    """Yield a `Reporter` that writes JSON lines, shows bars on a terminal, or does nothing."""
    if machine_read():
        yield _line_writer
        # The app never measures the speed of the machine itself.
        ensure_speed()
        return
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn())
    bars = Bars(*columns, TimeElapsedColumn(), TextColumn("{task.fields[note]}"), console=errors)
    with bars if errors.is_terminal else nullcontext():
        yield lambda stage: _bar(bars, stage)


class _SentenceFormatter(logging.Formatter):
    """Formats log records without tracebacks, which are written to a file."""

    def formatException(self, _: Any) -> str:  # noqa: N802  # overrides a method of logging
        return f"Details: {_write_log()}"


def guarded(function: Callable[[], object]) -> NoReturn:
    """Run a function and exit with the matching code; errors are printed as sentences."""
    log_lines = logging.StreamHandler()
    log_lines.setFormatter(_SentenceFormatter())
    logging.basicConfig(handlers=[log_lines])
    received: list[int] = []
    exit_codes: list[int] = []
    # The functions that libraries register from now on run before this one.
    atexit.register(end_process, exit_codes)

    def interrupt(number: int, _frame: object) -> None:
        received.append(number)
        if len(received) > 1:
            # The second time, the user does not want to wait until files are closed.
            os._exit(128 + number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        # A command that a script started in the background ignores Ctrl-C.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        function()
    except SystemExit as exit_request:
        # typer has already turned an interrupt into an exit.
        if exit_request.code == _INTERRUPTED:
            _exit_interrupted(received, exit_codes)
        raise
    except (KeyboardInterrupt, Cancelled):
        _exit_interrupted(received, exit_codes)
    except BrokenPipeError:
        # Nothing reads standard output any longer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ChipscapeError as error:
        _show_error(str(error))
        sys.exit(1)
    except OSError as error:
        # For example a full disk, a missing permission, or a file where a folder should be.
        path = Path(error.filename or "")
        text = f"{f'{path}: ' if error.filename else ''}{error.strerror or error}."
        _show_error(f"{disk_error(error, path, path) or text} Details: {_write_log()}")
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # a defect is reported in a sentence
        if received:
            # Libraries turn an interrupt into errors of their own, for example while they load.
            _exit_interrupted(received, exit_codes)
        _show_error(f"Unexpected error, {type(error).__name__}: {error}. Details: {_write_log()}")
        sys.exit(1)
    sys.exit(0)


def _exit_interrupted(received: list[int], exit_codes: list[int]) -> NoReturn:
    _show_error(_INTERRUPTED_TEXT)
    exit_codes.append(_TERMINATED if received == [signal.SIGTERM] else _INTERRUPTED)
    sys.exit(exit_codes[0])


def end_process(exit_codes: list[int]) -> None:
    """End an interrupted process without freeing its modules, which takes 0.3 core-seconds."""
    if exit_codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_codes[0])


def _show_error(message: str) -> None:
    if machine_read():
        sys.stderr.write(json.dumps({"error": message}) + "\n")
    else:
        errors.print(f"[bold red]error[/] {escape(message)}")


def _write_log() -> Path:
    """Write the traceback to a file, for a bug report."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="chipscape-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exc(file=file)
    return Path(file.name)


def _line_writer(stage: str) -> Progress:
    last_time = 0.0

    def report(completed: int, total: int, note: str) -> bool:
        nonlocal last_time
        time_now = time.monotonic()
        if time_now - last_time >= _SECONDS_PER_LINE or completed >= total:
            last_time = time_now
            row = {"stage": stage, "done": completed, "total": total, "note": note}
            sys.stderr.write(json.dumps(row) + "\n")
            sys.stderr.flush()
        return False

    return report


def _bar(bars: Bars, stage: str) -> Progress:
    task = bars.add_task(stage, total=None, note="")

    def report(completed: int, total: int, note: str) -> bool:
        bars.update(task, completed=completed, total=total, note=escape(note))
        return False

    return report
