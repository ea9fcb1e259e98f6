from functools import partial

import pytest

from core.errors import ArtifactError
from core.pipeline.results.verification import verify_workspace
from core.pipeline.search.chip_examples import (
    ExampleSet,
    change_examples,
    examples_path,
    load_examples,
)
from core.pipeline.workspace import Workspace


@pytest.fixture
def empty_workspace(tmp_path):
    return Workspace(tmp_path)


def test_example_set__a_chip_is_never_in_both():
    examples = ExampleSet().mark_for("abc").mark_against("bd").mark_for("d")
    assert examples == ExampleSet(("a", "c", "d"), ("b",))
    assert examples.mark_for("a").examples == ("c", "d", "a")
    assert examples.unmark("ab") == ExampleSet(("c", "d"))


def test_examples__are_stored_in_the_workspace(empty_workspace):
    assert load_examples(empty_workspace) == ExampleSet()
    change_examples(empty_workspace, lambda examples: examples.mark_for(["a", "b"]))
    change_examples(empty_workspace, lambda examples: examples.mark_against(["b"]))
    assert load_examples(Workspace(empty_workspace.root)) == ExampleSet(("a",), ("b",))


def test_change_examples__without_a_change_nothing_is_written(empty_workspace):
    change_examples(empty_workspace, lambda examples: examples)
    assert not examples_path(empty_workspace).exists()


@pytest.mark.parametrize(
    "damage", [lambda text: text[:40], lambda text: text.replace('"a"', '"b"'), lambda _: "[]"]
)
def test_load_examples__a_damaged_file_is_reported_and_kept(empty_workspace, damage):
    change_examples(empty_workspace, lambda examples: examples.mark_for("a"))
    path = examples_path(empty_workspace)
    path.write_text(damage(path.read_text()))
    content = path.read_text()
    with pytest.raises(ArtifactError, match="examples cannot be read"):
        load_examples(empty_workspace)
    with pytest.raises(ArtifactError, match="mark the examples again"):
        change_examples(empty_workspace, lambda examples: examples.mark_for("b"))
    assert path.read_text() == content


def test_verify_workspace__names_damaged_examples(empty_workspace):
    change_examples(empty_workspace, lambda examples: examples.mark_for("a"))
    assert verify_workspace(empty_workspace).is_intact
    examples_path(empty_workspace).write_text("{")
    (sentence,) = verify_workspace(empty_workspace).unreadable
    assert "examples.json: the examples cannot be read" in sentence


def test_load_examples__of_another_version(empty_workspace, monkeypatch):
    monkeypatch.setattr("core.pipeline.search.chip_examples.FORMAT", 2)
    change_examples(empty_workspace, partial(ExampleSet.mark_for, chip_ids="a"))
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="another version"):
        load_examples(empty_workspace)
