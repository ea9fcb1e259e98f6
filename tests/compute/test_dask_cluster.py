"""Results of real worker processes, which are killed, missing or unlike this process."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest
import rasterio

from core.compute import dask_cluster, worker_results
from core.compute.dask_cluster import active_client, connect_scheduler, disconnect, exchange_folder
from core.compute.work_streams import map_groups, stream_results
from core.compute.worker_results import await_result
from core.errors import ClusterError, SceneError, WorkspaceError
from core.progress import silent


def slow_double(x):
    time.sleep(0.02)
    return 2 * x


def process_id(_):
    return os.getpid()


class Weights:
    """Counts how often it is pickled in this process."""

    n_pickled = 0

    def __getstate__(self):
        Weights.n_pickled += 1
        return {"values": list(range(1000))}


def add_up(weights, x):
    return sum(weights.values) + x


def add_locked(lock, x):
    with lock:
        return x + 1


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def client_of_the_worker(_):
    return active_client()


@pytest.fixture(scope="module")
def client():
    connected = connect_scheduler("local:2")
    yield connected
    disconnect(connected)


def test_connect__two_processes_that_share_the_cores(client):
    pids = set(client.run(os.getpid).values())
    assert len(pids) == 2
    assert os.getpid() not in pids
    cores = client.run(os.getenv, "CHIPSCAPE_CORES")
    assert set(cores.values()) == {str(max(1, dask_cluster.n_workers() // 2))}
    # Dask's own value would make encoders slow.
    assert set(client.run(os.getenv, "MALLOC_TRIM_THRESHOLD_").values()) == {str(2**28)}
    assert client.run(os.getenv, "NUMBA_NUM_THREADS") == cores
    assert os.environ.get("NUMBA_NUM_THREADS") is None
    assert dask_cluster.n_workers() == len(os.sched_getaffinity(0))
    assert client.dashboard_link.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("address", ["local:", "local:none", "local:0", "local:-1", "local:1000"])
def test_connect__number_of_local_workers(address):
    with pytest.raises(WorkspaceError, match="does not state a number of worker processes"):
        connect_scheduler(address)


def test_active_client__a_function_on_a_worker_has_none(client):
    assert active_client() is client
    assert list(stream_results(client_of_the_worker, [1])) == [None]


def test_stream__a_killed_worker_is_replaced(client):
    results = []
    with closing(stream_results(slow_double, range(60))) as stream:
        for result in stream:
            if not results:
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            results.append(result)
    assert results == [2 * x for x in range(60)]


def test_stream__a_task_that_kills_its_workers_is_an_error(client):
    with pytest.raises(WorkspaceError, match="several workers died"):
        list(stream_results(die, [1]))
    assert list(stream_results(slow_double, range(4))) == [0, 2, 4, 6]


def test_await__results_that_take_longer_than_a_look_at_the_workers(client, monkeypatch):
    monkeypatch.setattr(worker_results, "POLL_SECONDS", 0.001)
    with ThreadPoolExecutor(4) as pool:
        futures = [client.submit(slow_double, x, pure=False) for x in range(40)]
        results = list(pool.map(partial(await_result, client), futures))
    assert results == [2 * x for x in range(40)]


@pytest.mark.usefixtures("client")
def test_stream__bound_arguments_are_sent_once():
    with closing(stream_results(partial(add_up, Weights()), range(30))) as stream:
        assert list(stream) == [499_500 + x for x in range(30)]
    # Dask pickles a second time what the standard library cannot pickle.
    assert 1 <= Weights.n_pickled <= 2


def test_stream__bound_arguments_survive_the_death_of_all_workers(client):
    with closing(stream_results(partial(add_up, Weights()), range(60))) as stream:
        results = [next(stream)]
        for process in client.run(os.getpid).values():
            os.kill(process, signal.SIGKILL)
        results += stream
    assert results == [499_500 + x for x in range(60)]


@pytest.mark.usefixtures("client")
def test_stream__what_cannot_be_pickled_runs_here(caplog):
    function = partial(add_locked, threading.Lock())
    assert list(stream_results(function, range(5))) == [1, 2, 3, 4, 5]
    assert "add_locked cannot be sent to workers, so it runs here" in caplog.text


def test_connect__worker_that_does_not_see_the_workspace(client, tmp_path, monkeypatch):
    address = client.scheduler.address
    monkeypatch.setattr(dask_cluster, "_worker_state", lambda _: (dask_cluster.__version__, False))
    with pytest.raises(WorkspaceError, match="cannot read and write this folder") as caught:
        connect_scheduler(address, tmp_path)
    assert caught.value.where == str(tmp_path)
    assert "--exchange" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_worker_state__folder_that_the_worker_may_not_read(tmp_path, monkeypatch):
    with dask_cluster._probe(tmp_path) as file:
        assert dask_cluster._worker_state(file)[1]
        assert not dask_cluster._worker_state(f"{file}-of-another-machine")[1]

        def refuse(*_arguments, **_options):
            raise PermissionError(13, "Permission denied", file)

        monkeypatch.setattr("pathlib.Path.open", refuse)
        assert not dask_cluster._worker_state(file)[1]


def test_connect__a_worker_does_not_answer(client, tmp_path, monkeypatch):
    def time_out(*_arguments):
        raise TimeoutError("Timed out trying to connect")

    monkeypatch.setattr("distributed.Client.run", time_out)
    with pytest.raises(ClusterError, match="a worker does not answer"):
        connect_scheduler(client.scheduler.address, tmp_path)


def fail_in_gdal(_):
    try:
        with rasterio.open("/no/such/file.tif"):
            pass
    except rasterio.errors.RasterioError as error:
        raise SceneError("cannot be opened", where="file.tif", remedy="Copy it.") from error


def test_stream__an_error_that_gdal_has_caused(client):
    del client
    with pytest.raises(SceneError, match=r"file\.tif: cannot be opened\. Copy it\."):
        list(stream_results(fail_in_gdal, [1]))


def test_groups__an_interrupt_ends_the_waiting_for_workers(client, monkeypatch):
    """The threads of the groups wait for a result that never comes."""
    monkeypatch.setattr(worker_results, "POLL_SECONDS", 0.05)
    started, seconds = threading.Event(), 30.0

    def wait_for_a_worker(x, _report):
        if x:
            started.wait(seconds)
            raise KeyboardInterrupt
        stream = stream_results(partial(sleep_long, seconds), [1])
        started.set()
        return list(stream)

    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        map_groups(wait_for_a_worker, range(2), [1, 1], silent)
    assert time.monotonic() - before < seconds / 2
    client.restart()


def sleep_long(seconds, _):
    time.sleep(seconds)


def test_active_client__a_lost_scheduler_is_not_replaced_by_threads(scheduler, monkeypatch):
    process, address = scheduler
    connected = connect_scheduler(address)
    process.kill()
    deadline = time.monotonic() + 30
    while connected.status == "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    monkeypatch.setattr(dask_cluster, "_connected", connected)
    with pytest.raises(ClusterError, match="connection to the Dask scheduler was lost"):
        list(stream_results(slow_double, [1]))
    disconnect(connected)


def test_connect__worker_with_another_version(client, monkeypatch):
    monkeypatch.setattr(dask_cluster, "_worker_state", lambda _: ("0.0.1", True))
    with pytest.raises(WorkspaceError, match=r"has Chipscape 0\.0\.1, not"):
        connect_scheduler(client.scheduler.address)


def test_stream__a_worker_that_joined_late_has_another_version(client, monkeypatch):
    del client
    monkeypatch.setattr(worker_results, "__version__", "9.9.9")
    with pytest.raises(ClusterError, match=r"a worker has Chipscape .*, not 9\.9\.9"):
        list(stream_results(slow_double, [1]))


def test_connect__exchange_that_cannot_be_written_to(client):
    with pytest.raises(WorkspaceError, match="cannot be written to"):
        connect_scheduler(client.scheduler.address, exchange="nope://bucket/folder")
    assert exchange_folder() == ""


def test_await__no_worker_is_left(monkeypatch, caplog):
    from distributed import Client, LocalCluster

    monkeypatch.setattr(worker_results, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(worker_results, "WARNING_SECONDS", 0.3)
    monkeypatch.setattr(worker_results, "PATIENCE_SECONDS", 1.0)
    options = {"n_workers": 0, "dashboard_address": None, "host": "127.0.0.1"}
    with LocalCluster(**options) as cluster, Client(cluster) as connected:
        with pytest.raises(WorkspaceError, match="no Dask worker has been connected for 1 s"):
            await_result(connected, connected.submit(slow_double, 1))
        assert caplog.text.count("No Dask worker is connected to tcp://127.0.0.1:") == 1
        # A worker that comes late does the work.
        waiting = connected.submit(slow_double, 2)
        cluster.scale(1)
        monkeypatch.setattr(worker_results, "PATIENCE_SECONDS", 60.0)
        assert await_result(connected, waiting) == 4


@pytest.fixture
def scheduler(tmp_path):
    """A scheduler in a process of its own, without workers, and its address."""
    file = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0"]
    command += ["--no-dashboard", "--scheduler-file", str(file)]
    log = (tmp_path / "scheduler.log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while not file.exists() or not file.read_text():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process, json.loads(file.read_text())["address"]
    process.kill()
    process.wait()
    log.close()


def test_await__the_scheduler_is_lost(scheduler, monkeypatch):
    process, address = scheduler
    monkeypatch.setattr(worker_results, "POLL_SECONDS", 0.1)
    connected = connect_scheduler(address)
    waiting = connected.submit(slow_double, 1)
    process.send_signal(signal.SIGKILL)
    with pytest.raises(WorkspaceError, match="connection to the Dask scheduler was lost"):
        await_result(connected, waiting)
    disconnect(connected)
