import numpy as np
import pytest

from core.clusters.editing import edit_replay, edits
from core.clusters.editing.edit_history import History, add_edit
from core.clusters.editing.edit_replay import apply_edit, locate_edits, replay_edits
from core.clusters.editing.edited_labelling import unedited_clusters
from core.clusters.label_matching import match_clusters, renumber_labels
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.settings import CutSettings, TreeSettings

LABELS = np.array([0] * 6 + [1] * 4 + [2] * 3 + [-1] * 2, np.int32)


def select(*rows):
    mask = np.zeros(len(LABELS), bool)
    mask[list(rows)] = True
    return mask


def name_every_cluster(labels):
    state = unedited_clusters(labels)
    clusters = np.unique(labels[labels >= 0]).tolist()
    return [edits.rename_cluster(state, cluster, f"name {cluster}") for cluster in clusters]


def names_by_chip(state):
    return np.array([state.names.get(int(cluster), "") for cluster in state.ids])


def test_replay__a_name_stays_on_its_chips_and_goes_to_the_pieces():
    recut = np.array([5] * 5 + [-1] + [7, 8, 9, 7] + [2] * 5, np.int32)
    edited, problems = replay_edits(recut, name_every_cluster(LABELS)[:2])
    # Cluster 0 lost one of its six chips to noise; the four chips of 1 are in three pieces.
    assert edited.names == {5: "name 0", 7: "name 1", 8: "name 1", 9: "name 1"}
    assert edited.ids.tolist() == [5] * 6 + [7, 8, 9, 7] + [2] * 5
    assert problems == ["1 named chip keeps its name, although the method now puts it elsewhere."]


def test_replay__a_named_cluster_that_becomes_noise_keeps_its_id_and_name():
    recut = np.where(LABELS == 1, -1, LABELS).astype(np.int32)
    edited, problems = replay_edits(recut, name_every_cluster(LABELS))
    assert edited.ids.tolist() == LABELS.tolist()
    assert edited.names == {0: "name 0", 1: "name 1", 2: "name 2"}
    assert problems[0].startswith("4 named chips keep their name")


def test_replay__clusters_with_different_names_are_not_merged_by_a_cut():
    recut = np.where(LABELS == 1, 0, LABELS).astype(np.int32)
    edited, _ = replay_edits(recut, name_every_cluster(LABELS))
    assert edited.ids.tolist() == LABELS.tolist()
    # Two clusters of equal size: neither of them is most of the merged cluster.
    labels = np.repeat([0, 1, 2], [4, 4, 8]).astype(np.int32)
    recut = np.repeat([0, 2], [8, 8]).astype(np.int32)
    edited, _ = replay_edits(recut, name_every_cluster(labels))
    assert names_by_chip(edited).tolist() == [f"name {label}" for label in labels]


def test_replay__names_do_not_hold_chips_in_a_different_labelling():
    labels = np.repeat(np.arange(4), 10).astype(np.int32)
    other = np.tile(np.arange(4), 10).astype(np.int32)
    edited, problems = replay_edits(other, name_every_cluster(labels))
    assert edited.ids.tolist() == other.tolist()
    assert edited.names == {}
    assert len(problems) == 4
    assert "its cluster no longer exists; the most similar one overlaps by" in problems[0]


def test_replay__a_name_that_was_removed_holds_no_chips():
    rename = edits.rename_cluster(unedited_clusters(LABELS), 1, "cars")
    named, _ = replay_edits(LABELS, [rename])
    unname = edits.rename_cluster(named, 1, "")
    recut = np.where(LABELS == 1, -1, LABELS).astype(np.int32)
    others = name_every_cluster(LABELS)[0]
    edited, _ = replay_edits(recut, [others, rename, unname])
    assert edited.ids.tolist() == recut.tolist()


def test_replay__named_chips_keep_their_name_in_any_labelling():
    chips = select(2, 7, 13)
    history = [edits.name_chips(chips, "boat")]
    for labels in (LABELS, np.full(15, -1, np.int32), np.tile([0, 1, 2], 5).astype(np.int32)):
        edited, problems = replay_edits(labels, history)
        assert (names_by_chip(edited) == "boat").tolist() == chips.tolist()
        assert edited.approved_chips.tolist() == chips.tolist()
        assert edited.ids[chips].tolist() == [1000] * 3
        assert problems == []


