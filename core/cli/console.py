"""What the command line says: results on standard output, all else on standard error."""

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from core.errors import Cancelled, ChipscapeError
from core.pipeline.run import Reporter
from core.progress import Progress

# Set by a parent process that reads progress as JSON lines, as the app does.
PROGRESS = "CHIPSCAPE_PROGRESS"
INTERRUPTED = 130
KEPT = "Interrupted. What was finished is kept; the same command goes on from there."
# Seconds between two lines of progress; a reader needs no more.
EVERY = 0.1

errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
results = Console(highlight=False, soft_wrap=True, emoji=False)


def emit(result: dict[str, Any]) -> None:
    """Print the result as one JSON object on one line of standard output."""
    sys.stdout.write(json.dumps(result, default=str, allow_nan=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a line of the result for people on standard output; never beside `emit`."""
    results.print(escape(text))


def remark(text: str) -> None:
    """Print a line beside the result, on standard error."""
    errors.print(escape(text))


def counted(n: int, noun: str) -> str:
    """A number with its noun, "1 scene" and "2 scenes"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def machine_read() -> bool:
    """True if a parent process reads progress as JSON lines."""
    return os.environ.get(PROGRESS) == "jsonl"


@contextmanager
def reporter() -> Iterator[Reporter]:
    """Listeners for each stage: JSON lines, bars on a terminal, or silence."""
    if machine_read():
        yield _lines
        return
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn())
    bars = Bars(*columns, TimeElapsedColumn(), TextColumn("{task.fields[note]}"), console=errors)
    with bars if errors.is_terminal else _quiet():
        yield lambda stage: _bar(bars, stage)


def guarded(call: Callable[[], object]) -> NoReturn:
    """Run a call and leave with the exit code it earns; no traceback is shown."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        call()
    except SystemExit as leaving:
        # typer turns an interrupt into an exit before it comes here.
        if leaving.code == INTERRUPTED:
            _tell(KEPT)
        raise
    except (KeyboardInterrupt, Cancelled):
        _tell(KEPT)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ChipscapeError as error:
        _tell(str(error))
        sys.exit(1)
    except OSError as error:
        # A full disk, a permission, a file in the way of a folder.
        place = f"{error.filename}: " if error.filename else ""
        _tell(f"{place}{error.strerror or error}. Details: {_log()}")
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # the last resort: a defect is told, not dumped
        _tell(f"Unexpected error, {type(error).__name__}: {error}. Details: {_log()}")
        sys.exit(1)
    sys.exit(0)


def _tell(message: str) -> None:
    if machine_read():
        sys.stderr.write(json.dumps({"error": message}) + "\n")
    else:
        errors.print(f"[bold red]error[/] {escape(message)}")


def _log() -> Path:
    """Keep the traceback where a bug report can find it."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="chipscape-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exc(file=file)
    return Path(file.name)


def _lines(stage: str) -> Progress:
    last = 0.0

    def report(done: int, total: int, note: str) -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last >= EVERY or done >= total:
            last = now
            row = {"stage": stage, "done": done, "total": total, "note": note}
            sys.stderr.write(json.dumps(row) + "\n")
            sys.stderr.flush()
        return False

    return report


def _bar(bars: Bars, stage: str) -> Progress:
    task = bars.add_task(stage, total=None, note="")

    def report(done: int, total: int, note: str) -> bool:
        bars.update(task, completed=done, total=total, note=escape(note))
        return False

    return report


@contextmanager
def _quiet() -> Iterator[None]:
    yield
