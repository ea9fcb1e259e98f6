"""What a cluster is: chips to look at, facts beside those of the nearest one, words."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from app.clusters import cluster_editor
from app.session import cluster_results, state
from app.session.shown_clusters import Clusters
from app.widgets import charts, chip_panels, setting_labels
from app.widgets.markup import number, plain
from app.widgets.sliders import sweep_charts
from core.chips.chip_set import ChipSet
from core.clusters.editing.explanation import Difference, differences, nearest_cluster, sets_apart
from core.pipeline.plan import Plan
from core.pipeline.workspace import Workspace

EXAMPLES = 8
FACTS_DRAWN = 6
DOUBTFUL_A_PAGE = 48
EVERYTHING = "all other chips"
VIEWS = (
    "Overview",
    "Tree",
    "Report card",
    "Against a property",
    "Explain",
    "Doubtful chips",
    "Edit",
)


def choose_view(place: Workspace, clusters: Clusters) -> str:
    """What of the clusters is looked at; only HDBSCAN's have a tree."""
    dense = clusters.labelling.method == "hdbscan"
    views = [view for view in VIEWS if dense or view != "Tree"]
    last = state.value(place, "view", VIEWS[0])
    key = state.widget(place, f"view {dense}", last if last in views else VIEWS[0])
    chosen = st.segmented_control(
        "View", views, key=key, required=True, label_visibility="collapsed"
    )
    view: str = state.keep(place, "view", chosen or VIEWS[0])
    return view


def panel(place: Workspace, ready: Plan, chips: ChipSet, clusters: Clusters) -> None:
    """One cluster explained."""
    view = cluster_results.seen(clusters)
    points = cluster_results.space(place, ready, clusters)
    if not view.labels or points is None:
        st.caption("There is no cluster to explain.")
        return
    left, right = st.columns(2)
    with left:
        cluster = cluster_editor.choose(place, clusters, "explain")
    label = view.labels[cluster]
    id_of = {one: cluster_id for cluster_id, one in view.labels.items()}
    near = nearest_cluster(points, view.labelling, label)
    others = {EVERYTHING: None} if near is None else {
        f"{clusters.look.name(id_of[near])}, the nearest": near, EVERYTHING: None
    }  # fmt: skip
    with right:
        key = state.widget(place, f"beside {list(others)}", next(iter(others)))
        beside = st.selectbox("Beside", list(others), key=key, width=340)
    facts = cluster_results.explained(place, ready, chips)
    found = differences(facts, view.labelling.labels, label, others[beside])
    st.markdown(f"**What sets {plain(clusters.look.name(cluster))} apart** from {plain(beside)}")
    st.markdown("\n".join(f"- {plain(in_words(sentence))}" for sentence in sets_apart(found)))
    if cluster_results.appearance(place, ready, chips) is None:
        st.caption("Brightness, bands and blur are measured with the report card.")
    _examples(place, ready, chips, clusters, cluster)
    _spreads(clusters, cluster, facts, found, view.labelling.labels, label, others[beside], beside)


def in_words(sentence: str) -> str:
    """A sentence about a fact, capitalised."""
    return sentence[:1].upper() + sentence[1:]


def _examples(
    place: Workspace, ready: Plan, chips: ChipSet, clusters: Clusters, cluster: int
) -> None:
    found = cluster_results.examples(place, ready, clusters, EXAMPLES).get(cluster)
    if found is None:
        return
    sets = (
        ("Typical", "nearest to the medoid, which comes first", found.typical),
        ("Doubtful", "of the lowest confidence", found.doubtful),
        ("Bordering", "hardly nearer to their own medoid than to another's", found.bordering),
    )
    colour = clusters.look.colour(cluster)
    for title, words, rows in sets:
        st.markdown(f"**{title}** · {words}")
        chip_panels.chip_gallery(chips, rows.tolist(), [colour] * len(rows),
                            _spoken(clusters, rows.tolist()), width=76)  # fmt: skip