def test_replay__approved_chips_stay_approved_while_their_cluster_exists():
    state = unedited_clusters(LABELS)
    approve = edits.approve_chips(state, select(0, 1, 6, 14))
    edited, problems = replay_edits(LABELS, [approve])
    # Noise belongs to no cluster, so that nothing about it can be approved.
    assert edited.approved_chips.tolist() == select(0, 1, 6).tolist()
    recut = np.where(LABELS == 1, 0, LABELS).astype(np.int32)
    edited, problems = replay_edits(recut, [approve])
    assert edited.approved_chips.tolist() == select(0, 1, 6).tolist()
    recut = np.where(select(0), 2, LABELS).astype(np.int32)
    edited, problems = replay_edits(recut, [approve])
    assert edited.approved_chips.tolist() == select(1, 6).tolist()
    assert problems == []
    _, problems = replay_edits(np.full(15, -1, np.int32), [approve])
    assert "no longer exists" in problems[0]


def test_replay__a_name_holds_the_chips_of_other_scenes_too():
    history = add_edit(
        History(), edits.rename_cluster(unedited_clusters(LABELS), 0, "ships"), "abcdefghijklmno"
    )
    chips = list("xyzabcdefghij")
    labels = np.array([4] * 3 + [4] * 5 + [-1] + [1] * 4, np.int32)
    edited, _ = replay_edits(labels, locate_edits(history, chips))
    assert edited.ids.tolist() == [4] * 9 + [1] * 4
    assert edited.names == {4: "ships"}


@pytest.mark.parametrize("size", [8, 10, 15, 20, 25, 30])
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_replay__names_survive_a_re_cut(size, factor):
    rng = np.random.default_rng(5)
    sizes = rng.integers(9, 60, 12)
    centres = rng.normal(0, 4, (12, 4))
    points = np.concatenate(
        [c + rng.normal(size=(n, 4)) for c, n in zip(centres, sizes, strict=True)]
    )
    tree = build_tree(points.astype(np.float32), TreeSettings())
    labels = cut_tree(tree, CutSettings(size)).labels
    recut = cut_tree(tree, CutSettings(round(size * factor))).labels
    recut = renumber_labels(recut, match_clusters(labels, recut))
    history = name_every_cluster(labels)
    before, _ = replay_edits(labels, history)
    after, _ = replay_edits(recut, history)
    named = names_by_chip(before) != ""
    assert named.any()
    assert (names_by_chip(after)[named] == names_by_chip(before)[named]).all()


def test_replay__reports_edits_that_no_longer_fit():
    state = unedited_clusters(LABELS)
    merge = edits.merge_clusters(state, (0, 1))
    _, problems = replay_edits(np.where(LABELS == 1, 0, LABELS).astype(np.int32), (merge,))
    assert "already merged" in problems[0]
    split = edits.split_cluster(state, 0, select(3, 4, 5))
    _, problems = replay_edits(np.where(select(0, 1, 2), -1, LABELS).astype(np.int32), (split,))
    assert "one side of the split" in problems[0]
    edited, problems = replay_edits(LABELS[:5], (edits.rename_cluster(state, 0, "a"),))
    assert "made when there were 15 chips; now there are 5" in problems[0]
    assert edited.names == {}


def test_replay__a_merge_of_two_clusters_includes_all_pieces():
    merge = edits.merge_clusters(unedited_clusters(LABELS), (0, 1))
    recut = np.array([0] * 3 + [5] * 3 + [1] * 4 + [2] * 3 + [-1] * 2, np.int32)
    edited, problems = replay_edits(recut, (merge,))
    assert edited.ids.tolist() == [0] * 10 + [2] * 3 + [-1] * 2
    assert problems == []


