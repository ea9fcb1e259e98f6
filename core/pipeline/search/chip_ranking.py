"""The chips of a view, ranked by their similarity to examples or to words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.chips.chip_set import ChipSet
from core.embeddings.networks import siglip2
from core.errors import SettingsError, TooFewError
from core.pipeline.embedding_stages import EMBEDDINGS
from core.pipeline.search.chip_examples import ExampleSet
from core.pipeline.view import View
from core.search.exact_search import BestRows, find_best_rows, score_rows
from core.search.ranking import Ranker, RankMethod, fit_ranker
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
        0 is the mean of all chips, 1 that of the examples; see `core.search.ranking.Ranker`. In a
        search for words, the cosine of the angle between the two embeddings.
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
            remedy="Press “More like this” on the Explore page, or give --like, --cluster or "
            "--words.",
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


def rank_by_words(view: View, words: str) -> ChipRanking:
    """Rank the chips of a view by their similarity to a description.

    Raises SettingsError if the chips were embedded with an encoder that knows no words, or if there
    are no words, and WeightsError if the weights cannot be loaded.
    """
    embed = view.settings.embed
    parts = [EMBEDDINGS.open(artifact) for artifact in view.artifacts["embeddings"][1:]]
    if not knows_words(view) or parts[0].shape[1] != siglip2.CARD.dim:
        raise SettingsError(
            f"the embeddings of {embed.encoder} cannot be compared with words",
            where="words",
            remedy=f"Embed three bands of the chips with the encoder {siglip2.CARD.name}.",
        )
    words_embedding = siglip2.embed_words(words, embed, view.workspace.weights)
    ranker = Ranker(words_embedding.astype(np.float64), 0.0)
    no_rows = np.empty(0, np.int32)
    scores = np.concatenate([score_rows(part, ranker) for part in parts])
    return ChipRanking(scores, no_rows, no_rows)


def knows_words(view: View) -> bool:
    """Return True if the chips of a view are embedded with an encoder of pictures and words."""
    return view.settings.embed.encoder == siglip2.CARD.name


def ranking_table(chips: ChipSet, ranking: ChipRanking, best: BestRows) -> pd.DataFrame:
    """Return the examples and ranked chips as a table, to be stored as CSV.

    The columns are rank (from 1; none for examples), mark ("for", "against" or empty), chip_id,
    scene, score, longitude and latitude (degrees, EPSG:4326), column and row (scene pixels), and
    the attributes.
    """
    marked = (ranking.example_rows, ranking.counterexample_rows)
    rows = np.concatenate([*marked, best.rows])
    n_marked = len(rows) - len(best.rows)
    columns = ["chip_id", "scene", "longitude", "latitude", "column", "row"]
    facts = chips.facts[columns].iloc[rows].reset_index(drop=True)
    facts.insert(
        0, "rank", pd.Series([pd.NA] * n_marked + [*range(1, len(best.rows) + 1)], dtype="Int64")
    )
    facts.insert(1, "mark", np.repeat(["for", "against", ""], [*map(len, marked), len(best.rows)]))
    facts.insert(4, "score", ranking.scores[rows].round(6))
    properties = chips.properties.iloc[rows].reset_index(drop=True)
    return pd.concat([facts, properties.drop(columns=facts.columns, errors="ignore")], axis=1)


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
