"""Edits of the clusters: every edit is saved in the workspace and can be undone."""

from collections.abc import Callable, Sequence
from concurrent.futures import wait
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from app.clusters.cluster_gallery import cluster_gallery
from app.contact_sheet.sheet_scope import SELECTION, sheet_button
from app.session import cluster_results, displayed_clusters
from app.session.cache import labelling_key
from app.session.displayed_clusters import Clusters
from app.session.state import keep_choice, page_choice, pop_choice, widget_key, widget_value
from app.widgets.job_status import wait_until
from app.widgets.markup import count_noun, escape_markdown
from app.widgets.palette import EXCLUDED
from core.chips.chip_set import ChipSet
from core.clusters.editing import edit_history, edits
from core.clusters.editing.edit_history import Edit, History
from core.clusters.editing.edited_labelling import EditedLabelling
from core.errors import ChipscapeError
from core.pipeline.results.current_result import change_edits

MEMBERS_SHOWN = 48


def update_history(clusters: Clusters, change: Callable[[History], History]) -> None:
    """Apply `change` to the list of edits that is saved in the workspace.

    If the edits have been changed in another window since they were displayed, they stay as they
    are, and the page says so.
    """
    try:
        change_edits(clusters.view, clusters.labelling, clusters.chip_ids, change, clusters.history)
    except ChipscapeError as error:
        keep_choice(clusters.view.workspace, "edit refused", str(error))


def make_edit(clusters: Clusters, make: Callable[[EditedLabelling], Edit]) -> None:
    """Make an edit of the displayed clusters and save it, or note why it cannot be made."""
    try:
        edit = make(clusters.edited)
    except ChipscapeError as error:
        keep_choice(clusters.view.workspace, "edit refused", str(error))
        return
    ids = clusters.chip_ids
    update_history(clusters, lambda history: edit_history.add_edit(history, edit, ids))


def editor_panel(clusters: Clusters, chips: ChipSet) -> None:
    """Draw the widgets for editing whole clusters."""
    look = clusters.look
    _continue_split(clusters)
    history_buttons(clusters)
    if not clusters.n_clusters:
        st.caption("There is no cluster to edit.")
        return
    single, several = st.columns([3, 2], gap="large")
    with single:
        cluster = choose_cluster(clusters)
        _single_cluster_edits(clusters, cluster)
        sheet_button(clusters.view.workspace, cluster, "cs.sheet of cluster")
    with several:
        _merge_form(clusters)
        if approved := sorted(clusters.edited.approved):
            st.caption(escape_markdown(f"Approved: {', '.join(map(look.name, approved))}."))
    st.caption(
        "To move or exclude individual chips, or to make a cluster of them, select them on the "
        "Explore page. When a slider moves, edits are applied again to the same chips; edits that "
        "can no longer be applied are listed."
    )
    rows = cluster_results.typical_rows(clusters, MEMBERS_SHOWN).get(cluster, [])
    st.markdown(f"**{escape_markdown(look.name(cluster))}**, the most typical chips first")
    cluster_gallery(clusters, chips, cluster, rows)


def cluster_edits(clusters: Clusters, cluster: int) -> None:
    """Draw the widgets that rename, recolour, approve, split, exclude and merge one cluster."""
    _continue_split(clusters)
    _single_cluster_edits(clusters, cluster)
    _merge_form(clusters)


def choose_cluster(clusters: Clusters) -> int:
    """Draw the cluster selector, which all tabs share, and return the chosen cluster."""
    workspace, cluster_ids = clusters.view.workspace, _cluster_ids(clusters)
    names = {i: f"{clusters.look.name(i)} · {(clusters.ids == i).sum()} chips" for i in cluster_ids}
    last = page_choice(workspace, "cluster", cluster_ids[0])
    start = last if last in cluster_ids else cluster_ids[0]
    # The browser keeps the title of the choice, so a new name needs a new widget.
    key = widget_key(workspace, f"cluster {names}", start)
    title = names.__getitem__
    cluster = st.selectbox("Cluster", cluster_ids, key=key, format_func=title, width=340)
    return int(keep_choice(workspace, "cluster", cluster))


def history_buttons(clusters: Clusters) -> None:
    """Draw the Undo and Redo buttons, list the latest edits, and say if one was refused."""
    history, workspace = clusters.history, clusters.view.workspace
    if error := pop_choice(workspace, "edit refused", ""):
        st.warning(escape_markdown(error))
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, edits_left, change in (
            ("Undo", history.edits, edit_history.undo_edit),
            ("Redo", history.undone_edits, edit_history.redo_edit),
        ):
            key, args, disabled = f"cs.{label.lower()}", (clusters, change), not edits_left
            st.button(label, key=key, disabled=disabled, on_click=update_history, args=args)
        st.caption(escape_markdown(_describe_history(history)))


def _describe_history(history: History) -> str:
    n = len(history.edits)
    if not n:
        return "No edits yet."
    latest = ", ".join(edit_history.describe_edit(edit) for edit in history.edits[-4:])
    count = "One edit" if n == 1 else f"{n} edits, the latest" if n > 4 else f"{n} edits"
    return f"{count}: {latest}."


def _cluster_ids(clusters: Clusters) -> list[int]:
    cluster_ids: list[int] = np.unique(clusters.ids[clusters.ids >= 0]).tolist()
    return cluster_ids


def _edit_button(
    clusters: Clusters,
    label: str,
    key: str,
    make: Callable[[EditedLabelling], Edit],
    **options: Any,
) -> None:
    st.button(label, key=key, on_click=make_edit, args=(clusters, make), **options)


