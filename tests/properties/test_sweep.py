"""Properties of mark and sweep on any graph of artifacts."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from core.artifacts.sweep import StoredArtifact, find_unneeded

MANY = settings(max_examples=300, deadline=None)
STAGES = st.sampled_from(["result", "by-product", "other"])


@st.composite
def graphs(draw):
    """Draw artifacts, each computed from earlier ones or from one that is not stored, and roots."""
    n = draw(st.integers(1, 14))
    keys = [f"{i:020x}" for i in range(n + 1)]
    stored = []
    for i in range(n):
        inputs = draw(st.sets(st.sampled_from([*keys[:i], keys[n]]), max_size=3))
        stored.append(StoredArtifact(draw(STAGES), keys[i], Path(keys[i]), frozenset(inputs)))
    roots = draw(st.sets(st.sampled_from(keys), max_size=3))
    return stored, roots


def ancestors(stored, starts):
    """Return the starts and all that they were computed from, by walking from each in turn."""
    inputs = {item.key: item.inputs for item in stored}
    keys = set(starts)
    for _ in stored:
        keys |= {parent for key in keys for parent in inputs.get(key, ())}
    return keys


def swept(stored, roots):
    items = find_unneeded(stored, roots, {"result"}, {"by-product"})
    return {item.key for item in items}


@MANY
@given(graphs())
def test_sweep__nothing_that_a_root_needs_is_deleted(graph):
    stored, roots = graph
    starts = {*roots, *(item.key for item in stored if item.stage == "other")}
    assert not swept(stored, roots) & ancestors(stored, starts)


@MANY
@given(graphs())
def test_sweep__every_other_result_is_deleted(graph):
    stored, roots = graph
    deleted = swept(stored, roots)
    starts = {*roots, *(item.key for item in stored if item.stage == "other")}
    needed = ancestors(stored, starts)
    for item in stored:
        if item.key in needed or item.stage == "other":
            assert item.key not in deleted
        elif item.stage == "result":
            assert item.key in deleted
        else:
            remaining = {other.key for other in stored} - deleted | set(needed)
            assert (item.key in deleted) == (not item.inputs <= remaining)


@MANY
@given(graphs())
def test_sweep__what_remains_is_complete_and_stable(graph):
    stored, roots = graph
    deleted = swept(stored, roots)
    remaining = [item for item in stored if item.key not in deleted]
    assert not any(item.inputs & deleted for item in remaining)
    assert swept(remaining, roots) == set()


@MANY
@given(graphs(), st.integers(0, 14))
def test_sweep__more_roots_never_delete_more(graph, i):
    stored, roots = graph
    assert swept(stored, {*roots, f"{i:020x}"}) <= swept(stored, roots)
