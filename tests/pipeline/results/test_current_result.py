import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from core.clusters.editing import edit_history, edits
from core.clusters.editing.edit_history import History
from core.errors import ArtifactError, SettingsError
from core.pipeline.results.curation import Curation
from core.pipeline.results.current_file import CurrentResult, current_path, load_current
from core.pipeline.results.current_result import (
    change_edits,
    find_curation,
    keep_result,
    restore_run,
    save_current_run,
    update_current,
)
from core.pipeline.results.displayed_result import apply_saved_edits
from core.pipeline.results.run_records import change_record, find_run_record, list_run_records
from core.pipeline.run import keep_run, run_pipeline
from core.settings import GmmSettings

MIXTURE = {"method": "gmm", "gmm": {"n_components": 3, "n_init": 1}}


@pytest.fixture
def run(workspace, settings):
    """A run that is the current result."""
    result = run_pipeline(workspace, settings(**MIXTURE))
    keep_run(result)
    return result


def name_cluster(run, cluster, name):
    """Name a cluster of a run, as the app does."""
    edited, _ = apply_saved_edits(run.view, run.labelling, run.chip_ids)
    edit = edits.rename_cluster(edited, cluster, name)
    change_edits(
        run.view,
        run.labelling,
        run.chip_ids,
        lambda history: edit_history.add_edit(history, edit, run.chip_ids),
    )


def edit_texts(record):
    """The names and colours in the edits of a run's record."""
    return [edit.text for edit in record.curation.history.edits]


def displayed(run):
    return apply_saved_edits(run.view, run.labelling, run.chip_ids)[0]


def test_load_current__empty_workspace(workspace):
    assert load_current(workspace) == CurrentResult()


def test_keep_run__settings_keys_and_numbers(run, workspace):
    current = load_current(workspace)
    assert current.settings == run.view.settings
    assert current.run == run.record.run_id
    assert current.keys["projection"] == (run.view.artifacts["projection"][0].key,)
    (numbers,) = current.curation.numbering.by_labelling.values()
    assert numbers == (0, 1, 2)


def test_keep_run__incomplete_run_is_not_the_result(workspace, settings):
    keep_run(run_pipeline(workspace, settings(**MIXTURE), until="clusters"))
    assert load_current(workspace) == CurrentResult()


def test_change_edits__names_are_in_the_record_and_outlast_another_reduction(
    run, workspace, settings
):
    name_cluster(run, 1, "ferries")
    chips = np.array(run.chip_ids)[displayed(run).ids == 1]
    record = find_run_record(run.record.run_id, workspace)
    assert "ferries" in edit_texts(record)
    other = run_pipeline(workspace, settings(**MIXTURE, reduction={"n_dims": 12}))
    keep_run(other)
    edited, problems = apply_saved_edits(other.view, other.labelling, other.chip_ids)
    assert problems == []
    (named,) = edited.names
    same = set(chips) & set(np.array(other.chip_ids)[edited.ids == named])
    assert len(same) > len(chips) / 2


