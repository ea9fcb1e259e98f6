"""The form of a search: its examples, the scenes to search, and the job that embeds them."""

from dataclasses import dataclass

import streamlit as st

from app.session import cache, jobs
from app.session.chip_search import example_marks
from app.session.state import choice_key, keep_choice, selected_chips, widget_key
from app.session.views import find_view
from app.widgets.job_status import estimate_line
from app.widgets.markup import count_noun, escape_markdown, format_length, format_number
from core.chips.chip_set import ChipSet
from core.clusters.cluster_colours import Look
from core.pipeline.assignment.assigned_scenes import Reference
from core.pipeline.estimates.fit_estimate import estimate_added_chips
from core.pipeline.scene_search.candidates import plan_scans
from core.pipeline.scene_search.examples import (
    Examples,
    SearchQuery,
    chips_like,
    chips_of_class,
    chips_of_cluster,
    make_query,
    marked_chips,
)
from core.pipeline.scene_search.scan_stages import SCENE_SCANS
from core.pipeline.search.chip_examples import ExampleSet

KINDS = {
    "marked": "Chips marked as examples",
    "class": "Chips of a class",
    "cluster": "Chips of a cluster",
    "like": "Selected chips",
}
STEP_HELP = (
    "Distance between neighbouring windows. Automatic (0) is a third of the examples' size. "
    "Half the step takes four times as long."
)
NAME_HELP = "Confirmed objects get this class. Leave it empty to use the class of the examples."
MARK_HINT = "Mark chips with “More like this” on the Explore page or the map, then come back."


@dataclass(frozen=True)
class SearchRequest:
    """What the form requests: a query, and the options of the command that computes it."""

    query: SearchQuery
    options: tuple[str, ...]


def search_form(reference: Reference) -> SearchRequest | None:
    """Draw the form; return the request, or None if there are no examples yet.

    Raises ChipscapeError if the request is not possible.
    """
    view = reference.view
    workspace = view.workspace
    marks = example_marks(workspace)
    first_kind = "class" if view.survey.class_attribute else "cluster"
    first_kind = "marked" if marks.examples else first_kind
    key = choice_key(workspace, "scan kind", first_kind, list(KINDS))
    kind = st.selectbox("Find more like", KINDS, format_func=KINDS.__getitem__, key=key)
    keep_choice(workspace, "scan kind", kind)
    value = _choose_value(reference, kind, marks)
    if not value:
        return None
    attributes = _examples(reference, kind, value, marks, "").attributes
    name = st.text_input(
        "Name of what you look for",
        key=widget_key(workspace, f"scan name {kind} {value}"[:200], ""),
        placeholder=", ".join(attributes.values()),
        help=NAME_HELP,
    ).strip()
    survey = find_view(workspace, view.settings).survey
    readable = [s.report.name for s in survey.scenes if s.report.ok and s.present]
    key = choice_key(workspace, f"scan scenes {readable}", readable)
    scenes = st.multiselect("Scenes to search", readable, key=key)
    keep_choice(workspace, f"scan scenes {readable}", scenes)
    key = widget_key(workspace, "scan step", 0)
    step = int(
        st.number_input("Step (px, 0 is automatic)", 0, 4096, step=1, key=key, help=STEP_HELP)
    )
    if not scenes:
        st.caption("Choose at least one scene.")
        return None
    examples = _examples(reference, kind, value, marks, name)
    query = make_query(view, survey, examples, scenes=scenes, step=step)
    # Without examples among its options, the command uses the marked chips.
    options = [] if kind == "marked" else [f"--{kind}={value}"]
    options += [f"--scene={scene}" for scene in scenes]
    options += [f"--step={step}"] if step else []
    options += [f"--name={name}"] if name else []
    return SearchRequest(query, tuple(options))