def test_replay__does_not_change_the_labels():
    before = LABELS.copy()
    replay_edits(LABELS, [edits.move_chips(unedited_clusters(LABELS), select(14), 1)])
    np.testing.assert_array_equal(LABELS, before)


def test_replay__a_split_off_cluster_keeps_its_id_after_a_re_cut():
    labels = np.repeat([0, 1, 2], [60, 40, 30]).astype(np.int32)
    part = np.arange(130) < 25
    split = (edits.split_cluster(unedited_clusters(labels), 0, part),)
    before, _ = replay_edits(labels, split)
    recut = labels.copy()
    recut[85:100] = 3
    ids = match_clusters(labels, recut)
    after, problems = replay_edits(renumber_labels(recut, ids), split)
    assert problems == []
    assert set(after.ids[part]) == set(before.ids[part]) == {1000}
    assert set(after.ids[85:100]) == {3}


def test_replay__an_edit_that_does_not_fit_keeps_later_ids():
    state = unedited_clusters(LABELS)
    edit_list = (
        edits.split_cluster(state, 0, select(3, 4, 5)),
        edits.create_cluster(select(14), "odd"),
    )
    recut = np.where(select(0, 1, 2), -1, LABELS).astype(np.int32)
    edited, problems = replay_edits(recut, edit_list)
    assert len(problems) == 1
    assert edited.names == {1001: "odd"}


def random_edit(rng, state):
    """Return a random edit of a labelling, which may give or remove a name."""
    chips = np.zeros(len(state.ids), np.bool_)
    chips[rng.choice(len(chips), rng.integers(1, 4))] = True
    cluster = int(rng.choice(np.unique(state.ids[state.ids >= 0])))
    names = ("", "quay", "tug", "crane")
    makers = (
        lambda: edits.rename_cluster(state, cluster, names[rng.integers(3)]),
        lambda: edits.name_chips(chips, names[rng.integers(1, 4)]),
        lambda: edits.exclude_chips(chips),
        lambda: edits.approve_cluster(state, cluster),
        lambda: edits.create_cluster(chips, "barge"),
    )
    return makers[rng.integers(len(makers))]()


def random_history(rng, labels, ids, n_edits):
    state, history = unedited_clusters(labels), History()
    for _ in range(n_edits):
        edit = random_edit(rng, state)
        history = add_edit(history, edit, ids)
        state, _ = apply_edit(state, edit)
    return history


@pytest.mark.parametrize("seed", range(8))
def test_replay__in_chunks_gives_the_result_of_a_replay_at_once(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, 4, 60).astype(np.int32)
    ids = [f"chip-{row}" for row in range(60)]
    history = random_history(rng, labels, ids, 40)
    recut = np.where(rng.random(60) < 0.1, rng.integers(-1, 5, 60), labels).astype(np.int32)
    results = []
    for chunk in (1000, 3):
        monkeypatch.setattr(edit_replay, "CHUNK", chunk)
        edit_replay._replay.cache_clear()
        for n in (len(history.edits) - 2, len(history.edits)):
            shorter = History(history.edits[:n], (), history.chip_lists)
            state, problems = replay_edits(recut, locate_edits(shorter, ids[::-1]))
        results.append((state.ids.tolist(), state.excluded.tolist(), problems, state.names))
        results[-1] += (state.approved_chips.tolist(), state.approved, state.next_id)
    assert results[0] == results[1]


def test_replay__one_more_edit_does_not_repeat_those_before(monkeypatch):
    labels = np.repeat(np.arange(3, dtype=np.int32), 20)
    chips = np.eye(60, dtype=np.bool_)
    history = [edits.name_chips(chips[row], f"name {row % 5}") for row in range(50)]
    replay_edits(labels, history)
    applied = []
    original = edit_replay._apply_located

    def apply_and_count(state, located):
        applied.append(located)
        return original(state, located)

    monkeypatch.setattr(edit_replay, "_apply_located", apply_and_count)
    state, _ = replay_edits(labels, [*history, edits.name_chips(chips[55], "tug")])
    assert "tug" in state.names.values()
    assert 0 < len(applied) <= edit_replay.CHUNK
    assert not state.ids.flags.writeable
