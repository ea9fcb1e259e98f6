"""Ranking of embeddings by their similarity to examples for, and difference from those against.

Both methods end in one direction in the space of embeddings of length 1, so a ranker is a vector
and an offset, and a score is a scalar product (cosine geometry).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.errors import DegenerateError, TooFewError
from core.types import AnyArray, DoubleArray, FloatArray

RankMethod = Literal["classifier", "mean"]

# Inverse strength of the classifier's L2 penalty, where each group of rows has a total weight of 1.
# Towards 0, the direction becomes the mean of the examples minus the mean of the other groups;
# towards infinity, it separates the examples perfectly, which a few examples always allow. Values
# from 0.1 to 3 had nearly the same precision across scenes, greater ones less (see
# docs/decisions/0036).
INVERSE_PENALTY = 1.0
# Rows per block of scores: 4096 rows of 384 columns take 6 MB, which fits into a processor's cache.
BLOCK = 4096


@dataclass(frozen=True)
class Ranker:
    """A linear score of embeddings.

    Attributes
    ----------
    direction : float64 array, (d,)
    offset : float
        The score is the scalar product of the embedding, at length 1, and the direction, plus the
        offset. The mean score of the background is 0 and that of the examples is 1.
    """

    direction: DoubleArray
    offset: float

    def scores(self, embeddings: AnyArray) -> DoubleArray:
        """Return the score of each embedding, (n, d) -> float64 (n,); higher is more similar.

        The embeddings may be memory-mapped; they are read in blocks. Embeddings of length 0 get
        the offset as their score. Raises DegenerateError if the number of columns differs.
        """
        scores = np.empty(len(embeddings))
        for start in range(0, len(embeddings), BLOCK):
            scores[start : start + BLOCK] = self.score_block(embeddings[start : start + BLOCK])
        return scores

    def score_block(self, block: AnyArray) -> DoubleArray:
        """Return the scores of a few embeddings that are in memory; see `scores`."""
        if block.shape[1:] != self.direction.shape:
            raise DegenerateError(
                f"the embeddings have {block.shape[-1]} columns, the ranker {len(self.direction)}",
                where="search",
                remedy="Embed the chips with the encoder of the examples.",
            )
        lengths = np.sqrt(np.einsum("ij,ij->i", block, block))
        products = (block @ self.direction.astype(block.dtype)).astype(np.float64)
        return np.asarray(products / np.where(lengths > 0, lengths, 1) + self.offset)


def fit_ranker(
    examples: FloatArray,
    counterexamples: FloatArray,
    background: FloatArray,
    method: RankMethod = "classifier",
    inverse_penalty: float = INVERSE_PENALTY,
) -> Ranker:
    """Fit a ranker to examples for, (n, d), examples against, (m, d), and a background, (k, d).

    Parameters
    ----------
    examples, counterexamples, background : float32 array
        One example is enough; m and k may be 0. The background consists of random embeddings; some
        of them may be similar to the examples (Elkan and Noto, KDD 2008: a classifier of examples
        against unlabelled rows ranks as one against true negatives).
    method : {"classifier", "mean"}, default="classifier"
        "classifier" fits a logistic regression of the examples against the counterexamples and the
        background; without either it is the same as "mean". "mean" subtracts the mean of the
        counterexamples from the mean of the examples (Rocchio, 1971) and uses the background only
        for the scale of the scores.
    inverse_penalty : float, default=1.0
        Inverse strength of the classifier's L2 penalty, above 0, at a total weight of 1 for each
        of the three groups.

    Raises
    ------
    TooFewError
        If there are no examples.
    DegenerateError
        If values are not finite, or if examples for and against cancel each other.
    """
    if len(examples) == 0:
        raise TooFewError(
            "there is no example", where="search", remedy="Mark at least one chip as an example."
        )
    groups = [unit_rows(rows) for rows in (examples, counterexamples, background)]
    if method == "mean" or not len(counterexamples) + len(background):
        direction = _mean_direction(*groups[:2])
    else:
        direction = _classifier_direction(groups, inverse_penalty)
    if not np.abs(direction).max() > 1e-12:
        raise DegenerateError(
            "the examples for and against have the same mean, so they define no direction",
            where="search",
            remedy="Remove chips that are marked as both, or mark other chips.",
        )
    return _scaled_ranker(direction, groups[0], groups[2])


def unit_rows(rows: AnyArray) -> DoubleArray:
    """Return rows at length 1, float64 (n, d); rows of length 0 stay as they are.

    Raises DegenerateError if values are not finite.
    """
    values = np.asarray(rows, np.float64)
    if not np.isfinite(values).all():
        raise DegenerateError("embeddings are not finite", where="search")
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(lengths > 0, lengths, 1))


def _mean_direction(examples: DoubleArray, counterexamples: DoubleArray) -> DoubleArray:
    direction = np.asarray(examples.mean(axis=0))
    return direction - counterexamples.mean(axis=0) if len(counterexamples) else direction


def _classifier_direction(groups: list[DoubleArray], inverse_penalty: float) -> DoubleArray:
    """Return the coefficients of the logistic regression of the first group against the others.

    All groups have the same total weight, so that a few examples count as much as the background.
    """
    from sklearn.linear_model import LogisticRegression

    present = [rows for rows in groups if len(rows)]
    weights = np.concatenate([np.full(len(rows), 1 / len(rows)) for rows in present])
    truth = np.arange(len(weights)) < len(groups[0])
    model = LogisticRegression(C=inverse_penalty, max_iter=1000)
    model.fit(np.concatenate(present), truth, sample_weight=weights)
    return np.asarray(model.coef_[0], np.float64)


def _scaled_ranker(
    direction: DoubleArray, examples: DoubleArray, background: DoubleArray
) -> Ranker:
    """Return a ranker under which the background has mean 0 and the examples have mean 1."""
    level = float((examples @ direction).mean())
    zero = float((background @ direction).mean()) if len(background) else 0.0
    # Examples that are like the background have no scale of their own.
    span = level - zero if level - zero > 1e-9 else float(np.linalg.norm(direction))
    return Ranker(direction / span, -zero / span)
