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
from core.artifacts.blocks import Blocks
from core.artifacts.formats import read_array
from core.artifacts.store import MANIFEST, Step, Store
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


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DegenerateError("no variation"), DegenerateError),
        (OSError(5, "input/output error"), OSError),
        (OSError(28, "no space"), WorkspaceError),
        (OSError("512 requested and 0 written"), WorkspaceError),
    ],
)
def test_make__error_leaves_no_files(store, error, expected):
    def fail(folder):
        write(folder)
        raise error

    with pytest.raises(expected) as caught:
        store.make(STEP, fail)
    if expected is WorkspaceError:
        assert caught.value.where == str(store.root / "stage" / STEP.key / "a.npy")
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


def test_make__ledger_is_removed(store):
    def compute(folder):
        Blocks(folder, 1, 1).finish(slice(0, 1))
        return {}

    assert [p.name for p in store.make(STEP, compute).folder.iterdir()] == [MANIFEST]
