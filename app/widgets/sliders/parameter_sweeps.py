"""What lies under the sliders: the landscape of their values, suggestions, presets."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.session import cache, cluster_results, stage_jobs, state
from app.session.shown_clusters import Clusters
from app.widgets import charts, setting_labels
from app.widgets.markup import number, plain
from app.widgets.sliders import sweep_charts
from core.clusters.evaluation import size_sweep
from core.clusters.evaluation.component_sweep import ComponentLandscape, suggest_components
from core.clusters.evaluation.size_sweep import Suggestion
from core.errors import TooFewError
from core.pipeline.plan import Plan
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
        found = cluster_results.sizes(place, ready, settings)
    except TooFewError:
        return
    if found is None:
        _coming(place, ready, settings)
        return
    _buttons(place, settings.cut, size_sweep.presets(found), name)
    edges = size_sweep.cliffs(found)
    figure = sweep_charts.sizes(found, edges, settings.cut.min_cluster_size)
    st.plotly_chart(figure, theme=None, key=f"cs.sizes:{name}", config=dict(sweep_charts.CONFIG))
    for one in size_sweep.suggest_sizes(found)[:1]:
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
    found = cluster_results.condensed(place, ready, settings)
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
    figure = sweep_charts.condensed(found, looks, settings.cut)
    st.plotly_chart(figure, theme=None, key="cs.tree", config=dict(charts.EXPORT))
    st.caption("From above, all chips; as the distance shrinks, chips fall away at the sides, and "
               "a group splits where both parts hold the smallest cluster or more. Wide and deep "
               "is a cluster that lasts. Coloured is what the cut chose, before noise treatment "
               "and edits.")  # fmt: skip


def _coming(place: Workspace, ready: Plan, settings: RunSettings) -> None:
    """Ask again until the survey is there; it is made of the tree."""
    if cache.tree(place, ready, settings) is None:
        st.caption("The landscape of this slider comes with the tree.")
        return

    @st.fragment(run_every=0.7)
    def wait() -> None:
        if cluster_results.sizes(place, ready, settings) is not None:
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
    found = cluster_results.components(place, ready, settings.gmm)
    if found is None:
        idle = stage_jobs.busy(place) is not None
        st.button("Compare 2 to 20", key=f"cs.compare:{name}", disabled=idle,
                  on_click=stage_jobs.compare_components, args=(place, settings),
                  help="BIC, AIC and held-out likelihood of each number, as a job.")  # fmt: skip
        return
    present = settings.gmm.n_components
    figure = sweep_charts.components(found, present)
    st.plotly_chart(
        figure, theme=None, key=f"cs.components:{name}", config=dict(sweep_charts.CONFIG)
    )
    for one in suggest_components(found):
        st.caption(f"**{plain(one.name[:1].upper() + one.name[1:])}: {one.value}.** "
                   f"{plain(one.reason)}")  # fmt: skip
    st.caption(plain(f"{_of_shapes(found)} Grey lines are single seeds."))


def shape(place: Workspace, ready: Plan, settings: RunSettings) -> None:
    """What the mixture under the slider took, how sure its BIC is, and where neighbours differ."""
    found = cache.labelling(place, ready, settings)
    if found is None or "covariance" not in found.facts:
        return
    taken, facts = _taken(found.facts), found.facts
    words = f"{taken[:1].upper()}{taken[1:]}"
    if settings.gmm.n_init > 1:
        words += f"; BIC differs by {number(float(facts['bic_spread']))} between seeds"
    others = []
    for count in (settings.gmm.n_components - 1, settings.gmm.n_components + 1):
        beside = dataclasses.replace(settings.gmm, n_components=max(1, count))
        near = cache.labelling(place, ready, dataclasses.replace(settings, gmm=beside))
        if near is not None and count >= 1 and _taken(near.facts) != taken:
            others.append(f"{count} takes {_taken(near.facts)}")
    step = f" {' and '.join(others)}: another shape there." if others else ""
    st.caption(plain(f"{words}.{step}"))


def _taken(facts: Mapping[str, Any]) -> str:
    dims = "one dimension" if facts["n_dims"] == 1 else f"{facts['n_dims']} dimensions"
    return f"{setting_labels.choice(facts['covariance'])} covariance in {dims}"


def _of_shapes(found: ComponentLandscape) -> str:
    """Which mixtures of a comparison share a shape; those that do not are made to compare."""
    runs = sweep_charts.shapes(found)
    words = [_taken({"covariance": one.covariance, "n_dims": one.n_dims}) for one in runs]
    if len(runs) == 1:
        return f"All at {words[0]}, so that they compare."
    told = [
        f"{one.first} to {one.last} {kind}" if one.last > one.first else f"{one.first} {kind}"
        for one, kind in zip(runs, words, strict=True)
    ]
    return (f"As the slider fits them: {'; '.join(told)}. Dotted is where that changes. Dimensions "
            "that a mixture does not see count as one Gaussian, so that all compare.")  # fmt: skip
