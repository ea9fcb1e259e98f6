"""The panel of the label economy: the mIoU reached per number of labels, and its verdict."""

import dataclasses

import pandas as pd
import streamlit as st

from app.land_cover.land_data import Land, curve_run
from app.land_cover.land_jobs import study_job_button
from app.land_cover.land_widgets import download_button
from app.land_cover.models.run_form import features_form
from app.land_cover.run_titles import describe_evaluation
from app.land_cover.score_charts import economy_chart
from app.widgets.charts import show_chart
from app.widgets.markup import escape_markdown
from core.flair.evaluation.economy_verdict import economy_answer
from core.flair.models.classifiers import MethodSettings
from core.pipeline.flair.economy_stage import ECONOMIES
from core.pipeline.flair.study_results import find_artifact


def economy_panel(land: Land) -> None:
    """Show the mIoU reached per number of labels."""
    st.markdown(
        "Can clustering replace annotation? Labels can be given to single pixels, for kNN, or to "
        "clusters, to name them. They are counted in the same way: one inspected pixel is one "
        "label."
    )
    left, right = st.columns([2, 5], gap="large")
    with left:
        run = curve_run(land, MethodSettings(), features_form(land, "economy", rich=True))
        artifact = find_artifact(land.workspace, ECONOMIES, run)
        if artifact is None:
            study_job_button(run, "Compute the curve", "Computing the label economy", "economy")
    if artifact is None:
        right.caption("The curve of these features has not been computed yet.")
        return
    points = ECONOMIES.open(artifact)
    with right:
        show_chart(economy_chart(points), "cs.land.economy")
        st.markdown(escape_markdown(economy_answer(points)))
        table = pd.DataFrame([dataclasses.asdict(point) for point in points])
        download_button(land, "Download the curve (CSV)", table, "flair-labels.csv")
        n_folds, n_draws = artifact.counts["folds"], artifact.counts["draws"]
        folds = f"all {n_folds} folds together" if n_folds > 1 else "one fold"
        text = (
            f"{run.spec.title}. Evaluated on {describe_evaluation(run)}, {folds}. Labels are those "
            f"of one model. Each point is the mean of {n_draws} random draws of the labelled "
            "pixels; the ranges extend from the lowest to the highest draw. The scores come from a "
            "sample of pixels, so they differ slightly from those of complete runs. With "
            '"every training label", clusters are named by all labels, which saves none.'
        )
        st.caption(escape_markdown(text))
