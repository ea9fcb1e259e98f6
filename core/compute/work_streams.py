"""Functions applied to many items, in threads or on the connected Dask cluster.

On a cluster, a function must be importable, and its items and results picklable and small: what is
large is read and written by the function itself, see `core.artifacts.row_target`.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from core.compute.cores import n_workers
from core.compute.dask_cluster import active_client, await_result, count_threads
from core.errors import Cancelled
from core.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

# Enough chunks that a slow one does not leave the other threads idle.
CHUNKS_PER_WORKER = 4
# Number of results that may wait for the caller, in addition to one per worker. It limits memory.
RESULTS_AHEAD = 4
# Items of several groups that are worked on at the same time by a cluster.
GROUPS_AHEAD = 8


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


def stream_results(
    function: Callable[[Item], Result], items: Iterable[Item], *, local: bool = False
) -> Iterator[Result]:
    """Yield ``function(item)`` for each item in order, computing ahead with bounded memory.

    The items are computed by the connected cluster, or in threads if there is none or if `local`.
    An exception in the function is raised here, and items that have not started are cancelled.
    """
    client = None if local else active_client()
    if client is None:
        with ThreadPoolExecutor(n_workers()) as pool:
            submitted = (pool.submit(function, item) for item in items)
            for future in _stay_ahead(submitted, RESULTS_AHEAD + n_workers()):
                yield future.result()
        return
    n_ahead = RESULTS_AHEAD + max(RESULTS_AHEAD, 2 * count_threads(client))
    tasks = (client.submit(function, item, pure=False) for item in items)
    for future in _stay_ahead(tasks, n_ahead):
        yield await_result(client, future)


def map_groups(
    function: Callable[[Item, Progress], Result],
    items: Sequence[Item],
    sizes: Sequence[int],
    report: Progress,
) -> list[Result]:
    """Return ``function(item, report)`` for each item, such as a scene, in order.

    Without a cluster, one item follows the other. With one, threads work on several items at a
    time, so that the workers always have enough to do; the threads themselves only wait. `sizes`
    are the numbers of steps of the items, which the progress adds up. If an item raises an
    exception, or this thread is interrupted, the other items stop at their next step.
    """
    total, completed, stop = sum(sizes), [0] * len(items), threading.Event()

    def run(index: int) -> Result:
        def listen(n_completed: int, _: int, note: str) -> bool:
            completed[index] = n_completed
            return stop.is_set() or report(sum(completed), total, note)

        if stop.is_set():
            raise Cancelled
        try:
            result = function(items[index], listen)
        except BaseException:
            stop.set()
            raise
        completed[index] = sizes[index]
        return result

    if active_client() is None:
        return [run(index) for index in range(len(items))]
    with ThreadPoolExecutor(GROUPS_AHEAD) as pool:
        futures = [pool.submit(run, index) for index in range(len(items))]
        try:
            errors = [error for future in futures if (error := future.exception())]
        except BaseException:
            stop.set()
            raise
    # The others have stopped because of the one that is not a cancellation.
    for error in sorted(errors, key=lambda error: isinstance(error, Cancelled)):
        raise error
    return [future.result() for future in futures]


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
