"""Clusters as this session shows them: ids, names and colours stay with the chips."""

import dataclasses

import numpy as np
import streamlit as st

from app.session import cache, cluster_results, stage_jobs, state
from app.session.shown_clusters import Clusters
from app.widgets.markup import plain
from app.widgets.palette import EXCLUDED, NOISE, Look
from core.clusters.label_matching import between, match
from core.clusters.labelling import Labelling
from core.clusters.noise_treatment import Treated
from core.pipeline import saved_edits
from core.pipeline.plan import Plan
from core.pipeline.saved_edits import Saved
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.types import IntArray

LABELLINGS_KEPT = 60


def shown(place: Workspace, ready: Plan, settings: RunSettings) -> Clusters | None:
    """The clusters under these settings, else those shown before, else None."""
    drawer = state.labellings(place, ready.keys["chips"])
    name = f"{ready.keys['reduction']} {cache.labelling_name(settings)}"
    last = next(reversed(drawer), None)
    before: Clusters | None = drawer[last] if last else None
    found = cache.labelling(place, ready, settings)
    if found is None:
        return refreshed(place, before) if before else None
    family = saved_edits.family(ready.keys["reduction"], settings.method)
    saved = saved_edits.load(place, family)
    known: Clusters | None = drawer.pop(name, None)
    own = known.own if known else with_ids(found, before, saved)
    treated = cluster_results.treated(place, ready, settings)
    clusters = finished(found, own, treated, settings, family, saved)
    if before is not None:
        same = last == name
        alike = before.labelling.method == found.method
        fresh = changed(before.own, own, clusters.look) if alike else ()
        told = before.changes if same else fresh
        clusters = dataclasses.replace(clusters, changes=told)
    drawer[name] = clusters
    while len(drawer) > LABELLINGS_KEPT:
        drawer.pop(next(iter(drawer)))
    return clusters


def refreshed(place: Workspace, clusters: Clusters) -> Clusters:
    """Clusters that stay while others are asked for, with the edits made since."""
    if clusters.treated is None:
        return clusters
    saved = saved_edits.load(place, clusters.family)
    again = finished(clusters.labelling, clusters.own, clusters.treated, clusters.settings,
                     clusters.family, saved)  # fmt: skip
    return dataclasses.replace(again, changes=clusters.changes)


def finished(
    found: Labelling,
    own: IntArray,
    treated: Treated,
    settings: RunSettings,
    name: str,
    saved: Saved,
) -> Clusters:
    """A labelling under its ids, its noise treated and the edits of its family replayed."""
    edited, problems = saved_edits.edited(treated, ids_of(found.labels, own), saved.history)
    return Clusters(
        labelling=found,
        ids=np.where(edited.excluded, np.int32(EXCLUDED), edited.ids).astype(np.int32),
        settings=settings,
        method_ids=own,
        treated=treated,
        edited=edited,
        family=name,
        history=saved.history,
        problems=tuple(problems),
        look=Look(edited.names, edited.colours),
    )


def changed(before: IntArray, now: IntArray, look: Look) -> tuple[str, ...]:
    """What became of the clusters from one labelling to the next, in sentences."""
    if len(before) != len(now):
        return ()
    given = ", ".join(f"{c} is {name}" for c, name in sorted(look.names.items()))
    told = between(before, now).sentences()
    return (*told, f"By name: {given}.") if told and given else tuple(told)


def with_ids(found: Labelling, before: Clusters | None, saved: Saved | None = None) -> IntArray:
    """The new labels under the ids that their chips had before, in this session or at an edit."""
    if before is None or len(before.own) != len(found):
        kept = saved_edits.first_ids(found, saved or Saved())
        same = all(label == one for label, one in kept.items())
        return found.labels if same else translated(found.labels, kept)
    return translated(found.labels, match(before.own, found.labels))


def ids_of(labels: IntArray, own: IntArray) -> dict[int, int]:
    """The id that each label is shown under."""
    return {int(label): int(own[labels == label][0]) for label in np.unique(labels[labels >= 0])}


def translated(labels: IntArray, ids: dict[int, int]) -> IntArray:
    """Labels under other names; noise stays noise."""
    table = np.full(int(labels.max(initial=-1)) + 2, -1, np.int32)
    for label, cluster in ids.items():
        table[label] = cluster
    named: IntArray = table[labels]
    return named


def offer(place: Workspace, ready: Plan, settings: RunSettings, clusters: Clusters | None) -> None:
    """Where the sliders ask for what no job has prepared: say so, with the button that does."""
    if cache.labelling(place, ready, settings) is not None:
        return
    if stage_jobs.busy(place):
        if clusters is None:
            st.caption("The clusters appear here when the job at work is done.")
        return
    if settings.method == "hdbscan":
        words, label = "The tree that these sliders cut is not built yet", "Build the tree"
        prepare = stage_jobs.grow
    elif settings.method == "ward":
        words, label = "Ward's hierarchy is not built yet", "Build it"
        prepare = _build_hierarchy
    else:
        count = settings.gmm.n_components
        words, label = f"No mixture with {count} components is fitted yet", "Fit 2 to 20"
        if settings.method == "kmeans":
            words = f"k-means with {settings.kmeans.n_clusters} clusters is not fitted yet"
        prepare = stage_jobs.sweep
    before = "; the clusters below are those from before" if clusters else ""
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="cs_offer"):
        st.markdown(plain(f"{words}{before}."))
        if st.button(label, key="cs.prepare", type="primary"):
            prepare(place, settings)
            st.rerun()


def _build_hierarchy(place: Workspace, settings: RunSettings) -> None:
    """Build Ward's hierarchy, which its slider cuts."""
    stage_jobs.start(place, settings, "clusters", "Building the hierarchy")


def summary(clusters: Clusters) -> str:
    """One line on what is shown."""
    one = "cluster" if clusters.n_clusters == 1 else "clusters"
    words = f"{clusters.n_clusters} {one}"
    if clusters.labelling.method == "hdbscan":
        words += f", {noise_share(clusters.ids):.0%} noise"
    if excluded := int((clusters.ids == EXCLUDED).sum()):
        words += ", one chip excluded" if excluded == 1 else f", {excluded} chips excluded"
    return words


def noise_share(ids: IntArray) -> float:
    """Share of noise among the chips that are not excluded, as on the report card, 0..1."""
    kept = ids[ids != EXCLUDED]
    return float((kept == NOISE).mean()) if len(kept) else 0.0


def told(clusters: Clusters) -> None:
    """Quiet lines on what changed, what was done to noise, and what does not fit."""
    if clusters.changes:
        st.caption(plain("Since the last setting: " + " ".join(clusters.changes)))
    treated = clusters.treated
    if treated is not None and treated.moved.any():
        st.caption(plain(treated.note))
    if clusters.problems:
        title = f"{len(clusters.problems)} edits do not fit these clusters"
        with st.expander(title if len(clusters.problems) > 1 else "One edit does not fit"):
            st.markdown("\n".join(f"- {plain(problem)}" for problem in clusters.problems))
