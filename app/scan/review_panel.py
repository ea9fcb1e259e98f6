"""The candidates of a search: the score map, the threshold, and a review with the keyboard."""

import json
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any

import pandas as pd
import streamlit as st

from app import messages
from app.components import app_component
from app.scan.scan_pictures import ScanPictures, pictures_address
from app.session import cache, jobs, views
from app.session.state import drawer, keep_choice, page_choice, widget_value
from app.widgets.job_status import estimate_line
from app.widgets.markup import count_noun, escape_markdown
from core.artifacts.keys import make_key
from core.pipeline.estimates.run_estimate import estimate_run
from core.pipeline.scene_search.candidates import (
    SearchResult,
    example_windows,
    find_candidates,
    scene_scans,
    update_states,
)
from core.pipeline.scene_search.decided_candidates import decide_rows
from core.pipeline.scene_search.decisions import (
    ORIGIN,
    confirmed_collection,
    confirmed_ids,
    decisions_stamp,
    target_name,
)
from core.pipeline.scene_search.examples import SearchQuery
from core.pipeline.scene_search.scan_stages import EXAMPLE_WINDOWS, SCENE_SCANS
from core.pipeline.workspace import Workspace

# The browser draws all candidates at each step.
MOST_CANDIDATES = 3000


def find_result(query: SearchQuery) -> SearchResult | None:
    """Return the result of a search, with the states of its candidates; None if not computed.

    The ranking stays as it is while candidates are decided on; see `rank_again`.
    """
    key = _search_key(query)
    result = cache.cached_result(key, lambda: find_candidates(query))
    return None if result is None else update_states(result, query)


def review_panel(result: SearchResult) -> None:
    """Draw the review of the candidates of a search."""
    for reason in result.refused.values():
        st.warning(escape_markdown(f"Not searched: {reason}"))
    table = result.above(0.0).head(MOST_CANDIDATES)
    n_annotated = result.counts(0.0)["annotated"]
    if n_annotated:
        verb = "is" if n_annotated == 1 else "are"
        st.caption(f"{count_noun(n_annotated, 'annotated place')} {verb} left out.")
    if table.empty:
        st.info("No other place in these scenes resembles the examples.")
        return
    _review(result, _component_data(result, table))


