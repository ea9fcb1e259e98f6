"""The search for chips as this session displays it: examples or words, and the ranked chips."""

from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from app.session import cache
from app.session.state import keep_choice, page_choice, pop_choice
from core.chips.chip_set import ChipSet
from core.errors import ChipscapeError
from core.pipeline.search.chip_examples import ExampleSet, change_examples, load_examples
from core.pipeline.search.chip_ranking import ChipRanking, knows_words, rank_by_words, rank_chips
from core.pipeline.view import View
from core.pipeline.workspace import Workspace

SIMILARITY = "Similarity"
"""Label of the scores among the columns that colour the chips."""
WORDS = "words"
MARKS = {"for": "+", "against": "−"}
"""The signs of the examples for and against in the plot, on the map and in galleries."""
# Marks that are drawn in the plot and on the map, the latest ones.
MARKS_AT_MOST = 200


@dataclass(frozen=True)
class ChipSearch:
    """The examples of the workspace or some words, and the ranking of the chips of a view.

    The ranking is None if there are no words and no example for, or if the chips cannot be ranked;
    `problem` then says why. With words, the examples do not count.
    """

    examples: ExampleSet = field(default_factory=ExampleSet)
    ranking: ChipRanking | None = None
    problem: str = ""
    words: str = ""

    @property
    def is_active(self) -> bool:
        """True if there are words, or an example, or a problem to display."""
        return bool(self.words or self.problem or self.examples != ExampleSet())


def find_search(view: View, chips: ChipSet | None) -> ChipSearch:
    """Return the search among the chips of a view; a ranking takes 0.1 s, and is cached."""
    if chips is None:
        return ChipSearch()
    examples, problem = ExampleSet(), pop_choice(view.workspace, "examples refused", "")
    words = page_choice(view.workspace, WORDS, "") if knows_words(view) else ""
    ranking = None
    try:
        examples = load_examples(view.workspace)
        if words and view.has("embeddings"):
            ranking = _rank_by_words(view, words)
        elif examples.examples and view.has("embeddings"):
            ranking = _rank(view, chips, examples)
    except ChipscapeError as error:
        problem = str(error)
    return ChipSearch(examples, ranking, problem, words)


def choose_words(workspace: Workspace, words: str) -> None:
    """Rank the chips by some words, and colour them by their similarity; "" ends this search."""
    keep_choice(workspace, WORDS, words.strip())
    if words.strip():
        keep_choice(workspace, "colour", SIMILARITY)


def _rank_by_words(view: View, words: str) -> ChipRanking | None:
    def rank() -> ChipRanking:
        with st.spinner("Reading the words…"):
            return rank_by_words(view, words)

    return cache.stage_result(view, "embeddings", "ranking by words", rank, words=words)


def _rank(view: View, chips: ChipSet, examples: ExampleSet) -> ChipRanking | None:
    groups = {"examples": examples.examples, "against": examples.counterexamples}

    def rank() -> ChipRanking:
        return rank_chips(view, cache.chip_id_list(view, chips), examples)

    return cache.stage_result(view, "embeddings", "ranking", rank, **groups)


def example_marks(workspace: Workspace) -> ExampleSet:
    """Return the examples; none if their file is damaged, which `find_search` reports."""
    try:
        return load_examples(workspace)
    except ChipscapeError:
        return ExampleSet()


def chip_signs(workspace: Workspace) -> dict[str, str]:
    """Return the sign of each chip that is marked as an example, by id."""
    marks = example_marks(workspace)
    signs = dict.fromkeys(marks.examples, MARKS["for"])
    return signs | dict.fromkeys(marks.counterexamples, MARKS["against"])


def signed_rows(workspace: Workspace, chips: ChipSet) -> dict[int, str]:
    """Return the sign of each chip that is marked as an example, by row; see `MARKS_AT_MOST`."""
    # Without marks, the table of rows, which takes a tenth of a second, is not needed.
    signs = chip_signs(workspace).items()
    rows = [(chips.row_by_id[i], sign) for i, sign in signs if i in chips.row_by_id]
    return dict(rows[-MARKS_AT_MOST:])


def mark_examples(workspace: Workspace, change: Callable[[ExampleSet], ExampleSet]) -> None:
    """Change the examples, or note why they cannot be changed.

    With the first example, the chips are coloured by their similarity.
    """
    former = example_marks(workspace)
    try:
        examples = change_examples(workspace, change)
    except ChipscapeError as error:
        keep_choice(workspace, "examples refused", str(error))
        return
    if examples.examples and not former.examples:
        keep_choice(workspace, "colour", SIMILARITY)
