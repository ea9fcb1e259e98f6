"""The live knobs of clustering: each answer is a fitted mixture or another cut of one tree."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from app import cached, running, state, wording
from app.controls import options
from core.clusters.density import Tree
from core.pipeline.views import Plan
from core.pipeline.workspace import Workspace
from core.settings import CutSettings, GmmSettings, RunSettings

METHODS = ("gmm", "hdbscan")


def cluster_knobs(
    place: Workspace, ready: Plan, shown: RunSettings, n: int, *, stacked: bool = False
) -> RunSettings:
    """The live knobs: method, components, cut. Gives `shown` with what they say.

    Parameters
    ----------
    place : Workspace
    ready : Plan
        Of `shown`.
    shown : RunSettings
        The settings of the chips, embeddings and space that the page shows.
    n : int
        Number of chips.
    stacked : bool
        One below the other instead of side by side.
    """
    asked = state.wanted(place)
    slots = (
        [st.container() for _ in range(4)] if stacked else st.columns([5, 6, 6, 4], gap="medium")
    )
    with slots[0]:
        method = st.segmented_control(
            "Clusters by",
            METHODS,
            format_func=wording.choice,
            key=state.widget(place, "method", asked.method if asked.method in METHODS else "gmm"),
            required=True,
        )
    if method == "gmm":
        with slots[1]:
            gmm = _mixture_knob(place, asked.gmm)
        state.want(place, method="gmm", gmm=gmm)
        return dataclasses.replace(shown, method="gmm", gmm=gmm)
    tree = _tree_there(place, ready, shown)
    cut = _cut_knobs(place, cached.tree(place, ready, tree), asked.cut, n, slots[1:])
    state.want(place, method="hdbscan", cut=cut)
    return dataclasses.replace(tree, method="hdbscan", cut=cut)


def _tree_there(place: Workspace, ready: Plan, shown: RunSettings) -> RunSettings:
    """The settings with the tree that is asked for if it is built, else the shown one."""
    asked = dataclasses.replace(shown, tree=state.wanted(place).tree)
    built = cached.tree(place, ready, asked) is not None
    return asked if built or cached.tree(place, ready, shown) is None else shown


def _mixture_knob(place: Workspace, now: GmmSettings) -> GmmSettings:
    most = max(running.MOST_COMPONENTS, now.n_components)
    count = st.slider(
        wording.label("gmm", "n_components"), min(2, now.n_components), most,
        key=state.widget(place, "n_components", now.n_components),
        help="Gaussians in the mixture: the number of clusters.",
    )  # fmt: skip
    return dataclasses.replace(now, n_components=count)


def _cut_knobs(
    place: Workspace, tree: Tree | None, now: CutSettings, n: int, slots: Sequence[Any]
) -> CutSettings:
    smallest = slots[0].slider(
        wording.label("cut", "min_cluster_size"), 2, max(20, n // 5, now.min_cluster_size),
        key=state.widget(place, "min_cluster_size", now.min_cluster_size),
        help="The smallest group of chips that counts as a cluster (min_cluster_size).",
    )  # fmt: skip
    reach = max(longest_edge(tree), now.epsilon)
    epsilon = slots[1].slider(
        "Join clusters nearer than", 0.0, reach, step=reach / 100, format="%.3g",
        key=state.widget(place, f"epsilon {reach}", now.epsilon),
        help="A distance in the clustering space (cluster_selection_epsilon); 0 joins none.",
    )  # fmt: skip
    with slots[2]:
        selection = options(place, "cut", "selection", ("eom", "leaf"), now.selection,
                             "eom, excess of mass: few and large clusters. leaf: many and "
                            "small ones.")  # fmt: skip
    return dataclasses.replace(now, min_cluster_size=smallest, selection=selection, epsilon=epsilon)


def longest_edge(tree: Tree | None) -> float:
    """A distance beyond which hardly any two chips are joined: the epsilon slider's end."""
    if tree is None or not len(tree.edges):
        return 1.0
    return float(f"{np.quantile(tree.edges[:, 2], 0.99):.2g}") or 1.0
