"""A single stage, with a dictionary as its subject."""

import dataclasses

import pytest

from core.artifacts.formats import read_json, write_json
from core.artifacts.store import Store
from core.errors import Cancelled, DegenerateError
from core.pipeline.stage import Stage
from core.progress import report_step


@pytest.fixture
def computed():
    """The subjects that were computed, in order."""
    return []


@pytest.fixture
def squares(computed):
    """A stage that squares a number."""

    def compute(subject, folder, report):
        computed.append(subject["number"])
        report_step(report, 1, 1, "squared")
        if subject["number"] < 0:
            raise DegenerateError("the number is negative", where="squares")
        write_json(folder / "square.json", {"square": subject["number"] ** 2})
        return {"n": 1}

    return Stage(
        name="squares",
        version=1,
        inputs=lambda subject: {"number": subject["number"]},
        compute=compute,
        load=lambda artifact: read_json(artifact.folder / "square.json")["square"],
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_make__computes_once(store, squares, computed):
    first = squares.make(store, {"number": 3})
    second = squares.make(store, {"number": 3})
    assert (first.cached, second.cached) == (False, True)
    assert first.key == second.key == squares.step({"number": 3}).key
    assert first.folder.parent.name == first.stage == "squares"
    assert first.counts == {"n": 1}
    assert squares.open(second) == 9
    assert computed == [3]


def test_find_and_read__never_compute(store, squares, computed):
    assert squares.find(store, {"number": 3}) is None
    assert squares.read(store, {"number": 3}) is None
    artifact = squares.make(store, {"number": 3})
    assert squares.find(store, {"number": 3}).key == artifact.key
    assert squares.read(store, {"number": 3}) == 9
    assert squares.read(store, {"number": 4}) is None
    assert computed == [3]


def test_key__covers_name_version_and_inputs_only(squares):
    key = squares.step({"number": 3}).key
    assert squares.step({"number": 3, "colour": "red"}).key == key
    assert (
        dataclasses.replace(squares, load=str, compute=lambda *_: {}).step({"number": 3}).key == key
    )
    steps = (
        squares.step({"number": 4}),
        dataclasses.replace(squares, version=2).step({"number": 3}),
        dataclasses.replace(squares, name="cubes").step({"number": 3}),
    )
    assert len({key, *(step.key for step in steps)}) == 4


def test_make__a_newer_version_is_computed_again(store, squares, computed):
    squares.make(store, {"number": 3})
    newer = dataclasses.replace(squares, version=2)
    assert newer.read(store, {"number": 3}) is None
    assert not newer.make(store, {"number": 3}).cached
    assert squares.read(store, {"number": 3}) == 9
    assert computed == [3, 3]


def test_make__an_error_leaves_no_artifact(store, squares):
    with pytest.raises(DegenerateError, match="the number is negative"):
        squares.make(store, {"number": -1})
    assert squares.find(store, {"number": -1}) is None
    assert store.all("squares") == []


def test_make__reports_and_can_be_cancelled(store, squares, computed):
    reports = []
    squares.make(store, {"number": 3}, lambda *report: bool(reports.append(report)))
    assert reports == [(1, 1, "squared")]
    with pytest.raises(Cancelled):
        squares.make(store, {"number": 4}, lambda *_: True)
    assert squares.find(store, {"number": 4}) is None
    assert computed == [3, 4]