def _single_cluster_edits(clusters: Clusters, cluster: int) -> None:
    workspace, edited, history = clusters.view.workspace, clusters.edited, clusters.history
    name, colour = edited.names.get(cluster, ""), clusters.look.colour(cluster)
    # The widget keys change after every edit, undo and redo, so that the fields show the result.
    n_edits = len(history.edits)
    suffix = f"{cluster} {n_edits + len(history.undone_edits)} {n_edits}"
    name_key = widget_key(workspace, f"name {suffix}", name)
    colour_key = widget_key(workspace, f"colour {suffix}", colour)

    def rename() -> None:
        if (text := widget_value(name_key).strip()) != name:
            make_edit(clusters, partial(edits.rename_cluster, cluster=cluster, name=text))

    def recolour() -> None:
        if (text := widget_value(colour_key).lower()) != colour.lower():
            make_edit(clusters, partial(edits.recolour_cluster, cluster=cluster, colour=text))

    left, right = st.columns([4, 1], vertical_alignment="bottom")
    left.text_input("Name", key=name_key, placeholder=f"Cluster {cluster}", on_change=rename)
    right.color_picker("Colour", key=colour_key, on_change=recolour)
    with st.container(horizontal=True):
        approved = cluster in edited.approved
        label = "Approved" if approved else "Approve"
        approve = partial(edits.approve_cluster, cluster=cluster)
        button = partial(_edit_button, clusters)
        button(label, "cs.approve", approve, disabled=approved)
        st.button(
            "Split in two",
            key="cs.split",
            on_click=keep_choice,
            args=(workspace, "splitting", (labelling_key(clusters.view, "split"), cluster)),
            help="Fits a mixture of two Gaussians to the chips of this cluster.",
        )
        members, note = edited.ids == cluster, "Its chips are left out of counts and exports."
        button("Exclude", "cs.exclude", lambda _: edits.exclude_chips(members), help=note)


def _continue_split(clusters: Clusters) -> None:
    """Save a requested split once it has been fitted in the background."""
    workspace = clusters.view.workspace
    request = page_choice(workspace, "splitting", None)
    if request is None:
        return
    key, cluster = request
    is_same = key == labelling_key(clusters.view, "split")
    split = cluster_results.bisection(clusters, cluster) if is_same else None
    if split is not None and not wait([split], displayed_clusters.PATIENCE_SECONDS).done:
        wait_until(split.done, "The cluster is being split.")
        return
    keep_choice(workspace, "splitting", None)
    if split is not None:
        make_edit(clusters, lambda _: split.result())
        st.rerun()


def _merge_form(clusters: Clusters) -> None:
    cluster_ids, workspace = _cluster_ids(clusters), clusters.view.workspace
    name = f"merge {cluster_ids} {len(clusters.history.edits)}"
    choice = st.multiselect(
        "Merge",
        cluster_ids,
        key=widget_key(workspace, name, []),
        format_func=clusters.look.name,
        placeholder="two clusters or more",
    )

    def merge() -> None:
        make_edit(clusters, partial(edits.merge_clusters, clusters=tuple(choice)))
        if page_choice(workspace, "cluster", None) in choice:
            # Its cluster may no longer exist; the next edit is meant for the merged one.
            keep_choice(workspace, "cluster", choice[0])

    too_few = len(choice) < 2
    st.button("Merge into the first", key="cs.merge", on_click=merge, disabled=too_few)


def selection_actions(clusters: Clusters, rows: Sequence[int]) -> None:
    """Draw the buttons that move the selected chips, make a cluster of them, or exclude them."""
    workspace, selected = clusters.view.workspace, np.zeros(len(clusters.ids), np.bool_)
    selected[list(rows)] = True
    excluded = selected & (clusters.ids == EXCLUDED)
    selected &= ~excluded
    button = partial(_edit_button, clusters, disabled=not selected.any())
    collapsed: Any = {"label_visibility": "collapsed", "width": 120}
    with st.container(horizontal=True, vertical_alignment="center", key="cs_selection_edits"):
        if cluster_ids := _cluster_ids(clusters):
            target = st.selectbox(
                "Move to",
                cluster_ids,
                format_func=lambda cluster: f"to {clusters.look.name(cluster)}",
                key=widget_key(workspace, f"target {cluster_ids}", cluster_ids[0]),
                **collapsed,
            )
            button("Move", "cs.move", partial(edits.move_chips, chips=selected, cluster=target))
        key = widget_key(workspace, f"new name {len(clusters.history.edits)}", "")
        st.text_input("New cluster", key=key, placeholder="new cluster", **collapsed)
        button("Create", "cs.new", lambda _: edits.create_cluster(selected, widget_value(key)))
        button("Exclude", "cs.exclude selection", lambda _: edits.exclude_chips(selected))
        sheet_button(workspace, SELECTION, "cs.sheet of selection")


def excluded_note(clusters: Clusters | None, rows: Sequence[int]) -> None:
    """Write how many chips of a selection are excluded and so cannot be edited."""
    if clusters is None:
        return
    if n_excluded := int((clusters.ids[list(rows)] == EXCLUDED).sum()):
        st.caption(escape_markdown(_describe_excluded(n_excluded, len(rows))))


def _describe_excluded(n_excluded: int, n: int) -> str:
    subject = f"{n_excluded} of these chips {'is' if n_excluded == 1 else 'are'}"
    remaining = f" Edits apply to the other {count_noun(n - n_excluded, 'chip')}."
    if n_excluded == n:
        subject, remaining = "This chip is" if n == 1 else f"All {n} chips are", ""
    pronoun = "it" if n_excluded == 1 else "them"
    return f"{subject} excluded: use Undo to include {pronoun} again.{remaining}"