@st.fragment
def _review(result: SearchResult, data: dict[str, Any]) -> None:
    """Draw the component; only this part of the page runs again after a decision."""
    query = result.query
    workspace = query.view.workspace
    key = f"cs.scan_review:{sha256(data['session'].encode()).hexdigest()[:16]}"
    with messages.show_errors():
        _store_decisions(result, key)
    threshold = getattr(widget_value(key), "threshold", None)
    if threshold is not None:
        keep_choice(workspace, _threshold_name(query), float(threshold))
    app_component("scan")(
        data=data, key=key, on_decisions_change=lambda: None, on_threshold_change=lambda: None
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _add_button(query)
        rank_help = "Uses your decisions as further examples for and against."
        if st.button("Rank again", key="cs.scan rank", help=rank_help):
            rank_again(query)
            st.rerun()
        _download_button(workspace)


def _add_button(query: SearchQuery) -> None:
    """Draw the button that computes the result again with the confirmed candidates."""
    workspace = query.view.workspace
    n_new = count_new(query)
    objects = count_noun(n_new, "confirmed object") if n_new else "confirmed objects"
    label = f"Add {objects} to the result"
    is_busy = jobs.running_job(workspace) is not None
    note = "Cuts their chips, and clusters all chips again. Names of clusters are kept."
    if st.button(label, key="cs.scan add", help=note, disabled=is_busy or not n_new):
        settings = views.requested_settings(workspace)
        jobs.start_run(workspace, settings, "projection", "Adding confirmed objects")
        st.rerun()
    if n_new and not is_busy:
        estimate_line(workspace, partial(estimate_run, views.requested_view(workspace)))


def count_new(query: SearchQuery) -> int:
    """Return the number of confirmed candidates that the result of a search does not contain."""
    workspace, chips = query.view.workspace, cache.chips(query.view)
    n_confirmed = sum(len(confirmed_ids(workspace, scene.path)) for scene in query.scenes)
    if chips is None or ORIGIN not in chips.properties:
        return n_confirmed
    is_searched = chips.facts["scene"].isin([scene.report.name for scene in query.scenes])
    return max(0, n_confirmed - int((chips.properties[ORIGIN].notna() & is_searched).sum()))


def _download_button(workspace: Workspace) -> None:
    """Draw the button that downloads all confirmed objects, also those of other searches."""

    def content() -> bytes:
        return json.dumps(confirmed_collection(workspace)).encode()

    st.download_button(
        "Download confirmed (GeoJSON)",
        content,
        "confirmed.geojson",
        "application/geo+json",
        key="cs.scan download",
        help="All confirmed objects of the workspace, in longitude and latitude (EPSG:4326).",
        on_click="ignore",
    )


def rank_again(query: SearchQuery) -> None:
    """Let the next ranking use all decisions so far."""
    workspace = query.view.workspace
    keep_choice(workspace, "scan stamp", decisions_stamp(workspace))


def _search_key(query: SearchQuery) -> str:
    workspace = query.view.workspace
    stamp = page_choice(workspace, "scan stamp", None)
    if stamp is None:
        stamp = keep_choice(workspace, "scan stamp", decisions_stamp(workspace))
    content = {
        "root": str(workspace.root),
        "examples": EXAMPLE_WINDOWS.step(example_windows(query)).key,
        "scans": [SCENE_SCANS.step(scan).key for scan in scene_scans(query)],
        "target": target_name(query.attributes),
        "stamp": stamp,
    }
    return make_key("scene search", 1, content)


def _threshold_name(query: SearchQuery) -> str:
    """Return the name of the threshold among the choices: one for each kind of object."""
    return f"scan threshold {target_name(query.attributes)}"


def _store_decisions(result: SearchResult, key: str) -> None:
    """Store the decisions that the browser has added to its list since the last time."""
    sent = getattr(widget_value(key), "decisions", None) or {"instance": "", "log": []}
    counts, instance = drawer("scan decisions", result.query.view.workspace), sent["instance"]
    for chip_id, decision in sent["log"][counts.get(instance, 0) :]:
        if decision in ("confirmed", "rejected", "open"):
            decide_rows(result, [str(chip_id)], decision)
        counts[instance] = counts.get(instance, 0) + 1


def _component_data(result: SearchResult, table: pd.DataFrame) -> dict[str, Any]:
    """Return what the component draws; `table` has the candidates to be reviewed."""
    query = result.query
    workspace = query.view.workspace
    names = [score_map.scene.report.name for score_map in result.maps]
    renderings = {
        m.scene.report.name: cache.shared_rendering(
            workspace, m.scene.report.dtype, m.scene.report.bands
        )
        for m in result.maps
    }
    looks = [f"{r.bands}{r.limits.tolist()}" for r in renderings.values()]
    session = _search_key(query)
    pictures = ScanPictures(result, renderings)
    is_annotated = result.table["state"] == "annotated"
    places = result.table[is_annotated & (result.table["score"] >= result.suggested_threshold)]
    frame = ["scene", "column", "row", "width", "height"]
    annotated = [
        [names.index(scene), *(round(v, 2) for v in square)]
        for scene, *square in places[frame].head(MOST_CANDIDATES).itertuples(index=False)
    ]
    rows = table.reset_index(names="number")
    columns = ["number", "id", *frame, "score", "state"]
    candidates = [
        [n, chip_id, names.index(scene), *(round(v, 2) for v in square), round(score, 4), state]
        for n, chip_id, scene, *square, score, state in rows[columns].itertuples(index=False)
    ]
    content = {
        "label": ", ".join(query.attributes.values()),
        "session": session,
        "address": pictures_address(f"{session}{looks}", pictures),
        "threshold": page_choice(workspace, _threshold_name(query), result.suggested_threshold),
        "scenes": [_scene_data(result, i) for i in range(len(names))],
        "candidates": candidates,
        "annotated": annotated,
    }
    return content | {"key": make_key("scan data", 1, {**content, "threshold": 0})}


def _scene_data(result: SearchResult, number: int) -> Mapping[str, Any]:
    """Return the name and the size of a scene, and the frame of its score map in pixels."""
    score_map = result.maps[number]
    report, grid = score_map.scene.report, score_map.scan.grid
    height, width = (n * grid.step for n in grid.shape)
    left = float(grid.columns[0]) - grid.step / 2 if len(grid) else 0.0
    top = float(grid.rows[0]) - grid.step / 2 if len(grid) else 0.0
    return {
        "name": report.name,
        "width": report.width,
        "height": report.height,
        "heat": [left, top, width, height],
    }