def test_change_edits__names_outlast_an_added_scene(workspace, settings, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for path in workspace.raw.glob("b.*"):
        shutil.move(path, hidden / path.name)
    first = run_pipeline(workspace, settings(**MIXTURE))
    keep_run(first)
    name_cluster(first, 0, "ferries")
    n_named = int((displayed(first).ids == 0).sum())
    for path in hidden.iterdir():
        shutil.move(path, workspace.raw / path.name)
    second = run_pipeline(workspace, settings(**MIXTURE))
    keep_run(second)
    edited, problems = apply_saved_edits(second.view, second.labelling, second.chip_ids)
    assert problems == []
    assert list(edited.names.values()) == ["ferries"]
    assert len(second.chip_ids) > len(first.chip_ids)
    assert int((edited.ids == next(iter(edited.names))).sum()) >= n_named / 2


def test_keep_result__numbers_stay_when_the_settings_go_there_and_back(run, workspace, settings):
    before = displayed(run).ids
    other = run_pipeline(workspace, settings(method="gmm", gmm={"n_components": 5, "n_init": 1}))
    keep_run(other)
    again = run_pipeline(workspace, settings(**MIXTURE))
    keep_run(again)
    np.testing.assert_array_equal(displayed(again).ids, before)


def test_keep_result__nothing_is_written_for_the_same_result(run, workspace):
    path = current_path(workspace)
    before = path.stat().st_mtime_ns
    keep_result(run.view, run.labelling, run.chip_ids)
    assert path.stat().st_mtime_ns == before


def test_restore_run__edits_of_the_run_come_back_and_no_edits_are_lost(run, workspace, settings):
    name_cluster(run, 1, "ferries")
    other = run_pipeline(workspace, settings(**MIXTURE, reduction={"n_dims": 12}))
    keep_run(other)
    name_cluster(other, 0, "tugs")
    restore_run(workspace, find_run_record(run.record.run_id, workspace))
    assert displayed(run).names == {1: "ferries"}
    restore_run(workspace, find_run_record(other.record.run_id, workspace))
    assert "tugs" in displayed(other).names.values()


def test_restore_run__an_edited_result_without_a_record_is_kept_as_a_run(run, workspace):
    def move_slider(current):
        gmm = GmmSettings(n_components=7)
        return replace(current, settings=replace(current.settings, gmm=gmm), run="")

    update_current(workspace, move_slider)
    name_cluster(run, 1, "ferries")
    restore_run(workspace, find_run_record(run.record.run_id, workspace))
    kept = [r for r in list_run_records(workspace) if r.settings.gmm.n_components == 7]
    assert len(kept) == 1
    assert "ferries" in edit_texts(kept[0])
    assert kept[0].n_chips == len(run.chip_ids)


def test_keep_run__edits_that_do_not_continue_those_of_the_record_are_kept_apart(
    run, workspace, settings
):
    name_cluster(run, 1, "ferries")
    other = run_pipeline(workspace, settings(**MIXTURE, reduction={"n_dims": 12}))
    keep_run(other)
    change_edits(other.view, other.labelling, other.chip_ids, lambda _: History())
    name_cluster(other, 0, "tugs")
    keep_run(run_pipeline(workspace, settings(**MIXTURE)))
    assert displayed(run).names == {1: "ferries"}
    assert "tugs" in edit_texts(find_run_record(other.record.run_id, workspace))


def test_save_current_run__only_on_request_without_edits(run, workspace):
    update_current(workspace, lambda current: replace(current, run=""))
    assert save_current_run(workspace) is None
    record = save_current_run(workspace, "autumn")
    assert record.name == "autumn"
    assert record.n_clusters == 3
    assert load_current(workspace).run == record.run_id


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', "[" * 100_000])
def test_load_current__damaged_file_is_named_with_its_remedy(workspace, text):
    path = current_path(workspace)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    with pytest.raises(ArtifactError) as caught:
        load_current(workspace)
    assert caught.value.where == str(path)
    assert "chipscape runs --set-aside" in caught.value.remedy


@pytest.mark.parametrize("key", [None, 0.5, ["a"], {}])
def test_load_current__a_key_that_is_no_text_is_damage(run, workspace, key):
    path = current_path(workspace)
    document = {n: v for n, v in json.loads(path.read_text()).items() if n != "checksum"}
    document["keys"]["chips"] = [key]
    path.write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match="a key is not text"):
        load_current(workspace)


def test_find_curation__edits_of_an_earlier_version(run, workspace):
    """A file of edits by row, as Chipscape wrote it for each reduction and method."""
    edit = edits.rename_cluster(displayed(run), 2, "old name")
    current_path(workspace).unlink()
    from core.artifacts.keys import make_key
    from core.pipeline.cluster_stages import reduction_key

    key = make_key("edits", 1, {"reduction": reduction_key(run.view), "method": "gmm"})
    folder = workspace.root / "edits"
    folder.mkdir()
    history = edit_history.history_to_document(History((edit,)))
    del history["chip_lists"]
    for row in history["done"]:
        del row["chip_list"]
    (folder / f"{key}.json").write_text(json.dumps({"history": history, "ids": None}))
    curation = find_curation(run.view, run.chip_ids)
    assert curation.history.edits[0].chip_list != ""
    assert displayed(run).names == {2: "old name"}
    keep_run(run)
    assert load_current(workspace).curation.history == curation.history


