"""Clusters: what the groups are, how good, what they mean; the sliders answer at once."""

import streamlit as st

from app import (
    cached,
    charts,
    controls,
    editing,
    explaining,
    findings,
    knobs,
    labels,
    panels,
    report_card,
    state,
    tuning,
)
from app.markup import plain

place = state.workspace()
showing = state.showing(place, "reduction")
st.title("Clusters")
st.markdown("Groups of chips whose embeddings lie together. Gaussian mixtures, k-means and Ward's "
            "hierarchy put all chips into as many groups as you ask for; HDBSCAN finds dense "
            "groups and leaves the rest as noise.")  # fmt: skip
form, result = st.columns([1, 3], gap="large")
with form:
    if showing is not None:
        ready = cached.plan(place, showing.settings)
        chips = cached.chips(place, ready)
        settings = knobs.cluster_knobs(
            place, ready, showing.settings, len(chips or ()), stacked=True
        )
    with st.expander("Clustering space", expanded=showing is None):
        controls.space_form(place)
        controls.run_button(place, "clusters", "Find clusters", "Finding clusters")
if showing is None or chips is None:
    result.info("There are no clusters yet: they are found in the embeddings of your chips.")
    st.stop()

with result:
    controls.outdated(place, "reduction", "clusters")
    clusters = labels.shown(place, ready, settings)
    labels.offer(place, ready, settings, clusters)
    if clusters is None:
        st.stop()
    st.subheader(labels.summary(clusters))
    labels.told(clusters)
    for note in clusters.labelling.notes:
        st.warning(plain(note))
    report_card.alarm(place, ready, chips, clusters)
    view = explaining.choose_view(place, clusters)
    if view == "Overview":
        st.plotly_chart(charts.sizes(panels.sizes(clusters)), theme=None, key="cs.bars",
                        config=dict(charts.EXPORT))  # fmt: skip
        st.markdown("**Typical chips**, nearest to each cluster's centre in the clustering space")
        for cluster, rows in findings.typical(place, ready, clusters, 8).items():
            look, count = clusters.look, int((clusters.ids == cluster).sum())
            st.markdown(f"**{plain(look.name(cluster))}** · {count} chips")
            panels.chip_gallery(chips, rows, [look.colour(cluster)] * len(rows), width=76)
    elif view == "Tree":
        tuning.tree(place, ready, clusters)
    elif view == "Report card":
        report_card.show(place, ready, chips, clusters)
    elif view == "Against a property":
        report_card.against(place, chips, clusters)
    elif view == "Explain":
        explaining.panel(place, ready, chips, clusters)
    elif view == "Doubtful chips":
        explaining.doubtful(place, chips, clusters)
    else:
        editing.panel(place, ready, chips, clusters)
