"""Calls on the workers of a Dask cluster, and their results, which come although workers die."""

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from core.errors import WorkspaceError

log = logging.getLogger(__name__)

LONELY = "No Dask worker is connected; waiting for one."
"""What a command says while it waits for workers."""
# Seconds between two looks at the workers while a result is awaited.
POLL_SECONDS = 1.0
# Without a worker for so long, the user is told, and then the work ends with an error. A new pod or
# machine may take minutes to start.
WARNING_SECONDS, PATIENCE_SECONDS = 5.0, 300.0


@contextmanager
def _explained_errors(client: Any) -> Iterator[None]:
    """Turn errors of the cluster into errors for the user."""
    from distributed import KilledWorker

    try:
        yield
    except KilledWorker as error:
        raise WorkspaceError(
            "several workers died one after another during the same part of the work",
            where="--scheduler",
            remedy="They may lack memory: give each worker more, or fewer threads.",
        ) from error
    except CancelledError as error:
        if client.status == "running":
            raise
        raise _lost_scheduler_error() from error


def _lost_scheduler_error() -> WorkspaceError:
    return WorkspaceError(
        "the connection to the Dask scheduler was lost",
        where="--scheduler",
        remedy="Start the scheduler and run the same command again; finished blocks are kept.",
    )


def submit_call(client: Any, function: Callable[..., Any], *arguments: Any, name: str = "") -> Any:
    """Return the future of a call on a worker; Dask's dashboard shows it under the name.

    Raises TypeError if an argument cannot be pickled.
    """
    with warnings.catch_warnings():
        # A classifier is large, but it is sent only once.
        warnings.filterwarnings("ignore", "Sending large graph")
        key = f"{(name or function.__name__).strip('_')}-{uuid4().hex}"
        return client.submit(function, *arguments, key=key, pure=False)


def await_result(client: Any, future: Any, poll: Callable[[], object] = lambda: None) -> Any:
    """Return the result of a future, and raise WorkspaceError if no worker can compute it.

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
                raise _lost_scheduler_error()
            if _has_worker(client):
                alone_since = None
                continue
            alone_since = alone_since or time.monotonic()
            seconds = time.monotonic() - alone_since
            if seconds > WARNING_SECONDS and not is_told:
                log.warning(LONELY)
                is_told = True
            if seconds > PATIENCE_SECONDS:
                raise WorkspaceError(
                    f"no Dask worker has been connected for {PATIENCE_SECONDS:.0f} s",
                    where="--scheduler",
                    remedy="Start workers with `dask worker`, then run the same command again; "
                    "finished blocks are kept.",
                )


def _has_worker(client: Any) -> bool:
    try:
        return bool(client.nthreads())
    except (OSError, TimeoutError) as error:
        raise _lost_scheduler_error() from error


def count_threads(client: Any) -> int:
    """Return the number of threads of all workers."""
    return sum(client.nthreads().values())
