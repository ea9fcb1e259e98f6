"""Work items mapped over threads of this machine, or over a Dask cluster where one is connected.

The function and its items must be importable and picklable, and results come back to the caller,
who alone writes; so the same code serves both.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Results held in memory at once, so that memory does not grow with the number of items.
AHEAD = 4


def n_workers() -> int:
    """Threads that this machine's share of cores can feed."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def active_client() -> Any:
    """The connected Dask client of this process, or None; dask is imported only where it is."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        client = distributed.get_client()
    except ValueError:
        return None
    # One that never reached its scheduler stays registered, and would wait for ever.
    return client if client.status == "running" else None


def connect(address: str) -> Any:
    """Connect this process to a Dask scheduler.

    Raises
    ------
    WorkspaceError
        If no scheduler answers within ten seconds.
    """
    from distributed import Client

    from core.errors import WorkspaceError

    try:
        return Client(address, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise WorkspaceError(
            "no Dask scheduler answers",
            where=address,
            remedy="Start one with `dask scheduler`, or leave --scheduler out.",
        ) from error


def stream(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Results in the order of the items, computed ahead of the caller, with bounded memory.

    Whatever the function raises is raised here, and what was not yet started is dropped.
    """
    client = active_client()
    if client is not None:
        yield from _stream(lambda item: client.submit(function, item, pure=False), items)
        return
    with ThreadPoolExecutor(n_workers()) as pool:
        yield from _stream(lambda item: pool.submit(function, item), items)


def _stream(submit: Callable[[Item], "Future[Result]"], items: Sequence[Item]) -> Iterator[Result]:
    running: deque[Future[Result]] = deque()
    try:
        for item in items:
            running.append(submit(item))
            if len(running) > AHEAD + n_workers():
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
