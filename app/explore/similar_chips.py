"""The chips that are most similar to the examples: a gallery, and what can be done with them."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from app.clusters.cluster_editor import make_edit
from app.session.chip_search import SIMILARITY, ChipSearch, choose_words, mark_examples
from app.session.displayed_clusters import Clusters
from app.session.state import (
    choice_key,
    current_workspace,
    keep_choice,
    select_chips,
    set_widget_value,
    widget_key,
    widget_value,
)
from app.widgets.chip_display import GalleryRow, chip_gallery, gallery_rows
from app.widgets.chip_tables import chip_colouring, csv_button
from app.widgets.choices import gallery_pager
from app.widgets.markup import count_noun, escape_markdown
from app.widgets.palette import EXCLUDED
from core.chips.chip_set import ChipSet
from core.clusters.editing.edits import create_cluster
from core.pipeline.search.chip_examples import ExampleSet
from core.pipeline.search.chip_ranking import knows_words, ranking_table
from core.pipeline.view import View
from core.search.exact_search import BestRows
from core.types import IntArray

PAGE_SIZE, CHIP_WIDTH = 12, 56
DEFAULT_COUNT = 50
EXAMPLES_SHOWN = 24
DEFAULT_NAME = "Similar chips"
SCORE_HELP = (
    "The score compares each chip with your examples: 1 is the mean of the examples, 0 the mean of "
    "all chips. A logistic regression tells the examples from random chips and from the examples "
    "against. Mark more chips to improve the ranking."
)
WORDS_HELP = (
    "Describe what you look for in a few plain words. The score is the cosine similarity of the "
    "chip and the words; only the order counts. Clear the words to use your examples again."
)


def similar_panel(
    view: View, chips: ChipSet | None, search: ChipSearch, clusters: Clusters | None
) -> None:
    """Draw the field for words, and the chips that are most similar to the words or the examples.

    The field needs an encoder that knows words. Without words and examples, there are no chips.
    """
    if chips is not None and knows_words(view):
        _word_field(view, search)
    if chips is None or not search.is_active:
        return
    with st.container(border=True, key="cs_similar", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if search.words:
                title = f"**Chips like “{escape_markdown(search.words)}”**"
                st.markdown(title, help=WORDS_HELP, width="stretch")
                _clear_button("Remove the words", choose_words, "")
            else:
                st.markdown("**Similar chips**", help=SCORE_HELP, width="stretch")
                _examples_menu(chips, search)
        if search.problem:
            st.error(escape_markdown(search.problem))
        elif search.ranking is None:
            st.caption("Mark a chip with “More like this” to rank all chips by their similarity.")
        _ranked_gallery(chips, search, clusters)


def _examples_menu(chips: ChipSet, search: ChipSearch) -> None:
    """Draw the numbers of examples as a button that lists them, and a button that clears them."""
    groups = (search.examples.examples, search.examples.counterexamples)
    with st.popover(f"{len(groups[0])} for, {len(groups[1])} against"):
        entries = []
        for name, ids in zip(("For", "Against"), groups, strict=True):
            rows = [chips.row_by_id[chip_id] for chip_id in ids if chip_id in chips.row_by_id]
            second_line = count_noun(len(ids), "chip")
            entries.append(GalleryRow("transparent", name, second_line, rows[-EXAMPLES_SHOWN:]))
        gallery_rows(chips, entries, name="examples", label="Examples")
        st.caption("Click a chip to see it. Its buttons change the mark.")
    _clear_button("Remove all examples", mark_examples, lambda _: ExampleSet())


def _word_field(view: View, search: ChipSearch) -> None:
    key = widget_key(view.workspace, f"words {search.words}", search.words)

    def choose() -> None:
        choose_words(view.workspace, str(widget_value(key) or ""))

    st.text_input(
        "Find chips by words",
        key=key,
        placeholder="for example: a sailing boat; then Enter",
        help=WORDS_HELP,
        max_chars=200,
        on_change=choose,
    )


def _clear_button(help_text: str, remove: Callable[..., None], nothing: object) -> None:
    args = (current_workspace(), nothing)
    st.button("Clear", key="cs.clear examples", help=help_text, on_click=remove, args=args)


def _ranked_gallery(chips: ChipSet, search: ChipSearch, clusters: Clusters | None) -> None:
    ranking = search.ranking
    if ranking is None:
        return
    workspace = current_workspace()
    excluded = None if clusters is None else clusters.ids == EXCLUDED
    best = ranking.best_chips(len(chips), left_out=excluded)
    n = len(best.rows)
    if not n:
        st.caption("All chips are examples or excluded.")
        return
    gallery = st.container(gap="small")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        key = choice_key(workspace, "number of similar chips", DEFAULT_COUNT)
        set_widget_value(key, min(widget_value(key), n))
        count = st.number_input("Best chips", 1, n, step=1, key=key, width=90)
        keep_choice(workspace, "number of similar chips", count)
        rows = np.concatenate([ranking.example_rows, best.rows[:count]])
        _result_buttons(chips, rows, clusters)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.page_link("../pages/scan.py", label="Find more of them in whole scenes", width="stretch")
        table = ranking_table(chips, ranking, BestRows(best.rows[:count], best.scores[:count]))
        csv_button("Download (CSV)", table, "similar_chips.csv", key="cs.similar csv")
    with gallery:
        start = gallery_pager(workspace, "similar", count, PAGE_SIZE)
        page = slice(start, min(start + PAGE_SIZE, count))
        colours = chip_colouring(chips, SIMILARITY, None, search).colours()
        page_rows = best.rows[page].tolist()
        texts = [f"{score:.2f}" for score in best.scores[page].tolist()]
        page_colours, name = [colours[row] for row in page_rows], "similar"
        label = "Similar chips, best first"
        chip_gallery(chips, page_rows, page_colours, texts, CHIP_WIDTH, name=name, label=label)


def _result_buttons(chips: ChipSet, rows: IntArray, clusters: Clusters | None) -> None:
    """Draw the buttons that select chips, and that make a cluster of them."""
    workspace = current_workspace()
    ids = tuple(chips.facts["chip_id"].iloc[rows].tolist())
    help_text, args = "Select the examples and the best chips", (workspace, ids)
    st.button("Select", key="cs.select similar", help=help_text, on_click=select_chips, args=args)
    if clusters is None:
        return
    selected = np.zeros(len(chips), np.bool_)
    selected[rows] = True
    selected &= clusters.ids != EXCLUDED
    key = widget_key(workspace, f"similar name {len(clusters.history.edits)}", "")
    label = "Name of the new cluster"
    st.text_input(label, key=key, placeholder=DEFAULT_NAME, label_visibility="collapsed")

    def save() -> None:
        name = str(widget_value(key) or "").strip() or DEFAULT_NAME
        make_edit(clusters, lambda _: create_cluster(selected, name))
        saved = count_noun(int(selected.sum()), "chip")
        st.toast(escape_markdown(f"{saved} saved as the cluster {name}."))

    help_text = "Make a cluster of the examples and the best chips; Undo removes it"
    st.button("Save as cluster", key="cs.save similar", help=help_text, on_click=save)
