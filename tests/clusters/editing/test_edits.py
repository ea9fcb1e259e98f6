import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clusters.editing import edits
from core.clusters.editing.edit_history import Chips, History, add, from_json, redo, to_json, undo
from core.clusters.editing.edits import replay, start
from core.clusters.label_matching import match, renumbered
from core.errors import ArtifactError, SettingsError

LABELS = np.array([0] * 6 + [1] * 4 + [2] * 3 + [-1] * 2, np.int32)


def at(*rows):
    mask = np.zeros(len(LABELS), bool)
    mask[list(rows)] = True
    return mask


def after(*made, labels=LABELS):
    state, problems = replay(labels, tuple(made))
    assert problems == []
    return state


def test_names_colours_and_approval():
    state = start(LABELS)
    named = after(
        edits.rename(state, 1, " ships "), edits.recolour(state, 1, "#0072b2"),
        edits.approve(state, 1),
    )  # fmt: skip
    assert named.names == {1: "ships"}
    assert named.colours == {1: "#0072b2"}
    assert named.approved == {1}
    assert named.ids.tolist() == LABELS.tolist()
    assert after(edits.rename(state, 1, "a"), edits.rename(state, 1, "")).names == {}


def test_merge__first_keeps_its_name():
    state = start(LABELS)
    made = after(edits.rename(state, 1, "b"), edits.rename(state, 0, "a"),
                 edits.merge(state, (1, 0)))  # fmt: skip
    assert made.ids.tolist() == [1] * 10 + [2] * 3 + [-1] * 2
    assert made.names == {1: "b"}


def test_split_move_new_exclude():
    state = start(LABELS)
    made = after(
        edits.split(state, 0, at(4, 5, 6)),  # 6 is in another cluster, it stays there
        edits.move(state, at(13), 1),
        edits.new_cluster(at(10, 14), "odd"),
        edits.exclude(at(0, 1)),
    )
    assert made.ids.tolist() == [0] * 4 + [1000] * 2 + [1] * 4 + [1001] + [2] * 2 + [1, 1001]
    assert made.names == {1001: "odd"}
    assert made.excluded.tolist() == at(0, 1).tolist()


def test_ids_are_never_used_twice():
    state = start(LABELS)
    made = after(edits.merge(state, (1, 2)), edits.new_cluster(at(0)))
    assert made.ids[0] == 1000


def test_a_changed_cluster_wants_another_look():
    state = start(LABELS)
    assert after(edits.approve(state, 1), edits.move(state, at(14), 1)).approved == frozenset()


def test_halves__a_mixture_of_two_inside_one():
    rng = np.random.default_rng(0)
    labels = np.zeros(120, np.int32)
    labels[100:] = 1
    points = rng.normal(size=(120, 3)) + 15 * (np.arange(120) % 2)[:, None]
    state = start(labels)
    edit = edits.halves(state, 0, points.astype(np.float32))
    made = after(edit, labels=labels)
    assert len(set(made.ids[:100:2])) == len(set(made.ids[1:100:2])) == 1
    assert made.ids[0] != made.ids[1]
    assert (made.ids[100:] == 1).all()


def test_replay__after_a_re_cut_where_the_chips_agree():
    state = start(LABELS)
    made = (edits.rename(state, 0, "ships"), edits.rename(state, 1, "cars"))
    recut = np.array([5] * 5 + [-1] + [7, 8, 9, 7] + [2] * 5, np.int32)
    found, problems = replay(recut, made)
    # 0 lost one chip of six; of the four of 1, no more than two are together.
    assert found.names == {5: "ships", 7: "cars"}
    assert problems == []
    found, problems = replay(recut, made, agreement=0.6)
    assert found.names == {5: "ships"}
    assert problems == [
        "Edit 2, rename 'cars': its cluster is gone; the likest now shares 50% of the chips."
    ]


def test_replay__what_no_longer_fits_is_reported():
    state = start(LABELS)
    merged = edits.merge(state, (0, 1))
    _, problems = replay(np.where(LABELS == 1, 0, LABELS).astype(np.int32), (merged,), 0.4)
    assert "one already" in problems[0]
    halved = edits.split(state, 0, at(3, 4, 5))
    _, problems = replay(np.where(at(0, 1, 2), -1, LABELS).astype(np.int32), (halved,))
    assert "one side of the split" in problems[0]
    found, problems = replay(LABELS[:5], (edits.rename(state, 0, "a"),))
    assert "made on 15 chips, there are 5" in problems[0]
    assert found.names == {}


def test_replay__leaves_the_labels_alone():
    before = LABELS.copy()
    after(edits.move(start(LABELS), at(14), 1))
    np.testing.assert_array_equal(LABELS, before)


def test_undo_and_redo():
    one, two = edits.exclude(at(0)), edits.exclude(at(1))
    history = add(add(History(), one), two)
    back = undo(history)
    assert back.done == (one,)
    assert redo(back) == history
    assert undo(undo(undo(back))).done == ()
    assert redo(history) == history
    assert add(back, edits.exclude(at(2))).undone == ()


def test_json__there_and_back():
    state = start(LABELS)
    history = undo(add(add(History(), edits.rename(state, 0, "Ä")), edits.new_cluster(at(3))))
    assert from_json(to_json(history)) == history


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 9, "done": [], "undone": []}',
     '{"format": 1, "done": [{"kind": "burn"}], "undone": []}',
     '{"format": 1, "done": [{"kind": "rename"}], "undone": []}'],
)  # fmt: skip
def test_json__damaged(text):
    with pytest.raises(ArtifactError):
        from_json(text)


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_chips__there_and_back(truths):
    mask = np.array(truths)
    np.testing.assert_array_equal(Chips.of(mask).mask(), mask)


def test_chips__damaged():
    good = Chips.of(at(0))
    for bad in (Chips(15, "no base64!"), Chips(15, good.packed[:-6]), Chips(500, good.packed)):
        with pytest.raises(ArtifactError):
            bad.mask()


def test_edits__impossible_ones_are_refused():
    state = start(LABELS)
    for make in (
        lambda: edits.rename(state, 9, "x"),
        lambda: edits.rename(state, -1, "x"),
        lambda: edits.merge(state, (1, 1)),
        lambda: edits.split(state, 0, at(7)),
        lambda: edits.split(state, 0, at(0, 1, 2, 3, 4, 5)),
        lambda: edits.new_cluster(at()),
    ):
        with pytest.raises(SettingsError):
            make()


def test_replay__what_was_split_off_keeps_its_id_at_a_re_cut():
    old = np.repeat([0, 1, 2], [60, 40, 30]).astype(np.int32)
    off = np.arange(130) < 25
    made = (edits.split(start(old), 0, off),)
    seen, _ = replay(old, made)
    recut = old.copy()
    recut[85:100] = 3
    ids = match(old, recut)
    again, problems = replay(renumbered(recut, ids), made)
    assert problems == []
    assert set(again.ids[off]) == set(seen.ids[off]) == {1000}
    assert set(again.ids[85:100]) == {3}


def test_replay__an_edit_that_does_not_fit_leaves_later_ids_alone():
    state = start(LABELS)
    made = (edits.split(state, 0, at(3, 4, 5)), edits.new_cluster(at(14), "odd"))
    found, problems = replay(np.where(at(0, 1, 2), -1, LABELS).astype(np.int32), made)
    assert len(problems) == 1
    assert found.names == {1001: "odd"}
