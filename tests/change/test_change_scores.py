import numpy as np
import pytest

from core.change.change_scores import LEAST_PAIRS, LIKELY_CHANGE, score_changes
from core.errors import TooFewError


def pairs(n=200, dim=40, n_changed=20, seed=0):
    """Return embeddings before and after; the first ones changed, and the light did for all."""
    rng = np.random.default_rng(seed)
    before = rng.normal(0, 1, (n, dim))
    light = rng.normal(0, 0.5, dim)
    after = before + light + rng.normal(0, 0.1, (n, dim))
    after[:n_changed] = rng.normal(0, 1, (n_changed, dim)) + light
    return before.astype(np.float32), after.astype(np.float32)


def test_scores__changed_pairs_are_above_all_others():
    scores = score_changes(*pairs())
    assert scores[:20].min() > scores[20:].max()
    assert (scores[:20] >= LIKELY_CHANGE).all()
    assert abs(np.median(scores[20:])) < 0.5


def test_scores__a_difference_that_all_pairs_share_does_not_count():
    before, after = pairs()
    light = np.random.default_rng(1).normal(0, 3, after.shape[1]).astype(np.float32)
    assert score_changes(before, after + light) == pytest.approx(
        score_changes(before, after), abs=0.6
    )


def test_scores__do_not_depend_on_the_order_of_the_dates_or_of_the_pairs():
    before, after = pairs()
    scores = score_changes(before, after)
    assert score_changes(after, before) == pytest.approx(scores, abs=1e-6)
    order = np.random.default_rng(2).permutation(len(before))
    assert score_changes(before[order], after[order]) == pytest.approx(scores[order], abs=1e-6)


def test_scores__few_unchanged_pairs_are_flagged():
    shares = [
        (score_changes(*pairs(n_changed=0, seed=seed)) >= LIKELY_CHANGE).mean()
        for seed in range(10)
    ]
    assert np.mean(shares) < 0.02


def test_scores__identical_pairs_and_constant_dimensions():
    before, _ = pairs(n=30)
    assert (score_changes(before, before) == 0).all()
    after = before.copy()
    after[4] += 1
    scores = score_changes(before, after)
    assert scores.argmax() == 4
    assert np.isfinite(scores).all()
    before[:, 3] = 7
    assert np.isfinite(score_changes(before, after)).all()


def test_scores__too_few_pairs():
    before, after = pairs(n=LEAST_PAIRS - 1, n_changed=0)
    with pytest.raises(TooFewError, match="9 pairs of chips"):
        score_changes(before, after)
    assert len(score_changes(*pairs(n=LEAST_PAIRS, n_changed=0))) == LEAST_PAIRS
