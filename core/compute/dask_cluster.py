"""The connection to a Dask cluster, and waiting for results of workers that may die.

Workers import Chipscape, read their inputs and write their results themselves. Only keys, counts
and errors pass through the scheduler.
"""

import atexit
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

from core import __version__
from core.compute.cores import CORES, n_workers
from core.errors import WorkspaceError

log = logging.getLogger(__name__)

LOCAL = "local:"
DASHBOARD = "Dask's dashboard: "
"""How the line begins with which a command states the address of the dashboard."""
LONELY = "No Dask worker is connected; waiting for one."
"""What a command says while it waits for workers."""
_THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
# Dask makes its workers return memory to the system after every few arrays (a trim threshold of
# 64 KiB), and the system must then clear it again. Encoders that work on small arrays took twice
# the processor time. With these thresholds, in bytes, they take as long as without Dask.
_ALLOCATION = {"MALLOC_TRIM_THRESHOLD_": str(2**28), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
# Seconds between two looks at the workers while a result is awaited.
POLL_SECONDS = 1.0
# Without a worker for so long, the user is told, and then the work ends with an error. A new pod or
# machine may take minutes to start.
WARNING_SECONDS, PATIENCE_SECONDS = 5.0, 300.0
# The folder in an object store through which workers without the workspace's folder get and return
# rows; empty if they see the folder. It is set by `connect_scheduler`.
_exchange = ""


def active_client() -> Any:
    """Return the connected Dask client, or None; never imports dask itself.

    A function that runs on a worker has none, because it must not wait for other workers.
    """
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    with suppress(ValueError):
        distributed.get_worker()
        return None
    try:
        client = distributed.get_client()
    except ValueError:
        return None
    # A client that never reached its scheduler stays registered; using it would block for ever.
    return client if client.status == "running" else None


def exchange_folder() -> str:
    """Return the address of the folder in an object store for rows; empty without one."""
    return _exchange if active_client() is not None else ""


def connect_scheduler(address: str, workspace: Path | None = None, exchange: str = "") -> Any:
    """Connect this process to a Dask scheduler and return the client.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT``, or ``local:N`` for N worker processes on this machine, which end with
        this process.
    workspace : Path, optional
        Folder that every worker must see under the same path, unless there is an exchange.
    exchange : str, optional
        Folder in an object store, as an address that fsspec understands (``s3://bucket/folder``).

    Raises WorkspaceError if no scheduler answers within ten seconds, or if a worker has another
    version of Chipscape or does not see the workspace.
    """
    from distributed import Client

    # What matters to the user is said here; Dask's own messages come with tracebacks.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    local = _start_local_cluster(address) if address.startswith(LOCAL) else None
    try:
        client = Client(local or address, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise WorkspaceError(
            "no Dask scheduler answers",
            where=address,
            remedy="Start one with `dask scheduler`, use local:2 for two worker processes on this "
            "machine, or leave --scheduler out.",
        ) from error
    atexit.register(disconnect, client)
    _require_same_workers(client, None if exchange else workspace)
    _use_exchange(exchange)
    if "dashboard" in client.scheduler_info().get("services", {}) and find_spec("bokeh"):
        log.warning("%s%s", DASHBOARD, client.dashboard_link)
    return client


def disconnect(client: Any) -> None:
    """Close a connection, and end the worker processes that were started for it."""
    atexit.unregister(disconnect)
    cluster = client.cluster
    client.close()
    if cluster is not None:
        cluster.close()


def _start_local_cluster(address: str) -> Any:
    """Start worker processes on this machine, among which its cores are divided."""
    import dask
    from distributed import LocalCluster

    text = address.removeprefix(LOCAL)
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise WorkspaceError(
            "this is not a number of worker processes from 1 to 256",
            where=f"--scheduler {address}",
            remedy=f"Write, for example, {LOCAL}{n_workers()}.",
        )
    share = str(max(1, n_workers() // int(text)))
    environment = dict.fromkeys((CORES, *_THREAD_LIMITS), share) | _ALLOCATION
    # Before the processes start, since libraries read these variables when they are loaded.
    with dask.config.set({"distributed.nanny.pre-spawn-environ": environment}):
        return LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=int(text),
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )


def _worker_state(file: str) -> tuple[str, bool]:
    """Return a worker's version of Chipscape, and whether it sees a file."""
    return __version__, not file or Path(file).exists()


@contextmanager
def _probe(folder: Path | None) -> Iterator[str]:
    """Yield the path of an empty file in a folder; an empty text without a folder to write to."""
    try:
        with tempfile.NamedTemporaryFile(prefix=".workers-", dir=folder) as file:
            yield file.name if folder else ""
    except OSError:
        yield ""


def _require_same_workers(client: Any, folder: Path | None) -> None:
    """Raise WorkspaceError if a worker cannot do the work of this process."""
    try:
        with _probe(folder) as file:
            states = client.run(_worker_state, file)
    except (ImportError, AttributeError) as error:
        raise WorkspaceError(
            f"a worker cannot import this version of Chipscape ({error})",
            where="--scheduler",
            remedy="Install the same version on all workers.",
        ) from error
    for worker, (version, sees_folder) in states.items():
        if version != __version__:
            raise WorkspaceError(
                f"the worker {worker} has Chipscape {version}, not {__version__}",
                where="--scheduler",
                remedy="Install the same version on all workers.",
            )
        if not sees_folder:
            raise WorkspaceError(
                f"the worker {worker} does not see this folder",
                where=str(folder),
                remedy="Mount the workspace under the same path on all workers, or give an object "
                "store with --exchange.",
            )


def _use_exchange(address: str) -> None:
    """Use a new folder at an address for rows, and delete it when this process ends."""
    global _exchange  # noqa: PLW0603  # one connection in a process
    _exchange = ""
    if not address:
        return
    from fsspec.core import url_to_fs

    folder = f"{address.rstrip('/')}/chipscape-{uuid4().hex[:12]}"
    try:
        system, path = url_to_fs(folder)
        system.makedirs(path, exist_ok=True)
        system.pipe_file(f"{path}/ready", b"")
    except (OSError, ValueError, ImportError) as error:
        raise WorkspaceError(
            f"cannot be written to ({error})",
            where=f"--exchange {address}",
            remedy="Check the address and the credentials, and install the package that fsspec "
            "needs for it, such as s3fs.",
        ) from error

    def clear() -> None:
        with suppress(OSError):
            system.rm(path, recursive=True)

    atexit.register(clear)
    _exchange = folder


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
