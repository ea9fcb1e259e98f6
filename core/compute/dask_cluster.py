"""The connection to a Dask cluster.

Workers import Chipscape, read their inputs and write their results themselves. Only keys, counts
and errors pass through the scheduler.
"""

import atexit
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from core import __version__
from core.compute.cores import CORES, n_workers
from core.compute.worker_results import lost_scheduler_error, version_error
from core.errors import ClusterError

log = logging.getLogger(__name__)

LOCAL = "local:"
DASHBOARD = "Dask's dashboard: "
"""How the line begins with which a command states the address of the dashboard."""
_THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# Dask makes its workers return memory to the system after every few arrays (a trim threshold of
# 64 KiB), and the system must then clear it again. Encoders that work on small arrays took twice
# the processor time. With these thresholds, in bytes, they take as long as without Dask.
_ALLOCATION = {"MALLOC_TRIM_THRESHOLD_": str(2**28), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
# The folder in an object store through which workers without the workspace's folder get and return
# rows; empty if they see the folder. It is set by `connect_scheduler`.
_exchange = ""
# The client that `connect_scheduler` has connected.
_connected: Any = None


def is_worker() -> bool:
    """Return True in a function that runs on a worker."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True


def active_client() -> Any:
    """Return the connected Dask client, or None; never imports dask itself.

    A function that runs on a worker has none, because it must not wait for other workers. Raises
    ClusterError if the scheduler to which `connect_scheduler` has connected is lost.
    """
    distributed = sys.modules.get("distributed")
    if distributed is None or is_worker():
        return None
    if _connected is not None and _connected.status != "running":
        raise lost_scheduler_error()
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

    Raises ClusterError if no scheduler answers within ten seconds, or if a worker has another
    version of Chipscape or does not see the workspace.
    """
    from distributed import Client

    global _connected  # noqa: PLW0603  # one connection in a process
    # What matters to the user is said here; Dask's own messages come with tracebacks.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    local = _start_local_cluster(address) if address.startswith(LOCAL) else None
    try:
        client = Client(local or address, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as error:
        # A TypeError comes from an address tls:// without certificates in Dask's configuration.
        raise ClusterError(
            "no Dask scheduler answers",
            where=address,
            remedy="Start one with `dask scheduler`, use local:2 for two worker processes on this "
            "machine, or omit --scheduler.",
        ) from error
    _connected = client
    # Functions at exit run in reverse order: the exchange is cleared when no task writes to it.
    _use_exchange(exchange)
    atexit.register(disconnect, client)
    _require_same_workers(client, None if exchange else workspace)
    if "dashboard" in client.scheduler_info().get("services", {}):
        log.warning("%s%s", DASHBOARD, client.dashboard_link)
    return client


def disconnect(client: Any) -> None:
    """Close a connection, and end the worker processes that were started for it."""
    global _connected  # noqa: PLW0603  # one connection in a process
    atexit.unregister(disconnect)
    _connected = None
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
        raise ClusterError(
            f"{address!r} does not state a number of worker processes from 1 to 256",
            where="--scheduler",
            remedy=f"Write, for example, {LOCAL}{n_workers()}.",
        )
    share = str(max(1, n_workers() // int(text)))
    environment = dict.fromkeys(_THREAD_LIMITS, share) | _ALLOCATION
    # Before the processes start, since libraries read these variables when they are loaded. Dask
    # sets them in this process too, where the others would limit what it computes itself.
    with dask.config.set({"distributed.nanny.pre-spawn-environ": environment}):
        return LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=int(text),
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            env=dict.fromkeys((CORES, "NUMBA_NUM_THREADS"), share),
            silence_logs=logging.CRITICAL,
        )


def _worker_state(file: str) -> tuple[str, bool]:
    """Return a worker's version of Chipscape, and whether it can write to a file."""
    if not file:
        return __version__, True
    try:
        with Path(file).open("r+b"):
            return __version__, True
    except OSError:
        return __version__, False


@contextmanager
def _probe(folder: Path | None) -> Iterator[str]:
    """Yield the path of an empty file in a folder; an empty text without a folder to write to."""
    if folder is None or not os.access(folder, os.W_OK):
        yield ""
        return
    with tempfile.NamedTemporaryFile(prefix=".workers-", dir=folder) as file:
        yield file.name


def _require_same_workers(client: Any, workspace: Path | None) -> None:
    """Raise ClusterError if a worker cannot do the work of this process."""
    results = None if workspace is None else workspace / "artifacts"
    folder = results if results is None or results.is_dir() else workspace
    try:
        with _probe(folder) as file:
            states = client.run(_worker_state, file)
    except (ImportError, AttributeError) as error:
        raise ClusterError(
            f"a worker cannot import this version of Chipscape ({error})",
            where="--scheduler",
            remedy="Install the same version on all workers.",
        ) from error
    except OSError as error:
        raise ClusterError(
            f"a worker does not answer ({error})",
            where="--scheduler",
            remedy="Check that it is running, then try again.",
        ) from error
    for worker, (version, is_writable) in states.items():
        if version != __version__:
            raise version_error(f"the worker {worker}", version, __version__)
        if not is_writable:
            raise ClusterError(
                f"the worker {worker} cannot read and write this folder",
                where=str(folder),
                remedy="Mount the workspace under the same path on all workers, and let them write "
                "to it, or give an object store with --exchange.",
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
    except Exception as error:  # each file system has errors of its own
        raise ClusterError(
            f"cannot be written to ({error})",
            where=f"--exchange {address}",
            remedy="Check the address and the credentials, and install the package that fsspec "
            "needs for it, such as s3fs.",
        ) from error

    def clear() -> None:
        with suppress(Exception):
            system.rm(path, recursive=True)

    atexit.register(clear)
    _exchange = folder
