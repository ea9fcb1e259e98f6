import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from core import __version__
from core.artifacts.formats import read_array
from core.artifacts.store import MANIFEST, Blocks, Step, Store
from core.errors import ArtifactError, Cancelled, DegenerateError, WorkspaceError

STEP = Step("stage", 1, {"a": 1, "bands": ("red", "green")})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def write(folder: Path) -> dict[str, int]:
    np.save(folder / "a.npy", np.arange(5))
    return {"n": 5}


def unfinished(store: Store) -> list[str]:
    """Files of unfinished artifacts."""
    return [str(p) for p in (store.root / ".partial").rglob("*") if p.suffix != ".lock"]


def test_make__computes_once(store):
    first = store.make(STEP, write)
    second = store.make(STEP, lambda _: pytest.fail("computed again"))
    assert (first.cached, second.cached) == (False, True)
    assert first.folder == second.folder == store.root / "stage" / STEP.key
    assert second.counts == {"n": 5}
    assert read_array(second.folder / "a.npy").tolist() == [0, 1, 2, 3, 4]
    assert unfinished(store) == []


def test_make__content_of_the_manifest(store):
    manifest = json.loads((store.make(STEP, write).folder / MANIFEST).read_text())
    assert manifest["inputs"] == {"a": 1, "bands": ["red", "green"]}
    assert (manifest["stage"], manifest["version"], manifest["key"]) == ("stage", 1, STEP.key)
    assert manifest["chipscape"] == __version__
    assert manifest["seconds"] >= 0
    assert "T" in manifest["finished"]


def test_find__writes_nothing(store):
    assert store.find(STEP) is None
    assert store.all("stage") == []
    assert not store.root.exists()


def test_all__oldest_first(store):
    for i in range(3):
        store.make(Step("stage", 1, {"i": i}), write)
    assert [a.manifest["inputs"]["i"] for a in store.all("stage")] == [0, 1, 2]


@pytest.mark.parametrize("error", [DegenerateError("no variation"), OSError(28, "disk full")])
def test_make__error_leaves_no_files(store, error):
    def fail(folder):
        write(folder)
        raise error

    with pytest.raises(type(error)):
        store.make(STEP, fail)
    assert store.find(STEP) is None
    assert unfinished(store) == []


@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt])
def test_make__interruption_keeps_partial_files(store, stop):
    def interrupted(folder):
        write(folder)
        raise stop

    with pytest.raises(stop):
        store.make(STEP, interrupted)
    assert store.find(STEP) is None

    def resume(folder):
        assert (folder / "a.npy").is_file()
        return {}

    assert not store.make(STEP, resume).cached


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "5", '{"counts": {}}'])
def test_find__damaged_manifest(store, content):
    manifest = store.make(STEP, write).folder / MANIFEST
    manifest.write_text(content)
    for call in (lambda: store.find(STEP), lambda: store.all("stage")):
        with pytest.raises(ArtifactError, match="Delete its folder") as caught:
            call()
        assert str(manifest) in str(caught.value)


def test_make__folder_without_manifest_is_replaced(store):
    first = store.make(STEP, write)
    (first.folder / MANIFEST).unlink()
    (first.folder / "stale.npy").write_bytes(b"")
    second = store.make(STEP, write)
    assert not second.cached
    assert sorted(p.name for p in second.folder.iterdir()) == ["a.npy", MANIFEST]


