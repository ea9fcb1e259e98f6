"""Deleting runs: what is freed, and what stays for pinned runs and the current result."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from filelock import Timeout

from core.artifacts.store import Step
from core.errors import ArtifactError, SettingsError, WorkspaceError
from core.pipeline.cluster_stages import labelling_stage
from core.pipeline.land import study_cells
from core.pipeline.quality_stage import judge_run
from core.pipeline.results import cleaning
from core.pipeline.results.cleaning import (
    clean_workspace,
    measure_runs,
    plan_cleaning,
    select_deletable,
)
from core.pipeline.results.current_file import current_path, load_current, results_lock
from core.pipeline.results.current_result import update_current
from core.pipeline.results.run_comparison import open_run
from core.pipeline.results.run_records import change_record, list_run_records
from core.pipeline.results.stored_view import list_keys
from core.pipeline.run import keep_run, run_pipeline
from core.progress import silent
from core.settings import CutSettings


@pytest.fixture
def runs(workspace, settings):
    """A run with `texture`, and a later and current one with `colour`."""
    first = run_pipeline(workspace, settings(embed={"encoder": "texture"}, method="kmeans"))
    second = run_pipeline(workspace, settings(embed={"encoder": "colour"}, method="hdbscan"))
    for run in (first, second):
        keep_run(run)
    return first, second


def stored_keys(workspace, *stages):
    folders = [p for stage in stages for p in (workspace.artifacts / stage).glob("*")]
    return {folder.name for folder in folders}


def age(record, days):
    finished = datetime.now(UTC) - timedelta(days=days)
    return change_record(record, finished=finished.isoformat(timespec="seconds"))


def test_clean__frees_only_what_no_remaining_run_needs(runs, workspace):
    first, second = runs
    cleaning = clean_workspace(workspace, [first.record])
    assert cleaning.n_bytes > 0
    assert [record.run_id for record in list_run_records(workspace)] == [second.record.run_id]
    remaining = stored_keys(workspace, "chips", "encoders", "embeddings", "reduction", "kmeans")
    keys = list_keys(second.view)
    assert remaining == {*keys["chips"], *keys["embeddings"], *keys["reduction"]}
    assert open_run(workspace, second.record).view.has("projection")
    assert run_pipeline(workspace, second.view.settings).stages["projection"] == "cached"


def test_plan__deletes_nothing(runs, workspace):
    before = stored_keys(workspace, "embeddings", "reduction", "projections", "kmeans")
    planned = plan_cleaning(workspace, [runs[0].record])
    assert stored_keys(workspace, "embeddings", "reduction", "projections", "kmeans") == before
    assert len(list_run_records(workspace)) == 2
    assert clean_workspace(workspace, [runs[0].record]) == planned


def test_clean__without_runs_keeps_every_run(runs, workspace):
    assert clean_workspace(workspace).artifacts == ()
    assert not any(
        s.n_missing for s in measure_runs(workspace, list_run_records(workspace)).values()
    )


def test_clean__results_without_a_record_are_deleted(runs, workspace):
    runs[0].record.path.unlink()
    assert clean_workspace(workspace).n_by_stage["embeddings"] == 2


def test_clean__only_freed_leaves_other_unneeded_results(runs, workspace, settings):
    third = run_pipeline(workspace, settings(reduction={"n_dims": 3}, method="kmeans"))
    third.record.path.unlink()
    unneeded = set(list_keys(third.view)["reduction"])
    cleaning = clean_workspace(workspace, [runs[0].record], only_freed=True)
    assert {a.key for a in cleaning.artifacts if a.stage == "reduction"} == set(
        list_keys(runs[0].view)["reduction"]
    )
    assert unneeded <= stored_keys(workspace, "reduction")


def test_clean__report_cards_and_appearance_go_with_their_run(workspace, settings):
    first = run_pipeline(workspace, settings(chips={"size": 40}, method="kmeans"))
    judge_run(first, lambda _: silent)
    keep_run(run_pipeline(workspace, settings(method="kmeans")))
    assert stored_keys(workspace, "quality", "appearance")
    cleaning = clean_workspace(workspace, [first.record])
    assert {"quality", "appearance", "chips", "kmeans"} <= set(cleaning.n_by_stage)
    assert stored_keys(workspace, "quality", "appearance") == set()


def test_clean__prepared_fits_of_a_remaining_run_stay(runs, workspace, settings):
    other = settings(embed={"encoder": "colour"}, method="kmeans", kmeans={"n_clusters": 4})
    prepared = run_pipeline(workspace, other, until="clusters")
    assert list_keys(prepared.view)["clusters"][0] not in {
        artifact.key for artifact in clean_workspace(workspace).artifacts
    }


def test_clean__report_card_of_a_cut_that_is_not_stored_stays(runs, workspace):
    second = runs[1]
    cut = replace(second.view.settings, cut=CutSettings(min_cluster_size=4))
    view = replace(second.view, settings=cut)
    method = labelling_stage_of(view)
    inputs = {"labelling": method.step(view).key, "chips": list_keys(view)["chips"]}
    workspace.store.make(Step("quality", 1, inputs), lambda _: {})
    keys = {k: v for k, v in list_keys(view).items() if k != "clusters"}
    update_current(workspace, lambda kept: replace(kept, settings=cut, keys=keys, run=""))
    assert "quality" not in clean_workspace(workspace).n_by_stage
    assert stored_keys(workspace, "trees")
    update_current(workspace, lambda kept: replace(kept, settings=second.view.settings))
    assert clean_workspace(workspace).n_by_stage == {"quality": 1}


def labelling_stage_of(view):
    from core.clusters.methods.method_table import method_of

    return labelling_stage(method_of(view.settings))


def test_clean__pinned_and_current_runs_are_refused(runs, workspace):
    pinned = change_record(runs[0].record, pinned=True)
    with pytest.raises(SettingsError, match="is pinned"):
        clean_workspace(workspace, [pinned])
    with pytest.raises(SettingsError, match="current result"):
        clean_workspace(workspace, [runs[1].record])
    assert len(list_run_records(workspace)) == 2


def test_clean__a_run_that_was_pinned_in_another_window_is_refused(runs, workspace):
    change_record(runs[0].record, pinned=True)
    with pytest.raises(SettingsError, match="is pinned"):
        clean_workspace(workspace, [runs[0].record])


def test_clean__no_other_process_can_change_the_current_result_meanwhile(
    runs, workspace, monkeypatch
):
    def load_while_locked(workspace):
        with pytest.raises(Timeout), results_lock(workspace.results, timeout=0):
            pass
        return load_current(workspace)

    monkeypatch.setattr(cleaning, "load_current", load_while_locked)
    assert clean_workspace(workspace, [runs[0].record]).runs == (runs[0].record,)


def test_clean__current_result_without_a_record_stays(runs, workspace):
    update_current(workspace, lambda current: replace(current, run=""))
    clean_workspace(workspace, list_run_records(workspace))
    assert list_run_records(workspace) == []
    assert set(list_keys(runs[1].view)["projection"]) == stored_keys(workspace, "projections")


def test_clean__records_that_cannot_be_read_keep_their_results(runs, workspace):
    record = runs[0].record
    record.path.write_text(record.path.read_text().replace('method = "kmeans"', "method = ["))
    assert clean_workspace(workspace).artifacts == ()
    assert set(list_keys(runs[0].view)["projection"]) < stored_keys(workspace, "projections")


def test_clean__damaged_current_result_is_refused(runs, workspace):
    current_path(workspace).write_text("{")
    with pytest.raises(ArtifactError, match="current result"):
        clean_workspace(workspace)


def test_clean__land_cover_stays(runs, workspace):
    step = Step(study_cells.CELLS.name, 1, {"any": "thing"})
    workspace.store.make(step, lambda _: {})
    clean_workspace(workspace)
    assert workspace.store.find(step) is not None


def test_clean__scenes_in_raw_stay_and_removed_ones_go(runs, workspace):
    (workspace.raw / "b.tif").unlink()
    run_pipeline(workspace, runs[1].view.settings)
    keep_run(run_pipeline(workspace, runs[1].view.settings))
    scenes = stored_keys(workspace, "scenes")
    cleaning = clean_workspace(workspace, select_deletable(workspace))
    assert len(cleaning.runs) == 2
    assert 1 <= cleaning.n_by_stage["scenes"] < len(scenes)


def test_clean__unfinished_results_are_deleted(runs, workspace):
    folder = workspace.artifacts / ".partial" / "embeddings-0123"
    folder.mkdir(parents=True)
    (folder / "embeddings.npy").write_bytes(bytes(9000))
    cleaning = clean_workspace(workspace)
    assert cleaning.leftovers == (folder,)
    assert cleaning.n_bytes >= 9000
    assert not folder.exists()


def test_clean__refused_while_a_run_is_computed(runs, workspace):
    with workspace.store.in_use(), pytest.raises(WorkspaceError, match="another process"):
        clean_workspace(workspace, [runs[0].record])
    assert len(list_run_records(workspace)) == 2


def test_clean__refused_during_run_pipeline(runs, workspace, settings):
    errors = []

    def report(*_):
        try:
            clean_workspace(workspace)
        except WorkspaceError as error:
            errors.append(error)
        return False

    changed = settings(embed={"encoder": "texture"}, method="ward", reduction={"n_dims": 4})
    run_pipeline(workspace, changed, lambda stage: report if stage == "projection" else silent)
    assert errors


def test_clean__workspace_without_results(workspace):
    assert clean_workspace(workspace).artifacts == ()
    assert not workspace.artifacts.exists()


def test_select_deletable__neither_pinned_nor_current(runs, workspace):
    assert [r.run_id for r in select_deletable(workspace)] == [runs[0].record.run_id]
    change_record(runs[0].record, pinned=True)
    assert select_deletable(workspace) == []


def test_select_deletable__older_than(runs, workspace):
    age(runs[0].record, days=10)
    assert len(select_deletable(workspace, 9)) == 1
    assert select_deletable(workspace, 11) == []


def test_measure_runs__deleted_results_are_counted(runs, workspace):
    before = measure_runs(workspace, [runs[0].record])[runs[0].record.run_id]
    assert before.n_missing == 0
    shutil.rmtree(workspace.artifacts / "projections" / list_keys(runs[0].view)["projection"][0])
    after = measure_runs(workspace, [runs[0].record])[runs[0].record.run_id]
    assert after.n_missing == 1
    assert after.n_bytes < before.n_bytes
    assert load_current(workspace).run == runs[1].record.run_id
