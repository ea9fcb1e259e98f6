"""The choice of two scenes of the same ground, and the job that compares them."""

import streamlit as st

from app.session import cache, jobs
from app.session.state import choice_key, keep_choice
from app.widgets.job_status import estimate_line
from app.widgets.markup import escape_markdown
from core.artifacts.keys import make_key
from core.pipeline.change.scene_comparison import (
    SceneChanges,
    ScenePair,
    choose_pair,
    comparison_keys,
    find_changes,
    find_pairs,
)
from core.pipeline.estimates.fit_estimate import estimate_added_chips
from core.pipeline.estimates.run_estimate import expected_chips
from core.pipeline.scene_search.scan_stages import require_pixel_encoder
from core.pipeline.view import View

EARLIER_HELP = "Scenes have no reliable date, so choose the order here. A new order is quick."


def pair_form(view: View) -> ScenePair | None:
    """Draw the choice of the earlier and the later scene; None if no scenes overlap.

    Raises ChipscapeError if scenes cannot be read, or if the embeddings cannot be compared.
    """
    present = [scene.report.name for scene in view.survey.usable if scene.present]
    pairs = cache.stage_result(
        view, "embeddings", "scene pairs", lambda: find_pairs(view), present=present
    )
    if not pairs:
        st.info(escape_markdown(_explain_no_pair(view, present)))
        return None
    require_pixel_encoder(view.settings.embed.encoder)
    partners: dict[str, list[str]] = {}
    for first, second in (pair.names for pair in pairs):
        partners.setdefault(first, []).append(second)
        partners.setdefault(second, []).append(first)
    columns = st.columns([3, 3, 2], vertical_alignment="bottom")
    with columns[0]:
        earlier = _choose_scene(view, "Earlier scene", list(partners), EARLIER_HELP)
    with columns[1]:
        later = _choose_scene(view, "Later scene", partners[earlier])
    pair = choose_pair(view, (earlier, later))
    with columns[2]:
        if read_changes(pair) is None:
            _compare_button(pair)
    return pair


def read_changes(pair: ScenePair) -> SceneChanges | None:
    """Return the changes between two scenes, or None if these have not been compared.

    Raises TooFewError if too few footprints lie on both scenes.
    """
    content = {"keys": comparison_keys(pair), "pair": pair.names}
    return cache.cached_result(make_key("changes", 1, content), lambda: find_changes(pair))


def _choose_scene(view: View, label: str, names: list[str], help_text: str = "") -> str:
    workspace, name = view.workspace, f"changes {label}"
    key = choice_key(workspace, name, names[0], names)
    choice = st.selectbox(label, names, key=key, help=help_text or None)
    return str(keep_choice(workspace, name, choice))


def _compare_button(pair: ScenePair) -> None:
    workspace = pair.view.workspace
    is_busy = jobs.running_job(workspace) is not None
    if st.button("Compare", type="primary", key="cs.changes", disabled=is_busy, width="stretch"):
        jobs.start_change_comparison(workspace, pair.names)
        st.rerun()
    n = expected_chips(pair.view)
    estimate_line(workspace, lambda model: estimate_added_chips(pair.view, model, n))


def _explain_no_pair(view: View, present: list[str]) -> str:
    remedy = (
        "Put a scene of the same ground and another date into raw/, with annotations, and compute "
        "the result again."
    )
    missing = [s.report.name for s in view.survey.usable if s.report.name not in present]
    if missing:
        return f"These scenes of the result are not in raw/: {', '.join(missing)}. Put them back."
    if len(present) == 1:
        return f"The result has only one scene, {present[0]}. {remedy}"
    if not any(scene.report.crs for scene in view.survey.usable):
        return "The scenes have no CRS, so it is not known which of them cover the same ground."
    return f"No two scenes of the result cover the same ground. {remedy}"
