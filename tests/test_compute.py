import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from shapely.geometry import box

from core import compute
from core.chips.extraction import cut_chips
from core.errors import SceneError, WorkspaceError
from core.raster.scene import read_scene
from core.settings import ChipSettings


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
    assert list(compute.stream_results(late_first, range(30))) == list(range(30))
    assert list(compute.stream_results(double, [])) == []


def test_stream__exception_of_the_function():
    stream = compute.stream_results(fails_at_three, range(10))
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SceneError, match=r"a\.tif: cannot be read"):
        next(stream)


def test_read_ahead__computes_an_item_ahead_and_not_more():
    started = []
    futures = compute.read_ahead(started.append, range(50))
    for count in range(1, 5):
        next(futures).result()
        time.sleep(0.02)
        assert len(started) == count + 1
    futures.close()


def test_read_ahead__an_exception_does_not_end_the_others():
    results = []
    for future in compute.read_ahead(fails_at_three, range(6)):
        try:
            results.append(future.result())
        except SceneError as error:
            results.append(error.where)
    assert results == [0, 1, 2, "a.tif", 4, 5]
    assert list(compute.read_ahead(double, [])) == []


def test_stream__number_of_items_in_progress_is_bounded():
    started = []
    stream = compute.stream_results(started.append, range(200))
    next(stream)
    time.sleep(0.05)
    assert len(started) <= 2 + compute.RESULTS_AHEAD + compute.n_workers()
    stream.close()


def test_stream__closing_drops_items_that_have_not_started():
    gate, started = threading.Event(), []

    def wait(x):
        started.append(x)
        if x:
            gate.wait(5)

    stream = compute.stream_results(wait, range(50))
    next(stream)
    closer = threading.Timer(0.05, gate.set)
    closer.start()
    stream.close()
    assert len(started) <= 1 + 2 * compute.n_workers() + compute.RESULTS_AHEAD


def test_n_workers__at_least_one(monkeypatch):
    assert compute.n_workers() >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert compute.n_workers() >= 1


def test_active_client__is_none_without_dask(monkeypatch):
    monkeypatch.delitem(sys.modules, "distributed", raising=False)
    assert compute.active_client() is None


def test_connect_scheduler__no_answer():
    with pytest.raises(WorkspaceError, match="no Dask scheduler answers") as caught:
        compute.connect_scheduler("nope://here")
    assert caught.value.where == "nope://here"
    assert "--scheduler" in caught.value.remedy
    assert compute.active_client() is None
    assert list(compute.stream_results(double, [1, 2])) == [2, 4]


def test_stream__on_a_cluster(cluster, monkeypatch):
    monkeypatch.setattr(compute, "ThreadPoolExecutor", None)
    assert compute.active_client() is cluster
    assert list(compute.stream_results(late_first, list(range(20)))) == list(range(20))
    with pytest.raises(SceneError, match=r"a\.tif: cannot be read. Copy it again"):
        list(compute.stream_results(fails_at_three, list(range(10))))


def cut(scene, footprints):
    settings = ChipSettings(size=32, align="long-axis", background="mask")
    cuts = list(cut_chips(scene, footprints, scene.bands, settings))
    rows = np.concatenate([c.rows for c in cuts])
    values = np.concatenate([c.values for c in cuts])[np.argsort(rows)]
    return rows.tolist(), values.tobytes() + np.concatenate([c.mask for c in cuts]).tobytes()


def test_cut_chips__equal_bytes_from_threads_and_cluster(make_scene, cluster, monkeypatch):
    scene = read_scene(make_scene(width=2200, height=1100))
    squares = [box(x, y, x + 40, y + 25) for x in range(0, 2150, 300) for y in (20, 500, 1030)]
    footprints = np.array(squares, dtype=object)
    with monkeypatch.context() as patch:
        patch.setattr(compute, "active_client", lambda: None)
        threads = cut(scene, footprints)
    assert sorted(threads[0]) == list(range(len(squares)))
    monkeypatch.setattr(compute, "ThreadPoolExecutor", None)
    assert cut(scene, footprints) == threads
