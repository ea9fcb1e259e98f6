"""The live knobs of clustering: each answer is a fitted mixture or another cut of one tree."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from app.session import cache, cluster_results, stage_jobs, state
from app.widgets import setting_labels
from app.widgets.markup import counted, number
from app.widgets.sliders import parameter_sweeps
from app.widgets.stage_forms import options
from core.clusters.methods.hdbscan_tree import Tree
from core.clusters.methods.kmeans_ward import WARD_LIMIT
from core.pipeline.plan import Plan
from core.pipeline.workspace import Workspace
from core.settings import (
    CutSettings,
    GmmSettings,
    KMeansSettings,
    NoiseSettings,
    RunSettings,
    WardSettings,
)

METHODS = ("gmm", "hdbscan", "kmeans", "ward")


def cluster_knobs(
    place: Workspace, ready: Plan, shown: RunSettings, n: int, *, stacked: bool = False
) -> RunSettings:
    """The live knobs: method, components, cut, noise. Gives `shown` with what they say.

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
        One below the other, each with its landscape, instead of side by side.
    """
    asked = state.wanted(place)
    slots = (
        [st.container() for _ in range(5)] if stacked else st.columns([6, 8, 8, 5, 4], gap="small")
    )
    with slots[0]:
        # A row of buttons would be cut short: four names are wider than a column.
        method = st.selectbox(
            "Clusters by", METHODS, format_func=setting_labels.choice,
            key=state.widget(place, "method", asked.method),
        )  # fmt: skip
    if method == "hdbscan":
        return _density(place, ready, shown, n, slots, stacked=stacked)
    if method == "kmeans":
        with slots[1]:
            kmeans = _kmeans_knob(place, asked.kmeans)
            _too_many(kmeans.n_clusters, n)
        state.want(place, method="kmeans", kmeans=kmeans)
        return dataclasses.replace(shown, method="kmeans", kmeans=kmeans)
    if method == "ward":
        with slots[1]:
            ward = _ward_knob(place, asked.ward, n)
        state.want(place, method="ward", ward=ward)
        return dataclasses.replace(shown, method="ward", ward=ward)
    with slots[1]:
        gmm = _mixture_knob(place, asked.gmm)
        _too_many(gmm.n_components, n)
        settings = dataclasses.replace(shown, method="gmm", gmm=gmm)
        parameter_sweeps.shape(place, ready, settings)
    state.want(place, method="gmm", gmm=gmm)
    with slots[2] if stacked else _aside(slots[2], "Compare numbers"):
        parameter_sweeps.components(place, ready, settings, "stacked" if stacked else "aside")
    return settings


def _density(
    place: Workspace,
    ready: Plan,
    shown: RunSettings,
    n: int,
    slots: Sequence[Any],
    *,
    stacked: bool,
) -> RunSettings:
    """HDBSCAN's knobs: its size with the landscape, its joining, its selection, its noise."""
    asked = state.wanted(place)
    with_tree = _tree_there(place, ready, shown)
    tree = cache.tree(place, ready, with_tree)
    largest = max(20, n // 2, asked.cut.min_cluster_size)
    smallest = slots[1].slider(
        setting_labels.label("cut", "min_cluster_size"), 2, largest,
        key=state.widget(place, "min_cluster_size", asked.cut.min_cluster_size),
        help="The smallest group of chips that counts as a cluster (min_cluster_size).",
    )  # fmt: skip
    landscape_here = slots[1].container() if stacked else None
    cut = dataclasses.replace(asked.cut, min_cluster_size=smallest)
    with slots[2]:
        cut = _joining(place, tree, cut)
    with slots[3]:
        chosen = options(place, "cut", "selection", ("eom", "leaf"), asked.cut.selection,
                         "eom, excess of mass: few and large clusters. leaf: many and "
                         "small ones.")  # fmt: skip
    cut = dataclasses.replace(cut, selection=chosen)
    noise = asked.noise
    if stacked:
        with slots[4]:
            cut = _limits(place, cut, n)
            noise = _noise_knob(place, noise)
    elif _more(place, slots[4]):
        below, landscape_here = st.columns([9, 11], gap="medium")
        with below:
            cut = _limits(place, cut, n)
            noise = _noise_knob(place, noise)
    state.want(place, method="hdbscan", cut=cut, noise=noise)
    settings = dataclasses.replace(with_tree, method="hdbscan", cut=cut, noise=noise)
    with slots[4]:
        _treated(place, ready, settings)
    if landscape_here is not None:
        with landscape_here:
            parameter_sweeps.sizes(place, ready, settings, "stacked" if stacked else "aside")
    return settings


def _aside(slot: Any, label: str) -> Any:
    """A popover, level with the knobs beside it; for what is read, never for a widget's value."""
    slot.space("small")
    return slot.popover(label)


def _more(place: Workspace, slot: Any) -> bool:
    """Whether the knobs below the row are asked for; they are drawn only then.

    Not a popover: one that is closed mounts no widget, and on the next run of the script the
    browser answers with defaults of its own instead of what was chosen.
    """
    is_open: bool = state.value(place, "more knobs", False)
    slot.space("small")
    slot.button(
        "Less" if is_open else "More", key="cs.more", width="stretch",
        icon=":material/expand_less:" if is_open else ":material/expand_more:",
        on_click=state.keep, args=(place, "more knobs", not is_open),
    )  # fmt: skip
    return is_open


def _tree_there(place: Workspace, ready: Plan, shown: RunSettings) -> RunSettings:
    """The settings with the tree that is asked for if it is built, else the shown one."""
    asked = dataclasses.replace(shown, tree=state.wanted(place).tree)
    built = cache.tree(place, ready, asked) is not None
    return asked if built or cache.tree(place, ready, shown) is None else shown


def _count(place: Workspace, name: str, label: str, now: int, words: str) -> int:
    """A slider for how many clusters a method makes, wide enough for what is set."""
    most = max(stage_jobs.MOST_COMPONENTS, now)
    key = state.widget(place, name, now)
    return st.slider(label, min(2, now), most, key=key, help=words)


def _mixture_knob(place: Workspace, now: GmmSettings) -> GmmSettings:
    count = _count(
        place,
        "n_components",
        setting_labels.label("gmm", "n_components"),
        now.n_components,
        "Gaussians in the mixture: the number of clusters.",
    )
    return dataclasses.replace(now, n_components=count)


def _too_many(count: int, n: int) -> None:
    """Say so where there are fewer chips than clusters asked for."""
    if count > n:
        st.caption(f"{counted(n, 'chip')} can form {counted(n, 'cluster')} at most.")


def _kmeans_knob(place: Workspace, now: KMeansSettings) -> KMeansSettings:
    count = _count(
        place,
        "n_clusters",
        setting_labels.label("kmeans", "n_clusters"),
        now.n_clusters,
        "Round clusters of like width; every chip belongs to one.",
    )
    return dataclasses.replace(now, n_clusters=count)


def _ward_knob(place: Workspace, now: WardSettings, n: int) -> WardSettings:
    count = _count(
        place, "ward n_clusters", setting_labels.label("ward", "n_clusters"), now.n_clusters,
        "Where the hierarchy is cut; each number joins two clusters of the one above.",
    )  # fmt: skip
    _too_many(count, n)
    if n > WARD_LIMIT:
        st.caption(f"Ward's hierarchy takes {number(WARD_LIMIT)} chips at most; there are "
                   f"{number(n)}.")  # fmt: skip
    return dataclasses.replace(now, n_clusters=count)


def _joining(place: Workspace, tree: Tree | None, now: CutSettings) -> CutSettings:
    reach = max(longest_edge(tree), now.epsilon)
    epsilon = st.slider(
        "Join clusters nearer than", 0.0, reach, step=reach / 100, format="%.3g",
        key=state.widget(place, f"epsilon {reach}", now.epsilon),
        help="A distance in the clustering space (cluster_selection_epsilon); 0 joins none.",
    )  # fmt: skip
    return dataclasses.replace(now, epsilon=epsilon)


def _limits(place: Workspace, now: CutSettings, n: int) -> CutSettings:
    largest = st.number_input(
        setting_labels.label("cut", "max_cluster_size"), 0, max(n, now.max_cluster_size), step=10,
        key=state.widget(place, "max_cluster_size", now.max_cluster_size),
        help="Larger clusters give way to what is inside them, with eom only; 0 is no limit.",
    )  # fmt: skip
    single = st.toggle(
        "All chips may be one cluster",
        key=state.widget(place, "allow_single_cluster", now.allow_single_cluster),
        help="allow_single_cluster: otherwise HDBSCAN finds two clusters or more, or none.",
    )
    return dataclasses.replace(now, max_cluster_size=largest, allow_single_cluster=single)


def _noise_knob(place: Workspace, now: NoiseSettings) -> NoiseSettings:
    method = options(place, "noise", "method", ("keep", "nearest", "soft"), now.method,
                     "Chips in no cluster: shown as noise, in the cluster of the nearest clustered "
                     "chip, or in their likeliest one. Exports keep the -1 beside.")  # fmt: skip
    threshold = now.threshold
    if method == "soft":
        threshold = st.slider(
            setting_labels.label("noise", "threshold"), 0.0, 1.0, step=0.01,
            key=state.widget(place, "noise threshold", now.threshold),
            help="Chips below stay noise.",
        )  # fmt: skip
    return dataclasses.replace(now, method=method, threshold=threshold)


def _treated(place: Workspace, ready: Plan, settings: RunSettings) -> None:
    """Ask again until noise is treated as chosen; it is shown as noise until then."""
    if not cluster_results.treating(place, ready, settings):
        return

    @st.fragment(run_every=0.5)
    def ask() -> None:
        if not cluster_results.treating(place, ready, settings):
            st.rerun()
        st.caption("Working out where the noise belongs.")

    ask()


def longest_edge(tree: Tree | None) -> float:
    """A distance beyond which hardly any two chips are joined: the epsilon slider's end."""
    if tree is None or not len(tree.edges):
        return 1.0
    return float(f"{np.quantile(tree.edges[:, 2], 0.99):.2g}") or 1.0