def start_button(request: SearchRequest) -> None:
    """Draw the description of a search that is not computed yet, and the button that starts it."""
    query = request.query
    workspace = query.view.workspace
    st.caption(escape_markdown(describe_query(query)))
    is_busy = jobs.running_job(workspace) is not None
    if st.button("Search", type="primary", key="cs.scan", disabled=is_busy, width="stretch"):
        title = f"Searching {count_noun(len(query.scenes), 'scene')}"
        jobs.start_scan(workspace, request.options, title)
        st.rerun()
    n = sum(n_windows for _, n_windows in plan_scans(query)[0])
    estimate_line(workspace, lambda model: estimate_added_chips(query.view, model, n))


def describe_query(query: SearchQuery) -> str:
    """Return a sentence on the examples and the windows of a query.

    Scenes that cannot be searched have no windows; the result names them with the reason.
    """
    unit = "m" if any(scene.report.crs for scene in query.scenes) else "px"
    (scans, _), store = plan_scans(query), query.view.workspace.store
    n_windows = sum(n for _, n in scans)
    is_scanned = all(SCENE_SCANS.find(store, scan) for scan, _ in scans)
    note = " They are stored from an earlier search, so this one takes seconds."
    return (
        f"{count_noun(len(query.chip_ids), 'example')}, {count_noun(n_windows, 'window')} with "
        f"a side of {format_length(query.side, unit)}.{note if is_scanned else ''}"
    )


def _choose_value(reference: Reference, kind: str, marks: ExampleSet) -> str:
    """Draw the choice of the class or the cluster; return the value of the command's option."""
    view = reference.view
    workspace = view.workspace
    chips = cache.chips(view)
    if chips is None:
        return ""
    if kind == "marked":
        return _describe_marks(chips, marks)
    if kind == "like":
        chosen = [c for c in selected_chips(workspace) if c in chips.row_by_id]
        if not chosen:
            st.caption("Select chips on the Explore page or the map, then come back.")
            return ""
        st.caption(f"{count_noun(len(chosen), 'chip')} selected on the Explore page or the map.")
        return ",".join(chosen)
    if kind == "cluster":
        look = Look(reference.edited.names, reference.edited.colours)
        ids = sorted({int(i) for i in reference.edited.ids if i >= 0})
        titles = {str(i): look.name(i) for i in ids}
        return _select(reference, "Cluster", titles)
    attribute = view.survey.class_attribute
    if attribute not in chips.properties:
        st.caption("The annotations have no class attribute. Choose a cluster, or select chips.")
        return ""
    counts = chips.properties[attribute].dropna().astype(str).value_counts()
    titles = {
        value: f"{value} ({format_number(n)})"
        for value, n in zip(counts.index, counts, strict=True)
    }
    return _select(reference, "Class", titles)


def _describe_marks(chips: ChipSet, marks: ExampleSet) -> str:
    """Write the numbers of marked chips; return the ids of the examples, empty without any."""
    groups = (marks.examples, marks.counterexamples)
    n_for, n_against = (sum(chip_id in chips.row_by_id for chip_id in ids) for ids in groups)
    if not n_for:
        st.caption(MARK_HINT)
        return ""
    against = f" and {count_noun(n_against, 'example')} against" if n_against else ""
    st.caption(f"{count_noun(n_for, 'example')}{against}, marked on the Explore page or the map.")
    return ",".join(marks.examples)


def _select(reference: Reference, label: str, titles: dict[str, str]) -> str:
    workspace, values = reference.view.workspace, list(titles)
    key = choice_key(workspace, f"scan {label}", values[0] if values else "", values)
    value = st.selectbox(label, values, format_func=titles.__getitem__, key=key)
    return str(keep_choice(workspace, f"scan {label}", value) or "")


def _examples(
    reference: Reference, kind: str, value: str, marks: ExampleSet, name: str
) -> Examples:
    if kind == "marked":
        return marked_chips(reference.view, marks, name)
    if kind == "like":
        return chips_like(reference.view, value.split(","), name)
    if kind == "cluster":
        return chips_of_cluster(reference, value, name)
    return chips_of_class(reference.view, value, name)
