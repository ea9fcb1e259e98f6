"""What lies under the sliders: the landscape of their values, suggestions, presets."""

import dataclasses
from collections.abc import Sequence

import streamlit as st

from app import charts, findings, running, state, strips
from app.clusters import Clusters
from app.markup import plain
from core.clusters import landscape
from core.clusters.components import suggest_components
from core.clusters.landscape import Suggestion
from core.errors import TooFewError
from core.pipeline.views import Plan
from core.pipeline.workspace import Workspace
from core.settings import CutSettings, RunSettings

# More ends are thinner than their outline.
LEAVES_AT_MOST = 300


def sizes(place: Workspace, ready: Plan, settings: RunSettings, name: str) -> None:
    """The landscape of min_cluster_size: presets, the strip plot, a suggestion, the cliffs.

    Parameters
    ----------
    place : Workspace
    ready : Plan
    settings : RunSettings
        With the tree and the cut that are shown.
    name : str
        Of the place on the page, since keys are not shared.
    """
    try:
        found = findings.sizes(place, ready, settings)
    except TooFewError:
        return
    if found is None:
        _coming(place, ready, settings)
        return
    _buttons(place, settings.cut, landscape.presets(found), name)
    edges = landscape.cliffs(found)
    figure = strips.sizes(found, edges, settings.cut.min_cluster_size)
    st.plotly_chart(figure, theme=None, key=f"cs.sizes:{name}", config=dict(strips.CONFIG))
    for one in landscape.suggest_sizes(found)[:1]:
        brink = any(one.value in (edge.below, edge.above) for edge in edges)
        doubt = " But a cliff is right beside it: look at both sides." if brink else ""
        st.caption(f"**Suggested: {one.value}.** {plain(one.reason + doubt)}")
        if one.value != settings.cut.min_cluster_size:
            st.button(
                f"Take {one.value}", key=f"cs.take:{name}", on_click=take_size,
                args=(place, settings.cut, one.value),
            )  # fmt: skip
    if edges:
        st.caption(plain("Shaded are cliffs. " + " ".join(one.note for one in edges[:3])))


def tree(place: Workspace, ready: Plan, clusters: Clusters) -> None:
    """The condensed tree of the cut that is shown."""
    settings = clusters.settings
    found = findings.condensed(place, ready, settings)
    if found is None:
        st.caption("Fewer chips than the smallest cluster: there is no tree to show.")
        return
    if found.leaves > LEAVES_AT_MOST:
        st.caption(f"The tree has {found.leaves} ends, more than can be told apart. Raise the "
                   "smallest cluster to see it.")  # fmt: skip
        return
    labels, own, look = clusters.labelling.labels, clusters.own, clusters.look
    ids = {label: int(own[labels == label][0]) for label in range(clusters.labelling.n_clusters)}
    looks = {label: (look.name(one), look.colour(one)) for label, one in ids.items()}
    figure = strips.condensed(found, looks, settings.cut)
    st.plotly_chart(figure, theme=None, key="cs.tree", config=dict(charts.EXPORT))
    st.caption("From above, all chips; as the distance shrinks, chips fall away at the sides, and "
               "a group splits where both parts hold the smallest cluster or more. Wide and deep "
               "is a cluster that lasts. Coloured is what the cut chose, before noise treatment "
               "and edits.")  # fmt: skip


def _coming(place: Workspace, ready: Plan, settings: RunSettings) -> None:
    """Ask again until the survey is there."""

    @st.fragment(run_every=0.7)
    def wait() -> None:
        if findings.sizes(place, ready, settings) is not None:
            st.rerun()
        st.caption("The landscape of this slider is being surveyed.")

    wait()


def _buttons(place: Workspace, cut: CutSettings, found: Sequence[Suggestion], name: str) -> None:
    if not found:
        return
    with st.container(horizontal=True, gap="small", key=f"cs_presets_{name}"):
        for one in found:
            st.button(
                f"{one.name.capitalize()} · {one.n_clusters}",
                key=f"cs.preset:{name}:{one.name}",
                help=plain(f"Smallest cluster {one.value}. {one.reason}"),
                type="primary" if one.value == cut.min_cluster_size else "secondary",
                on_click=take_size,
                args=(place, cut, one.value),
            )


def take_size(place: Workspace, cut: CutSettings, size: int) -> None:
    """Ask for a smallest cluster, in the slider too."""
    asked = state.wanted(place)
    state.revert(place, dataclasses.replace(
        asked, cut=dataclasses.replace(cut, min_cluster_size=size)
    ))  # fmt: skip


def components(place: Workspace, ready: Plan, settings: RunSettings, name: str) -> None:
    """The comparison of mixtures over their number, or the button that makes it."""
    found = findings.components(place, ready, settings.gmm)
    if found is None:
        idle = running.busy(place) is not None
        st.button("Compare 2 to 20", key=f"cs.compare:{name}", disabled=idle,
                  on_click=running.compare_components, args=(place, settings),
                  help="BIC, AIC and held-out likelihood of each number, as a job.")  # fmt: skip
        return
    present = settings.gmm.n_components
    figure = strips.components(found, present)
    st.plotly_chart(figure, theme=None, key=f"cs.components:{name}", config=dict(strips.CONFIG))
    for one in suggest_components(found):
        st.caption(f"**{plain(one.name[:1].upper() + one.name[1:])}: {one.value}.** "
                   f"{plain(one.reason)}")  # fmt: skip
    kind = f"{found.covariance} covariance in {found.n_dims} dimensions"
    st.caption(plain(f"All at {kind}, so that they compare; grey lines are single seeds."))