@pytest.mark.parametrize("name", ["store", "store/stage", "store/.partial"])
def test_make__file_where_a_folder_should_be(store, tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    with pytest.raises(WorkspaceError, match="cannot be written to") as caught:
        store.make(STEP, write)
    assert str(store.root) in str(caught.value)


def test_make__threads_compute_once(store):
    barrier, calls, artifacts = threading.Barrier(4), [], []

    def compute(folder):
        calls.append(1)
        return write(folder)

    def make():
        barrier.wait()
        artifacts.append(store.make(STEP, compute))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert sorted(a.cached for a in artifacts) == [False, True, True, True]


def test_make__another_process_moves_the_folder_while_it_is_checked(store, monkeypatch):
    (store.root / ".partial" / f"{STEP.stage}-{STEP.key}").mkdir(parents=True)
    is_dir, answers = Path.is_dir, iter([False])
    monkeypatch.setattr(Path, "is_dir", lambda path: next(answers, None) is None and is_dir(path))
    assert not store.make(STEP, write).cached
    assert next(answers, None) is None


MAKE_SCRIPT = """
import sys, time
from pathlib import Path
from core.artifacts.store import Step, Store

def compute(folder):
    with (Path(sys.argv[1]) / "calls").open("a") as file:
        file.write("1\\n")
    print("started", flush=True)
    time.sleep(float(sys.argv[2]))
    (folder / "a.txt").write_text("done")
    return {}

artifact = Store(Path(sys.argv[1]) / "store").make(Step("stage", 1, {}), compute)
print("cached" if artifact.cached else "computed")
"""


def start_process(tmp_path, seconds):
    command = [sys.executable, "-c", MAKE_SCRIPT, str(tmp_path), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_make__processes_compute_once(tmp_path):
    first = start_process(tmp_path, 1.5)
    first.stdout.readline()
    second = start_process(tmp_path, 1.5)
    outputs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert outputs == ["computed\n", "cached\n"]
    assert (tmp_path / "calls").read_text() == "1\n"


def test_make__killed_process_frees_the_lock(tmp_path):
    first = start_process(tmp_path, 60)
    first.stdout.readline()
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert not (tmp_path / "store" / "stage" / Step("stage", 1, {}).key).exists()
    output = start_process(tmp_path, 0).communicate(timeout=60)[0]
    assert output == "started\ncomputed\n"


def test_blocks__resume_after_the_last_finished_block(tmp_path):
    blocks = Blocks(tmp_path, 10, 4)
    array = blocks.array("a.npy", (2,), "float32")
    for rows in list(blocks.pending())[:2]:
        array[rows] = rows.start + 1
        blocks.finish(rows, array)
    array[8:] = 99  # written, but the block is not finished

    resumed = Blocks(tmp_path, 10, 4)
    assert list(resumed.pending()) == [slice(8, 10)]
    array = resumed.array("a.npy", (2,), "float32")
    assert array[:, 0].tolist() == [1, 1, 1, 1, 5, 5, 5, 5, 99, 99]
    assert array.shape == (10, 2)


def test_blocks__array_is_an_npy_file_of_zeros(tmp_path):
    array = Blocks(tmp_path, 3, 2).array("a.npy", (2,), "uint16")
    array[1] = 7
    array.flush()
    assert read_array(tmp_path / "a.npy").tolist() == [[0, 0], [7, 7], [0, 0]]


def test_blocks__of_another_size_count_as_unfinished(tmp_path):
    blocks = Blocks(tmp_path, 10, 4)
    blocks.finish(slice(0, 4))
    assert list(Blocks(tmp_path, 10, 8).pending()) == [slice(0, 8), slice(8, 10)]


def test_blocks__without_a_finished_block_start_from_zeros(tmp_path):
    array = Blocks(tmp_path, 3, 2).array("a.npy", (), "int32")
    array[:] = 7
    array.flush()
    assert Blocks(tmp_path, 3, 2).array("a.npy", (), "int32").tolist() == [0, 0, 0]


def test_blocks__incomplete_ledger_line_is_ignored(tmp_path):
    blocks = Blocks(tmp_path, 3000, 1000)
    blocks.finish(slice(0, 1000))
    with (tmp_path / Blocks.LEDGER).open("a") as ledger:
        ledger.write("10")
    assert [rows.start for rows in blocks.pending()] == [1000, 2000]


def test_blocks__cover_every_row_once(tmp_path):
    for n in (1, 4, 5, 8):
        rows = [i for block in Blocks(tmp_path, n, 4).pending() for i in range(n)[block]]
        assert rows == list(range(n))


def test_make__ledger_is_removed(store):
    def compute(folder):
        Blocks(folder, 1, 1).finish(slice(0, 1))
        return {}

    assert [p.name for p in store.make(STEP, compute).folder.iterdir()] == [MANIFEST]
