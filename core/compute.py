"""Functions applied to many items, in threads or on the connected Dask cluster.

A function must be importable, and its items and results picklable. Only the caller writes files, so
the same code works for threads and clusters.
"""

import os
import platform
import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, TypeVar

from core.errors import WorkspaceError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Enough chunks that a slow one does not leave the other threads idle.
CHUNKS_PER_WORKER = 4
# Number of results that may wait for the caller, in addition to one per worker. It limits memory.
RESULTS_AHEAD = 4


def n_workers() -> int:
    """Return the number of CPU cores that this process may use."""
    has_affinity = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


def machine_mark() -> str:
    """Return a short text that differs between machines, without the machine's name."""
    text = f"{platform.node()} {platform.machine()} {platform.processor()}"
    return f"{zlib.crc32(text.encode()):08x}"


def map_row_chunks(n: int, call: Callable[[int, int], object]) -> None:
    """Call ``call(start, stop)`` on contiguous chunks of n rows, one thread per worker.

    `call` should release the GIL, as compiled loops do.
    """
    n_chunks = min(n, CHUNKS_PER_WORKER * n_workers())
    if n_chunks < 2 or n_workers() == 1:
        call(0, n)
        return
    bounds = [n * chunk // n_chunks for chunk in range(n_chunks + 1)]
    with ThreadPoolExecutor(n_workers()) as pool:
        list(pool.map(call, bounds, bounds[1:]))


def active_client() -> Any:
    """Return the connected Dask client, or None; never imports dask itself."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        client = distributed.get_client()
    except ValueError:
        return None
    # A client that never reached its scheduler stays registered; using it would block for ever.
    return client if client.status == "running" else None


def connect_scheduler(address: str) -> Any:
    """Connect this process to a Dask scheduler and return the client.

    Raises WorkspaceError if no scheduler answers within ten seconds.
    """
    from distributed import Client

    try:
        return Client(address, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise WorkspaceError(
            "no Dask scheduler answers",
            where=address,
            remedy="Start one with `dask scheduler`, or leave --scheduler out.",
        ) from error


def stream_results(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` for each item in order, computing ahead with bounded memory.

    An exception in the function is raised here, and items that have not started are cancelled.
    """
    client = active_client()
    workers: Any = ThreadPoolExecutor(n_workers()) if client is None else nullcontext(client)
    options = {} if client is None else {"pure": False}
    with workers as pool:
        submitted = (pool.submit(function, item, **options) for item in items)
        for future in _stay_ahead(submitted, RESULTS_AHEAD + n_workers()):
            yield future.result()


def read_ahead(
    function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator["Future[Result]"]:
    """Yield a future of ``function(item)`` for each item in order, one item ahead of the caller.

    The function runs in a thread while the caller works on the result before. An exception in it
    is raised by the result of its future, so that the caller can go on with the next item.
    """
    with ThreadPoolExecutor(1) as pool:
        yield from _stay_ahead((pool.submit(function, item) for item in items), 1)


def _stay_ahead(submitted: Iterator["Future[Result]"], n_ahead: int) -> Iterator["Future[Result]"]:
    """Yield futures in order, taking `n_ahead` more from an iterator that submits them."""
    futures: deque[Future[Result]] = deque()
    try:
        for future in submitted:
            futures.append(future)
            if len(futures) > n_ahead:
                yield futures.popleft()
        while futures:
            yield futures.popleft()
    finally:
        for future in futures:
            future.cancel()
