"""Progress as a callback that may ask the work to stop."""

from collections.abc import Callable

from core.errors import Cancelled

Progress = Callable[[int, int, str], bool]
"""``report(done, total, note) -> stop``: called between steps; True asks the work to stop."""


def silent(done: int, total: int, note: str) -> bool:  # noqa: ARG001
    """Report to nobody and never stop."""
    return False


def step(report: Progress, done: int, total: int, note: str) -> None:
    """Report one step.

    Raises
    ------
    Cancelled
        If the listener asked to stop.
    """
    if report(done, total, note):
        raise Cancelled(note)
