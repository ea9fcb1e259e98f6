"""Agreement of embeddings and clusters with a class attribute, for one or several encoders."""

from collections.abc import Sequence
from html import escape
from itertools import combinations
from typing import NamedTuple

import pandas as pd
import streamlit as st

from app import messages
from app.embeddings.encoder_cards import encoder_title, encoder_titles, missing_requirements
from app.session import cache, jobs
from app.session.state import keep_choice, page_choice, widget_key
from app.widgets.chip_tables import csv_button
from app.widgets.markup import count_noun, escape_markdown, facts_html, format_number
from core.embeddings.joined_encoder import SEPARATOR
from core.pipeline.encoders.encoder_comparison import (
    ScoredEncoder,
    find_scored_encoder,
    with_weights_owner,
)
from core.pipeline.run_stages import with_settings
from core.pipeline.view import View
from core.settings import RunSettings


class Measure(NamedTuple):
    """A column of the table that compares encoders.

    `column` is its name in `ScoredEncoder.as_table`; `text` says what the measure means, and when
    it misleads. `digits` is the number of decimals displayed, and `best` is the value that is
    marked: "max", "min", or empty for none.
    """

    column: str
    heading: str
    text: str
    digits: int = 2
    best: str = "max"


MEASURES = (
    Measure(
        "balanced_accuracy",
        "5-NN",
        "How often the five nearest other chips predict the class correctly, averaged over the "
        "classes. Chips that overlap in a scene inflate it.",
    ),
    Measure(
        "balanced_accuracy_across_scenes",
        "5-NN across scenes",
        "The same, but only chips of other scenes vote, which is the fairer test. Classes that "
        "occur in only one scene are left out.",
    ),
    Measure(
        "nmi_gmm",
        "NMI of GMM",
        "How much the clusters of a Gaussian mixture tell about the class, from 0 to 1. It rises "
        "with the number of clusters, so compare values within one table only.",
    ),
    Measure(
        "nmi_hdbscan",
        "NMI of HDBSCAN",
        "The same for HDBSCAN, with noise as one more cluster. The settings may suit one encoder "
        "better than another, so a low value may be due to them.",
    ),
    Measure(
        "silhouette",
        "Silhouette",
        "How much nearer chips are to their own class than to the nearest other, from -1 to 1. It "
        "favours round classes and falls with the number of dimensions, even if the nearest chips "
        "have the right class.",
    ),
    Measure(
        "seconds",
        "Seconds",
        "Time for fitting and encoding on this machine. Other running programs may prolong it.",
        digits=1,
        best="min",
    ),
    Measure(
        "dim",
        "Dimensions",
        "A longer embedding takes more space and more time to search, and is not always better. "
        "No best value is marked.",
        digits=0,
        best="",
    ),
)


def score_panel(view: View, attribute: str) -> None:
    """Draw the scores of the embeddings, and of the clusters if there are any."""
    with st.spinner("Scoring"):
        scores = cache.scores(view, attribute)
    if scores is None:
        return
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
    ready = [name for name in encoder_titles() if not missing_requirements(view, name)]
    names = [*ready, *(SEPARATOR.join(pair) for pair in combinations(ready, 2))]
    current = [name for name in page_choice(workspace, "compared", names[:2]) if name in names]
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
        results = [find_scored_encoder(view, encoder, attribute) for encoder in encoders]
        scored = [scores for scores in results if scores]
    is_complete = bool(encoders) and len(scored) == len(encoders)
    busy = jobs.running_job(workspace) is not None
    disabled = not encoders or is_complete or busy or not view.survey.usable
    label = "Compared" if is_complete else "Compare"
    if st.button(label, key="cs.compare", type="primary", disabled=disabled):
        jobs.start_comparison(workspace, view.settings, encoders, attribute)
        st.rerun()
    if not scored:
        st.caption("No encoders have been compared by this attribute yet.")
        return
    table = comparison_frame(scored)
    st.html(comparison_html(table))
    csv_button("Download the table (CSV)", table, "encoders.csv", key="cs.csv:encoders")
    st.caption(escape_markdown(comparison_note(scored, view.settings)))
    texts = facts_html((measure.heading, measure.text) for measure in MEASURES)
    st.html(f'<div class="cs-words">{texts}</div>')


def comparison_frame(scored: Sequence[ScoredEncoder]) -> pd.DataFrame:
    """Return a table with one row per encoder and one column per measure."""
    rows = [scores.as_table() for scores in scored]
    columns = {measure.heading: [row[measure.column] for row in rows] for measure in MEASURES}
    return pd.DataFrame({"Encoder": [encoder_title(row["encoder"]) for row in rows]} | columns)


def best_rows(table: pd.DataFrame) -> dict[str, set[int]]:
    """Return the rows with the best value of each measure, by heading; values are rounded first."""
    rows: dict[str, set[int]] = {}
    for measure in MEASURES:
        values = pd.to_numeric(table[measure.heading], errors="coerce").round(measure.digits)
        if measure.best and values.notna().any():
            rows[measure.heading] = set(table.index[values == values.agg(measure.best)])
    return rows


def comparison_html(table: pd.DataFrame) -> str:
    """Return the table as HTML; the best value of each column is bold."""
    best = best_rows(table)
    head = "".join(f"<th>{escape(str(heading))}</th>" for heading in table)
    body = ""
    for row, values in table.iterrows():
        body += f"<tr><th scope='row'>{escape(str(values['Encoder']))}</th>"
        for measure in MEASURES:
            value = values[measure.heading]
            text = "not known" if pd.isna(value) else f"{value:.{measure.digits}f}"
            is_best = row in best.get(measure.heading, ())
            body += f"<td><b>{text}</b></td>" if is_best else f"<td>{text}</td>"
        body += "</tr>"
    return f"<table class='cs-scores'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def comparison_note(scored: Sequence[ScoredEncoder], settings: RunSettings) -> str:
    """Return a note on the chips and clusters with which the scores were computed."""
    notes = dict.fromkeys(note for scores in scored for note in scores.scores.notes)
    text = (
        f"{format_number(scored[0].scores.n)} chips have a value. Clusters: "
        f"{settings.gmm.n_components} Gaussians, and HDBSCAN with at least "
        f"{settings.cut.min_cluster_size} chips in a cluster, as set on the Clusters page. The "
        "best value of each column is marked. If a class has few chips, small differences may "
        "be random."
    )
    return " ".join([text, *notes])
