import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clusters.editing import edits
from core.clusters.editing.edit_history import (
    ChipSelection,
    History,
    add_edit,
    describe_edit,
    history_from_document,
    history_to_document,
    redo_edit,
    undo_edit,
)
from core.clusters.editing.edit_replay import replay_edits
from core.clusters.editing.edited_labelling import unedited_clusters
from core.errors import ArtifactError, SettingsError

LABELS = np.array([0] * 6 + [1] * 4 + [2] * 3 + [-1] * 2, np.int32)


def select(*rows):
    mask = np.zeros(len(LABELS), bool)
    mask[list(rows)] = True
    return mask


def apply_all(*edit_list, labels=LABELS):
    state, problems = replay_edits(labels, edit_list)
    assert problems == []
    return state


def test_rename_recolour_approve():
    state = unedited_clusters(LABELS)
    edited = apply_all(
        edits.rename_cluster(state, 1, " ships "),
        edits.recolour_cluster(state, 1, "#0072b2"),
        edits.approve_cluster(state, 1),
    )
    assert edited.names == {1: "ships"}
    assert edited.colours == {1: "#0072b2"}
    assert edited.approved == {1}
    assert edited.ids.tolist() == LABELS.tolist()
    unnamed = apply_all(edits.rename_cluster(state, 1, "a"), edits.rename_cluster(state, 1, ""))
    assert unnamed.names == {}


def test_merge__the_first_cluster_keeps_its_name():
    state = unedited_clusters(LABELS)
    edited = apply_all(
        edits.rename_cluster(state, 1, "b"),
        edits.rename_cluster(state, 0, "a"),
        edits.merge_clusters(state, (1, 0)),
    )
    assert edited.ids.tolist() == [1] * 10 + [2] * 3 + [-1] * 2
    assert edited.names == {1: "b"}


def test_split_move_new_exclude():
    state = unedited_clusters(LABELS)
    edited = apply_all(
        edits.split_cluster(state, 0, select(4, 5, 6)),  # 6 is in another cluster and stays there
        edits.move_chips(state, select(13), 1),
        edits.create_cluster(select(10, 14), "odd"),
        edits.exclude_chips(select(0, 1)),
    )
    assert edited.ids.tolist() == [0] * 4 + [1000] * 2 + [1] * 4 + [1001] + [2] * 2 + [1, 1001]
    assert edited.names == {1001: "odd"}
    assert edited.excluded.tolist() == select(0, 1).tolist()


def test_create__ids_are_never_reused():
    state = unedited_clusters(LABELS)
    edited = apply_all(edits.merge_clusters(state, (1, 2)), edits.create_cluster(select(0)))
    assert edited.ids[0] == 1000


def test_approve__is_lost_if_the_cluster_changes():
    state = unedited_clusters(LABELS)
    edited = apply_all(edits.approve_cluster(state, 1), edits.move_chips(state, select(14), 1))
    assert edited.approved == frozenset()


def test_name_chips__joins_the_cluster_of_the_name():
    state = unedited_clusters(LABELS)
    edited = apply_all(
        edits.rename_cluster(state, 1, "cars"),
        edits.approve_cluster(state, 1),
        edits.name_chips(select(0, 14), " cars "),
        edits.name_chips(select(1), "boats"),
        edits.name_chips(select(2, 14), "boats"),
    )
    assert edited.names == {1: "cars", 1000: "boats"}
    assert edited.ids.tolist() == [1, 1000, 1000, 0, 0, 0] + [1] * 4 + [2] * 3 + [-1, 1000]
    assert edited.approved == {1}
    assert edited.approved_chips.tolist() == select(0, 1, 2, 6, 7, 8, 9, 14).tolist()


def test_approve_chips__is_lost_by_chips_that_move():
    state = unedited_clusters(LABELS)
    edited = apply_all(
        edits.approve_chips(state, select(0, 1, 6)), edits.move_chips(state, select(1), 2)
    )
    assert edited.approved_chips.tolist() == select(0, 6).tolist()
    with pytest.raises(SettingsError, match="noise and excluded chips belong to no cluster"):
        edits.approve_chips(state, select(14))


