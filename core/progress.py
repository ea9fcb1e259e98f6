"""Progress callbacks, which can stop the work."""

from collections.abc import Callable

from core.errors import Cancelled

Progress = Callable[[int, int, str], bool]
"""``report(completed, total, note) -> stop``, called between steps; True stops the work."""


def silent(completed: int, total: int, note: str) -> bool:  # noqa: ARG001
    """Ignore the progress and never stop the work; the default for every `report`."""
    return False


def report_step(report: Progress, completed: int, total: int, note: str) -> None:
    """Report that `completed` of `total` steps are finished.

    Raises Cancelled if `report` asks the work to stop.
    """
    if report(completed, total, note):
        raise Cancelled(note)


def shifted(report: Progress, before: int, total: int) -> Progress:
    """Return a callback for a part of the work that begins after `before` of `total` steps."""
    return lambda completed, _, note: report(before + completed, total, note)
