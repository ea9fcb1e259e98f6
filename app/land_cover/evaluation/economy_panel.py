"""The panel of the label economy: whether clusters replace labels, and what saves labels."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.land_cover.evaluation.economy_chart import economy_chart
from app.land_cover.land_data import Land, curve_run
from app.land_cover.land_jobs import study_job_button
from app.land_cover.land_widgets import download_button, land_choice
from app.land_cover.run_form import features_form
from app.widgets.charts import show_chart
from app.widgets.markup import escape_markdown
from core.land.evaluation.economy_verdict import KIND_TITLES, economy_sentences, point_rows
from core.land.evaluation.label_economy import EconomyPoint, Kind, LabelEconomy
from core.land.models.classifiers import MethodSettings
from core.pipeline.land.economy_stage import ECONOMIES
from core.pipeline.land.run_titles import describe_evaluation
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.land.study_results import find_artifact


def economy_panel(land: Land) -> None:
    """Show the answer to whether clusters replace labels, and the curves that it comes from."""
    st.markdown(
        "Can clustering replace annotation? Labelled pixels can be used to train a classifier, or "
        "to name clusters. Both uses are counted in the same way: one inspected pixel is one label."
    )
    left, right = st.columns([2, 5], gap="large")
    with left:
        run = curve_run(land, MethodSettings(), features_form(land, "economy"))
        artifact = find_artifact(land.workspace, ECONOMIES, run)
        if artifact is None:
            study_job_button(run, "Compute the curve", "Computing the label economy", "economy")
    if artifact is None:
        right.caption("The curve for these features has not been computed yet.")
        return
    with right:
        _show_economy(land, run, ECONOMIES.open(artifact), artifact.counts["folds"])


def _show_economy(land: Land, run: StudyRun, economy: LabelEconomy, n_folds: int) -> None:
    answer, *support = (land.adapt(text) for text in economy_sentences(economy))
    st.markdown(f"**{escape_markdown(answer)}**")
    kind = _choose_kind(land, economy.points)
    show_chart(economy_chart(economy.points, kind), "cs.land.economy")
    st.markdown(escape_markdown(" ".join(support)))
    table = pd.DataFrame(point_rows(economy.points))
    download_button(land, "Download the curve (CSV)", table, "flair-labels.csv")
    folds = f"pooled over {n_folds} folds" if n_folds > 1 else "in one fold"
    text = (
        f"Features: {run.spec.title}. Evaluated on {describe_evaluation(run)}, {folds}. The number "
        "of labels is that for one model. Each point is the mean of "
        f"{economy.n_draws} random draws of the labels, and the whiskers are the range described "
        "above. The scores come from a sample of pixels, so they differ slightly from those of "
        "complete runs. Points named by all labels save no labelling effort."
    )
    st.caption(escape_markdown(text))


def _choose_kind(land: Land, points: Sequence[EconomyPoint]) -> Kind:
    """Draw the choice of what is compared with labelled pixels, if there is one."""
    present = {point.kind for point in points} - {"simple"}
    kinds = {kind: title for kind, title in KIND_TITLES.items() if kind in present}
    if len(kinds) < 2:
        return next(iter(kinds), "clusters")
    return land_choice(land, "Compared with labelled pixels", kinds, "economy kind")
