"""Calls on the workers of a Dask cluster, and their results, which come although workers die."""

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from core import __version__
from core.errors import ChipscapeError, ClusterError

log = logging.getLogger(__name__)

NO_WORKER = "No Dask worker is connected"
"""How the line begins that a command prints while it waits for workers."""
# Seconds between two looks at the workers while a result is awaited.
POLL_SECONDS = 1.0
# Without a worker for so long, the user is told, and then the work ends with an error. A new pod or
# machine may take minutes to start.
WARNING_SECONDS, PATIENCE_SECONDS = 5.0, 300.0
_TELLING = Lock()
_told: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
_n_calls = 0


@contextmanager
def _explained_errors(client: Any) -> Iterator[None]:
    """Turn errors of the cluster into errors for the user."""
    from distributed import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise ClusterError(
            "several workers died one after another while they worked on the same block",
            where="--scheduler",
            remedy="They may lack memory: give each worker more, or fewer threads.",
        ) from error
    except CancelledError as error:
        if client.status == "running":
            raise
        raise lost_scheduler_error() from error


def version_error(worker: str, version: str, expected: str) -> ClusterError:
    """Return the error for a worker with another version of Chipscape than expected."""
    return ClusterError(
        f"{worker} has Chipscape {version}, not {expected}",
        where="--scheduler",
        remedy="Install the same version on all workers.",
    )


def lost_scheduler_error() -> ClusterError:
    """Return the error for a scheduler that has ended, or cannot be reached any longer."""
    return ClusterError(
        "the connection to the Dask scheduler was lost",
        where="--scheduler",
        remedy="Start the scheduler and run the same command again; finished work is kept.",
    )


def submit_call(client: Any, function: Callable[..., Any], *arguments: Any, name: str = "") -> Any:
    """Return the future of a call on a worker; Dask's dashboard shows it under the name.

    Raises TypeError if an argument cannot be pickled.
    """
    global _n_calls  # noqa: PLW0603  # see `count_calls`
    _n_calls += 1
    with warnings.catch_warnings():
        # A classifier is large, but it is sent only once.
        warnings.filterwarnings("ignore", "Sending large graph")
        key = f"{(name or function.__name__).strip('_')}-{uuid4().hex}"
        return client.submit(_call_plainly, __version__, function, *arguments, key=key, pure=False)


def count_calls() -> int:
    """Return how many calls this process has sent to workers so far."""
    return _n_calls


def _call_plainly(version: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function on a worker, and raise its errors without their causes.

    Some errors of GDAL, which cause a SceneError, cannot be sent to another process. Raises
    ClusterError if the worker, which may have joined late, has another version of Chipscape.
    """
    if version != __version__:
        raise version_error("a worker", __version__, version)
    try:
        return function(*arguments)
    except ChipscapeError as error:
        error.__cause__ = error.__context__ = None
        raise error.with_traceback(None) from None


def await_result(client: Any, future: Any, poll: Callable[[], object] = lambda: None) -> Any:
    """Return the result of a future, and raise ClusterError if no worker can compute it.

    A worker that dies is replaced by Dask, and its tasks are run again, so this only ends if no
    worker has been connected for some minutes, if the scheduler is lost, or if a task has killed
    several workers. `poll` is called about once a second, and may raise an exception to stop the
    waiting.
    """
    from distributed import wait

    alone_since: float | None = None
    is_told = False
    with _explained_errors(client):
        while True:
            # A result that is fetched with a short timeout may cancel the fetching of others.
            with suppress(TimeoutError, CancelledError):
                wait(future, timeout=POLL_SECONDS)  # type: ignore[no-untyped-call]
            if future.status in ("error", "cancelled"):
                return future.result()
            if future.done():
                with suppress(TimeoutError):
                    return future.result(timeout=PATIENCE_SECONDS)
            poll()
            if client.status != "running":
                raise lost_scheduler_error()
            if _has_worker(client):
                alone_since = None
                continue
            alone_since = alone_since or time.monotonic()
            seconds = time.monotonic() - alone_since
            if seconds > WARNING_SECONDS and not is_told:
                _tell_of_waiting(client)
                is_told = True
            if seconds > PATIENCE_SECONDS:
                raise ClusterError(
                    f"no Dask worker has been connected for {PATIENCE_SECONDS:.0f} s",
                    where="--scheduler",
                    remedy="Start workers with `dask worker`, then run the same command again; "
                    "finished work is kept.",
                )


def _tell_of_waiting(client: Any) -> None:
    """Tell the user that no worker is connected, once although several threads wait."""
    with _TELLING:
        last = _told.get(client, -PATIENCE_SECONDS)
        if time.monotonic() - last > PATIENCE_SECONDS / 2:
            _told[client] = time.monotonic()
            address, minutes = client.scheduler.address, PATIENCE_SECONDS / 60
            log.warning("%s to %s; waiting up to %.0f minutes.", NO_WORKER, address, minutes)


def _has_worker(client: Any) -> bool:
    try:
        return bool(client.nthreads())
    except (OSError, TimeoutError) as error:
        raise lost_scheduler_error() from error


def count_threads(client: Any) -> int:
    """Return the number of threads of all workers."""
    return sum(client.nthreads().values())
