"""Map: the scenes themselves, with the footprint of every chip; the selection is Explore's."""

import streamlit as st

from app import welcome
from app.explore import chip_plot
from app.map import footprint_shapes, map_canvas, map_controls, overview_map, tile_addresses
from app.session import cache, state
from app.widgets import chip_panels, display_form
from app.widgets.colouring import CLUSTER
from app.widgets.markup import counted, legend

place = state.workspace()
st.title("Map")
asked = map_controls.settings(place) or state.wanted(place)
ready = cache.plan(place, asked)
scenes = [one for one in ready.found.scenes if one.report.ok]
if not scenes:
    st.markdown("There is no scene yet that can be read: the Scenes page says how to bring one.")
    st.stop()
chips = cache.chips(place, ready)
clusters = map_controls.clusters(place, ready, asked) if chips is not None else None
key = ready.keys.get("chips", "")
row = state.picked(place, key) if chips is not None else None
welcome.notice(f"{counted(len(scenes), 'scene')} in this workspace")

choosing, colouring, layering, fading = st.columns([4, 3, 4, 3], gap="medium")
with choosing:
    home = str(chips.facts["scene"].iloc[row]) if row is not None and chips is not None else None
    found = map_controls.scene(place, scenes, row, home)
with colouring:
    by = chip_plot.colour_by(place, chips) if chips is not None else CLUSTER
with layering:
    on = map_controls.layers(place)
with fading:
    opacity = map_controls.opacity(place)
asked_display = state.display(place)
shown = tile_addresses.on_map(place, found, asked_display)
if chips is None:
    shapes = footprint_shapes.of_annotations(place, found, shown)
else:
    if by == CLUSTER and clusters is None:
        by = chip_panels.class_of(chips) or by
    painted = chip_plot.paint(chips, by, clusters)
    shapes = footprint_shapes.of_chips(place, found, shown, chips, painted)

left, right = st.columns([14, 5], gap="medium")
with left:
    map_controls.notes(place, shown, on, asked_display)
    clicked = map_canvas.draw(place, shown, shapes, row, on, opacity, key)
    if shapes is not None:
        st.html(legend(shapes.entries))
    with st.expander("Bands and stretch of the image"):
        display_form.form(place, found.report.bands)
with right:
    other = overview_map.draw(place, scenes, found.report.name)
    if row is not None and chips is not None:
        map_controls.chip(place, ready, chips, row, clusters, found.report.name)
    elif chips is not None:
        st.markdown("**Click a footprint** to see its chip; it is picked in Explore too.")
    else:
        st.markdown("The footprints can be clicked once chips have been cut from them.")
if clicked is not None and clicked != row:
    state.pick(place, key, clicked)
    st.rerun()
if other is not None and other != found.report.name:
    map_controls.lead(place, other)
    st.rerun()
if state.display(place) != asked_display:
    st.rerun()
