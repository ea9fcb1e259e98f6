"""Embeddings: which encoder describes the chips, and how well it tells a property."""

import streamlit as st

from app import cached, controls, messages, panels, reports, state
from app.markup import plain

place = state.workspace()
st.title("Embeddings")
st.markdown("An encoder turns each chip into a row of numbers; chips that look alike get rows that "
            "lie near each other.")  # fmt: skip
form, result = st.columns([1, 3], gap="large")
with form:
    controls.encoder_form(place)
    controls.run_button(place, "embeddings", "Embed the chips", "Embedding chips")
    reports.encoder_card(place, state.wanted(place).embed.encoder)
showing = state.showing(place, "embeddings")
with result:
    if reason := cached.plan(place, state.wanted(place)).reason:
        st.info(plain(reason))
    if showing is not None:
        controls.outdated(place, "embeddings")
        ready = cached.plan(place, showing.settings)
        chips = cached.chips(place, ready)
        if chips is not None and len(chips.properties.columns):
            st.subheader("How well do they tell a property?")
            names = [str(name) for name in chips.properties.columns]
            kept = state.value(place, "score", panels.scorable(chips) or names[0])
            key = state.widget(place, "score", kept)
            name = st.selectbox("Property", names, key=key, width=320)
            state.keep(place, "score", name)
            with messages.guard():
                reports.scores(place, ready, showing.settings, name)
    st.subheader("All encoders")
    encoders = reports.encoder_table(place)
    st.dataframe(encoders, hide_index=True, height=38 + 35 * len(encoders))
