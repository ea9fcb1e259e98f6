"""Deleting artifacts: what is unneeded, what is locked, and what an interruption leaves."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.artifacts.keys import make_key
from core.artifacts.store import MANIFEST, PARTIAL, Step, Store
from core.artifacts.sweep import (
    StoredArtifact,
    delete_folders,
    exclusive_access,
    find_keys,
    find_unneeded,
    folder_bytes,
    list_leftovers,
    list_stored,
)
from core.errors import WorkspaceError

A, B, C = (make_key("stage", 1, {"name": name}) for name in "abc")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def write(folder: Path) -> dict[str, int]:
    (folder / "data.bin").write_bytes(bytes(10_000))
    return {"n": 1}


def node(key: str, *inputs: str, stage: str = "results") -> StoredArtifact:
    return StoredArtifact(stage, key, Path(stage, key), frozenset(inputs))


def unneeded(stored: list[StoredArtifact], *roots: str) -> set[str]:
    items = find_unneeded(stored, roots, {"results"}, {"by-products"})
    return {item.key for item in items}


def test_find_keys__nested_values_that_look_like_keys():
    value = {"a": [A, {"b": B}], "checksum": "0" * 64, "text": "zz" * 10, "n": 1, "t": (C,)}
    assert list(find_keys(value)) == [A, B, C]


def test_list_stored__inputs_of_the_manifest(store):
    first = store.make(Step("results", 1, {"n": 1}), write)
    second = store.make(Step("results", 1, {"from": [first.key], "size": 3}), write)
    inputs = {item.key: item.inputs for item in list_stored(store)}
    assert inputs == {first.key: frozenset(), second.key: frozenset({first.key})}


def test_list_stored__damaged_manifest_has_no_inputs(store):
    artifact = store.make(Step("results", 1, {"from": A}), write)
    (artifact.folder / MANIFEST).write_text("{")
    assert [item.inputs for item in list_stored(store)] == [frozenset()]


def test_find_unneeded__what_a_root_was_computed_from_is_needed():
    stored = [node(A), node(B, A), node(C, B)]
    assert unneeded(stored, B) == {C}
    assert unneeded(stored) == {A, B, C}


def test_find_unneeded__by_products_go_with_what_they_were_computed_from():
    stored = [node(A), node(B), node(C, A, B, stage="by-products")]
    assert unneeded(stored, A, B) == set()
    assert unneeded(stored, A) == {B, C}


def test_find_unneeded__by_products_of_by_products():
    stored = [node(A), node(B, A, stage="by-products"), node(C, B, stage="by-products")]
    assert unneeded(stored, A) == set()
    assert unneeded(stored) == {A, B, C}


def test_find_unneeded__by_product_of_a_result_that_is_not_stored():
    stored = [node(A), node(B, A, C, stage="by-products")]
    assert unneeded(stored, A) == {B}
    assert unneeded(stored, A, C) == set()


def test_find_unneeded__other_stages_stay_with_what_they_were_computed_from():
    assert unneeded([node(A), node(B), node(C, A, stage="flair-cells")]) == {B}


def test_delete_folders__artifact_is_gone_and_the_next_make_computes_it(store):
    step = Step("results", 1, {"n": 1})
    artifact = store.make(step, write)
    with exclusive_access(store):
        delete_folders(store, [artifact.folder])
    assert store.find(step) is None
    assert list_leftovers(store) == []
    assert not store.make(step, write).cached


def test_delete_folders__interruption_leaves_no_incomplete_artifact(store, monkeypatch):
    step = Step("results", 1, {"n": 1})
    artifact = store.make(step, write)

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("core.artifacts.sweep.shutil.rmtree", interrupt)
    with exclusive_access(store), pytest.raises(KeyboardInterrupt):
        delete_folders(store, [artifact.folder])
    assert store.find(step) is None
    monkeypatch.undo()
    with exclusive_access(store):
        delete_folders(store, list_leftovers(store))
    assert list_leftovers(store) == []


def test_exclusive_access__refused_while_an_artifact_is_computed(store):
    def compute(folder):
        with pytest.raises(WorkspaceError, match="another process"), exclusive_access(store):
            pass
        return write(folder)

    store.make(Step("results", 1, {"n": 1}), compute)
    with exclusive_access(store):
        pass


def test_exclusive_access__refused_while_the_store_is_in_use(store):
    with (
        store.in_use(),
        pytest.raises(WorkspaceError, match="another process"),
        exclusive_access(store),
    ):
        pass
    assert [p.name for p in (store.root / PARTIAL).iterdir()] == ["sweep.lock"]


def test_exclusive_access__lock_of_a_killed_process_does_not_count(store):
    code = (
        "import sys, time; from pathlib import Path; from core.artifacts.store import Step, Store\n"
        "def compute(folder):\n"
        "    (folder / 'half').touch(); print('ready', flush=True); time.sleep(60)\n"
        "Store(Path(sys.argv[1])).make(Step('results', 1, {'n': 1}), compute)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(store.root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    with pytest.raises(WorkspaceError), exclusive_access(store):
        pass
    process.kill()
    process.wait()
    with exclusive_access(store):
        assert len(list_leftovers(store)) == 1
        delete_folders(store, list_leftovers(store))
    assert list_leftovers(store) == []


def test_make__waits_until_a_sweep_has_ended(store):
    code = (
        "import sys; from pathlib import Path; from core.artifacts.store import Step, Store\n"
        "def compute(folder):\n"
        "    return {}\n"
        "print('ready', flush=True)\n"
        "Store(Path(sys.argv[1])).make(Step('results', 1, {'n': 1}), compute)"
    )
    with exclusive_access(store):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(store.root)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.5)
        assert process.poll() is None
        assert list_stored(store) == []
    assert process.wait(30) == 0
    assert len(list_stored(store)) == 1


def test_in_use__store_that_cannot_be_written(tmp_path):
    (tmp_path / "store").write_text("a file where the folder should be")
    with Store(tmp_path / "store").in_use():
        pass


def test_folder_bytes__counts_blocks_of_the_disk(store):
    artifact = store.make(Step("results", 1, {"n": 1}), write)
    assert 10_000 <= folder_bytes(artifact.folder) <= 10_000 + 3 * 4096
