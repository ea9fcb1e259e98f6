"""Properties that hold for any chips, any cut and any edits."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from core.clusters.editing import edit_history, edit_replay, edited_labelling, edits
from core.clusters.label_matching import (
    LabellingChanges,
    describe_changes,
    match_clusters,
    renumber_labels,
)
from core.clusters.labelling import make_labelling
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.clusters.methods.gmm import fit_gmm
from core.clusters.methods.kmeans import fit_kmeans
from core.clusters.methods.ward import fit_ward
from core.settings import CutSettings, GmmSettings, KMeansSettings, TreeSettings, WardSettings

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=100, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)
CUTS = st.builds(
    CutSettings,
    min_cluster_size=st.integers(2, 25),
    selection=st.sampled_from(["eom", "leaf"]),
    epsilon=st.sampled_from([0.0, 0.5, 2.0]),
    allow_single_cluster=st.booleans(),
)
LABELS = st.lists(st.integers(-1, 5), min_size=1, max_size=60).map(lambda x: np.array(x, np.int32))


def blobs(seed: int, spread: float = 8.0, n: int = 90) -> np.ndarray:
    """Return n chips in four blobs, and twelve between them; no two distances are equal."""
    rng = np.random.default_rng(seed)
    centres = spread * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    points = centres[rng.integers(0, 4, n)] + rng.normal(size=(n, 3))
    return np.vstack([points, rng.uniform(-4, 12, (12, 3))]).astype(np.float32)


def same_partition(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two labellings differ only in the numbers of their clusters, with equal noise."""
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    sizes = {len(pairs), len({a for a, _ in pairs}), len({b for _, b in pairs})}
    return len(sizes) == 1 and all((a < 0) == (b < 0) for a, b in pairs)


@FEW
@given(SEEDS, CUTS)
def test_hdbscan__row_order_does_not_change_the_clusters(seed, cut):
    points = blobs(seed)
    order = np.random.default_rng(seed + 1).permutation(len(points))
    # With more than one neighbour, chips share core distances, and ties join in any order.
    tree_settings = TreeSettings(n_dims=10, min_samples=1)
    labels = cut_tree(build_tree(points, tree_settings), cut).labels
    shuffled = cut_tree(build_tree(points[order], tree_settings), cut).labels
    assert same_partition(labels[order], shuffled)


@FEW
@given(SEEDS, st.integers(1, 20))
def test_build_tree__row_order_does_not_change_the_distances(seed, min_samples):
    points = blobs(seed)
    order = np.random.default_rng(seed + 1).permutation(len(points))
    tree_settings = TreeSettings(n_dims=10, min_samples=min_samples)
    tree, shuffled = build_tree(points, tree_settings), build_tree(points[order], tree_settings)
    np.testing.assert_allclose(tree.edges[:, 2], shuffled.edges[:, 2], rtol=1e-6)
    np.testing.assert_allclose(tree.core_distances[order], shuffled.core_distances, rtol=1e-6)


@FEW
@given(SEEDS, st.integers(1, 12))
def test_fit_ward__row_order_does_not_change_the_clusters(seed, k):
    points = blobs(seed)
    order = np.random.default_rng(seed + 1).permutation(len(points))
    ward = WardSettings(n_clusters=k)
    shuffled = fit_ward(points[order], ward).labels
    assert same_partition(fit_ward(points, ward).labels[order], shuffled)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_fit__finds_clear_blobs_for_any_row_order(method, seed):
    points = blobs(seed, spread=40, n=240)[:240]
    order = np.random.default_rng(seed + 1).permutation(len(points))
    fit = {
        "kmeans": lambda data: fit_kmeans(data, KMeansSettings(n_clusters=4)),
        "gmm": lambda data: fit_gmm(data, GmmSettings(4, n_dims=3, n_init=2)),
    }[method]
    assert adjusted_rand_score(fit(points).labels[order], fit(points[order]).labels) == 1


