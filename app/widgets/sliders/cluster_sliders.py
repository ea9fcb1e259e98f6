"""The clustering sliders, which use saved fits and trees, and notes on the resulting clusters."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.session import cache, jobs
from app.session.displayed_clusters import Clusters
from app.session.state import drawer, keep_choice, page_choice, widget_key
from app.session.views import request_settings, requested_settings
from app.widgets.job_status import estimate_line
from app.widgets.markup import count_noun, escape_markdown
from app.widgets.sliders.count_sliders import GMM_WIDGET, KMEANS_WIDGET, WARD_WIDGET
from app.widgets.sliders.hdbscan_sliders import HDBSCAN_WIDGET
from app.widgets.sliders.method_widget import MethodWidget, SliderRow
from core.clusters.methods.method_table import METHODS
from core.pipeline.cluster_stages import labelling_inputs
from core.pipeline.estimates.fit_estimate import estimate_counts
from core.pipeline.run_stages import with_settings
from core.pipeline.view import View
from core.pipeline.workspace import Workspace

# Relative widths of the columns in a row of sliders.
WIDTHS = (6, 8, 4, 5, 4)
# With more chips, fitting takes minutes, so it waits for a button.
AUTOMATIC_AT_MOST = 20_000
MORE_HELP = "Further settings of the method, and a comparison of its results, next to the plot."
# One widget for each record in `core.clusters.methods.method_table.METHODS`.
WIDGETS: dict[str, MethodWidget] = {
    "gmm": GMM_WIDGET,
    "hdbscan": HDBSCAN_WIDGET,
    "kmeans": KMEANS_WIDGET,
    "ward": WARD_WIDGET,
}

# Further changes are only counted.
MOST_CHANGES = 4


def cluster_sliders(view: View, n_chips: int, panel: Any = None) -> View:
    """Draw the method selector and the method's sliders; return the view with their settings.

    With a panel, a container next to the plot, the sliders are next to each other, and a button
    opens further widgets in the panel. Otherwise all widgets are stacked.
    """
    workspace, requested = view.workspace, requested_settings(view.workspace)
    stacked = panel is None
    columns = [st.container() for _ in range(4)] if stacked else st.columns(WIDTHS, gap="small")
    labels = {name: widget.label for name, widget in WIDGETS.items()}
    key, title = widget_key(workspace, "method", requested.method), labels.__getitem__
    # A row of buttons would be cut off: four names are wider than a column.
    method = columns[0].selectbox("Clustering method", list(labels), format_func=title, key=key)
    request_settings(workspace, method=method)
    table = METHODS[method].table
    changes = {"method": method, "noise": requested.noise, table: getattr(requested, table)}
    is_open = stacked or _more_button(workspace, columns[4])
    row = SliderRow(columns[:4], st.container() if stacked else panel, is_open, stacked, n_chips)
    return WIDGETS[method].draw(with_settings(view, **changes), row)


def _more_button(workspace: Workspace, slot: Any) -> bool:
    """Draw the button that opens the panel of further widgets; return True if it is open.

    It is not a popover, because a closed popover mounts no widgets, and at the next run of the
    script the browser would report their defaults instead of the chosen values.
    """
    is_open: bool = page_choice(workspace, "more knobs", False)
    slot.space("small")
    label, icon = ("Less", "chevron_right") if is_open else ("More", "tune")
    args = (workspace, "more knobs", not is_open)
    options = {"icon": f":material/{icon}:", "width": "stretch", "help": MORE_HELP}
    slot.button(label, "cs.more", on_click=keep_choice, args=args, **options)
    return is_open


def preparation_notice(view: View, clusters: Clusters | None) -> None:
    """Compute the fits or the tree that the sliders need, if they do not exist yet.

    The job starts by itself, once for the same settings. If it has failed or was cancelled, or if
    there are many chips, a button starts it.
    """
    if cache.labelling(view) is not None:
        return
    widget, workspace = WIDGETS[view.settings.method], view.workspace
    if jobs.running_job(workspace):
        previous = " Until then, the previous clusters are displayed." if clusters else ""
        text = "The clusters appear when the running job is done; its progress is on the left."
        st.caption(f"{text}{previous}")
        return
    if _is_first_preparation(view):
        widget.prepare(workspace, view.settings)
        st.rerun()
    previous = "; the clusters below are the previous ones" if clusters else ""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="cs_offer"):
        st.markdown(escape_markdown(f"{widget.missing(view.settings)}{previous}."))
        label = widget.prepare_label.format(most=jobs.most_clusters(view))
        if st.button(label, key="cs.prepare", type="primary"):
            widget.prepare(workspace, view.settings)
            st.rerun()
        counts = range(2, jobs.most_clusters(view) + 1)
        estimate_line(workspace, lambda model: estimate_counts(view, model, counts))


def _is_first_preparation(view: View) -> bool:
    """Return True if the job may start by itself, and has not done so for these settings."""
    chips, method = cache.chips(view), METHODS[view.settings.method]
    if chips is None or len(chips) > AUTOMATIC_AT_MOST:
        return False
    inputs = labelling_inputs(view)
    if method.hierarchy is None:
        inputs["own_settings"].pop(method.count)
    else:
        inputs.pop("own_settings")
    key = view.key("reduction", name="preparation", **inputs)
    attempts = drawer("preparations", view.workspace)
    is_first = key not in attempts
    attempts[key] = True
    return is_first


def describe_clusters(clusters: Clusters) -> str:
    """Return the number of displayed clusters, with noise and excluded chips."""
    text = count_noun(clusters.n_clusters, "cluster")
    if clusters.has_noise:
        text += f", {clusters.noise_fraction:.0%} noise"
    if clusters.n_excluded:
        text += f", {count_noun(clusters.n_excluded, 'chip')} excluded"
    return text


def cluster_notes(clusters: Clusters) -> None:
    """Write the method's notes, how the clusters changed, and which edits cannot be applied."""
    for note in clusters.labelling.notes:
        st.warning(escape_markdown(note))
    if clusters.changes:
        changes = list(clusters.changes[:MOST_CHANGES])
        if n_more := len(clusters.changes) - MOST_CHANGES:
            changes += [f"{count_noun(n_more, 'other change')}."] if n_more > 0 else []
        st.caption(escape_markdown("Since the previous setting: " + " ".join(changes)))
    if clusters.treated.moved.any():
        st.caption(escape_markdown(clusters.treated.note))
    lost_edits_note(clusters.problems, "these clusters")


def lost_edits_note(problems: Sequence[str], target: str) -> None:
    """List the edits that cannot be applied, folded, under the name of the clusters they lack."""
    if problems:
        title = f"{count_noun(len(problems), 'edit')} cannot be applied to {target}"
        with st.expander(escape_markdown(title)):
            st.markdown("\n".join(f"- {escape_markdown(problem)}" for problem in problems))


def has_tree_chart(clusters: Clusters) -> bool:
    """Return True if the clusters come from a tree that the Clusters page can draw."""
    return WIDGETS[clusters.labelling.method].has_tree_chart
