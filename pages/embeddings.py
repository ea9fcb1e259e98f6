"""Embeddings: which encoder describes the chips, what it takes, and what it tells apart."""

import streamlit as st

from app import messages
from app.embeddings import comparison_table, encoder_cards, score_panel
from app.session import cache, state
from app.widgets import chip_panels, stage_forms
from app.widgets.markup import plain

place = state.workspace()
st.title("Embeddings")
st.markdown("An encoder turns each chip into a row of numbers; chips that look alike get rows that "
            "lie near each other.")  # fmt: skip
before = cache.chips(place, cache.plan(place, state.wanted(place)))
left, result = st.columns([1, 3], gap="large")
with left:
    encoder_cards.form(place, before)
    stage_forms.run_button(place, "embeddings", "Embed the chips", "Embedding chips")
    encoder_cards.forecast(place, before)
asked = cache.plan(place, state.wanted(place))
# The form may ask for what is there already, such as an encoder that was compared.
state.settle(place, lambda settings: cache.plan(place, settings).ready)
cut = cache.chips(place, asked)
showing = state.showing(place, "embeddings")
chips, name = cut, ""
# Boxes of their own: a notice that comes or goes must not move the tabs, which would close them.
above, chooser = result.container(), result.container()
with above:
    if asked.reason:
        st.info(plain(asked.reason))
    elif cut is not None:
        encoder_cards.refit(place, cut, state.wanted(place).embed)
    if showing is not None:
        stage_forms.outdated(place, "embeddings")
        ready = cache.plan(place, showing.settings)
        chips = cache.chips(place, ready)
        encoder_cards.notes(ready)
with chooser:
    if chips is not None and len(chips.properties.columns):
        names = [str(column) for column in chips.properties.columns]
        kept = state.value(place, "score", chip_panels.scorable(chips) or names[0])
        key = state.widget(place, "score", kept)
        name = st.selectbox("Property to judge by", names, key=key, width=320)
        state.keep(place, "score", name)
with result:
    one, several, all_of_them = st.tabs(["These embeddings", "Side by side", "All encoders"])
    with one, messages.guard():
        if showing is not None and name:
            score_panel.show(place, ready, showing.settings, name)
        else:
            st.caption("Embed the chips, then see here how well the embeddings tell a property.")
    with several, messages.guard():
        if name:
            comparison_table.show(place, cut, name)
        else:
            st.caption("Cut chips with a property first: encoders are judged by it.")
    with all_of_them, messages.guard():
        encoder_cards.cards(place, cut)
