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
    """Files of artifacts that were begun and not finished."""
    return [str(p) for p in (store.root / ".partial").rglob("*") if p.suffix != ".lock"]


def test_make__computes_then_finds(store):
    made = store.make(STEP, write)
    found = store.make(STEP, lambda _: pytest.fail("computed again"))
    assert (made.cached, found.cached) == (False, True)
    assert made.folder == found.folder == store.root / "stage" / STEP.key
    assert found.counts == {"n": 5}
    assert read_array(found.folder / "a.npy").tolist() == [0, 1, 2, 3, 4]
    assert unfinished(store) == []


def test_make__manifest_says_what_made_it(store):
    manifest = json.loads((store.make(STEP, write).folder / MANIFEST).read_text())
    assert manifest["inputs"] == {"a": 1, "bands": ["red", "green"]}
    assert (manifest["stage"], manifest["version"], manifest["key"]) == ("stage", 1, STEP.key)
    assert manifest["chipscape"] == __version__
    assert manifest["seconds"] >= 0
    assert "T" in manifest["finished"]


def test_find__nothing_is_written(store):
    assert store.find(STEP) is None
    assert store.all("stage") == []
    assert not store.root.exists()


def test_all__oldest_first(store):
    for i in range(3):
        store.make(Step("stage", 1, {"i": i}), write)
    assert [a.manifest["inputs"]["i"] for a in store.all("stage")] == [0, 1, 2]


@pytest.mark.parametrize("error", [DegenerateError("no variation"), OSError(28, "disk full")])
def test_make__an_error_leaves_nothing(store, error):
    def fail(folder):
        write(folder)
        raise error

    with pytest.raises(type(error)):
        store.make(STEP, fail)
    assert store.find(STEP) is None
    assert unfinished(store) == []


@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt])
def test_make__an_interrupt_keeps_the_part(store, stop):
    def interrupted(folder):
        write(folder)
        raise stop

    with pytest.raises(stop):
        store.make(STEP, interrupted)
    assert store.find(STEP) is None

    def go_on(folder):
        assert (folder / "a.npy").is_file()
        return {}

    assert not store.make(STEP, go_on).cached


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "5", '{"counts": {}}'])
def test_find__broken_manifest(store, content):
    manifest = store.make(STEP, write).folder / MANIFEST
    manifest.write_text(content)
    for look in (lambda: store.find(STEP), lambda: store.all("stage")):
        with pytest.raises(ArtifactError, match="Delete its folder") as caught:
            look()
        assert str(manifest) in str(caught.value)


def test_make__folder_without_manifest_is_replaced(store):
    made = store.make(STEP, write)
    (made.folder / MANIFEST).unlink()
    (made.folder / "stale.npy").write_bytes(b"")
    again = store.make(STEP, write)
    assert not again.cached
    assert sorted(p.name for p in again.folder.iterdir()) == ["a.npy", MANIFEST]


@pytest.mark.parametrize("at", ["store", "store/stage", "store/.partial"])
def test_make__a_file_in_the_way(store, tmp_path, at):
    (tmp_path / at).parent.mkdir(exist_ok=True)
    (tmp_path / at).write_text("")
    with pytest.raises(WorkspaceError, match="cannot be written to") as caught:
        store.make(STEP, write)
    assert str(store.root) in str(caught.value)


def test_make__threads_compute_once(store):
    begun, calls, made = threading.Barrier(4), [], []

    def compute(folder):
        calls.append(1)
        return write(folder)

    def ask():
        begun.wait()
        made.append(store.make(STEP, compute))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert sorted(a.cached for a in made) == [False, True, True, True]


ASK = """
import sys, time
from pathlib import Path
from core.artifacts.store import Step, Store

def compute(folder):
    with (Path(sys.argv[1]) / "calls").open("a") as file:
        file.write("1\\n")
    print("begun", flush=True)
    time.sleep(float(sys.argv[2]))
    (folder / "a.txt").write_text("done")
    return {}

made = Store(Path(sys.argv[1]) / "store").make(Step("stage", 1, {}), compute)
print("cached" if made.cached else "computed")
"""


def ask(tmp_path, seconds):
    command = [sys.executable, "-c", ASK, str(tmp_path), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_make__processes_compute_once(tmp_path):
    first = ask(tmp_path, 1.5)
    first.stdout.readline()
    second = ask(tmp_path, 1.5)
    said = [first.communicate(timeout=60)[0], second.communicate(timeout=60)[0]]
    assert said == ["computed\n", "cached\n"]
    assert (tmp_path / "calls").read_text() == "1\n"


def test_make__a_killed_process_frees_the_lock(tmp_path):
    first = ask(tmp_path, 60)
    first.stdout.readline()
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert not (tmp_path / "store" / "stage" / Step("stage", 1, {}).key).exists()
    assert ask(tmp_path, 0).communicate(timeout=60)[0] == "begun\ncomputed\n"


def test_blocks__resume_at_the_last_finished_one(tmp_path):
    blocks = Blocks(tmp_path, 10, 4)
    array = blocks.array("a.npy", (2,), "float32")
    for rows in list(blocks.pending())[:2]:
        array[rows] = rows.start + 1
        blocks.finish(rows, array)
    array[8:] = 99  # written, but never said to be done

    again = Blocks(tmp_path, 10, 4)
    assert list(again.pending()) == [slice(8, 10)]
    kept = again.array("a.npy", (2,), "float32")
    assert kept[:, 0].tolist() == [1, 1, 1, 1, 5, 5, 5, 5, 99, 99]
    assert kept.shape == (10, 2)


def test_blocks__of_another_size_are_not_believed(tmp_path):
    blocks = Blocks(tmp_path, 10, 4)
    blocks.finish(slice(0, 4))
    assert list(Blocks(tmp_path, 10, 8).pending()) == [slice(0, 8), slice(8, 10)]


def test_blocks__without_a_finished_block_begin_anew(tmp_path):
    array = Blocks(tmp_path, 3, 2).array("a.npy", (), "int32")
    array[:] = 7
    array.flush()
    assert Blocks(tmp_path, 3, 2).array("a.npy", (), "int32").tolist() == [0, 0, 0]


def test_blocks__a_torn_ledger_line_is_not_believed(tmp_path):
    blocks = Blocks(tmp_path, 3000, 1000)
    blocks.finish(slice(0, 1000))
    with (tmp_path / Blocks.LEDGER).open("a") as ledger:
        ledger.write("10")
    assert [rows.start for rows in blocks.pending()] == [1000, 2000]


def test_blocks__cover_every_row_once(tmp_path):
    for n in (1, 4, 5, 8):
        rows = [i for block in Blocks(tmp_path, n, 4).pending() for i in range(n)[block]]
        assert rows == list(range(n))


def test_make__the_ledger_is_no_part_of_the_artifact(store):
    def compute(folder):
        Blocks(folder, 1, 1).finish(slice(0, 1))
        return {}

    assert [p.name for p in store.make(STEP, compute).folder.iterdir()] == [MANIFEST]