def test_update_current__writes_a_whole_file(workspace):
    update_current(workspace, lambda current: replace(current, curation=Curation()))
    assert not list(workspace.results.glob("*.part"))


def test_change_edits__refused_if_another_window_changed_them(run, workspace):
    displayed_history = load_current(workspace).curation.history
    name_cluster(run, 1, "ferries")
    with pytest.raises(SettingsError, match="another window"):
        change_edits(
            run.view,
            run.labelling,
            run.chip_ids,
            edit_history.undo_edit,
            expected=displayed_history,
        )
    assert displayed(run).names == {1: "ferries"}


def test_keep_run__a_pinned_run_keeps_its_own_edits(run, workspace, settings):
    change_record(run.record, pinned=True)
    other = run_pipeline(workspace, settings(**MIXTURE, reduction={"n_dims": 12}))
    keep_run(other)
    name_cluster(other, 0, "tugs")
    keep_run(run_pipeline(workspace, settings(**MIXTURE)))
    assert displayed(run).names == {}
    assert "tugs" not in edit_texts(find_run_record(run.record.run_id, workspace))
    assert "tugs" in edit_texts(find_run_record(other.record.run_id, workspace))


def test_keep_run__an_edited_slider_result_gets_one_record(run, workspace, settings):
    def move_slider(current):
        return replace(current, settings=settings(method="gmm", gmm={"n_components": 4}), run="")

    update_current(workspace, move_slider)
    name_cluster(run, 1, "ferries")
    keep_run(run_pipeline(workspace, settings(method="gmm", gmm={"n_components": 4})))
    kept = [r for r in list_run_records(workspace) if r.settings.gmm.n_components == 4]
    assert len(kept) == 1
    assert "ferries" in edit_texts(kept[0])


def test_save_current_run__a_deleted_record_is_written_again(run, workspace):
    name_cluster(run, 1, "ferries")
    run.record.path.unlink()
    record = save_current_run(workspace)
    assert "ferries" in edit_texts(record)
    assert set(record.scenes) == {"a.tif", "b.tif"}


def test_save_current_run__an_edited_run_under_another_name(run, workspace, settings):
    first = run.record.run_id
    name_cluster(run, 1, "ferries")
    copy = save_current_run(workspace, "second try")
    assert (copy.name, load_current(workspace).run) == ("second try", copy.run_id)
    assert copy.run_id != first
    name_cluster(run, 0, "tugs")

    def saved_texts(run_id):
        return edit_texts(find_run_record(run_id, workspace))

    assert saved_texts(first) == ["ferries"]
    assert saved_texts(copy.run_id) == ["ferries", "tugs"]
    # Both have the same artifacts; computing them again continues the one that is current.
    for run_id, names in ((copy.run_id, {0: "tugs", 1: "ferries"}), (first, {1: "ferries"})):
        restore_run(workspace, find_run_record(run_id, workspace))
        again = run_pipeline(workspace, settings(**MIXTURE))
        keep_run(again)
        assert (again.record.run_id, load_current(workspace).run) == (run_id, run_id)
        assert displayed(run).names == names
    assert saved_texts(copy.run_id) == ["ferries", "tugs"]


def test_keep_run__refit_is_not_a_setting_of_the_result(workspace, settings):
    keep_run(run_pipeline(workspace, settings(**MIXTURE, embed={"refit": True})))
    current = load_current(workspace)
    assert not current.settings.embed.refit
    assert not find_run_record(current.run, workspace).settings.embed.refit
