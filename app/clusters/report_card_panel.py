"""The report card of the clusters, their agreement with an attribute, and warnings."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.clusters.cluster_charts import share_chart
from app.clusters.correction_panel import correction_panel
from app.session import cache, cluster_results, jobs
from app.session.displayed_clusters import Clusters
from app.session.state import choice_key, keep_choice
from app.widgets.charts import show_chart
from app.widgets.chip_tables import class_attribute, csv_button
from app.widgets.job_status import estimate_line
from app.widgets.markup import escape_markdown, format_number
from app.widgets.palette import EXCLUDED, cluster_colour
from app.widgets.theme import chart_colours
from core.chips.chip_set import ChipSet
from core.clusters.editing.edited_labelling import edit_hash, judged_sentence
from core.clusters.evaluation.corrections import CENTRING
from core.clusters.evaluation.measures import MEASURES
from core.clusters.evaluation.report_card import EVALUATION_DIMS
from core.clusters.evaluation.stability import (
    N_RESAMPLES,
    describe_stability,
    failed_resamples_note,
)
from core.clusters.labelling import labels_by_size
from core.errors import TooFewError
from core.pipeline.estimates.fit_estimate import estimate_quality
from core.pipeline.quality_stage import Quality

# Column titles of the measures.
QUALITY_TITLES = {
    "silhouette": "Silhouette",
    "dbcv": "DBCV",
    "persistence": "Persistence",
    "stability": "Stability",
    "size": "Chips",
    "area": "Area",
    "noise_fraction": "Noise",
}
AGREEMENT_TITLES = {"ari": "ARI", "ami": "AMI", "nmi": "NMI", "v_measure": "V-measure"}
ROWS_AT_MOST = 15


def confounder_notice(clusters: Clusters, chips: ChipSet) -> None:
    """List possible confounders of the clusters, such as a single scene, and corrections."""
    view = clusters.view
    is_centred = view.settings.reduction.harmonisation == "centre"
    for warning in cache.centring_losses(view, chips) if is_centred else ():
        st.warning(escape_markdown(warning))
    sentences, is_complete = cluster_results.confounder_warnings(clusters, chips)
    if not sentences:
        return
    n = len(sentences)
    title = "One possible confounder" if n == 1 else f"{n} possible confounders"
    with st.expander(f"{title}: the clusters may reflect scene, location or image quality"):
        st.markdown("\n".join(f"- {escape_markdown(sentence)}" for sentence in sentences))
        pending = "" if is_complete else " Size, location and blur are tested with the report card."
        st.caption(
            "A warning is a reason to look closer, not a proof: clusters of ships, for example, "
            f"may rightly differ in size.{pending}"
        )
        corrections = cluster_results.suggested_corrections(clusters, chips)
        if corrections:
            titles = [f"{item.title[:1].lower()}{item.title[1:]}" for item in corrections]
            st.markdown(
                f"Corrections that may help: {', '.join(titles)}. The *Report card* tab compares "
                "the clusters before and after."
            )
        names = [item.name for item in corrections]
        if CENTRING.name in [*names, *cache.harmful_names(view, chips)]:
            for warning in cache.centring_losses(view, chips):
                st.warning(escape_markdown(warning))


def report_card_panel(clusters: Clusters, chips: ChipSet) -> None:
    """Draw the report card of the displayed clusters, or offer to compute it."""
    quality = cluster_results.quality(clusters, chips)
    card = quality.card if quality else None
    scores = {
        "noise_fraction": f"{clusters.noise_fraction:.0%}",
        "silhouette": _format_score(card.silhouette if card else None),
        "dbcv": _format_score(card.dbcv if card else None),
    }
    slots = st.columns(4)
    slots[0].metric("Clusters", clusters.n_clusters)
    for slot, (name, text) in zip(slots[1:], scores.items(), strict=True):
        slot.metric(QUALITY_TITLES[name], text, help=MEASURES[name])
    if quality is None:
        _offer_quality(clusters)
    _show_card(_card_table(clusters, chips, quality))
    notes = [*card.notes] if card else []
    if quality:
        n_drawn = format_number(quality.n_drawn)
        notes.append(f"Stability: {quality.n_resamples} resamples of {n_drawn} chips.")
        notes.append(failed_resamples_note(quality.n_failed, quality.n_resamples))
    notes.append(judged_sentence(clusters.labelling, clusters.edited))
    if edit_hash(clusters.labelling, clusters.edited):
        notes.append(
            "Stability measures whether the method finds a cluster without edits; of a merged "
            "cluster, it finds only the largest part. Edited clusters have no persistence."
        )
    notes.append(
        f"Silhouette and DBCV are measured in the first {EVALUATION_DIMS} principal components, "
        "not in the projection."
    )
    st.caption(escape_markdown(" ".join(filter(None, notes))))
    _explain_measures(QUALITY_TITLES)
    correction_panel(clusters, chips)


def _offer_quality(clusters: Clusters) -> None:
    view = clusters.view
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            "The silhouette, DBCV and stability of these clusters have not been measured yet. To "
            f"measure stability, {N_RESAMPLES} resamples of the chips are clustered."
        )
        st.button(
            "Evaluate the clusters",
            type="primary",
            key="cs.judge",
            disabled=jobs.running_job(view.workspace) is not None,
            on_click=jobs.start_quality,
            args=(view.workspace, view.settings),
        )
    estimate_line(view.workspace, partial(estimate_quality, view))


def _card_table(clusters: Clusters, chips: ChipSet, quality: Quality | None) -> pd.DataFrame:
    """Return a table with one row per displayed cluster, in order of cluster id."""
    label_by_id = dict(sorted(labels_by_size(clusters.ids).items()))
    order, footprints = list(label_by_id.values()), chips.facts["area"].astype(float)
    sizes = np.array([(clusters.ids == cluster).sum() for cluster in label_by_id], int)
    areas = [footprints[clusters.ids == cluster].sum(min_count=1) for cluster in label_by_id]
    unit, scale = ("ha", 10_000) if any(area >= 10_000 for area in areas) else ("m²", 1)
    columns = {
        "Cluster": [clusters.look.name(cluster) for cluster in label_by_id],
        "Chips": sizes,
        "Share": (sizes / (clusters.ids != EXCLUDED).sum()).round(2),
        f"Area ({unit})": [round(area / scale, 2) for area in areas],
    }
    persistence = cluster_results.persistence_by_cluster(clusters)
    if persistence is not None:
        columns["Persistence"] = persistence[order]
    if quality is not None:
        cards = [quality.card.clusters[label] for label in order]
        for name in ("silhouette", "dbcv", "stability"):
            columns[QUALITY_TITLES[name]] = [getattr(card, name) for card in cards]
        columns["Verdict"] = [describe_stability(card.stability) for card in cards]
    return pd.DataFrame(columns)


def _show_card(table: pd.DataFrame) -> None:
    number, titles = st.column_config.NumberColumn, QUALITY_TITLES.items()
    columns = {title: number(help=MEASURES[name], format="%.2f") for name, title in titles}
    columns["Chips"] = number(help=MEASURES["size"])
    columns["Share"] = number(format="percent")
    columns["Area (ha)"] = columns["Area (m²)"] = number(help=MEASURES["area"])
    columns["Stability"] = st.column_config.ProgressColumn(
        help=MEASURES["stability"],
        format="%.2f",
        min_value=0,
        max_value=1,
        color=chart_colours().accent,
    )
    columns = {title: config for title, config in columns.items() if title in table}
    _show_table(table, column_config=columns, placeholder="–")
    csv_button("Download the report card (CSV)", table, "report_card.csv", key="cs.card.csv")


def agreement_panel(clusters: Clusters, chips: ChipSet) -> None:
    """Draw the agreement of the displayed clusters with an attribute of the annotations."""
    workspace, names = clusters.view.workspace, [str(name) for name in chips.properties.columns]
    if not names:
        st.caption("The annotations have no attributes to compare with.")
        return
    key = choice_key(workspace, "against", class_attribute(chips) or names[0], names)
    name = keep_choice(workspace, "against", st.selectbox("Attribute", names, key=key, width=320))
    try:
        agreement, cluster_ids = cluster_results.compare_with_attribute(
            clusters, chips.properties[name], name
        )
    except TooFewError as error:
        st.caption(escape_markdown(error))
        return
    for slot, (measure, title) in zip(st.columns(4), AGREEMENT_TITLES.items(), strict=True):
        score = _format_score(getattr(agreement, measure))
        slot.metric(title, score, help=MEASURES[measure])
    rows = [row for row, counts in enumerate(agreement.table) if counts.any()]
    labels = [clusters.look.name(cluster_ids[row]) for row in rows]
    colours = [cluster_colour(code) for code in range(len(agreement.values))]
    counts = agreement.table[rows]
    show_chart(share_chart(labels, agreement.values, counts, colours), "cs.shares")
    table = pd.DataFrame(counts, columns=list(agreement.values))
    table.insert(0, "Cluster" if "Cluster" not in table else "Cluster (displayed)", labels)
    _show_table(table)
    csv_button("Download the table (CSV)", table, "contingency.csv", key="cs.against.csv")
    note = "Clusters as displayed, after noise treatment and edits; noise counts as one cluster."
    if agreement.n_missing:
        note += f" {format_number(agreement.n_missing)} chips without a value are left out."
    st.caption(escape_markdown(note))
    _explain_measures(AGREEMENT_TITLES)


def _show_table(table: pd.DataFrame, **options: Any) -> None:
    is_short = len(table) <= ROWS_AT_MOST
    st.dataframe(table, hide_index=True, height="content" if is_short else 560, **options)


def _explain_measures(titles: Mapping[str, str]) -> None:
    with st.expander("What these measures mean, and when they mislead"):
        meanings = {title: escape_markdown(MEASURES[name]) for name, title in titles.items()}
        st.markdown("\n".join(f"- **{title}**: {text}" for title, text in meanings.items()))


def _format_score(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"
