"""The comparison of the clusters before and after each correction of a confounder."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from app.session import cache, jobs, views
from app.session.displayed_clusters import Clusters
from app.session.state import widget_key
from app.widgets.chip_tables import class_attribute, csv_button
from app.widgets.job_status import estimate_line
from app.widgets.markup import escape_markdown
from core.chips.chip_set import ChipSet
from core.clusters.evaluation.correction_choice import choose_correction
from core.clusters.evaluation.corrections import CORRECTIONS
from core.clusters.evaluation.report_card import EVALUATION_DIMS
from core.pipeline.corrections.correction_comparison import (
    CorrectionComparison,
    find_correction_comparison,
)
from core.pipeline.estimates.fit_estimate import estimate_corrections
from core.pipeline.view import View

_SHARE = "Share of information that the clusters have in common with"
_RANGE = "0 to 1, corrected for chance. Lower is better."
# Column titles and explanations of the measures.
TITLES = {
    "title": ("Settings", ""),
    "n_clusters": ("Clusters", ""),
    "noise_fraction": ("Noise", ""),
    "scene": ("Scene", f"{_SHARE} the scene, {_RANGE}"),
    "brightness": ("Brightness", f"{_SHARE} the brightness of the chips, {_RANGE}"),
    "sharpness": ("Sharpness", f"{_SHARE} the sharpness of the chips, {_RANGE}"),
    "silhouette": (
        "Silhouette",
        f"In {EVALUATION_DIMS} principal components, which differ between rows. Compare roughly.",
    ),
    "stability": ("Stability", "Mean stability of the clusters in ten resamples."),
    "ari": ("ARI", "Agreement with the attribute: 0 is chance, 1 is full agreement."),
    "ami": ("AMI", "Agreement with the attribute: 0 is chance, 1 is full agreement."),
}


def correction_panel(clusters: Clusters, chips: ChipSet) -> None:
    """Draw the effect of each correction of a confounder, or offer to compute it."""
    view, attribute = clusters.view, class_attribute(chips)
    st.header("Corrections of confounders")
    comparison = find_correction_comparison(view, attribute)
    if comparison is None:
        _offer_comparison(view, attribute)
        return
    _show_effects(comparison)
    harmful = cache.harmful_names(view, chips)
    best = choose_correction(comparison.effects, comparison.attribute, harmful)
    st.markdown(escape_markdown(best.sentence))
    for warning in comparison.warnings:
        st.warning(escape_markdown(warning))
    compared = f" ARI and AMI compare clusters and {attribute}." if attribute else ""
    st.caption(
        escape_markdown(
            "Clusters as the method returns them, before noise treatment and edits. Scene, "
            "brightness and sharpness: share of information that the clusters have in common with "
            "it, 0 to 1; lower is better. A correction helps if it lowers this share and the "
            f"clusters agree with the attribute at least as well.{compared} "
            f"{' '.join(comparison.notes)}"
        )
    )
    _correction_choice(view, comparison, best.name, harmful)


def _offer_comparison(view: View, attribute: str) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            "If the clusters follow scene, brightness or blur, a correction may help. The "
            "comparison clusters the chips again with each correction and measures the effect."
        )
        st.button(
            "Compare corrections",
            key="cs.corrections",
            disabled=jobs.running_job(view.workspace) is not None,
            on_click=jobs.start_corrections,
            args=(view.workspace, view.settings, attribute),
        )
    estimate_line(view.workspace, partial(estimate_corrections, view))


def _show_effects(comparison: CorrectionComparison) -> None:
    table = pd.DataFrame([vars(effect) for effect in comparison.effects])[[*TITLES]]
    table = table.dropna(axis="columns", how="all")
    columns = {
        title: st.column_config.NumberColumn(
            help=text or None, format="percent" if name == "noise_fraction" else "%.2f"
        )
        for name, (title, text) in TITLES.items()
        if name not in ("title", "n_clusters")
    }
    table = table.rename(columns={name: title for name, (title, _) in TITLES.items()})
    columns = {title: config for title, config in columns.items() if title in table}
    st.dataframe(table, hide_index=True, height="content", column_config=columns, placeholder="–")
    csv_button("Download the comparison (CSV)", table, "corrections.csv", key="cs.corrections.csv")


def _correction_choice(
    view: View, comparison: CorrectionComparison, best: str, harmful: Sequence[str]
) -> None:
    """Draw the selector of a compared correction and the button that requests its settings.

    The selector starts with the best correction, or empty if none is better.
    """
    titles = {
        effect.name: effect.title for effect in comparison.effects[1:] if effect.name not in harmful
    }
    if not titles:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Correction",
            list(titles),
            format_func=lambda name: titles[name],
            index=None,
            placeholder="none is better",
            key=widget_key(view.workspace, f"correction {best}", best or None),
            width=320,
        )
        if st.button("Use this correction", key="cs.correct", disabled=name is None):
            correction = next(item for item in CORRECTIONS if item.name == name)
            views.reset_settings(
                view.workspace, correction.toggle(views.requested_settings(view.workspace))
            )
            st.rerun()
