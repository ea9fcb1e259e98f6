import sys
import threading
import time
from collections.abc import Iterator

import pytest

from core.compute import cores, dask_cluster, work_streams
from core.errors import Cancelled, SceneError, WorkspaceError
from core.progress import report_step, silent


def double(x):
    return 2 * x


def late_first(x):
    time.sleep(0.02 if x % 5 == 0 else 0)
    return x


def fails_at_three(x):
    if x == 3:
        raise SceneError("cannot be read", where="a.tif", remedy="Copy it again.")
    return x


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    from distributed import Client, LocalCluster

    options = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": None}
    with LocalCluster(processes=False, **options) as scheduler, Client(scheduler) as client:
        yield client


def test_stream__results_in_order():
    assert list(work_streams.stream_results(late_first, range(30))) == list(range(30))
    assert list(work_streams.stream_results(double, [])) == []


def test_stream__exception_of_the_function():
    stream = work_streams.stream_results(fails_at_three, range(10))
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SceneError, match=r"a\.tif: cannot be read"):
        next(stream)


def test_read_ahead__computes_an_item_ahead_and_not_more():
    started = []
    futures = work_streams.read_ahead(started.append, range(50))
    for count in range(1, 5):
        next(futures).result()
        time.sleep(0.02)
        assert len(started) == count + 1
    futures.close()


def test_read_ahead__an_exception_does_not_end_the_others():
    results = []
    for future in work_streams.read_ahead(fails_at_three, range(6)):
        try:
            results.append(future.result())
        except SceneError as error:
            results.append(error.where)
    assert results == [0, 1, 2, "a.tif", 4, 5]
    assert list(work_streams.read_ahead(double, [])) == []


def test_stream__number_of_items_in_progress_is_bounded():
    started = []
    stream = work_streams.stream_results(started.append, range(200))
    next(stream)
    time.sleep(0.05)
    assert len(started) <= 2 + work_streams.RESULTS_AHEAD + cores.n_workers()
    stream.close()


def test_stream__closing_drops_items_that_have_not_started():
    gate, started = threading.Event(), []

    def wait(x):
        started.append(x)
        if x:
            gate.wait(5)

    stream = work_streams.stream_results(wait, range(50))
    next(stream)
    closer = threading.Timer(0.05, gate.set)
    closer.start()
    stream.close()
    assert len(started) <= 1 + 2 * cores.n_workers() + work_streams.RESULTS_AHEAD


def test_n_workers__at_least_one(monkeypatch):
    assert cores.n_workers() >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert cores.n_workers() >= 1


def test_active_client__is_none_without_dask(monkeypatch):
    monkeypatch.delitem(sys.modules, "distributed", raising=False)
    assert dask_cluster.active_client() is None


def test_connect_scheduler__no_answer():
    with pytest.raises(WorkspaceError, match="no Dask scheduler answers") as caught:
        dask_cluster.connect_scheduler("nope://here")
    assert caught.value.where == "nope://here"
    assert "--scheduler" in caught.value.remedy
    assert dask_cluster.active_client() is None
    assert list(work_streams.stream_results(double, [1, 2])) == [2, 4]


def test_stream__on_a_cluster(cluster, monkeypatch):
    monkeypatch.setattr(work_streams, "ThreadPoolExecutor", None)
    assert dask_cluster.active_client() is cluster
    assert list(work_streams.stream_results(late_first, list(range(20)))) == list(range(20))
    with pytest.raises(SceneError, match=r"a\.tif: cannot be read. Copy it again"):
        list(work_streams.stream_results(fails_at_three, list(range(10))))


def double_with_progress(x, report):
    for step in range(1, 4):
        report_step(report, step, 3, str(x))
    return 2 * x


@pytest.mark.parametrize("on_cluster", [False, True])
def test_map_groups__in_order_with_the_sum_of_the_progress(request, monkeypatch, on_cluster):
    client = request.getfixturevalue("cluster") if on_cluster else None
    monkeypatch.setattr(work_streams, "active_client", lambda: client)
    reports = []

    def listen(completed, total, _):
        reports.append((completed, total))
        return False

    results = work_streams.map_groups(double_with_progress, range(20), [3] * 20, listen)
    assert results == [2 * x for x in range(20)]
    assert sorted(reports) == [(completed, 60) for completed in range(1, 61)]


def test_map_groups__an_error_stops_the_others_and_is_raised(cluster, monkeypatch):
    monkeypatch.setattr(work_streams, "active_client", lambda: cluster)
    failed, stopped = threading.Event(), []

    def work(x, report):
        if x == 5:
            failed.set()
            raise SceneError("cannot be read", where="a.tif")
        failed.wait(5)
        time.sleep(0.05)
        try:
            report_step(report, 1, 1, "")
        except Cancelled:
            stopped.append(x)
            raise

    with pytest.raises(SceneError, match=r"a\.tif"):
        work_streams.map_groups(work, range(50), [1] * 50, silent)
    assert stopped
    assert max(stopped) < 10


def test_n_workers__limited_by_the_environment(monkeypatch):
    monkeypatch.setenv(cores.CORES, "1")
    assert cores.n_workers() == 1
    monkeypatch.setenv(cores.CORES, "many")
    assert cores.n_workers() >= 1
