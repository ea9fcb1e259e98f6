"""What the clusters are: typical chips, what sets a cluster apart, and uncertain chips."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from app.clusters.cluster_charts import spread_chart
from app.clusters.cluster_editor import choose_cluster
from app.session import cluster_results
from app.session.displayed_clusters import Clusters
from app.session.state import keep_choice, page_choice, widget_key
from app.widgets.charts import count_bars, show_chart
from app.widgets.chip_gallery import chip_gallery, gallery_pager
from app.widgets.colouring import cluster_counts
from app.widgets.markup import count_noun, escape_markdown, format_number
from app.widgets.setting_labels import FACTS, fact_label
from core.chips.chip_set import ChipSet
from core.clusters.editing.explanation import (
    difference_sentences,
    find_differences,
    nearest_cluster,
)
from core.clusters.methods.method_table import find_method

N_EXAMPLES = 8
FACTS_DRAWN = 6
UNCERTAIN_CHIPS_PER_PAGE = 48
ALL_OTHER_CHIPS = "all other chips"


def overview_panel(clusters: Clusters, chips: ChipSet) -> None:
    """Draw the sizes of the clusters and a few typical chips of each."""
    show_chart(count_bars(cluster_counts(clusters.ids, clusters.look)), "cs.bars")
    st.markdown("**Typical chips**, nearest to each cluster's centre in the clustering space")
    look = clusters.look
    for cluster, rows in cluster_results.typical_rows(clusters, N_EXAMPLES).items():
        count = count_noun(int((clusters.ids == cluster).sum()), "chip")
        st.markdown(f"**{escape_markdown(look.name(cluster))}** · {count}")
        chip_gallery(chips, rows, [look.colour(cluster)] * len(rows), width=76)


def profile_panel(clusters: Clusters, chips: ChipSet) -> None:
    """Draw what sets one cluster apart from another or from all other chips."""
    displayed = cluster_results.labelling_on_display(clusters)
    points = cluster_results.clustered_space(clusters)
    if not displayed.labels or points is None:
        st.caption("There is no cluster to explain.")
        return
    view, look = clusters.view, clusters.look
    left, right = st.columns(2)
    with left:
        cluster = choose_cluster(clusters, "explain")
    label, labels = displayed.labels[cluster], displayed.labelling.labels
    comparisons: dict[str, int | None] = {ALL_OTHER_CHIPS: None}
    nearest = nearest_cluster(points, displayed.labelling, label)
    if nearest is not None:
        nearest_id = next(i for i, other in displayed.labels.items() if other == nearest)
        comparisons = {f"{look.name(nearest_id)}, the nearest": nearest, **comparisons}
    key = widget_key(view.workspace, f"beside {list(comparisons)}", next(iter(comparisons)))
    other_name = right.selectbox("Compare with", list(comparisons), key=key, width=340)
    other = comparisons[other_name]
    facts = cluster_results.profile_facts(view, chips)
    differences = find_differences(facts, labels, label, other)
    name = look.name(cluster)
    st.markdown(f"**What sets {escape_markdown(name)} apart** from {escape_markdown(other_name)}")
    sentences = [text[:1].upper() + text[1:] for text in difference_sentences(differences)]
    st.markdown("\n".join(f"- {escape_markdown(sentence)}" for sentence in sentences))
    if cluster_results.appearance(view, chips) is None:
        st.caption("Brightness, bands and blur are measured with the report card.")
    _example_galleries(clusters, chips, cluster)
    members = labels == label
    other_members = ~members if other is None else labels == other
    spreads = {}
    for fact in [difference.fact for difference in differences[:FACTS_DRAWN]]:
        values = facts[fact].to_numpy(np.float64)
        finite = np.isfinite(values)
        title = fact_label(fact) if fact in FACTS else fact.replace("_", " ").capitalize()
        spreads[title] = (values[members & finite], values[other_members & finite])
    if spreads:
        st.markdown("**Distribution of facts**, those that differ most first")
        show_chart(spread_chart(spreads, look.colour(cluster), name, other_name), "cs.spreads")


def _example_galleries(clusters: Clusters, chips: ChipSet, cluster: int) -> None:
    exemplars = cluster_results.cluster_exemplars(clusters, N_EXAMPLES).get(cluster)
    if exemplars is None:
        return
    colour = clusters.look.colour(cluster)
    for title, description, rows in (
        ("Typical", "nearest to the medoid, which comes first", exemplars.typical),
        ("Uncertain", "with the lowest confidence", exemplars.uncertain),
        ("Borderline", "hardly nearer to their own medoid than to another", exemplars.borderline),
    ):
        st.markdown(f"**{title}** · {description}")
        texts = _confidence_texts(clusters, rows.tolist(), "confidence ")
        chip_gallery(chips, rows.tolist(), [colour] * len(rows), texts, width=76)


def uncertain_panel(clusters: Clusters, chips: ChipSet) -> None:
    """Draw the chips of low confidence in all clusters, the least confident first."""
    rows, share = _uncertain_rows(clusters)
    count = f"{format_number(len(rows))} of {format_number(len(chips))} chips"
    meaning = find_method(clusters.labelling.method).confidence
    st.caption(escape_markdown(f"{count}{share}. Confidence is {meaning}."))
    workspace, look = clusters.view.workspace, clusters.look
    start = gallery_pager(workspace, "doubtful", len(rows), UNCERTAIN_CHIPS_PER_PAGE)
    rows = rows[start : start + UNCERTAIN_CHIPS_PER_PAGE]
    cluster_ids = clusters.ids[rows].tolist()
    texts = _confidence_texts(clusters, rows)
    texts = [f"{text} · {look.name(i)}" for text, i in zip(texts, cluster_ids, strict=True)]
    chip_gallery(chips, rows, [look.colour(i) for i in cluster_ids], texts, width=76)


def _uncertain_rows(clusters: Clusters) -> tuple[list[int], str]:
    """Draw the slider for how many chips to list; return their rows and what share they are.

    A confidence that is only a margin depends on the number of clusters, so for such methods the
    slider chooses a share of the chips and not a confidence.
    """
    if find_method(clusters.labelling.method).certain:
        bounds: dict[str, Any] = {"min_value": 0.0, "max_value": 1.0, "step": 0.05}
        threshold = _remembered_slider(clusters, "doubt", 0.6, label="Confidence below", **bounds)
        return cluster_results.rows_below(clusters, threshold), ""
    share = _remembered_slider(
        clusters,
        "doubtful share",
        5,
        label="Least confident chips (%)",
        min_value=1,
        max_value=50,
        help="A share of all clustered chips. Which confidence is low depends on the number of "
        "clusters.",
    )
    rows = cluster_results.least_confident_rows(clusters, share / 100)
    text = f": the least confident {share}%"
    if rows:
        text += f", up to a confidence of {cluster_results.confidence(clusters)[rows[-1]]:.2f}"
    return rows, text


def _remembered_slider(clusters: Clusters, name: str, default: float, **options: Any) -> Any:
    """Draw a slider whose value is remembered while other tabs are open."""
    workspace = clusters.view.workspace
    key = widget_key(workspace, name, page_choice(workspace, name, default))
    return keep_choice(workspace, name, st.slider(key=key, width=340, **options))


def _confidence_texts(clusters: Clusters, rows: Sequence[int], prefix: str = "") -> list[str]:
    """Return the confidence of each chip as text; noise without a membership has none."""
    confidence = cluster_results.confidence(clusters)
    unmeasured = cluster_results.without_confidence(clusters)
    return ["was noise" if unmeasured[i] else f"{prefix}{confidence[i]:.2f}" for i in rows]
