import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity

from core.errors import DegenerateError, TooFewError
from core.search.ranking import BLOCK, fit_ranker

METHODS = ("classifier", "mean")


def kinds(n=200, d=30, spread=0.5, seed=0):
    """Return n embeddings of each of three kinds, (3, n, d), around different centres."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(3, 1, d))
    return (centres + spread * random.normal(size=(3, n, d))).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_examples", [1, 3, 10])
def test_fit_ranker__ranks_the_kind_of_the_examples_first(method, n_examples):
    boats, houses, trees = kinds()
    background = np.concatenate([boats[150:], houses[:50], trees[:50]])
    ranker = fit_ranker(boats[:n_examples], houses[:0], background, method)
    rows = np.concatenate([boats[20:], houses, trees])
    scores = ranker.scores(rows)
    assert scores.dtype == np.float64
    assert roc_auc_score(np.arange(len(rows)) < 180, scores) > 0.98


@pytest.mark.parametrize("method", METHODS)
def test_fit_ranker__counterexamples_lower_their_kind(method):
    boats, houses, trees = kinds(spread=1.5)
    background = np.concatenate([boats[150:], houses[150:], trees[150:]])

    def gap(counterexamples):
        ranker = fit_ranker(boats[:2], counterexamples, background, method)
        return ranker.scores(trees[10:150]).mean() - ranker.scores(houses[10:150]).mean()

    assert gap(houses[:5]) > gap(houses[:0]) + 0.1


@pytest.mark.parametrize("method", METHODS)
def test_scores__are_0_for_the_background_and_1_for_the_examples(method):
    boats, houses, trees = kinds()
    ranker = fit_ranker(boats[:3], houses[:2], trees, method)
    assert ranker.scores(trees).mean() == pytest.approx(0, abs=1e-5)
    assert ranker.scores(boats[:3]).mean() == pytest.approx(1, abs=1e-5)


def test_fit_ranker__one_example_by_the_mean_is_cosine_similarity():
    boats, houses, _ = kinds()
    scores = fit_ranker(boats[:1], houses[:0], houses[:0], "mean").scores(houses)
    assert np.allclose(scores, cosine_similarity(boats[:1], houses)[0], atol=1e-6)


def test_fit_ranker__mean_minus_mean():
    boats, houses, _ = kinds(5)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (boats, houses)]
    direction = unit[0].mean(axis=0) - unit[1].mean(axis=0)
    ranker = fit_ranker(boats, houses, houses[:0], "mean")
    assert np.allclose(
        ranker.direction / np.linalg.norm(ranker.direction), direction / np.linalg.norm(direction)
    )


@pytest.mark.parametrize("method", METHODS)
def test_fit_ranker__lengths_do_not_matter(method):
    boats, houses, trees = kinds(20)
    long = np.geomspace(0.1, 10, 20, dtype=np.float32)[:, None]
    ranker = fit_ranker(boats[:3], houses[:2], trees, method)
    other = fit_ranker(boats[:3] * long[:3], houses[:2] * 7, trees * long, method)
    assert np.allclose(ranker.scores(boats), other.scores(boats * long), atol=1e-3)


def test_fit_ranker__is_deterministic():
    boats, houses, trees = kinds()
    first, second = (fit_ranker(boats[:3], houses[:2], trees) for _ in range(2))
    assert np.array_equal(first.direction, second.direction)
    assert first.offset == second.offset


def test_fit_ranker__without_any_other_row_the_classifier_is_the_mean():
    boats, _, _ = kinds()
    classifier, mean = (fit_ranker(boats[:3], boats[:0], boats[:0], m) for m in METHODS)
    assert np.array_equal(classifier.direction, mean.direction)


@pytest.mark.parametrize("method", METHODS)
def test_fit_ranker__examples_equal_to_the_background(method):
    boats, _, _ = kinds()
    same = np.repeat(boats[:1], 5, axis=0)
    if method == "classifier":
        with pytest.raises(DegenerateError, match="same mean"):
            fit_ranker(same[:1], boats[:0], same, method)
    else:
        assert np.isfinite(fit_ranker(same[:1], boats[:0], same, method).scores(boats)).all()


def test_fit_ranker__examples_cancel_each_other():
    boats, _, _ = kinds()
    with pytest.raises(DegenerateError, match="for and against"):
        fit_ranker(boats[:3], boats[:3], boats[:0], "mean")


def test_fit_ranker__bad_rows():
    boats, houses, _ = kinds()
    with pytest.raises(TooFewError, match="Mark at least one chip"):
        fit_ranker(boats[:0], houses, houses)
    with pytest.raises(DegenerateError, match="not finite"):
        fit_ranker(boats * np.nan, houses, houses)


def test_scores__rows_of_length_zero_and_several_blocks():
    boats, houses, _ = kinds(d=3)
    ranker = fit_ranker(boats[:3], houses[:0], houses)
    rows = np.tile(boats[0], (BLOCK + 5, 1))
    rows[-1] = 0
    scores = ranker.scores(rows)
    assert scores[-1] == ranker.offset
    assert np.allclose(scores[:-1], scores[0])
    assert ranker.scores(rows[:0]).shape == (0,)


def test_scores__other_number_of_columns():
    boats, houses, _ = kinds()
    ranker = fit_ranker(boats[:3], houses[:0], houses)
    with pytest.raises(DegenerateError, match="the embeddings have 29 columns, the ranker 30"):
        ranker.scores(boats[:, :29])
