"""The file of the current result, whole and damaged."""

import pytest

from core.clusters.editing import edit_history, edits
from core.errors import ArtifactError, SettingsError
from core.pipeline.results.current_file import (
    CurrentResult,
    current_path,
    find_damage,
    load_current,
    load_readable,
    set_aside_current,
)
from core.pipeline.results.current_result import change_edits
from core.pipeline.results.displayed_result import apply_saved_edits
from core.pipeline.run import keep_run, run_pipeline

DAMAGED = '{"format": 1, "run": '


def write_damaged(workspace):
    workspace.results.mkdir(exist_ok=True)
    current_path(workspace).write_text(DAMAGED)


def test_find_damage__names_the_file_and_the_remedy(workspace):
    assert find_damage(workspace) is None
    write_damaged(workspace)
    damage = find_damage(workspace)
    assert damage.where == str(current_path(workspace))
    assert "--set-aside" in damage.remedy
    assert load_readable(workspace) == CurrentResult()
    with pytest.raises(ArtifactError, match="current result cannot be read"):
        load_current(workspace)


def test_set_aside_current__nothing_is_deleted(workspace):
    for name in ("current-damaged.json", "current-damaged-2.json"):
        write_damaged(workspace)
        path = set_aside_current(workspace)
        assert (path.name, path.read_text()) == (name, DAMAGED)
        assert load_current(workspace) == CurrentResult()


def test_set_aside_current__refused_for_a_file_that_is_not_damaged(workspace, settings):
    with pytest.raises(SettingsError, match="is not damaged"):
        set_aside_current(workspace)
    keep_run(run_pipeline(workspace, settings()))
    with pytest.raises(SettingsError, match="is not damaged"):
        set_aside_current(workspace)
    assert current_path(workspace).is_file()


def test_damaged_result__is_not_replaced_and_its_run_keeps_the_edits(workspace, settings):
    run = run_pipeline(workspace, settings())
    keep_run(run)
    edited, _ = apply_saved_edits(run.view, run.labelling, run.chip_ids)
    edit, ids = edits.rename_cluster(edited, 1, "ferries"), run.chip_ids
    change_edits(run.view, run.labelling, ids, lambda h: edit_history.add_edit(h, edit, ids))
    write_damaged(workspace)
    again = run_pipeline(workspace, settings())
    keep_run(again)
    assert current_path(workspace).read_text() == DAMAGED
    assert "is not the current result" in again.summary()["notes"][-1]
    set_aside_current(workspace)
    keep_run(again)
    assert "is not the current result" not in str(again.summary()["notes"])
    edited, _ = apply_saved_edits(run.view, run.labelling, run.chip_ids)
    assert edited.names == {1: "ferries"}
    assert load_current(workspace).run == run.record.run_id
