"""Chips: how a small image is cut around each annotation, and which chips are left out."""

import streamlit as st

from app.chips import chip_form, screening_gallery
from app.session import cache
from app.session.chip_links import sync_chip_link
from app.session.displayed_clusters import displayed_clusters
from app.session.state import current_workspace
from app.session.views import displayed_view, remember_ready_stages, requested_view
from app.widgets import charts, chip_display, chip_tables, palette, selection_bar, stage_forms
from app.widgets.chip_panel.chip_panel import chip_opener
from app.widgets.chip_table.table_panel import chip_table_panel
from app.widgets.choices import gallery_pager
from app.widgets.markup import count_noun, escape_markdown

PAGE_SIZE = 60

workspace = current_workspace()
scenes = requested_view(workspace).survey.usable
st.title("Chips")
st.markdown("A chip is a square image, cut around one annotation and resampled to a common size.")
form, result = st.columns([1, 3], gap="large")
with form:
    bands = dict.fromkeys(band for scene in scenes for band in scene.report.bands)
    chip_form.chip_form(workspace, list(bands))
    # Filled last, because the screening switches can change the settings.
    button_box = st.container()
# The form may have requested chips that have been cut before.
remember_ready_stages(workspace)
view = displayed_view(workspace, "chips")
chips = None if view is None else cache.chips(view)
if view is None or chips is None:
    with button_box:
        stage_forms.run_button(workspace, "chips", "Cut the chips", "Cutting chips")
    result.info(
        "No chips have been cut yet."
        if scenes
        else "There are no scenes with annotations yet. Add them on the Scenes page."
    )
    st.stop()

with result:
    notice_box = st.container()
    for note in chips.notes:
        st.info(escape_markdown(f"{note[:1].upper()}{note[1:]}."))
    size = f"{count_noun(len(chips), 'chip')} of {chips.size} × {chips.size} px"
    st.header(escape_markdown(f"{size}, bands {', '.join(chips.bands)}"))
    clusters_view = displayed_view(workspace, "reduction")
    is_same = clusters_view is not None and clusters_view.key("chips") == view.key("chips")
    clusters = displayed_clusters(clusters_view) if clusters_view and is_same else None
    sync_chip_link(workspace, chips)
    selection_bar.selection_row(workspace, chips, clusters)
    selection_bar.finder_notes(workspace, chips, clusters)
    attribute = chip_tables.class_attribute(chips)
    everything = list(range(len(chips)))
    rows = chip_display.class_filter(workspace, chips, attribute) if attribute else everything
    rows = chip_display.interleave_classes(chips, rows, PAGE_SIZE)
    start = gallery_pager(workspace, "gallery", len(rows), PAGE_SIZE)
    rows = rows[start : start + PAGE_SIZE]
    lengths = chip_tables.chip_lengths(chips, rows)
    open_chip = chip_opener(view, chips, None)
    colours = [palette.RULE] * len(rows)
    chip_display.chip_gallery(chips, rows, colours, lengths, name="chips", open_chip=open_chip)
    screening_gallery.screening_section(view)
    if not chips.facts["length"].isna().all():
        st.header("Sizes on the ground")
        lengths_chart = charts.distribution_chart(chips.facts["length"].to_numpy(), "length (m)")
        charts.show_chart(lengths_chart)
    st.header("All facts")
    chip_table_panel(workspace, chips, None, clusters)
with notice_box:
    stage_forms.stale_notice(view, "chips")
with button_box:
    stage_forms.run_button(workspace, "chips", "Cut the chips", "Cutting chips")