@FEW
@given(SEEDS, CUTS)
def test_cut_tree__labels_are_in_order_for_any_cut(seed, cut):
    labelling = cut_tree(build_tree(blobs(seed), TreeSettings(n_dims=10, min_samples=5)), cut)
    sizes = labelling.sizes()
    assert (np.diff(sizes) <= 0).all()
    assert sizes.sum() + (labelling.labels < 0).sum() == len(labelling)
    assert (sizes >= min(cut.min_cluster_size, len(labelling))).all() or cut.epsilon
    assert ((labelling.confidence == 0) | (labelling.labels >= 0)).all()


@FEW
@given(SEEDS, CUTS, CUTS)
def test_match_clusters__ids_survive_a_re_cut_and_back(seed, cut, other_cut):
    tree = build_tree(blobs(seed), TreeSettings(n_dims=10, min_samples=5))
    first, second = cut_tree(tree, cut).labels, cut_tree(tree, other_cut).labels
    ids = {label: label + 3 for label in range(int(first.max()) + 1)}
    start = renumber_labels(first, ids)
    recut = renumber_labels(second, match_clusters(start, second))
    back = renumber_labels(first, match_clusters(recut, first))
    # The best assignment on the way back keeps as many ids as that of the new cut did.
    assert ((back == recut) & (recut >= 0)).sum() == ((start == recut) & (recut >= 0)).sum()
    assert match_clusters(start, first) == ids
    assert same_partition(back, first)


@MANY
@given(LABELS, SEEDS)
def test_match_clusters__assigns_each_id_once_and_keeps_an_equal_labelling(old, seed):
    new = np.random.default_rng(seed).permutation(old)
    ids = match_clusters(old, new)
    assert sorted(ids) == np.unique(new[new >= 0]).tolist()
    assert len(set(ids.values())) == len(ids)
    assert -1 not in ids.values()
    assert match_clusters(old, old) == {
        int(label): int(label) for label in np.unique(old[old >= 0])
    }


@MANY
@given(LABELS, st.permutations(range(6)))
def test_match_clusters__restores_the_ids_of_a_renumbered_labelling(old, numbers):
    renumbered = renumber_labels(old, dict(enumerate(numbers)))
    restored = renumber_labels(renumbered, match_clusters(old, renumbered))
    assert restored.tolist() == old.tolist()
    changes = describe_changes(old, restored)
    assert changes == LabellingChanges((), (), {}, {})


@MANY
@given(LABELS, SEEDS)
def test_match_clusters__keeps_as_many_ids_as_any_other_assignment(old, seed):
    new = np.random.default_rng(seed).integers(-1, 4, len(old)).astype(np.int32)
    ids = match_clusters(old, new)
    n_unchanged = (renumber_labels(new, ids) == old)[old >= 0].sum()
    rng = np.random.default_rng(seed)
    for _ in range(5):
        labels = np.unique(new[new >= 0])
        random_ids = rng.permutation(10)[: len(labels)]
        assignment = dict(zip(labels.tolist(), random_ids.tolist(), strict=True))
        assert n_unchanged >= (renumber_labels(new, assignment) == old)[old >= 0].sum()


@st.composite
def edited_labellings(draw):
    """Draw a labelling, a history of edits to it, and the edited labelling."""
    labels = draw(LABELS.filter(lambda labels: (labels >= 0).any()))
    history, state = edit_history.History(), edited_labelling.unedited_clusters(labels)
    for _ in range(draw(st.integers(0, 6))):
        present = np.unique(state.ids[state.ids >= 0]).tolist()
        chips = np.array(draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))))
        if not present or not chips.any():
            continue
        cluster = draw(st.sampled_from(present))
        possible_edits = [
            lambda: edits.rename_cluster(state, cluster, "boats"),  # noqa: B023
            lambda: edits.recolour_cluster(state, cluster, "#123456"),  # noqa: B023
            lambda: edits.move_chips(state, chips, cluster),  # noqa: B023
            lambda: edits.create_cluster(chips, "new"),  # noqa: B023
            lambda: edits.exclude_chips(chips),  # noqa: B023
            lambda: edits.approve_cluster(state, cluster),  # noqa: B023
            lambda: edits.name_chips(chips, "boats"),  # noqa: B023
        ]
        if len(present) > 1:
            possible_edits.append(lambda: edits.merge_clusters(state, tuple(present[:2])))  # noqa: B023
        edit = draw(st.sampled_from(possible_edits))()
        history = edit_history.add_edit(history, edit)
        state, problem = edit_replay.apply_edit(state, edit)
        assert not problem
    return labels, history, state


