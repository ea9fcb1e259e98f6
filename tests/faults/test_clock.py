"""A clock that is set back between two runs: no stale result, and the latest run is the current."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from core.pipeline.results.current_result import load_current
from core.pipeline.results.run_records import list_run_records
from core.pipeline.results.verification import verify_workspace
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.workspace import Workspace

YEAR = timedelta(days=365)


class FutureClock(datetime):
    """The clock before it is set back by a year."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + YEAR


@pytest.fixture
def from_the_future(workspace, settings, monkeypatch):
    """A workspace whose files and results are a year ahead of the clock."""
    future = (datetime.now(UTC) + YEAR).timestamp()
    for path in workspace.raw.iterdir():
        os.utime(path, (future, future))
    with monkeypatch.context() as patch:
        for module in ("core.artifacts.store", "core.pipeline.results.run_records"):
            patch.setattr(f"{module}.datetime", FutureClock)
        keep_run(run_pipeline(workspace, settings()))
        workspace.checksums.save()
    for path in workspace.root.rglob("*"):
        if path.is_file():
            os.utime(path, (future, future))
    return Workspace.at(workspace.root)


def test_set_back__results_are_found_again(from_the_future, settings):
    run = run_pipeline(from_the_future, settings())
    assert set(run.stages.values()) == {"cached"}
    assert verify_workspace(from_the_future).is_intact


def test_set_back__the_latest_run_is_the_current_result(from_the_future, settings):
    run = run_pipeline(from_the_future, settings(gmm={"n_components": 2}))
    keep_run(run)
    latest = Workspace.at(from_the_future.root)
    assert load_current(latest).run == run.record.run_id
    assert len(list_run_records(latest)) == 2
    again = run_pipeline(latest, settings(gmm={"n_components": 2}))
    assert set(again.stages.values()) == {"cached"}


def test_set_back__a_change_with_older_times_is_noticed(from_the_future, settings, add_scene):
    """The changed scene has the size of the original, and a modification time before it."""
    first = run_pipeline(from_the_future, settings(), until="chips")
    scene = from_the_future.raw / "a.tif"
    content = bytearray(scene.read_bytes())
    content[len(content) // 2] ^= 0xFF
    scene.write_bytes(content)
    os.utime(scene, (1e9, 1e9))
    run = run_pipeline(Workspace.at(from_the_future.root), settings(), until="chips")
    assert run.stages["chips"] == "computed"
    assert run.chips.keys != first.chips.keys
