"""The panel of the label economy of land cover: the curve with its bands, and the answer."""

import dataclasses
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.land_cover import land_data, land_jobs, score_charts
from app.land_cover.land_data import Land
from app.land_cover.models import run_form
from app.land_cover.models.grid_panel import judged_on, kept_of, study_of
from app.widgets import charts
from app.widgets.markup import hover, number, plain
from core.flair.evaluation.economy_verdict import answer
from core.flair.evaluation.label_economy import Point
from core.flair.models.classifiers import MethodSettings
from core.pipeline.flair import economy_stage


def economy(land: Land) -> None:
    """What labels buy."""
    st.markdown("Can clustering replace annotation? A person may label pixels for kNN, or look at "
                "clusters and name them. Labels are counted alike: one pixel looked at is one "
                "label.")  # fmt: skip
    left, right = st.columns([2, 5], gap="large")
    with left:
        spec = run_form.features_form(land, "economy", rich=True)
        study = study_of(land)
        method = MethodSettings()
        tables = land_jobs.tables(study.settings, method, spec)
        found = kept_of(land, economy_stage.ECONOMY,
                       lambda: economy_stage.economy_step(study, method, spec))  # fmt: skip
        if found is None:
            words = ("economy", "--protocol", study.settings.protocol)
            land_jobs.button(land.place, "Compute the curve", "Spending labels", words,
                              tables=(tables,))  # fmt: skip
    if found is None:
        right.caption("This curve has not been computed for these features.")
        return
    points = economy_stage.open_economy(found)
    with right:
        st.plotly_chart(banded(score_charts.economy(points), points), theme=None,
                        config=dict(charts.EXPORT), key="cs.land.economy")  # fmt: skip
        st.markdown(plain(answer(points)))
        told = pd.DataFrame([dataclasses.asdict(point) for point in points])
        land_data.download(land, "Download the curve (CSV)", told, "flair-labels.csv")
        n_folds, n_draws = found.counts["folds"], found.counts["draws"]
        folds = f"all {n_folds} folds together" if n_folds > 1 else "one fold"
        st.caption(plain(f"{spec.title}; {judged_on(study)}, {folds}; labels are those of one "
                         f"model. The mean of {n_draws} draws of the labels that are spent, and "
                         "the lowest and the highest of them. A sample of pixels judges, so "
                         "figures differ a little from whole runs. \"Every label\" names "
                         "clusters by all training labels: no saving."))  # fmt: skip


def banded(figure: go.Figure, points: Sequence[Point]) -> go.Figure:
    """The curve with the range of the draws: an area for pixels, whiskers for clusters."""
    by_method = {method: sorted((p for p in points if p.method == method),
                                key=lambda p: p.n_labels)
                 for method in dict.fromkeys(p.method for p in points)}  # fmt: skip
    for trace, mine in zip(figure.data, by_method.values(), strict=False):
        trace.hovertext = [
            f"{hover(p.method)}: {hover(p.rule)}<br>{number(p.n_labels)} labels, mIoU "
            f"{p.miou:.3f}, draws {p.low:.3f} to {p.high:.3f}" for p in mine
        ]  # fmt: skip
        if mine[0].n_clusters:
            trace.error_y = {
                "type": "data", "symmetric": False, "thickness": 1, "width": 3,
                "array": [p.high - p.miou for p in mine],
                "arrayminus": [p.miou - p.low for p in mine],
            }  # fmt: skip
    pixels = by_method["knn"]
    at = [p.n_labels for p in pixels]
    figure.add_scatter(
        x=[*at, *reversed(at)],
        y=[*(p.high for p in pixels), *(p.low for p in reversed(pixels))],
        fill="toself", mode="none", fillcolor="rgba(107, 118, 131, 0.22)",
        hoverinfo="skip", name="range of the draws",
    )  # fmt: skip
    return figure
