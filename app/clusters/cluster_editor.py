"""Edits on top of a labelling: each is kept in the workspace, and can be undone."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait

import numpy as np
import streamlit as st

from app.session import cluster_results, state
from app.session.shown_clusters import Clusters
from app.widgets import chip_panels
from app.widgets.colouring import in_order
from app.widgets.markup import counted, plain
from app.widgets.palette import EXCLUDED
from core.chips.chip_set import ChipSet
from core.clusters.editing import edit_history, edits
from core.clusters.editing.edit_history import Edit, History
from core.clusters.editing.edits import Edited
from core.errors import ChipscapeError
from core.pipeline import saved_edits as kept
from core.pipeline.plan import Plan
from core.pipeline.saved_edits import Saved
from core.pipeline.workspace import Workspace
from core.types import BoolArray

# Two sessions may edit one workspace.
_ONE = threading.Lock()
MEMBERS_SHOWN = 48
VERBS = {
    "rename": "renamed", "recolour": "recoloured", "merge": "merged", "split": "split",
    "move": "chips moved", "new": "new cluster", "exclude": "chips excluded",
    "approve": "approved",
}  # fmt: skip


def change(place: Workspace, clusters: Clusters, alter: Callable[[History], History]) -> None:
    """Alter the list of edits in the workspace."""
    with _ONE:
        saved = kept.load(place, clusters.family)
        kept.save(place, clusters.family, Saved(alter(saved.history), clusters.own))


def do(place: Workspace, clusters: Clusters, make: Callable[[Edited], Edit | None]) -> None:
    """Make an edit on what is shown and keep it; what cannot be done is said on the page."""
    assert clusters.edited is not None
    try:
        edit = make(clusters.edited)
        if edit is not None:
            change(place, clusters, lambda now: edit_history.add(now, edit))
    except ChipscapeError as error:
        state.keep(place, "edit refused", str(error))


def panel(place: Workspace, ready: Plan, chips: ChipSet, clusters: Clusters) -> None:
    """Everything that can be done to whole clusters."""
    _splitting(place, ready, clusters)
    refused = state.value(place, "edit refused", "")
    if refused:
        st.warning(plain(refused))
        state.keep(place, "edit refused", "")
    steps(place, clusters)
    present = [one for one in in_order(clusters.ids) if one >= 0]
    if not present:
        st.caption("There is no cluster to edit.")
        return
    one, several = st.columns([3, 2], gap="large")
    with one:
        cluster = choose(place, clusters, "edit")
        _looks(place, clusters, cluster)
    with several:
        _merge(place, clusters, present)
        _approved(clusters)
    st.caption("Selected chips are moved, made a cluster or excluded on the page Explore. Edits "
               "stay with their chips: they are applied again when a slider moves, and named "
               "where they no longer fit.")  # fmt: skip
    rows = cluster_results.typical(place, ready, clusters, MEMBERS_SHOWN).get(cluster, [])
    st.markdown(f"**{plain(clusters.look.name(cluster))}**, the most typical chips first")
    chip_panels.chip_gallery(chips, rows, [clusters.look.colour(cluster)] * len(rows), width=76)


def choose(place: Workspace, clusters: Clusters, name: str) -> int:
    """The cluster that one looks at; kept from one page and view to the next."""
    present = [one for one in in_order(clusters.ids) if one >= 0]
    now = state.value(place, "cluster", present[0])
    now = now if now in present else present[0]
    counts = {one: int((clusters.ids == one).sum()) for one in present}
    chosen = st.selectbox(
        "Cluster", present, key=state.widget(place, f"cluster {name} {present}", now),
        format_func=lambda one: f"{clusters.look.name(one)} · {counts[one]} chips", width=340,
    )  # fmt: skip
    picked: int = state.keep(place, "cluster", chosen)
    return picked


def steps(place: Workspace, clusters: Clusters) -> None:
    """Undo, redo, and what was done."""
    done, undone = clusters.history.done, clusters.history.undone
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Undo", key="cs.undo", disabled=not done, on_click=change,
                  args=(place, clusters, edit_history.undo))  # fmt: skip
        st.button("Redo", key="cs.redo", disabled=not undone, on_click=change,
                  args=(place, clusters, edit_history.redo))  # fmt: skip
        said = [_said(edit) for edit in done[-4:]]
        more = f"{len(done) - 4} before; " if len(done) > 4 else ""
        count = "One edit" if len(done) == 1 else f"{len(done)} edits"
        st.caption(plain(f"{count}: {more}{', '.join(said)}." if done else "No edits yet."))


def _said(edit: Edit) -> str:
    text = f" to {edit.text}" if edit.text and edit.kind in ("rename", "recolour") else ""
    return f"{VERBS[edit.kind]}{text}"


def _looks(place: Workspace, clusters: Clusters, cluster: int) -> None:
    edited, turn = clusters.edited, len(clusters.history.done) + len(clusters.history.undone)
    assert edited is not None
    mark = f"{cluster} {turn} {len(clusters.history.done)}"
    name_key = state.widget(place, f"name {mark}", edited.names.get(cluster, ""))
    colour_key = state.widget(place, f"colour {mark}", clusters.look.colour(cluster))

    def keep_looks() -> None:
        name, colour = state.present(name_key).strip(), state.present(colour_key).lower()
        if name != edited.names.get(cluster, ""):
            do(place, clusters, lambda now: edits.rename(now, cluster, name))
        if colour != clusters.look.colour(cluster).lower():
            do(place, clusters, lambda now: edits.recolour(now, cluster, colour))

    left, right = st.columns([4, 1], vertical_alignment="bottom")
    left.text_input("Name", key=name_key, placeholder=f"Cluster {cluster}", on_change=keep_looks)
    right.color_picker("Colour", key=colour_key, on_change=keep_looks)
    members = edited.ids == cluster
    with st.container(horizontal=True):
        approved = cluster in edited.approved
        st.button("Approved" if approved else "Approve", key="cs.approve", disabled=approved,
                  on_click=do,
                  args=(place, clusters,
                        lambda now: edits.approve(now, cluster)))  # fmt: skip
        st.button("Split in two", key="cs.split", on_click=state.keep,
                  args=(place, "splitting", (clusters.family, cluster)),
                  help="By a mixture of two Gaussians inside it.")  # fmt: skip
        st.button("Exclude", key="cs.exclude", on_click=do,
                  args=(place, clusters, lambda _: edits.exclude(members)),
                  help="Its chips are left out of counts and exports.")  # fmt: skip


def _splitting(place: Workspace, ready: Plan, clusters: Clusters) -> None:
    """Go on with a split that was asked for: fitted off the page, then kept as an edit."""
    asked = state.value(place, "splitting", None)
    if asked is None:
        return
    family, cluster = asked
    found = (
        cluster_results.halves(place, ready, clusters, cluster)
        if family == clusters.family
        else None
    )
    if found is not None and not wait([found], cluster_results.PATIENCE_SECONDS).done:
        _until_done(found)
        return
    state.keep(place, "splitting", None)
    if found is not None:
        do(place, clusters, lambda _: found.result())
        st.rerun()


def _until_done(work: "Future[Edit]") -> None:
    @st.fragment(run_every=0.7)
    def ask() -> None:
        if work.done():
            st.rerun()
        st.caption("The cluster is being split.")

    ask()


def _merge(place: Workspace, clusters: Clusters, present: Sequence[int]) -> None:
    turn = f"{list(present)} {len(clusters.history.done)}"
    key = state.widget(place, f"merge {turn}", [])
    chosen = st.multiselect("Merge", present, key=key, format_func=clusters.look.name,
                            placeholder="two clusters or more")  # fmt: skip
    st.button("Merge into the first", key="cs.merge", disabled=len(chosen) < 2, on_click=do,
              args=(place, clusters,
                    lambda now: edits.merge(now, tuple(chosen))))  # fmt: skip


def _approved(clusters: Clusters) -> None:
    assert clusters.edited is not None
    if clusters.edited.approved:
        names = ", ".join(clusters.look.name(one) for one in sorted(clusters.edited.approved))
        st.caption(plain(f"Approved: {names}."))


def selection(place: Workspace, clusters: Clusters, rows: Sequence[int]) -> None:
    """What can be done to selected chips: move, make a cluster, exclude."""
    mask: BoolArray = np.zeros(len(clusters.ids), np.bool_)
    mask[list(rows)] = True
    out = mask & (clusters.ids == EXCLUDED)
    mask &= ~out
    none = not mask.any()
    if out.any():
        st.caption(plain(_left_out(int(out.sum()), len(rows))))
    present = [one for one in in_order(clusters.ids) if one >= 0]
    turn = f"{len(clusters.history.done)}"
    with st.container(horizontal=True, vertical_alignment="bottom", key="cs_selection_edits"):
        if present:
            target = st.selectbox("Move to", present, format_func=clusters.look.name,
                                  key=state.widget(place, f"target {present}", present[0]),
                                  width=200)  # fmt: skip
            st.button("Move", key="cs.move", disabled=none, on_click=do, args=(
                place, clusters, lambda now: edits.move(now, mask, target)
            ))  # fmt: skip
        key = state.widget(place, f"new name {turn}", "")
        st.text_input("New cluster", key=key, placeholder="its name", width=200)
        st.button("Make a cluster", key="cs.new", disabled=none, on_click=lambda: do(
            place, clusters, lambda _: edits.new_cluster(mask, state.present(key))
        ))  # fmt: skip
        st.button("Exclude them", key="cs.exclude selection", disabled=none, on_click=do, args=(
            place, clusters, lambda _: edits.exclude(mask)
        ))  # fmt: skip
    steps(place, clusters)


def _left_out(out: int, n: int) -> str:
    """That excluded chips of a selection are not edited, and how they come back."""
    if out == n:
        which = "This chip is" if n == 1 else f"All {n} chips are"
    else:
        which = f"{out} of these chips {'is' if out == 1 else 'are'}"
    rest = "" if out == n else f" An edit here is of the other {counted(n - out, 'chip')}."
    return f"{which} excluded: include {'it' if out == 1 else 'them'} first, by Undo.{rest}"
