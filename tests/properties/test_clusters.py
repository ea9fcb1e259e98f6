"""What holds for any chips, any cut and any edits."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from core.clusters.editing import edit_history, edits
from core.clusters.label_matching import compare, match, renumbered
from core.clusters.labelling import labelled
from core.clusters.methods.gmm import fit_gmm
from core.clusters.methods.hdbscan_tree import build_tree, cut_tree
from core.clusters.methods.kmeans_ward import fit_kmeans, fit_ward
from core.settings import (
    CutSettings,
    GmmSettings,
    KMeansSettings,
    TreeSettings,
    WardSettings,
)

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
    """Four blobs of n chips in all, and twelve between them; no two distances are equal."""
    rng = np.random.default_rng(seed)
    centres = spread * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    points = centres[rng.integers(0, 4, n)] + rng.normal(size=(n, 3))
    return np.vstack([points, rng.uniform(-4, 12, (12, 3))]).astype(np.float32)


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two labellings differ in nothing but names; noise is noise in both."""
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    firsts, seconds = {a for a, _ in pairs}, {b for _, b in pairs}
    return len(pairs) == len(firsts) == len(seconds) and all((a < 0) == (b < 0) for a, b in pairs)


@FEW
@given(SEEDS, CUTS)
def test_hdbscan__any_order_of_rows_gives_the_same_clusters(seed, cut):
    points = blobs(seed)
    order = np.random.default_rng(seed + 1).permutation(len(points))
    # One neighbour: with more, chips share core distances, and equal ones join in any order.
    asked = TreeSettings(min_samples=1)
    labels = cut_tree(build_tree(points, asked), cut).labels
    shuffled = cut_tree(build_tree(points[order], asked), cut).labels
    assert same_partition(labels[order], shuffled)


@FEW
@given(SEEDS, st.integers(1, 20))
def test_tree__any_order_of_rows_gives_the_same_distances(seed, min_samples):
    points = blobs(seed)
    order = np.random.default_rng(seed + 1).permutation(len(points))
    asked = TreeSettings(min_samples=min_samples)
    one, other = build_tree(points, asked), build_tree(points[order], asked)
    np.testing.assert_allclose(one.edges[:, 2], other.edges[:, 2], rtol=1e-6)
    np.testing.assert_allclose(one.core_distances[order], other.core_distances, rtol=1e-6)


@FEW
@given(SEEDS, st.integers(1, 12))
def test_ward__any_order_of_rows_gives_the_same_clusters(seed, k):
    points = blobs(seed)
    order = np.random.default_rng(seed + 1).permutation(len(points))
    asked = WardSettings(n_clusters=k)
    shuffled = fit_ward(points[order], asked).labels
    assert same_partition(fit_ward(points, asked).labels[order], shuffled)


@settings(max_examples=8, deadline=None)
@given(SEEDS)
@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_fits__any_order_of_rows_finds_clear_blobs(method, seed):
    points = blobs(seed, spread=40, n=240)[:240]
    order = np.random.default_rng(seed + 1).permutation(len(points))
    fit = {
        "kmeans": lambda data: fit_kmeans(data, KMeansSettings(n_clusters=4)),
        "gmm": lambda data: fit_gmm(data, GmmSettings(4, n_dims=3, n_init=2)),
    }[method]
    assert adjusted_rand_score(fit(points).labels[order], fit(points[order]).labels) == 1


@FEW
@given(SEEDS, CUTS)
def test_labelling__is_in_order_whatever_the_cut(seed, cut):
    found = cut_tree(build_tree(blobs(seed), TreeSettings()), cut)
    assert (np.diff(found.sizes()) <= 0).all()
    assert found.sizes().sum() + (found.labels < 0).sum() == len(found)
    assert (found.sizes() >= min(cut.min_cluster_size, len(found))).all() or cut.epsilon
    assert ((found.confidence == 0) | (found.labels >= 0)).all()


@FEW
@given(SEEDS, CUTS, CUTS)
def test_ids__come_back_after_a_re_cut_and_back(seed, one, other):
    tree = build_tree(blobs(seed), TreeSettings())
    first, second = cut_tree(tree, one).labels, cut_tree(tree, other).labels
    start = renumbered(first, {label: label + 3 for label in range(int(first.max()) + 1)})
    there = renumbered(second, match(start, second))
    back = renumbered(first, match(there, first))
    # Of all ways to hand ids back the best is as good as the best way there.
    assert ((back == there) & (there >= 0)).sum() == ((start == there) & (there >= 0)).sum()
    assert match(start, first) == {label: label + 3 for label in range(int(first.max()) + 1)}
    assert same_partition(back, first)


@MANY
@given(LABELS, SEEDS)
def test_match__hands_out_each_id_once_and_keeps_an_equal_labelling(old, seed):
    new = np.random.default_rng(seed).permutation(old)
    ids = match(old, new)
    assert sorted(ids) == np.unique(new[new >= 0]).tolist()
    assert len(set(ids.values())) == len(ids)
    assert -1 not in ids.values()
    assert match(old, old) == {int(label): int(label) for label in np.unique(old[old >= 0])}


