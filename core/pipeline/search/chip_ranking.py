"""The chips of a view, ranked by their similarity to examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import TooFewError
from core.pipeline.embedding_stages import EMBEDDINGS
from core.pipeline.search.chip_examples import ExampleSet
from core.pipeline.view import View
from core.search.exact_search import BestRows, find_best_rows, score_rows
from core.search.ranking import RankMethod, fit_ranker
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray, IntArray

# Number of random chips that examples are compared with. More change the ranking less than one
# more example does, and take longer to fit.
BACKGROUND = 1000


@dataclass(frozen=True, eq=False)
class ChipRanking:
    """Scores of all chips of a view.

    Attributes
    ----------
    scores : float64 array, (n,)
        0 is the mean of all chips, 1 that of the examples; see `core.search.ranking.Ranker`.
    example_rows, counterexample_rows : int32 array
        Rows of the examples for and against.
    missing : tuple of str
        Ids of examples that are not among the chips.
    """

    scores: DoubleArray
    example_rows: IntArray
    counterexample_rows: IntArray
    missing: tuple[str, ...] = ()

    def best_chips(
        self, k: int, threshold: float | None = None, left_out: BoolArray | None = None
    ) -> BestRows:
        """Return the k best chips that are no examples, best first.

        Chips with a score below the threshold, and those that are True in `left_out`, (n,), are not
        returned.
        """
        scores = self.scores.copy()
        scores[self.example_rows] = scores[self.counterexample_rows] = -np.inf
        if threshold is not None:
            scores[scores < threshold] = -np.inf
        if left_out is not None:
            scores[left_out] = -np.inf
        return find_best_rows(scores, k)


def rank_chips(
    view: View, chip_ids: Sequence[str], example_set: ExampleSet, method: RankMethod = "classifier"
) -> ChipRanking:
    """Rank the chips of a view with embeddings; `chip_ids` are the ids of its chips, row by row.

    Examples that are not among the chips are ignored and listed. Raises TooFewError if no example
    for is left, and the errors of `fit_ranker`.
    """
    parts = [EMBEDDINGS.open(artifact) for artifact in view.artifacts["embeddings"][1:]]
    index = pd.Index(chip_ids)
    groups = (example_set.examples, example_set.counterexamples)
    positions = [
        index.get_indexer(pd.Index(list(ids), dtype=object)).astype(np.int32) for ids in groups
    ]
    missing = [
        chip_id
        for ids, rows in zip(groups, positions, strict=True)
        for chip_id, row in zip(ids, rows, strict=True)
        if row < 0
    ]
    examples, counterexamples = (rows[rows >= 0] for rows in positions)
    if not len(examples):
        names = f": {', '.join(missing[:3])} is not among the chips" if missing else ""
        raise TooFewError(
            f"there is no example{names}",
            where="search",
            remedy="Mark at least one chip as an example.",
        )
    background = _sample_background(len(chip_ids), np.concatenate([examples, counterexamples]))
    ranker = fit_ranker(
        take_rows(parts, examples),
        take_rows(parts, counterexamples),
        take_rows(parts, background),
        method,
    )
    scores = np.concatenate([score_rows(part, ranker) for part in parts])
    return ChipRanking(scores, examples, counterexamples, tuple(missing))


def take_rows(parts: Sequence[AnyArray], rows: IntArray) -> FloatArray:
    """Return some rows of a matrix whose parts, (n_i, d) each, are one below the other."""
    ends = np.cumsum([len(part) for part in parts])
    numbers = np.searchsorted(ends, rows, side="right")
    values = np.empty((len(rows), parts[0].shape[1]), np.float32)
    for number, part in enumerate(parts):
        selected = numbers == number
        values[selected] = part[rows[selected] - (ends[number] - len(part))]
    return values


def _sample_background(n: int, marked: IntArray) -> IntArray:
    """Return the rows of random chips that are not marked, always the same ones."""
    sample = np.random.default_rng(0).permutation(n)[: BACKGROUND + len(marked)]
    return np.sort(sample[~np.isin(sample, marked)][:BACKGROUND]).astype(np.int32)
