import json

import pytest

from core.artifacts.store import Step
from core.pipeline.estimates.cost_evidence import (
    Measurement,
    combine_measurements,
    evidence_stamp,
    find_corrections,
    latest_artifacts,
)
from core.pipeline.estimates.cost_laws import LAWS, CostLaw
from core.pipeline.estimates.work_amounts import Work
from core.pipeline.workspace import Workspace

LAW = CostLaw("items", 0, 1.0)
READERS = {"projections": lambda _, artifact: Work("projections", artifact.counts["n"])}


def rows(*pairs):
    return [Measurement(Work("items", amount), seconds) for amount, seconds in pairs]


def test_measurements_that_agree_with_the_law_only_narrow_the_range():
    correction = combine_measurements(rows((10, 10), (20, 20)), LAW)
    assert correction.factor == pytest.approx(1)
    assert 1 < correction.spread < 2


def test_more_measurements_move_the_estimate_closer_to_them():
    factors = [combine_measurements(rows(*[(10, 40)] * n), LAW).factor for n in (1, 2, 8)]
    assert 1 < factors[0] < factors[1] < factors[2] < 4
    assert factors[2] == pytest.approx(4, rel=0.2)


def test_short_measurements_hardly_count():
    short = combine_measurements(rows((0.01, 0.04)), LAW).factor
    assert 1 < short < 1.2 < combine_measurements(rows((10, 40)), LAW).factor


def test_a_single_outlier_is_limited():
    assert combine_measurements(rows((1, 10_000)), LAW).factor < 8


def test_without_a_law_the_mean_rate_is_the_law():
    correction = combine_measurements(rows((10, 20), (30, 60)), None)
    assert correction.law is not None
    assert correction.law.core_seconds(5) == 10


@pytest.fixture
def store(tmp_path):
    return Workspace.at(tmp_path).store


def add(store, n, core_seconds, **changes):
    artifact = store.make(Step("projections", 1, {"n": n}), lambda _: {"n": n})
    file = artifact.folder / "manifest.json"
    table = json.loads(file.read_text()) | {"core_seconds": core_seconds} | changes
    del table["checksum"]
    file.write_text(json.dumps(table))


def test_corrections__come_from_artifacts_of_this_machine(store):
    assert find_corrections(store, READERS, 1.0) == {}
    law = LAWS["projections"]
    add(store, 10, 3 * law.core_seconds(10))
    before = evidence_stamp(store, READERS)
    correction = find_corrections(store, READERS, 1.0)["projections"]
    assert 1.5 < correction.factor < 3
    add(store, 20, 100 * law.core_seconds(20), machine="another")
    assert find_corrections(store, READERS, 1.0)["projections"] == correction
    assert evidence_stamp(store, READERS) != before


def test_corrections__of_a_machine_with_another_speed(store):
    add(store, 10, LAWS["projections"].core_seconds(10) / 2)
    correction = find_corrections(store, READERS, speed=2.0)["projections"]
    assert correction.factor == pytest.approx(1)


def test_corrections__damaged_or_strange_manifests_are_left_out(store):
    add(store, 10, 5.0)
    assert len(latest_artifacts(store, "projections")) == 1
    for file in store.root.glob("projections/*/manifest.json"):
        file.write_text("{")
    assert find_corrections(store, READERS, 1.0) == {}
    add(store, 11, 5.0)
    strange = {"projections": lambda _, artifact: Work("x", artifact.counts["missing"])}
    assert find_corrections(store, strange, 1.0) == {}
