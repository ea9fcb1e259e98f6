"""What classifiers learn from a number of labelled pixels, chosen at random or otherwise."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.land.evaluation.label_economy import (
    Bench,
    Kind,
    Spending,
    draw_generator,
    label_counts,
    stack_draws,
)
from core.types import AnyArray, ByteArray, DoubleArray, FloatArray

Chooser = Callable[[Bench, Sequence[int], int, int], Iterator[AnyArray]]
"""Yields the rows to label for each of several ascending numbers of labels, seed and draw."""
Learner = Callable[[Bench, AnyArray], ByteArray]
"""Predicts the held-out pixels from some labelled rows, of which at least one is usable."""

RANDOM = "random pixels"
"""The rule of pixels that are chosen at random."""
# The inverse regularisation strength: on the synthetic data set, 10 was better than scikit-learn's
# default of 1 with up to 400 labels, and equal beyond. 200 iterations suffice for most problems.
_STRENGTH, _ITERATIONS = 10.0, 200
# Fewer and smaller trees than scikit-learn's default, which overfit a few hundred labels.
_ROUNDS, _LEAVES = 60, 8
# Iterations of k-means for medoids; more change the mIoU by less than its range.
_MEDOID_ITERATIONS = 10


@dataclass(frozen=True)
class PixelUse:
    """One way of using labelled pixels.

    Attributes
    ----------
    name, rule : str
        Its name, and how the pixels are chosen, in words.
    budgets : tuple of int
        The numbers of labels, ascending; 0 at the end stands for all training labels.
    bench : Bench
        The pixels, or some of them if the time would grow too fast with their number.
    """

    name: str
    rule: str
    kind: Kind
    budgets: tuple[int, ...]
    bench: Bench
    learn: Learner
    choose: Chooser


def spend_on_pixels(use: PixelUse, draws: int, seed: int = 0) -> Iterator[Spending]:
    """Evaluate one way of using labelled pixels, `draws` times for each number of labels."""
    from threadpoolctl import threadpool_limits

    bench, drawn = use.bench, [budget for budget in use.budgets if budget]
    counts: dict[int, list[AnyArray]] = {budget: [] for budget in use.budgets}
    n_labels: dict[int, list[int]] = {budget: [] for budget in use.budgets}

    def evaluate(budget: int, rows: AnyArray) -> None:
        usable = bench.usable(rows)
        predicted = use.learn(bench, usable) if len(usable) else bench.predict_none()
        counts[budget].append(bench.count(predicted))
        n_labels[budget].append(len(rows))

    # In one thread, so that the result does not depend on the machine.
    with threadpool_limits(limits=1):
        for draw in range(draws):
            chosen = use.choose(bench, drawn, seed, draw)
            for budget, rows in zip(drawn, chosen, strict=True):
                evaluate(budget, rows)
        if 0 in counts:
            evaluate(0, np.arange(len(bench.train_labels)))
    for budget in use.budgets:
        mean = round(sum(n_labels[budget]) / len(n_labels[budget]))
        stacked = stack_draws(counts[budget], draws)
        yield Spending(use.name, use.rule, budget, mean, 0, stacked, use.kind)


def simple_uses(bench: Bench, k: int, most: int) -> list[PixelUse]:
    """Return the simple alternatives to clusters.

    kNN is evaluated on all training pixels, the others on at most `most` of them. Logistic
    regression on medoids is one of them because active choice starts from it: without it, active
    choice would be credited with the advantage of medoids over random pixels.
    """
    n, thinned = len(bench.train_labels), bench.thin(most)
    counts = [budget for budget in label_counts(n)[:-1] if budget < most]
    every = tuple(label_counts(n)[:-1])
    logistic = (*counts, 0) if n <= most else tuple(counts)
    neighbours = {name: _neighbour_learner(size) for name, size in (("knn", k), ("1nn", 1))}
    choose_medoids, few = _medoid_chooser(), tuple(b for b in counts if b <= 500)
    return (
        [
            PixelUse(name, RANDOM, "simple", (*every, 0), bench, learn, choose_randomly)
            for name, learn in neighbours.items()
            if name == "knn" or k != 1
        ]
        + [
            PixelUse(
                "logistic", RANDOM, "simple", logistic, thinned, fit_logistic, choose_randomly
            ),
            PixelUse(
                "boosting",
                RANDOM,
                "simple",
                tuple(b for b in counts[3::2] if b <= 2000),
                thinned,
                _boost,
                choose_randomly,
            ),
        ]
        + [
            PixelUse(name, "medoids of k-means", "simple", few, thinned, learn, choose_medoids)
            for name, learn in (("medoids", neighbours["1nn"]), ("medoids logistic", fit_logistic))
        ]
    )


def choose_randomly(
    bench: Bench, budgets: Sequence[int], seed: int, draw: int
) -> Iterator[AnyArray]:
    """Yield random rows; those of a small number of labels are among those of a larger one."""
    order = draw_generator(seed, draw).permutation(len(bench.train_labels))
    for budget in budgets:
        yield np.sort(order[:budget])


def _medoid_chooser() -> Chooser:
    """Return a choice of the pixels nearest to the centres of as many k-means clusters.

    The learners on one bench share it, so that each k-means is computed once.
    """
    medoids: dict[tuple[int, int, int], AnyArray] = {}

    def choose(bench: Bench, budgets: Sequence[int], seed: int, draw: int) -> Iterator[AnyArray]:
        for budget in budgets:
            key = (budget, seed, draw)
            if key not in medoids:
                medoids[key] = find_medoids(bench.train.matrix, *key)
            yield medoids[key]

    return choose


def find_medoids(matrix: FloatArray, n: int, seed: int = 0, draw: int = 0) -> AnyArray:
    """Return the rows nearest to n centres of k-means, ascending; fewer if they coincide."""
    from sklearn.cluster import KMeans

    from core.neighbours.nearest import NeighbourIndex

    random_state = int(draw_generator(seed, draw).integers(2**31))
    kmeans = KMeans(
        min(n, len(matrix)), n_init=1, max_iter=_MEDOID_ITERATIONS, random_state=random_state
    )
    with warnings.catch_warnings():
        # Pixels may have fewer distinct values than there are centres.
        warnings.simplefilter("ignore")
        centres = kmeans.fit(matrix).cluster_centers_.astype(np.float32)
    _, rows = NeighbourIndex(matrix).search(np.ascontiguousarray(centres), 1)
    medoids: AnyArray = np.unique(rows)
    return medoids


def logistic_shares(
    bench: Bench, rows: AnyArray, labels: ByteArray, matrix: FloatArray
) -> tuple[ByteArray, DoubleArray]:
    """Fit logistic regression to some training rows; return the classes and their shares.

    The columns are standardised by all training pixels, which needs no labels. The shares of the
    pixels of `matrix`, (m, f), are (m, c).
    """
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(labels)
    if len(classes) < 2:
        return classes, np.ones((len(matrix), 1))
    mean, deviation = bench.train.matrix.mean(axis=0), bench.train.matrix.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1).astype(np.float32)
    model = LogisticRegression(C=_STRENGTH, max_iter=_ITERATIONS)
    with warnings.catch_warnings():
        # Separable classes have no finite optimum, and the regularised one is hardly better.
        warnings.simplefilter("ignore")
        model.fit((bench.train.matrix[rows] - mean) / scale, labels)
    shares: DoubleArray = model.predict_proba((matrix - mean) / scale)
    return classes, shares


def fit_logistic(bench: Bench, rows: AnyArray) -> ByteArray:
    """Predict the held-out pixels by logistic regression on the labelled rows."""
    matrix = bench.held_out.matrix
    classes, shares = logistic_shares(bench, rows, bench.train_labels[rows], matrix)
    predicted: ByteArray = classes[shares.argmax(axis=1)]
    return predicted


def _boost(bench: Bench, rows: AnyArray) -> ByteArray:
    """Predict the held-out pixels by gradient boosting on the labelled rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    labels = bench.train_labels[rows]
    if len(np.unique(labels)) < 2:
        return np.full(len(bench.held_out_labels), labels[0], np.uint8)
    model = HistGradientBoostingClassifier(
        max_iter=_ROUNDS,
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=int(np.clip(len(rows) // 50, 2, 20)),
        early_stopping=False,
        random_state=0,
    )
    model.fit(bench.train.matrix[rows], labels)
    predicted: ByteArray = model.predict(bench.held_out.matrix).astype(np.uint8)
    return predicted


def _neighbour_learner(k: int) -> Learner:
    def learn(bench: Bench, rows: AnyArray) -> ByteArray:
        index = bench.train.take(rows).neighbour_index()
        votes = index.vote(bench.train_labels[rows], bench.held_out.matrix, min(k, len(rows)))
        predicted: ByteArray = votes
        return predicted

    return learn
