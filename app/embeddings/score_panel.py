"""How well embeddings and clusters agree with a property, with what each figure means."""

from typing import Any

import streamlit as st

from app.session import cache
from app.widgets.markup import counted, plain
from core.pipeline.plan import Plan
from core.pipeline.workspace import Workspace
from core.settings import RunSettings


def show(place: Workspace, ready: Plan, settings: RunSettings, name: str) -> None:
    """The embeddings' figures, and those of the clusters as soon as there are any."""
    with st.spinner("Scoring"):
        found = cache.score(place, ready, settings, name)
    if found is None:
        return
    first, second = st.columns([2, 3], gap="large")
    with first:
        _embeddings(found)
    with second:
        _clusters(found)
    classes = counted(found["n_classes"], "class", "classes")
    st.caption(plain(f"{counted(found['n'], 'chip')} in {classes}. "
                     + " ".join(found["notes"])))  # fmt: skip


def _embeddings(found: dict[str, Any]) -> None:
    across = found["balanced_accuracy_across_scenes"]
    st.markdown("**Embeddings**, by the vote of the five nearest other chips")
    left, right = st.columns(2)
    left.metric("Balanced accuracy", f"{found['balanced_accuracy']:.2f}")
    right.metric("Across scenes", "not known" if across is None else f"{across:.2f}")
    guess = f"Of 1; guessing gives {1 / found['n_classes']:.2f}."
    st.caption(f"{guess} Chips that lie next to each other flatter the first; in the second "
               "only other scenes vote.")  # fmt: skip


def _clusters(found: dict[str, Any]) -> None:
    st.markdown("**Clusters** against the property")
    if "ari" not in found:
        st.caption("There are no clusters of these embeddings yet: find them on the page "
                   "Clusters.")  # fmt: skip
        return
    for slot, (label, key) in zip(
        st.columns(3), (("ARI", "ari"), ("AMI", "ami"), ("NMI", "nmi")), strict=True
    ):
        slot.metric(label, f"{found[key]:.2f}")
    st.caption("1 is agreement; ARI and AMI of chance are 0. NMI rises with the number of "
               "clusters.")  # fmt: skip
