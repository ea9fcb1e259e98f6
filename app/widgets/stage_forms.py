"""Forms: what people choose becomes settings. A change is kept at once; dear work waits."""

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import streamlit as st

from app.session import cache, stage_jobs, state
from app.widgets import setting_labels
from app.widgets.markup import plain
from core.pipeline.plan import Plan
from core.pipeline.workspace import Workspace
from core.settings import (
    ChipSettings,
    GmmSettings,
    ProjectionSettings,
    ReductionSettings,
    TreeSettings,
)
from core.types import Covariance

# Letters of all values together that fit beside each other in the narrow column of a form.
ONE_LINE = 20
SIZES = (32, 48, 64, 96, 128, 192, 224, 256)


def chip_form(place: Workspace, bands: Sequence[str]) -> ChipSettings:
    """How chips are cut."""
    now = state.wanted(place).chips
    size = st.select_slider(
        setting_labels.label("chips", "size"),
        sorted({*SIZES, now.size}),
        key=state.widget(place, "size", now.size),
        help="Pixels along one side of each chip, after resampling.",
    )
    extent_now = "metres" if now.extent else "fit"
    ground = st.segmented_control(
        "Extent",
        ("fit", "metres"),
        format_func=lambda how: "fit each one" if how == "fit" else "fixed size",
        key=state.widget(place, "extent how", extent_now),
        required=True,
        help="Fit: each annotation fills its chip. Fixed: all chips show the same ground, so that "
        "size shows.",
    ) or extent_now  # fmt: skip
    if ground == "fit":
        extent = 0.0
        margin = st.slider(
            "Margin (share of the longer side)",
            0.0,
            max(1.0, now.margin),
            step=0.05,
            key=state.widget(place, "margin", now.margin),
            help="Context kept on each side of the annotation.",
        )
    else:
        margin = now.margin
        extent = _number(place, "chips", "extent", now.extent or 30.0, 1.0, 100_000.0, 5.0)
    align = options(place, "chips", "align", ("north", "long-axis"), now.align,
                     "The long axis: each chip is turned, so that heading does not drive the "
                     "clusters.")  # fmt: skip
    background = options(place, "chips", "background", ("keep", "mask"), now.background,
                          "Masked: what lies outside the footprint is hidden.")  # fmt: skip
    with st.expander("More"):
        point = _number(place, "chips", "point_size", now.point_size, 0.01, 100_000.0, 5.0)
        kept = st.multiselect(
            setting_labels.label("chips", "bands"),
            list(dict.fromkeys([*bands, *now.bands])),
            key=state.widget(place, "bands", list(now.bands)),
            placeholder="those common to all scenes",
        )
    made = dataclasses.replace(
        now, size=size, margin=margin, extent=extent, align=align, background=background,
        point_size=point, bands=tuple(kept),
    )  # fmt: skip
    state.want(place, chips=made)
    return made


def class_form(place: Workspace, columns: Sequence[str], guess: str) -> None:
    """Which property holds the class: counts and groups follow it, no chip is cut anew."""
    scenes = state.wanted(place).scenes
    chosen = st.selectbox(
        setting_labels.label("scenes", "class_property"),
        list(dict.fromkeys(["", *columns, scenes.class_property])),
        format_func=lambda name: name or f"{guess or 'none'} (guessed)",
        key=state.widget(place, "class property", scenes.class_property),
        help="Counts, captions, colours and scores start from it. It holds for all scenes.",
    )
    if chosen != scenes.class_property:
        state.want(place, scenes=dataclasses.replace(scenes, class_property=chosen))
        st.rerun()


def space_form(place: Workspace) -> tuple[ReductionSettings, TreeSettings, GmmSettings]:
    """What both clusterings see: dear to change."""
    asked = state.wanted(place)
    now, tree, gmm = asked.reduction, asked.tree, asked.gmm
    n_dims = _whole(place, "reduction", "n_dims", now.n_dims, 1, 2000,
                    "Kept from the embeddings.")  # fmt: skip
    covariance = st.selectbox(
        "Covariance of the mixture",
        ("auto", "full", "tied", "diag", "spherical"),
        format_func=setting_labels.choice,
        key=state.widget(place, "covariance", gmm.covariance),
        help="Automatic takes the richest that this number of chips supports.",
    )
    tree_dims = _whole(place, "tree", "n_dims", tree.n_dims, 1, 2000,
                       "HDBSCAN's own: density thins out in many dimensions.")  # fmt: skip
    samples = _whole(place, "tree", "min_samples", tree.min_samples, 1, 1000,
                     "Neighbours that make a chip dense, not counting itself. More: fewer and "
                     "calmer clusters, more noise.")  # fmt: skip
    weights = {}
    with st.expander("Mix in place and size"):
        st.caption("Off by default: place makes clusters of place.")
        for name in ("longitude", "latitude", "width", "height"):
            weights[name] = st.slider(
                setting_labels.label("reduction", name),
                0.0,
                max(3.0, getattr(now, name)),
                step=0.1,
                key=state.widget(place, f"weight {name}", getattr(now, name)),
            )
    made = (
        dataclasses.replace(now, n_dims=n_dims, **weights),
        dataclasses.replace(tree, n_dims=tree_dims, min_samples=samples),
        dataclasses.replace(gmm, covariance=cast(Covariance, covariance)),
    )
    state.want(place, reduction=made[0], tree=made[1], gmm=made[2])
    return made