def test_include__reverts_an_exclusion():
    edited = apply_all(edits.exclude_chips(select(0, 1, 14)), edits.include_chips(select(1, 3)))
    assert edited.excluded.tolist() == select(0, 14).tolist()


def test_bisect__by_a_mixture_of_two_gaussians():
    rng = np.random.default_rng(0)
    labels = np.zeros(120, np.int32)
    labels[100:] = 1
    points = rng.normal(size=(120, 3)) + 15 * (np.arange(120) % 2)[:, None]
    state = unedited_clusters(labels)
    edit = edits.bisect_cluster(state, 0, points.astype(np.float32))
    edited = apply_all(edit, labels=labels)
    assert len(set(edited.ids[:100:2])) == len(set(edited.ids[1:100:2])) == 1
    assert edited.ids[0] != edited.ids[1]
    assert (edited.ids[100:] == 1).all()


def test_undo_and_redo():
    first, second = edits.exclude_chips(select(0)), edits.exclude_chips(select(1))
    history = add_edit(add_edit(History(), first), second)
    undone = undo_edit(history)
    assert undone.edits == (first,)
    assert redo_edit(undone) == history
    assert undo_edit(undo_edit(undo_edit(undone))).edits == ()
    assert redo_edit(history) == history
    assert add_edit(undone, edits.exclude_chips(select(2))).undone_edits == ()


def test_history_document__round_trip_through_json():
    history = add_edit(History(), edits.rename_cluster(unedited_clusters(LABELS), 0, "Ä"))
    history = add_edit(history, edits.name_chips(select(3), "Ö"))
    history = undo_edit(add_edit(history, edits.create_cluster(select(3))))
    assert history_from_document(json.loads(json.dumps(history_to_document(history)))) == history


@pytest.mark.parametrize(
    "document",
    [
        "",
        [],
        {},
        {"format": 9, "done": [], "undone": []},
        {"format": 1, "done": [{"kind": "burn"}], "undone": []},
        {"format": 1, "done": [{"kind": "rename"}], "undone": []},
    ],
)
def test_history_document__damaged(document):
    with pytest.raises(ArtifactError):
        history_from_document(document)


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_chip_selection__round_trip(truths):
    mask = np.array(truths)
    np.testing.assert_array_equal(ChipSelection.from_mask(mask).to_mask(), mask)


def test_chip_selection__damaged():
    intact = ChipSelection.from_mask(select(0))
    for damaged in (
        ChipSelection(15, "no base64!"),
        ChipSelection(15, intact.packed[:-6]),
        ChipSelection(500, intact.packed),
    ):
        with pytest.raises(ArtifactError):
            damaged.to_mask()


def test_edits__impossible_edits_are_refused():
    state = unedited_clusters(LABELS)
    for make in (
        lambda: edits.rename_cluster(state, 9, "x"),
        lambda: edits.rename_cluster(state, -1, "x"),
        lambda: edits.merge_clusters(state, (1, 1)),
        lambda: edits.split_cluster(state, 0, select(7)),
        lambda: edits.split_cluster(state, 0, select(0, 1, 2, 3, 4, 5)),
        lambda: edits.create_cluster(select()),
        lambda: edits.approve_chips(state, select()),
        lambda: edits.name_chips(select(0), " "),
    ):
        with pytest.raises(SettingsError):
            make()


def test_describe_edit__names_the_value_if_there_is_one():
    state = unedited_clusters(LABELS)
    assert describe_edit(edits.rename_cluster(state, 1, "quay")) == "renamed to quay"
    assert describe_edit(edits.rename_cluster(state, 1, "")) == "renamed"
    assert describe_edit(edits.create_cluster(select(0, 1), "quay")) == "new cluster"
    assert describe_edit(edits.name_chips(select(0, 1), "quay")) == "chips named quay"