@MANY
@given(LABELS, st.permutations(range(6)))
def test_match__of_a_renamed_labelling_gives_the_names_back(old, names):
    renamed = renumbered(old, dict(enumerate(names)))
    assert renumbered(renamed, match(old, renamed)).tolist() == old.tolist()
    told = compare(old, renamed)
    assert (told.appeared, told.vanished, told.split, told.merged) == ((), (), {}, {})
    assert told.kept_fraction == 1


@MANY
@given(LABELS, SEEDS)
def test_match__keeps_as_many_chips_as_any_other_way(old, seed):
    new = np.random.default_rng(seed).integers(-1, 4, len(old)).astype(np.int32)
    ids = match(old, new)
    kept = (renumbered(new, ids) == old)[old >= 0].sum()
    rng = np.random.default_rng(seed)
    for _ in range(5):
        there = np.unique(new[new >= 0])
        others = rng.permutation(10)[: len(there)]
        other = dict(zip(there.tolist(), others.tolist(), strict=True))
        assert kept >= (renumbered(new, other) == old)[old >= 0].sum()


@st.composite
def edited(draw):
    """A labelling and some edits made on it one after the other."""
    labels = draw(LABELS.filter(lambda one: (one >= 0).any()))
    now, state = edit_history.History(), edits.start(labels)
    for _ in range(draw(st.integers(0, 6))):
        there = np.unique(state.ids[state.ids >= 0]).tolist()
        chips = np.array(draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))))
        if not there or not chips.any():
            continue
        one = draw(st.sampled_from(there))
        made = [
            lambda: edits.rename(state, one, "boats"),  # noqa: B023
            lambda: edits.recolour(state, one, "#123456"),  # noqa: B023
            lambda: edits.move(state, chips, one),  # noqa: B023
            lambda: edits.new_cluster(chips, "new"),  # noqa: B023
            lambda: edits.exclude(chips),  # noqa: B023
            lambda: edits.approve(state, one),  # noqa: B023
        ]
        if len(there) > 1:
            made.append(lambda: edits.merge(state, tuple(there[:2])))  # noqa: B023
        now = edit_history.add(now, draw(st.sampled_from(made))())
        state, problem = edits.apply(state, now.done[-1])
        assert not problem
    return labels, now, state


def same(one: edits.Edited, other: edits.Edited) -> bool:
    arrays = np.array_equal(one.ids, other.ids) and np.array_equal(one.excluded, other.excluded)
    facts = ("names", "colours", "approved", "next_id")
    return arrays and all(getattr(one, name) == getattr(other, name) for name in facts)


@MANY
@given(edited())
def test_edits__replay_to_what_was_made_also_from_text(made):
    labels, now, state = made
    again, problems = edits.replay(labels, edit_history.from_json(edit_history.to_json(now)).done)
    assert problems == []
    assert same(again, state)


@MANY
@given(LABELS.filter(len), SEEDS)
def test_edits__excluded_is_what_any_of_them_excluded(labels, seed):
    masks = np.random.default_rng(seed).integers(0, 2, (3, len(labels))).astype(bool)
    masks[:, 0] = True
    state, problems = edits.replay(labels, tuple(edits.exclude(mask) for mask in masks))
    assert problems == []
    assert np.array_equal(state.excluded, masks.any(axis=0))
    assert state.ids.tolist() == labels.tolist()


@MANY
@given(st.integers(1, 30), st.integers(3, 30), st.integers(0, 30), SEEDS)
def test_edits__stay_with_most_of_their_chips(n_other, n_mine, n_lost, seed):
    labels = np.repeat([0, 1], [n_other, n_mine]).astype(np.int32)
    lost = min(n_lost, (n_mine - 1) // 2)
    named = edits.rename(edits.start(labels), 1, "boats")
    moved = labels.copy()
    moved[np.random.default_rng(seed).permutation(np.flatnonzero(labels == 1))[:lost]] = 0
    again, problems = edits.replay(moved, (named,))
    assert problems == []
    assert again.names == {1: "boats"}


@MANY
@given(edited())
def test_edits__undone_and_redone_are_as_before(made):
    labels, now, state = made
    back = now
    for _ in now.done:
        back = edit_history.undo(back)
    assert same(edits.replay(labels, back.done)[0], edits.start(labels))
    for _ in now.done:
        back = edit_history.redo(back)
    assert same(edits.replay(labels, back.done)[0], state)


@MANY
@given(edited(), st.permutations(range(6)))
def test_edits__follow_the_chips_and_not_the_numbers(made, names):
    labels, now, state = made
    renamed = renumbered(labels, dict(enumerate(names)))
    again, problems = edits.replay(renamed, now.done)
    assert problems == []
    assert same_partition(np.where(state.ids < 0, -1, state.ids), again.ids)
    assert np.array_equal(again.excluded, state.excluded)
    assert sorted(again.names.values()) == sorted(state.names.values())


@MANY
@given(LABELS)
def test_labelled__names_do_not_matter(labels):
    found = labelled(labels, np.ones(len(labels)), "gmm", {})
    other = labelled(np.where(labels < 0, -1, 50 - labels), np.ones(len(labels)), "gmm", {})
    assert found.labels.tolist() == other.labels.tolist()
    assert same_partition(labels, found.labels)
