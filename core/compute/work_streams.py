"""Functions applied to many items, in threads or on the connected Dask cluster.

On a cluster, a function must be importable, and its items and results picklable and small: what is
large is read and written by the function itself, see `core.artifacts.row_target`.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

from core.compute.cores import n_workers
from core.compute.dask_cluster import active_client
from core.compute.worker_results import await_result, count_threads, submit_call
from core.errors import Cancelled
from core.progress import Progress

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

# Enough chunks that a slow one does not leave the other threads idle.
CHUNKS_PER_WORKER = 4
# Number of results that may wait for the caller, in addition to one per worker. It limits memory.
RESULTS_AHEAD = 4
# Groups of items, such as the blocks of a scene, that a cluster works on at the same time.
GROUPS_AHEAD = 8
# The thread's event that asks it to stop.
_group = threading.local()


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
) -> Generator[Result]:
    """Yield ``function(item)`` for each item in order, computing ahead with bounded memory.

    The items are computed by the connected cluster, or in threads if there is none or if `local`.
    An exception in the function is raised here, and items that have not started are cancelled.
    """
    stream = None if local else stream_from_workers(function, items)
    if stream is not None:
        yield from stream
        return
    with ThreadPoolExecutor(n_workers()) as pool:
        submitted = (pool.submit(function, item) for item in items)
        for future in _stay_ahead(submitted, RESULTS_AHEAD + n_workers()):
            yield future.result()


def stream_from_workers(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Generator[Result] | None:
    """Return an iterator like `stream_results` over results of the cluster; None without one.

    The arguments that a `functools.partial` has bound, such as a classifier, are sent once and not
    with every item. If they cannot be pickled, this is logged, and None is returned. Close the
    iterator (`contextlib.closing`) if its consumer may raise an exception: the garbage collector
    may do so in a thread that must not wait.
    """
    client = active_client()
    if client is None:
        return None
    sent: object = function
    if isinstance(function, partial):
        try:
            sent = submit_call(client, _identity, function)
        except TypeError as error:
            name = function.func.__name__
            log.warning("%s cannot be sent to workers, so it runs here (%s).", name, error.args[0])
            return None
    return _await_in_order(client, function, sent, items)


def _await_in_order(
    client: Any, function: Callable[[Item], Result], sent: Any, items: Iterable[Item]
) -> Generator[Result]:
    """Yield the results of a function that has been sent to the workers."""
    name = function.func.__name__ if isinstance(function, partial) else function.__name__
    n_ahead = RESULTS_AHEAD + max(RESULTS_AHEAD, 2 * count_threads(client))
    tasks = (submit_call(client, sent, item, name=name) for item in items)
    with closing(_stay_ahead(tasks, n_ahead)) as futures:
        for future in futures:
            yield await_result(client, future, _stop_if_asked)


def _identity(function: Callable[[Item], Result]) -> Callable[[Item], Result]:
    return function


def _stop_if_asked() -> None:
    """Raise Cancelled in a thread of `map_groups` whose other threads have stopped."""
    stop = getattr(_group, "stop", None)
    if stop is not None and stop.is_set():
        raise Cancelled


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

        _stop_if_asked()
        try:
            result = function(items[index], listen)
        except BaseException:
            stop.set()
            raise
        completed[index] = sizes[index]
        return result

    if active_client() is None:
        return [run(index) for index in range(len(items))]
    with ThreadPoolExecutor(
        GROUPS_AHEAD, initializer=setattr, initargs=(_group, "stop", stop)
    ) as pool:
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
) -> Generator["Future[Result]"]:
    """Yield a future of ``function(item)`` for each item in order, one item ahead of the caller.

    The function runs in a thread while the caller works on the result before. An exception in it
    is raised by the result of its future, so that the caller can go on with the next item.
    """
    with ThreadPoolExecutor(1) as pool:
        yield from _stay_ahead((pool.submit(function, item) for item in items), 1)


def _stay_ahead(submitted: Iterator["Future[Result]"], n_ahead: int) -> Generator["Future[Result]"]:
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
