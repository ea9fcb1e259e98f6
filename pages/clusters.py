"""Clusters: what the groups are, how large, how sure; the sliders answer at once."""

import streamlit as st

from app import cached, charts, controls, knobs, labels, palette, panels, running, state
from app.markup import plain

place = state.workspace()
showing = state.showing(place, "reduction")
st.title("Clusters")
st.markdown("Groups of chips whose embeddings lie together. A Gaussian mixture splits all chips "
            "into as many groups as you ask for; HDBSCAN finds dense groups and leaves the rest "
            "as noise.")  # fmt: skip
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
    controls.outdated(place, "reduction")
    clusters = labels.shown(place, ready, settings)
    labels.offer(place, ready, settings, clusters)
    if clusters is None:
        st.stop()
    st.subheader(labels.summary(clusters))
    for note in clusters.labelling.notes:
        st.warning(plain(note))
    bars, curve = st.columns([3, 2], gap="large")
    with bars:
        st.plotly_chart(charts.sizes(panels.sizes(clusters.ids)), theme=None,
                        config=dict(charts.EXPORT))  # fmt: skip
    fitted = cached.mixtures(place, ready, clusters.settings.gmm)
    if settings.method == "gmm" and fitted:
        with curve:
            chosen = clusters.settings.gmm.n_components
            bic = {k: float(facts["bic"]) for k, facts in fitted.items()}
            kinds = {k: f"{f['covariance']} in {f['n_dims']} dimensions" for k, f in fitted.items()}
            if len(bic) > 1:
                st.markdown("**Bayesian information criterion**")
                st.plotly_chart(charts.criterion(bic, kinds, chosen, "BIC"), theme=None,
                                config=dict(charts.EXPORT))  # fmt: skip
                st.caption(f"Lower is better. Only fits of one kind compare, joined by a line; "
                           f"this one is {plain(kinds.get(chosen, 'not fitted'))}.")  # fmt: skip
            else:
                st.caption("Fit more numbers of components to compare them.")
            if len(bic) < running.MOST_COMPONENTS - 1 and not running.busy(place):
                st.button("Fit 2 to 20", on_click=running.sweep, args=(place, settings))

    st.subheader("Typical chips")
    st.caption("Those nearest to each cluster's centre in the clustering space.")
    typical = cached.typical(place, ready, clusters.settings, 9)
    for rows in typical.values():
        cluster = int(clusters.ids[rows[0]])
        st.markdown(f"**{palette.name(cluster)}** · {int((clusters.ids == cluster).sum())} chips")
        panels.chip_gallery(chips, rows, [palette.colour(cluster)] * len(rows), width=76)