def projection_form(place: Workspace) -> ProjectionSettings:
    """How the picture is drawn: dear to change."""
    now = state.wanted(place).projection
    auto = st.toggle(
        "Perplexity from the number of chips",
        key=state.widget(place, "perplexity auto", now.perplexity == 0),
    )
    perplexity = 0.0 if auto else _number(
        place, "projection", "perplexity", now.perplexity or 30.0, 2.0, 10_000.0, 5.0
    )  # fmt: skip
    made = dataclasses.replace(
        now,
        perplexity=perplexity,
        n_iter=_whole(place, "projection", "n_iter", now.n_iter, 50, 10_000, "", 50),
        exaggeration=_number(place, "projection", "exaggeration", now.exaggeration, 1.0, 50.0, 0.5),
        seed=_whole(place, "projection", "seed", now.seed, 0, 2**31 - 1, ""),
    )
    state.want(place, projection=made)
    return made


def outdated(place: Workspace, stage: str, until: str = "") -> None:
    """Say which settings the shown result belongs to, where others are asked for.

    Called after the forms, which may have changed what is asked for.

    Parameters
    ----------
    place : Workspace
    stage : str
        What the page shows.
    until : str
        The last stage to compute; by default `stage`.
    """
    until = until or stage
    showing = state.showing(place, stage)
    if showing is None or showing.current:
        return
    state.settle(place, lambda settings: cache.plan(place, settings).ready)
    settled = state.showing(place, stage)
    if settled is not None and settled.current:
        # What a form asked for was there already: the page shows it from the start.
        st.rerun()
    asked = state.wanted(place)
    phrases = setting_labels.differences(showing.settings, asked, state.PARTS[stage])
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="cs_stale"):
        words = plain(", ".join(phrases))
        st.markdown(f"**Shown is the result before your changes** ({words}).")
        idle = stage_jobs.busy(place) is not None
        if st.button("Compute it", key=f"cs.compute:{stage}", type="primary", disabled=idle,
                     help="Something is being computed already." if idle else None):  # fmt: skip
            stage_jobs.start(place, asked, until, f"Computing {until}")
            st.rerun()
        if st.button("Keep what is shown", key=f"cs.keep:{stage}"):
            parts = {part: getattr(showing.settings, part) for part in state.PARTS[stage]}
            state.revert(place, dataclasses.replace(asked, **parts))
            st.rerun()


def run_button(place: Workspace, until: str, label: str, title: str, *, wide: bool = True) -> None:
    """Compute a stage; quiet where nothing is to be done or something is at work."""
    asked = state.wanted(place)
    plan = cache.plan(place, asked)
    live = until == "clusters" and cache.labelling(place, plan, asked) is not None
    if lacking(plan):
        return
    idle = plan.ready[until] or live or stage_jobs.busy(place) is not None
    words = "Up to date" if plan.ready[until] or live else label
    if st.button(words, key=f"cs.run:{until}", type="primary", disabled=idle,
                 width="stretch" if wide else "content"):  # fmt: skip
        stage_jobs.start(place, state.wanted(place), until, title)
        st.rerun()


def lacking(plan: Plan) -> bool:
    """Say what is missing before anything can be computed, and where to see it.

    Returns
    -------
    bool
        True if no scene can be used.
    """
    found = plan.found
    if found.usable:
        return False
    whole = [report for report in found.reports if report.ok]
    if not found.reports:
        words = "There are no scenes in this workspace yet."
    elif not whole:
        words = "None of the scenes can be used."
    else:
        words = "None of the scenes has annotations yet."
    st.markdown(words)
    st.page_link("../pages/scenes.py", label="Open the page Scenes")
    return True


def options(
    place: Workspace,
    stage: str,
    name: str,
    values: Sequence[str],
    now: str,
    words: str,
    *,
    disabled: bool = False,
) -> Any:
    """A choice between a few values of a setting."""
    label, key = setting_labels.label(stage, name), state.widget(place, f"{stage} {name}", now)
    if sum(len(setting_labels.choice(value)) for value in values) > ONE_LINE:
        return st.selectbox(
            label, values, format_func=setting_labels.choice, key=key, help=words, disabled=disabled
        )
    chosen = st.segmented_control(
        label, values, format_func=setting_labels.choice, required=True, key=key, help=words,
        disabled=disabled,
    )  # fmt: skip
    # A page that was cut short can leave the widget without a value.
    return now if chosen is None else chosen


def _number(
    place: Workspace, stage: str, name: str, now: float, low: float, high: float, step: float
) -> float:
    return st.number_input(
        setting_labels.label(stage, name), low, high, step=step,
        key=state.widget(place, f"{stage} {name}", now),
    )  # fmt: skip


def _whole(
    place: Workspace, stage: str, name: str, now: int, low: int, high: int, words: str,
    step: int = 1,
) -> int:  # fmt: skip
    return st.number_input(
        setting_labels.label(stage, name), low, high, step=step, help=words or None,
        key=state.widget(place, f"{stage} {name}", now),
    )  # fmt: skip
