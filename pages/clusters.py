"""Clusters: what the groups are, how good, what they mean; the sliders answer at once."""

import streamlit as st

from app.clusters import cluster_editor, cluster_profile, report_card_panel
from app.session import cache, cluster_ids, cluster_results, state
from app.widgets import charts, chip_panels, stage_forms
from app.widgets.markup import plain
from app.widgets.sliders import method_sliders, parameter_sweeps

place = state.workspace()
showing = state.showing(place, "reduction")
st.title("Clusters")
st.markdown("Groups of chips whose embeddings lie together. Gaussian mixtures, k-means and Ward's "
            "hierarchy put all chips into as many groups as you ask for; HDBSCAN finds dense "
            "groups and leaves the rest as noise.")  # fmt: skip
form, result = st.columns([1, 3], gap="large")
with form:
    if showing is not None:
        ready = cache.plan(place, showing.settings)
        chips = cache.chips(place, ready)
        settings = method_sliders.cluster_knobs(
            place, ready, showing.settings, len(chips or ()), stacked=True
        )
    with st.expander("Clustering space", expanded=showing is None):
        stage_forms.space_form(place)
        stage_forms.run_button(place, "clusters", "Find clusters", "Finding clusters")
if showing is None or chips is None:
    result.info("There are no clusters yet: they are found in the embeddings of your chips.")
    st.stop()

with result:
    stage_forms.outdated(place, "reduction", "clusters")
    clusters = cluster_ids.shown(place, ready, settings)
    cluster_ids.offer(place, ready, settings, clusters)
    if clusters is None:
        st.stop()
    st.subheader(cluster_ids.summary(clusters))
    cluster_ids.told(clusters)
    for note in clusters.labelling.notes:
        st.warning(plain(note))
    report_card_panel.alarm(place, ready, chips, clusters)
    view = cluster_profile.choose_view(place, clusters)
    if view == "Overview":
        st.plotly_chart(charts.sizes(chip_panels.sizes(clusters)), theme=None, key="cs.bars",
                        config=dict(charts.EXPORT))  # fmt: skip
        st.markdown("**Typical chips**, nearest to each cluster's centre in the clustering space")
        for cluster, rows in cluster_results.typical(place, ready, clusters, 8).items():
            look, count = clusters.look, int((clusters.ids == cluster).sum())
            st.markdown(f"**{plain(look.name(cluster))}** · {count} chips")
            chip_panels.chip_gallery(chips, rows, [look.colour(cluster)] * len(rows), width=76)
    elif view == "Tree":
        parameter_sweeps.tree(place, ready, clusters)
    elif view == "Report card":
        report_card_panel.show(place, ready, chips, clusters)
    elif view == "Against a property":
        report_card_panel.against(place, chips, clusters)
    elif view == "Explain":
        cluster_profile.panel(place, ready, chips, clusters)
    elif view == "Doubtful chips":
        cluster_profile.doubtful(place, chips, clusters)
    else:
        cluster_editor.panel(place, ready, chips, clusters)
