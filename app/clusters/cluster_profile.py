"""Descriptions of the clusters: typical chips, tree, distinctive facts and uncertain chips."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from app.clusters.cluster_charts import icicle_chart, spread_chart
from app.clusters.cluster_editor import choose_cluster
from app.clusters.cluster_gallery import CHIP_WIDTH, cluster_gallery
from app.session import cluster_results
from app.session.displayed_clusters import Clusters, ids_by_label
from app.session.state import widget_key
from app.widgets.charts import count_bars, show_chart
from app.widgets.chip_display import chip_gallery
from app.widgets.chip_panel.chip_panel import chip_opener
from app.widgets.choices import gallery_pager, remembered_widget
from app.widgets.colouring import cluster_counts
from app.widgets.markup import count_noun, escape_markdown, format_number
from app.widgets.setting_labels import FACTS, fact_label
from core.chips.chip_set import ChipSet
from core.clusters.editing.edited_labelling import displayed_labelling
from core.clusters.editing.explanation import (
    difference_sentences,
    find_differences,
    nearest_cluster,
)
from core.clusters.labelling import labels_by_size
from core.clusters.methods.method_table import find_method

N_EXAMPLES = 8
FACTS_DRAWN = 6
UNCERTAIN_CHIPS_PER_PAGE = 48
# The leaves of a larger tree would be thinner than their outlines.
LEAVES_AT_MOST = 300
ALL_OTHER_CHIPS = "all other chips"


def overview_panel(clusters: Clusters, chips: ChipSet) -> None:
    """Draw the sizes of the clusters and a few typical chips of each."""
    show_chart(count_bars(cluster_counts(clusters.ids, clusters.look)), "cs.bars")
    st.markdown("**Typical chips**, nearest to each cluster's centre in the clustering space")
    look = clusters.look
    for cluster, rows in cluster_results.typical_rows(clusters, N_EXAMPLES).items():
        count = count_noun(int((clusters.ids == cluster).sum()), "chip")
        st.markdown(f"**{escape_markdown(look.name(cluster))}** · {count}")
        cluster_gallery(clusters, chips, cluster, rows)


def tree_panel(clusters: Clusters, _chips: ChipSet) -> None:
    """Draw the condensed tree of the displayed cut."""
    icicle = cluster_results.icicle(clusters)
    if icicle is None:
        st.caption(
            "There are fewer chips than the minimum cluster size, so there is no tree to draw."
        )
        return
    if icicle.n_leaves > LEAVES_AT_MOST:
        st.caption(
            f"The tree has {icicle.n_leaves} leaves, too many to be distinguished. Raise the "
            "minimum cluster size to see the tree."
        )
        return
    cluster_ids, look = ids_by_label(clusters.labelling, clusters.method_ids), clusters.look
    looks = {label: (look.name(i), look.colour(i)) for label, i in cluster_ids.items()}
    size = int(clusters.labelling.facts["min_cluster_size"])
    cut = replace(clusters.view.settings.cut, min_cluster_size=size)
    show_chart(icicle_chart(icicle, looks, cut), "cs.tree")
    st.caption(
        "The tree starts at the top with all chips. As the distance shrinks, chips drop out at the "
        "sides, and a group splits where both parts have at least the minimum cluster size. Wide "
        "and deep clusters persist over a wide range of distances. Colours show the clusters of "
        "the current cut, before noise treatment and edits."
    )


def profile_panel(clusters: Clusters, chips: ChipSet) -> None:
    """Draw the facts that distinguish one cluster from another or from all other chips."""
    labelling = displayed_labelling(clusters.labelling, clusters.edited)
    label_by_id, points = labels_by_size(clusters.ids), cluster_results.clustered_space(clusters)
    if not label_by_id or points is None:
        st.caption("There is no cluster to explain.")
        return
    view, look = clusters.view, clusters.look
    left, right = st.columns(2)
    with left:
        cluster = choose_cluster(clusters)
    label, labels = label_by_id[cluster], labelling.labels
    comparisons: dict[str, int | None] = {ALL_OTHER_CHIPS: None}
    nearest = nearest_cluster(points, labelling, label)
    if nearest is not None:
        nearest_id = next(i for i, other in label_by_id.items() if other == nearest)
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
        st.caption("Brightness, bands and blur are measured as part of the report card.")
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
        st.markdown("**Distributions of facts**, in order of falling difference")
        show_chart(spread_chart(spreads, look.colour(cluster), name, other_name), "cs.spreads")


def _example_galleries(clusters: Clusters, chips: ChipSet, cluster: int) -> None:
    exemplars = cluster_results.cluster_exemplars(clusters, N_EXAMPLES).get(cluster)
    if exemplars is None:
        return
    for title, description, rows in (
        ("Typical", "nearest to the medoid, which comes first", exemplars.typical),
        ("Uncertain", "with the lowest confidence", exemplars.uncertain),
        ("Borderline", "almost as near to another medoid as to their own", exemplars.borderline),
    ):
        st.markdown(f"**{title}** · {description}")
        texts = _confidence_texts(clusters, rows.tolist(), "confidence ")
        cluster_gallery(clusters, chips, cluster, rows.tolist(), texts, title)


def uncertain_panel(clusters: Clusters, chips: ChipSet) -> None:
    """Draw the chips that are assigned to a cluster with low confidence, least confident first."""
    rows, share = _uncertain_rows(clusters)
    count = f"{format_number(len(rows))} of {format_number(len(chips))} chips"
    meaning = find_method(clusters.labelling.method).confidence
    st.caption(escape_markdown(f"{count}{share}. Confidence is {meaning}."))
    workspace, look = clusters.view.workspace, clusters.look
    start = gallery_pager(workspace, "doubtful", len(rows), UNCERTAIN_CHIPS_PER_PAGE)
    rows = rows[start : start + UNCERTAIN_CHIPS_PER_PAGE]
    cluster_ids = clusters.ids[rows].tolist()
    texts = _confidence_texts(clusters, rows)
    names = [look.name(cluster) for cluster in cluster_ids]
    chip_gallery(
        chips,
        rows,
        [look.colour(cluster) for cluster in cluster_ids],
        [f"{text} · {name}" for text, name in zip(texts, names, strict=True)],
        CHIP_WIDTH,
        groups=names,
        name="uncertain",
        label="Uncertain chips",
        open_chip=chip_opener(clusters.view, chips, clusters),
    )


def _uncertain_rows(clusters: Clusters) -> tuple[list[int], str]:
    """Draw the slider that limits the list; return the rows of its chips and a text on the limit.

    For some methods, the confidence is only a margin between clusters, which depends on the number
    of clusters. For these methods, the slider sets a share of the chips instead of a confidence.
    """
    slider = partial(remembered_widget, clusters.view.workspace, width=340)
    if find_method(clusters.labelling.method).certain:
        threshold = slider("doubt", 0.6, st.slider, "Confidence below", 0.0, 1.0, step=0.05)
        return cluster_results.rows_below(clusters, threshold), ""
    note = (
        "The share of all clustered chips to list. Confidence depends on the number of clusters, "
        "so a share is a better limit than a confidence threshold."
    )
    label = "Least confident chips (%)"
    share = slider("doubtful share", 5, st.slider, label, 1, 50, help=note)
    rows = cluster_results.least_confident_rows(clusters, share / 100)
    text = f": the least confident {share}%"
    if rows:
        text += f", up to a confidence of {cluster_results.confidence(clusters)[rows[-1]]:.2f}"
    return rows, text


def _confidence_texts(clusters: Clusters, rows: Sequence[int], prefix: str = "") -> list[str]:
    """Return each chip's confidence as text; "was noise" for noise chips without a membership."""
    confidence = cluster_results.confidence(clusters)
    unmeasured = cluster_results.without_confidence(clusters)
    return ["was noise" if unmeasured[i] else f"{prefix}{confidence[i]:.2f}" for i in rows]
