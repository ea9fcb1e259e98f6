"""The clustering sliders, which use saved fits and trees, and notes on the resulting clusters."""

import streamlit as st

from app.session import cache, jobs
from app.session.displayed_clusters import Clusters
from app.session.state import widget_key
from app.session.views import request_settings, requested_settings
from app.widgets.markup import count_noun, escape_markdown
from app.widgets.sliders.count_sliders import GMM_WIDGET, KMEANS_WIDGET, WARD_WIDGET
from app.widgets.sliders.hdbscan_sliders import HDBSCAN_WIDGET
from app.widgets.sliders.method_widget import MethodWidget, SliderRow
from core.clusters.methods.method_table import METHODS
from core.pipeline.run_stages import with_settings
from core.pipeline.view import View

# One widget for each record in `core.clusters.methods.method_table.METHODS`.
WIDGETS: dict[str, MethodWidget] = {
    "gmm": GMM_WIDGET,
    "hdbscan": HDBSCAN_WIDGET,
    "kmeans": KMEANS_WIDGET,
    "ward": WARD_WIDGET,
}


def cluster_sliders(view: View, n_chips: int, *, stacked: bool = False) -> View:
    """Draw the method selector and the method's sliders; return the view with their settings.

    Stacked sliders are one below the other, each with its comparison, instead of next to each
    other.
    """
    workspace, requested = view.workspace, requested_settings(view.workspace)
    columns = (
        [st.container() for _ in range(5)] if stacked else st.columns([6, 8, 8, 5, 4], gap="small")
    )
    labels = {name: widget.label for name, widget in WIDGETS.items()}
    key, title = widget_key(workspace, "method", requested.method), labels.__getitem__
    # A row of buttons would be cut off: four names are wider than a column.
    method = columns[0].selectbox("Clustering method", list(labels), format_func=title, key=key)
    request_settings(workspace, method=method)
    table = METHODS[method].table
    changes = {"method": method, "noise": requested.noise, table: getattr(requested, table)}
    row = SliderRow(columns, stacked, n_chips)
    return WIDGETS[method].draw(with_settings(view, **changes), row)


def preparation_notice(view: View, clusters: Clusters | None) -> None:
    """Offer to compute the fits or the tree that the sliders need, if they do not exist yet."""
    if cache.labelling(view) is not None:
        return
    if jobs.running_job(view.workspace):
        if clusters is None:
            st.caption("The clusters appear here when the running job is done.")
        return
    widget = WIDGETS[view.settings.method]
    previous = "; the clusters below are the previous ones" if clusters else ""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="cs_offer"):
        st.markdown(escape_markdown(f"{widget.missing(view.settings)}{previous}."))
        if st.button(widget.prepare_label, key="cs.prepare", type="primary"):
            widget.prepare(view.workspace, view.settings)
            st.rerun()


def describe_clusters(clusters: Clusters) -> str:
    """Return the number of displayed clusters, with noise and excluded chips."""
    text = count_noun(clusters.n_clusters, "cluster")
    if clusters.has_noise:
        text += f", {clusters.noise_fraction:.0%} noise"
    if clusters.n_excluded:
        text += f", {count_noun(clusters.n_excluded, 'chip')} excluded"
    return text


def cluster_notes(clusters: Clusters) -> None:
    """Write how the clusters changed, how noise was treated, and which edits cannot be applied."""
    if clusters.changes:
        st.caption(escape_markdown("Since the previous setting: " + " ".join(clusters.changes)))
    if clusters.treated.moved.any():
        st.caption(escape_markdown(clusters.treated.note))
    if n := len(clusters.problems):
        title = f"{count_noun(n, 'edit')} cannot be applied to these clusters"
        with st.expander(title):
            st.markdown("\n".join(f"- {escape_markdown(problem)}" for problem in clusters.problems))


def has_tree_chart(clusters: Clusters) -> bool:
    """Return True if the clusters come from a tree that the Clusters page can draw."""
    return WIDGETS[clusters.labelling.method].has_tree_chart
