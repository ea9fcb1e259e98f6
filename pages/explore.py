"""Explore: the landscape of chips; a click shows the chip and where it lies."""

import streamlit as st

from app import cached, controls, editing, knobs, labels, landscape, panels, state, welcome
from app.markup import counted

place = state.workspace()
showing = state.showing(place, "projection")
st.title("Explore")
if showing is None:
    st.markdown("There is no landscape yet: it is drawn from the embeddings of your chips.")
    controls.run_button(
        place, "projection", "Make the landscape", "Making the landscape", wide=False
    )
    st.stop()

ready = cached.plan(place, showing.settings)
chips, projection = cached.chips(place, ready), cached.projection(place, ready)
if chips is None or projection is None:
    st.stop()
welcome.notice(f"{counted(len(chips), 'chip')} of {counted(len(chips.parts), 'scene')}")
notice = st.container()

controlling, colour = st.columns([5, 1], gap="small")
with controlling:
    settings = knobs.cluster_knobs(place, ready, showing.settings, len(chips))
with colour:
    by = landscape.colour_by(place, chips)
clusters = labels.shown(place, ready, settings)
# A box of its own: words that come or go must not move the picture, which would lose its zoom.
with st.container():
    labels.offer(place, ready, settings, clusters)
    if clusters is not None:
        labels.told(clusters)
painted = landscape.paint(chips, by, clusters)

key = ready.keys["chips"]
left, right = st.columns([11, 9], gap="large")
landscape.answer(place, ready, len(chips))
row, rows = state.picked(place, key), state.selected(place, key)
# The chip comes first: the browser would draw the whole picture before it.
with right:
    if row is not None:
        named = clusters and clusters.look.name(int(clusters.ids[row]))
        panels.chip(place, ready, chips, row, named)
    else:
        st.markdown("**Click a point** to see its chip and where it lies. Box and lasso, at the "
                    "upper right of the picture, select many.")  # fmt: skip
        panels.glance(place, ready, chips, painted, clusters)
with left:
    landscape.draw(place, ready, chips, projection, painted)
    landscape.about(projection, len(chips), clusters, painted)
    with st.expander("How the picture is drawn"):
        controls.projection_form(place)
        controls.run_button(place, "projection", "Draw it anew", "Projecting to two dimensions")
with notice:
    controls.outdated(place, "projection")
if rows:
    st.subheader(f"{len(rows)} chips selected")
    if clusters is not None:
        editing.selection(place, clusters, rows)
    panels.selection(place, chips, rows, painted, clusters)
