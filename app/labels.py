"""Clusters as this session shows them: ids, and so names and colours, stay with the chips."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from app import cached, running, state
from app.markup import plain
from core.clusters.labelling import Labelling
from core.clusters.matching import match
from core.pipeline.views import Plan
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.types import IntArray

LABELLINGS_KEPT = 60


@dataclass(frozen=True)
class Clusters:
    """A labelling with the ids under which its clusters are shown.

    Attributes
    ----------
    labelling : Labelling
    ids : int32 array, (n,)
        Taken over from the labelling shown before, where the chips agree; -1 for noise.
    settings : RunSettings
    """

    labelling: Labelling
    ids: IntArray
    settings: RunSettings


def shown(place: Workspace, ready: Plan, settings: RunSettings) -> Clusters | None:
    """The clusters under these settings, else those shown before, else None."""
    drawer = state.labellings(place, ready.keys["chips"])
    name = f"{ready.keys['reduction']} {cached.labelling_name(settings)}"
    before: Clusters | None = drawer[next(reversed(drawer))] if drawer else None
    found = cached.labelling(place, ready, settings)
    if found is None:
        return before
    clusters = drawer.pop(name, None) or Clusters(found, with_ids(found, before), settings)
    drawer[name] = clusters
    while len(drawer) > LABELLINGS_KEPT:
        drawer.pop(next(iter(drawer)))
    return clusters


def with_ids(found: Labelling, before: Clusters | None) -> IntArray:
    """The new labels under the ids that their chips had before."""
    if before is None or len(before.ids) != len(found):
        return found.labels
    return translated(found.labels, match(before.ids, found.labels))


def translated(labels: IntArray, ids: dict[int, int]) -> IntArray:
    """Labels under other names; noise stays noise."""
    table = np.full(int(labels.max(initial=-1)) + 2, -1, np.int32)
    for label, cluster in ids.items():
        table[label] = cluster
    named: IntArray = table[labels]
    return named


def offer(place: Workspace, ready: Plan, settings: RunSettings, clusters: Clusters | None) -> None:
    """Where the sliders ask for what no job has prepared: say so, with the button that does."""
    if cached.labelling(place, ready, settings) is not None:
        return
    if running.busy(place):
        return
    if settings.method == "gmm":
        count = settings.gmm.n_components
        words, label = f"No mixture with {count} components is fitted yet", "Fit 2 to 20"
        prepare = running.sweep
    else:
        words, label = "The tree that these sliders cut is not built yet", "Build the tree"
        prepare = running.grow
    before = "; the clusters below are those from before" if clusters else ""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="cs_offer"):
        st.markdown(plain(f"{words}{before}."))
        if st.button(label, key="cs.prepare", type="primary"):
            prepare(place, settings)
            st.rerun()


def summary(clusters: Clusters) -> str:
    """One line on what was found."""
    found = clusters.labelling
    noise = f", {found.noise_fraction:.0%} noise" if found.method == "hdbscan" else ""
    one = "cluster" if found.n_clusters == 1 else "clusters"
    return f"{found.n_clusters} {one}{noise}"
