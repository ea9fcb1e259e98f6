import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from shapely.geometry import box

from core import compute
from core.chips.extraction import extract
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
    with LocalCluster(processes=False, **options) as running, Client(running) as client:
        yield client


def test_stream__in_order():
    assert list(compute.stream(late_first, range(30))) == list(range(30))
    assert list(compute.stream(double, [])) == []


def test_stream__raises_what_the_work_raised():
    stream = compute.stream(fails_at_three, range(10))
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SceneError, match=r"a\.tif: cannot be read"):
        next(stream)


def test_stream__runs_ahead_by_a_bounded_number():
    begun = []
    stream = compute.stream(begun.append, range(200))
    next(stream)
    time.sleep(0.05)
    assert len(begun) <= 2 + compute.AHEAD + compute.n_workers()
    stream.close()


def test_stream__what_was_not_begun_is_dropped():
    gate, begun = threading.Event(), []

    def wait(x):
        begun.append(x)
        if x:
            gate.wait(5)

    stream = compute.stream(wait, range(50))
    next(stream)
    closer = threading.Timer(0.05, gate.set)
    closer.start()
    stream.close()
    assert len(begun) <= 1 + 2 * compute.n_workers() + compute.AHEAD


def test_n_workers__at_least_one(monkeypatch):
    assert compute.n_workers() >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert compute.n_workers() >= 1


def test_active_client__none_without_dask(monkeypatch):
    monkeypatch.delitem(sys.modules, "distributed", raising=False)
    assert compute.active_client() is None


def test_connect__nobody_answers():
    with pytest.raises(WorkspaceError, match="no Dask scheduler answers") as caught:
        compute.connect("nope://here")
    assert caught.value.where == "nope://here"
    assert "--scheduler" in caught.value.remedy
    assert compute.active_client() is None
    assert list(compute.stream(double, [1, 2])) == [2, 4]


def test_stream__on_a_cluster(cluster, monkeypatch):
    monkeypatch.setattr(compute, "ThreadPoolExecutor", None)
    assert compute.active_client() is cluster
    assert list(compute.stream(late_first, list(range(20)))) == list(range(20))
    with pytest.raises(SceneError, match=r"a\.tif: cannot be read. Copy it again"):
        list(compute.stream(fails_at_three, list(range(10))))


def cut(scene, footprints):
    settings = ChipSettings(size=32, align="long-axis", background="mask")
    cuts = list(extract(scene, footprints, scene.bands, settings))
    rows = np.concatenate([c.rows for c in cuts])
    values = np.concatenate([c.values for c in cuts])[np.argsort(rows)]
    return rows.tolist(), values.tobytes() + np.concatenate([c.mask for c in cuts]).tobytes()


def test_extract__a_cluster_gives_the_bytes_of_threads(make_scene, cluster, monkeypatch):
    scene = read_scene(make_scene(width=2200, height=1100))
    squares = [box(x, y, x + 40, y + 25) for x in range(0, 2150, 300) for y in (20, 500, 1030)]
    footprints = np.array(squares, dtype=object)
    with monkeypatch.context() as alone:
        alone.setattr(compute, "active_client", lambda: None)
        threads = cut(scene, footprints)
    assert sorted(threads[0]) == list(range(len(squares)))
    monkeypatch.setattr(compute, "ThreadPoolExecutor", None)
    assert cut(scene, footprints) == threads