def _spreads(
    clusters: Clusters, cluster: int, facts: pd.DataFrame, found: list[Difference],
    labels: np.ndarray, label: int, other: int | None, beside: str,
) -> None:  # fmt: skip
    mine = labels == label
    theirs = ~mine if other is None else labels == other
    drawn = {}
    for one in found[:FACTS_DRAWN]:
        values = facts[one.fact].to_numpy(np.float64)
        known = np.isfinite(values)
        drawn[fact_label(one.fact)] = (values[mine & known], values[theirs & known])
    if drawn:
        st.markdown("**How facts are spread**, those that differ most first")
        figure = sweep_charts.spreads(
            drawn, clusters.look.colour(cluster), clusters.look.name(cluster), beside
        )
        st.plotly_chart(figure, theme=None, key="cs.spreads", config=dict(charts.EXPORT))


def fact_label(name: str) -> str:
    """A fact of the chips, or of their appearance, with its unit."""
    known = setting_labels.fact(name)
    return known if known != name else name.replace("_", " ")


def doubtful(place: Workspace, chips: ChipSet, clusters: Clusters) -> None:
    """Chips of low confidence, in all clusters, the least sure first."""
    rows, which = _least_sure(place, clusters)
    what = {"gmm": "the responsibility of the chip's Gaussian",
            "hdbscan": "the strength of the chip's membership"}.get(
        clusters.labelling.method, "how much nearer the own centre is than the next one"
    )  # fmt: skip
    count = f"{number(len(rows))} of {number(len(chips))} chips"
    st.caption(plain(f"{count}{which}. Confidence is {what}."))
    start = chip_panels.pager(place, "doubtful", len(rows), DOUBTFUL_A_PAGE)
    some = rows[start : start + DOUBTFUL_A_PAGE]
    ids = [int(clusters.ids[row]) for row in some]
    lines = [f"{sure} {clusters.look.name(one)}"
             for sure, one in zip(_sure(clusters, some), ids, strict=True)]  # fmt: skip
    chip_panels.chip_gallery(
        chips, some, [clusters.look.colour(one) for one in ids], lines, width=76
    )


def _least_sure(place: Workspace, clusters: Clusters) -> tuple[list[int], str]:
    """Rows below a confidence; a share of them where no confidence means the same everywhere."""
    if clusters.labelling.method in ("gmm", "hdbscan"):
        kept = state.value(place, "doubt", 0.6)
        below = state.keep(place, "doubt", st.slider(
            "Confidence below", 0.0, 1.0, step=0.05, key=state.widget(place, "doubt", kept),
            width=340,
        ))  # fmt: skip
        return cluster_results.doubtful(clusters, below), ""
    kept = state.value(place, "doubtful share", 5)
    share = state.keep(place, "doubtful share", st.slider(
        "The least sure (%)", 1, 50, key=state.widget(place, "doubtful share", kept), width=340,
        help="A share of all chips: what is low depends on how many clusters there are.",
    ))  # fmt: skip
    rows = cluster_results.least_sure(clusters, share / 100)
    most = (
        f", up to a confidence of {cluster_results.sureness(clusters)[rows[-1]]:.2f}"
        if rows
        else ""
    )
    return rows, f": the least sure {share} %{most}"


def _spoken(clusters: Clusters, rows: Sequence[int]) -> list[str]:
    """The confidence of some chips, with the word where it is a number."""
    told = _sure(clusters, rows)
    return [one if one == "was noise" else f"confidence {one}" for one in told]


def _sure(clusters: Clusters, rows: Sequence[int]) -> list[str]:
    """The confidence of some chips in words; noise without a membership is called noise."""
    sure, noise = cluster_results.sureness(clusters), cluster_results.unmeasured(clusters)
    return ["was noise" if noise[row] else f"{sure[row]:.2f}" for row in rows]
