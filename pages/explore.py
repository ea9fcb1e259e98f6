"""Explore: the landscape of chips; a click shows the chip and where it lies."""

import streamlit as st

from app import welcome
from app.clusters import cluster_editor
from app.explore import chip_plot
from app.session import cache, cluster_ids, state
from app.widgets import chip_panels, stage_forms
from app.widgets.markup import counted
from app.widgets.sliders import method_sliders

place = state.workspace()
showing = state.showing(place, "projection")
st.title("Explore")
if showing is None:
    st.markdown("There is no landscape yet: it is drawn from the embeddings of your chips.")
    stage_forms.run_button(
        place, "projection", "Make the landscape", "Making the landscape", wide=False
    )
    st.stop()

ready = cache.plan(place, showing.settings)
chips, projection = cache.chips(place, ready), cache.projection(place, ready)
if chips is None or projection is None:
    st.stop()
welcome.notice(f"{counted(len(chips), 'chip')} of {counted(len(chips.parts), 'scene')}")
notice = st.container()

controlling, colour = st.columns([5, 1], gap="small")
with controlling:
    settings = method_sliders.cluster_knobs(place, ready, showing.settings, len(chips))
with colour:
    by = chip_plot.colour_by(place, chips)
clusters = cluster_ids.shown(place, ready, settings)
# A box of its own: words that come or go must not move the picture, which would lose its zoom.
with st.container():
    cluster_ids.offer(place, ready, settings, clusters)
    if clusters is not None:
        cluster_ids.told(clusters)
painted = chip_plot.paint(chips, by, clusters)

key = ready.keys["chips"]
left, right = st.columns([11, 9], gap="large")
chip_plot.answer(place, ready, len(chips))
row, rows = state.picked(place, key), state.selected(place, key)
# The chip comes first: the browser would draw the whole picture before it.
with right:
    if row is not None:
        named = clusters and clusters.look.name(int(clusters.ids[row]))
        chip_panels.chip(place, ready, chips, row, named)
    else:
        st.markdown("**Click a point** to see its chip and where it lies. Box and lasso, at the "
                    "upper right of the picture, select many.")  # fmt: skip
        chip_panels.glance(place, ready, chips, painted, clusters)
with left:
    chip_plot.draw(place, ready, chips, projection, painted)
    chip_plot.about(projection, len(chips), clusters, painted)
    with st.expander("How the picture is drawn"):
        stage_forms.projection_form(place)
        stage_forms.run_button(place, "projection", "Draw it anew", "Projecting to two dimensions")
with notice:
    stage_forms.outdated(place, "projection")
if rows:
    st.subheader(f"{len(rows)} chips selected")
    if clusters is not None:
        cluster_editor.selection(place, clusters, rows)
    chip_panels.selection(place, chips, rows, painted, clusters)
