"""The tab that draws the condensed tree of the displayed cut."""

import streamlit as st

from app.clusters.cluster_charts import icicle_chart
from app.session import cluster_results
from app.session.displayed_clusters import Clusters, ids_by_label
from app.widgets.charts import show_chart
from core.chips.chip_set import ChipSet

# The leaves of a larger tree would be thinner than their outlines.
LEAVES_AT_MOST = 300


def tree_panel(clusters: Clusters, _chips: ChipSet) -> None:
    """Draw the condensed tree of the displayed cut."""
    icicle = cluster_results.icicle(clusters)
    if icicle is None:
        st.caption("There are fewer chips than the smallest cluster, so there is no tree to draw.")
        return
    if icicle.n_leaves > LEAVES_AT_MOST:
        st.caption(
            f"The tree has {icicle.n_leaves} leaves, too many to be distinguished. Raise the "
            "smallest cluster to see the tree."
        )
        return
    cluster_ids, look = ids_by_label(clusters.labelling, clusters.method_ids), clusters.look
    looks = {label: (look.name(i), look.colour(i)) for label, i in cluster_ids.items()}
    show_chart(icicle_chart(icicle, looks, clusters.view.settings.cut), "cs.tree")
    st.caption(
        "The tree starts at the top with all chips. As the distance shrinks, chips drop out at the "
        "sides, and a group splits where both parts hold at least the smallest cluster. Wide and "
        "deep clusters persist over many distances. Colours show the clusters of the current cut, "
        "before noise treatment and edits."
    )
