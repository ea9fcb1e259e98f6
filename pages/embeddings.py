"""Embeddings: the choice of the encoder, its cost, and how well it separates classes."""

import streamlit as st

from app import messages
from app.embeddings import encoder_cards, encoder_form, score_panels
from app.session import cache
from app.session.state import choice_key, current_workspace, keep_choice
from app.session.views import displayed_view, remember_ready_stages, requested_view
from app.widgets import stage_forms
from app.widgets.chip_tables import class_attribute
from app.widgets.markup import escape_markdown
from app.widgets.setting_labels import setting_label

workspace = current_workspace()
st.title("Embeddings")
st.markdown(
    "An encoder turns each chip into an embedding, a vector of numbers. Chips that look alike have "
    "similar embeddings."
)
left, result = st.columns([1, 3], gap="large")
with left:
    chips = cache.chips(requested_view(workspace))
    encoder_form.encoder_form(workspace, chips)
    stage_forms.run_button(workspace, "embeddings", "Embed the chips", "Embedding chips")
    if cost := encoder_cards.describe_need(requested_view(workspace), chips):
        st.caption(escape_markdown(f"Measured: {cost}."))
# The form may have requested embeddings that exist, such as those of a compared encoder.
remember_ready_stages(workspace)
requested, view = requested_view(workspace), displayed_view(workspace, "embeddings")
requested_chips = cache.chips(requested)
chips = cache.chips(view or requested)
# In containers: if a notice that comes or goes moved the tabs, the open tab would close.
notices, chooser = result.container(), result.container()
with notices:
    if requested.reason:
        st.info(escape_markdown(requested.reason))
    elif requested_chips is not None:
        encoder_form.refit_offer(requested, requested_chips)
    if view is not None:
        stage_forms.stale_notice(view, "embeddings")
        encoder_form.fit_notes(view)
attribute = ""
with chooser:
    if chips is not None and len(chips.properties.columns):
        names = [str(name) for name in chips.properties.columns]
        key = choice_key(workspace, "score", class_attribute(chips) or names[0], names)
        label = setting_label("scenes", "class_property")
        attribute = st.selectbox(label, names, key=key, width=320)
        keep_choice(workspace, "score", attribute)
with result:
    scores, comparison, cards = st.tabs(["These embeddings", "Compare encoders", "All encoders"])
    with scores, messages.show_errors():
        if view is not None and attribute:
            score_panels.score_panel(view, attribute)
        else:
            st.caption("Embed the chips to see how well the embeddings separate their classes.")
    with comparison, messages.show_errors():
        if attribute:
            score_panels.comparison_panel(requested, attribute)
        else:
            st.caption("To compare encoders, cut chips from annotations that have attributes.")
    with cards, messages.show_errors():
        encoder_cards.card_list(requested, requested_chips)