def assert_equal(
    first: edited_labelling.EditedLabelling, second: edited_labelling.EditedLabelling
) -> None:
    np.testing.assert_array_equal(first.ids, second.ids)
    np.testing.assert_array_equal(first.excluded, second.excluded)
    np.testing.assert_array_equal(first.approved_chips, second.approved_chips)
    for name in ("names", "colours", "approved", "next_id"):
        assert getattr(first, name) == getattr(second, name)


@MANY
@given(edited_labellings())
def test_replay_edits__same_result_after_a_round_trip_through_json(example):
    labels, history, state = example
    text = json.dumps(edit_history.history_to_document(history))
    restored = edit_history.history_from_document(json.loads(text))
    replayed, problems = edit_replay.replay_edits(labels, restored.edits)
    assert problems == []
    assert_equal(replayed, state)


@MANY
@given(LABELS.filter(len), SEEDS)
def test_replay_edits__excludes_the_chips_of_every_exclusion(labels, seed):
    masks = np.random.default_rng(seed).integers(0, 2, (3, len(labels))).astype(bool)
    masks[:, 0] = True
    state, problems = edit_replay.replay_edits(
        labels, tuple(edits.exclude_chips(mask) for mask in masks)
    )
    assert problems == []
    assert np.array_equal(state.excluded, masks.any(axis=0))
    assert state.ids.tolist() == labels.tolist()


@MANY
@given(st.integers(1, 30), st.integers(3, 30), st.integers(0, 30), SEEDS)
def test_replay_edits__follow_most_of_the_chips(n_other, n_named, n_lost, seed):
    labels = np.repeat([0, 1], [n_other, n_named]).astype(np.int32)
    n_lost = min(n_lost, (n_named - 1) // 2)
    rename = edits.rename_cluster(edited_labelling.unedited_clusters(labels), 1, "boats")
    recut = labels.copy()
    recut[np.random.default_rng(seed).permutation(np.flatnonzero(labels == 1))[:n_lost]] = 0
    replayed, _ = edit_replay.replay_edits(recut, (rename,))
    assert {replayed.names[cluster] for cluster in replayed.ids[labels == 1]} == {"boats"}
    assert set(replayed.ids[labels == 0]) == {0}


@MANY
@given(edited_labellings())
def test_undo_edit__undo_and_redo_restore_the_result(example):
    labels, history, state = example
    current = history
    for _ in history.edits:
        current = edit_history.undo_edit(current)
    assert_equal(
        edit_replay.replay_edits(labels, current.edits)[0],
        edited_labelling.unedited_clusters(labels),
    )
    for _ in history.edits:
        current = edit_history.redo_edit(current)
    assert_equal(edit_replay.replay_edits(labels, current.edits)[0], state)


@MANY
@given(edited_labellings(), st.permutations(range(6)))
def test_replay_edits__follow_the_chips_and_not_the_ids(example, numbers):
    labels, history, state = example
    renumbered = renumber_labels(labels, dict(enumerate(numbers)))
    replayed, problems = edit_replay.replay_edits(renumbered, history.edits)
    assert problems == []
    assert same_partition(np.where(state.ids < 0, -1, state.ids), replayed.ids)
    assert np.array_equal(replayed.excluded, state.excluded)
    assert sorted(replayed.names.values()) == sorted(state.names.values())


@MANY
@given(LABELS)
def test_make_labelling__cluster_numbers_do_not_matter(numbers):
    confidence = np.ones(len(numbers))
    labelling = make_labelling(numbers, confidence, "gmm", {})
    other = make_labelling(np.where(numbers < 0, -1, 50 - numbers), confidence, "gmm", {})
    assert labelling.labels.tolist() == other.labels.tolist()
    assert same_partition(numbers, labelling.labels)
