"""The end of the server ends its jobs."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.session.job_board import BOARDS


@asynccontextmanager
async def end_jobs_with_server(_app: object) -> AsyncIterator[None]:
    """End all jobs when the server receives SIGTERM or Ctrl-C; its lifespan.

    The server then waits for its connections, which may take long, and ends without running the
    functions that are registered with `atexit`.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            _cancel_on_signal(number)
    yield
    for board in list(BOARDS):
        await asyncio.to_thread(board.close)


def _cancel_on_signal(number: signal.Signals) -> None:
    """Cancel all jobs when a signal arrives, before the server handles it."""
    former = signal.getsignal(number)

    def handle(received: int, frame: Any) -> None:
        # In a thread, because the interrupted code may hold the lock of a board.
        for board in list(BOARDS):
            threading.Thread(target=board.cancel_all, daemon=True).start()
        if callable(former):
            former(received, frame)

    if callable(former):
        signal.signal(number, handle)
