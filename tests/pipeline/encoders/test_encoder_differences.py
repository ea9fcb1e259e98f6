"""The sentences on the best encoder change with the data."""

from types import SimpleNamespace

import numpy as np
import pytest

from core.clusters.evaluation.held_out_votes import HeldOutVotes
from core.pipeline.encoders.encoder_differences import as_tables, compare_best

N = 200


def scored_encoder(name, accuracy, n_blocks=25, n_scenes=1, seed=0):
    """An encoder with votes on 200 chips of two classes that are right with a probability."""
    rng = np.random.default_rng(seed)
    correct = rng.random(N) < accuracy
    codes = (np.arange(N) % 2).astype(np.int32)
    groups = {
        held_out: (np.arange(N) // 2 % n).astype(np.int32)
        for held_out, n in (("blocks", n_blocks), ("scenes", n_scenes))
    }
    groups["chips"] = np.arange(N, dtype=np.int32)
    votes = {name: HeldOutVotes(codes, numbers, correct) for name, numbers in groups.items()}
    return SimpleNamespace(encoder=name, scores=SimpleNamespace(votes=votes))


def sentences(*scored):
    return [difference.describe() for difference in compare_best(scored)]


def test_describe__the_best_is_better():
    rows = [scored_encoder("a", 0.6), scored_encoder("b", 0.95), scored_encoder("colour", 0.5)]
    best, control = sentences(*rows)
    assert best.startswith("b is better than a by 0.3")
    assert "(95 % interval 0." in best
    assert best.endswith(", across 25 blocks).")
    assert control.startswith("b is better than colour by 0.4")


def test_describe__the_data_cannot_tell():
    rows = [
        scored_encoder("a", 0.80),
        scored_encoder("b", 0.8, seed=1),
        scored_encoder("colour", 0),
    ]
    best, control = sentences(*rows)
    assert best.startswith("The data cannot tell ")
    assert "(95 % interval −0.0" in best
    assert "is better than colour by 0.8" in control
    # Votes that are always the same.
    best, _ = sentences(scored_encoder("a", 0.8), scored_encoder("b", 0.8), rows[2])
    assert "the difference is 0.00 (95 % interval 0.00 to 0.00" in best


def test_describe__the_control_is_better():
    (difference,) = compare_best([scored_encoder("a", 0.6), scored_encoder("colour", 0.95)])
    assert (difference.encoder, difference.other) == ("colour", "a")
    assert difference.describe(str.upper).startswith("COLOUR is better than A by 0.3")


def test_describe__a_lower_limit_just_above_zero_is_not_displayed_as_zero():
    rows = [scored_encoder("a", 0.9), scored_encoder("b", 0.85)]
    (difference,) = compare_best(rows)
    limits = difference.__class__(**{**vars(difference), "interval": (0.002, 0.1)})
    assert "(95 % interval 0.002 to 0.100," in limits.describe()
    limits = difference.__class__(**{**vars(difference), "interval": (-0.002, 0.1)})
    assert "(95 % interval 0.00 to 0.10," in limits.describe()


@pytest.mark.parametrize(
    ("n_blocks", "n_scenes", "held_out"),
    [(25, 12, "scenes"), (25, 9, "blocks"), (9, 9, "chips"), (1, 1, "chips")],
)
def test_compare_best__by_the_fairest_test_with_enough_groups(n_blocks, n_scenes, held_out):
    rows = [scored_encoder(name, 0.8, n_blocks, n_scenes) for name in ("a", "b")]
    (difference,) = compare_best(rows)
    assert difference.held_out == held_out


def test_describe__too_few_chips_for_an_interval():
    codes = np.array([0, 0, 1, 1], np.int32)
    groups = np.arange(4, dtype=np.int32)
    rows = []
    for name, correct in (("a", [True] * 4), ("b", [True, False] * 2)):
        votes = HeldOutVotes(codes, groups, np.array(correct))
        scores = SimpleNamespace(votes=dict.fromkeys(("chips", "blocks", "scenes"), votes))
        rows.append(SimpleNamespace(encoder=name, scores=scores))
    (sentence,) = sentences(*rows)
    assert sentence == (
        "It is not known whether a is better than b: the difference is 0.50 across 4 chips, and an "
        "interval needs at least 10."
    )


def test_compare_best__without_candidates():
    assert compare_best([]) == []
    assert compare_best([scored_encoder("colour", 0.9)]) == []
    assert compare_best([scored_encoder("a", 0.9)]) == []


def test_as_tables__plain_values():
    rows = [scored_encoder("a", 0.6), scored_encoder("b", 0.95)]
    (table,) = as_tables(compare_best(rows))
    assert (table["encoder"], table["other"], table["is_clear"]) == ("b", "a", True)
    assert (table["held_out"], table["n_groups"]) == ("blocks", 25)
    low, high = table["interval"]
    assert 0 < low < table["difference"] < high
    assert table["sentence"].startswith("b is better than a")
