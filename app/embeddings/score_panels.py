"""Agreement of embeddings and clusters with a class attribute, for one or several encoders."""

from concurrent.futures import wait
from itertools import combinations

import streamlit as st

from app import messages
from app.embeddings.comparison_tables import (
    INPUT,
    SCORES,
    comparison_frame,
    comparison_note,
    scores_html,
)
from app.embeddings.encoder_cards import encoder_title, encoder_titles, missing_requirements
from app.session import cache, jobs
from app.session.displayed_clusters import PATIENCE_SECONDS
from app.session.state import keep_choice, page_choice, widget_key
from app.widgets.chip_tables import csv_button
from app.widgets.job_status import estimate_line, wait_until
from app.widgets.markup import count_noun, escape_markdown, facts_html
from core.embeddings.joined_encoder import SEPARATOR
from core.pipeline.encoders.encoder_comparison import (
    CONTROL,
    ScoredEncoder,
    find_scored_encoder,
    with_weights_owner,
)
from core.pipeline.encoders.encoder_differences import compare_best
from core.pipeline.estimates.encoder_estimate import estimate_comparison
from core.pipeline.run_stages import with_settings
from core.pipeline.view import View


def score_panel(view: View, attribute: str) -> None:
    """Draw the scores of the embeddings, and of the clusters if there are any."""
    future = cache.scores(view, attribute)
    if future is None:
        return
    if not wait([future], PATIENCE_SECONDS).done:
        wait_until(
            future.done,
            "The embeddings are being scored. With many chips, this takes up to a minute.",
        )
        return
    scores = future.result()
    across = scores["balanced_accuracy_across_scenes"]
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.markdown("**Embeddings**, by the vote of the five nearest other chips")
        columns = st.columns(2)
        columns[0].metric("Balanced accuracy", f"{scores['balanced_accuracy']:.2f}")
        columns[1].metric("Across scenes", "not known" if across is None else f"{across:.2f}")
        st.caption(
            f"Maximum 1; random guessing scores {1 / scores['n_classes']:.2f}. Overlapping chips "
            "inflate the first score; for the second, only chips of other scenes vote."
        )
    with right:
        st.markdown("**Clusters**, by their agreement with the attribute")
        if "ari" in scores:
            for column, name in zip(st.columns(3), ("ARI", "AMI", "NMI"), strict=True):
                column.metric(name, f"{scores[name.lower()]:.2f}")
            st.caption(
                "1 is perfect agreement. ARI and AMI are 0 for random clusters; NMI rises with the "
                "number of clusters."
            )
        else:
            st.caption("These embeddings have no clusters yet. Find them on the Clusters page.")
    n_classes = count_noun(scores["n_classes"], "class", "classes")
    text = f"{count_noun(scores['n'], 'chip')} in {n_classes}."
    st.caption(escape_markdown(" ".join([text, *scores["notes"]])))


def comparison_panel(view: View, attribute: str) -> None:
    """Draw the selector of encoders to compare, and the table of the results."""
    workspace = view.workspace
    ready = [
        name
        for name in encoder_titles()
        if name != CONTROL and not missing_requirements(view, name)
    ]
    pairs = combinations([*ready, CONTROL], 2)
    names = [*ready, *(SEPARATOR.join(pair) for pair in pairs)]
    chosen = view.settings.embed.encoder
    if chosen not in names and not missing_requirements(view, chosen):
        names.append(chosen)
    current = [name for name in page_choice(workspace, "compared", ready[:2]) if name in names]
    encoders = st.multiselect(
        "Encoders that are ready, alone or joined in pairs",
        names,
        format_func=encoder_title,
        key=widget_key(workspace, "compared", current),
    )
    keep_choice(workspace, "compared", encoders)
    view = with_settings(view, embed=with_weights_owner(view.settings.embed, encoders))
    scored: list[ScoredEncoder] = []
    with messages.show_errors():
        results = [find_scored_encoder(view, name, attribute) for name in (*encoders, CONTROL)]
        scored = [scores for scores in results if scores]
    is_complete = bool(encoders) and len(scored) == len(results)
    busy = jobs.running_job(workspace) is not None
    disabled = not encoders or is_complete or busy or not view.survey.usable
    label = "Compared" if is_complete else "Compare"
    if st.button(label, key="cs.compare", type="primary", disabled=disabled):
        jobs.start_comparison(workspace, view.settings, encoders, attribute)
        st.rerun()
    if not disabled:
        estimate_line(
            workspace, lambda model: estimate_comparison(view, model, encoders, attribute)
        )
    if not scored:
        st.caption("No encoders have been compared by this attribute yet.")
        return
    for difference in compare_best(scored):
        st.markdown(difference.describe(_bold_title))
    table = comparison_frame(scored)
    st.html(scores_html(table, SCORES))
    st.html(scores_html(table, INPUT))
    csv_button("Download the table (CSV)", table, "encoders.csv", key="cs.csv:encoders")
    st.caption(escape_markdown(comparison_note(scored, view.settings)))
    texts = facts_html((measure.heading, measure.text) for measure in (*SCORES, *INPUT))
    st.html(f'<div class="cs-words">{texts}</div>')


def _bold_title(encoder: str) -> str:
    return f"**{escape_markdown(encoder_title(encoder))}**"
