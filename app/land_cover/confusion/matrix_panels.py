"""Panels on confusion matrices: one model with the pixels of a cell, and two models compared."""

from typing import Any, cast

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover import land_data, land_widgets, patch_images
from app.land_cover.confusion.matrix_chart import matrix_chart
from app.land_cover.land_data import Land
from app.land_cover.land_jobs import study_job_button
from app.session.selection import is_new_event
from app.session.state import keep_choice, page_choice
from app.widgets.charts import show_chart
from app.widgets.images import add_scale_bar, data_uri, image_figure
from app.widgets.markup import format_number
from core.flair.data.nomenclature import REDUCED, reduce_labels
from core.flair.data.pixel_table import AERIAL, SIDE
from core.flair.evaluation import confusion
from core.pipeline.flair.study_cells import CellResult, StudyRun
from core.types import BoolArray, ByteArray

NO_RUNS = "No model has been run yet. Run one on the page Models."
SHARES_NOTE = "Rows: true classes. Columns: predicted classes. Shares are relative to the row."
CELLS = {"shares": "Shares", "counts": "Counts"}
ORDERS = {"class": "by class", "together": "confused classes together", "worst": "worst first"}
MOST_LISTED = 500
FIXED = {"displaylogo": False, "displayModeBar": False}
MAGENTA = (255, 0, 200)
GSD = 0.2


def matrix_panel(land: Land) -> None:
    """Draw the matrix of one model; a click on a cell shows its patches and pixels."""
    runs = land_data.list_runs(land)
    if not runs:
        st.caption(NO_RUNS)
        return
    run = land_widgets.choose_run(land, "Model", "confused model", runs)
    first, second = st.columns([1, 2])
    with first:
        shares = land_widgets.land_choice(land, "Cells", CELLS, "cells") == "shares"
    with second:
        order = _choose_order(land)
    result = land_data.run_result(land, run)
    total, picked = result.scored_counts.sum(axis=0), page_choice(land.workspace, "cell", None)
    classes = confusion.order_classes(total, order)
    values = confusion.row_shares(total) if shares else total.astype(float)
    figure = matrix_chart(values, total, classes, picked, shares=shares)
    left, right = st.columns([11, 9], gap="large")
    with left:
        key = f"cs.land.matrix:{run.key}:{order}:{shares}"
        event: Any = st.plotly_chart(
            figure, theme=None, key=key, on_select="rerun", selection_mode="points", config=FIXED
        )
        points = [int(p["point_index"]) for p in event.selection.points if p["curve_number"] == 1]
        if points and is_new_event(land.workspace, key, tuple(points)):
            row, column = divmod(points[0], len(classes))
            keep_choice(land.workspace, "cell", (classes[row], classes[column]))
            st.rerun()
        st.caption(SHARES_NOTE)
    with right:
        if picked is None:
            _show_scores(result)
        else:
            cell_panel(land, run, picked)
    st.subheader("Class by class")
    land_widgets.show_table(class_score_table(result))


def _choose_order(land: Land) -> confusion.ClassOrder:
    order = land_widgets.land_choice(land, "Order", ORDERS, "order", "together")
    return cast(confusion.ClassOrder, order)


def _show_scores(result: CellResult) -> None:
    scores, interval = result.scores, result.interval
    cells = st.columns(3)
    cells[0].metric(f"mIoU, {scores.n_classes} classes", f"{scores.miou:.3f}")
    cells[1].metric("Overall accuracy", f"{scores.overall_accuracy:.3f}")
    cells[2].metric("Kappa", f"{scores.kappa:.3f}")
    if interval:
        st.caption(
            f"95 % interval of the mIoU: {interval.low:.3f} to {interval.high:.3f} "
            f"({interval.n_draws} draws of {interval.n_units} areas)."
        )
    st.markdown("**Click a cell** of the matrix to see the patches and pixels it counts.")


def class_score_table(result: CellResult) -> pd.DataFrame:
    """Return the IoU and the accuracies of each class."""
    scores = result.scores
    columns = {
        "IoU": scores.iou,
        "User's accuracy": scores.users_accuracy,
        "Producer's accuracy": scores.producers_accuracy,
        "F1": scores.f1,
    }
    names = [cover.name for cover in REDUCED]
    table = pd.DataFrame({"Class": names} | {name: v.round(3) for name, v in columns.items()})
    return table.assign(**{"True pixels": scores.support})


def cell_panel(land: Land, run: StudyRun, cell: tuple[int, int]) -> None:
    """Show the patches and the pixels of a cell of the matrix, row and column counted from 0."""
    result = land_data.run_result(land, run)
    truth, predicted = REDUCED[cell[0]], REDUCED[cell[1]]
    row = result.scored_counts[:, cell[0]]
    pixels, row_total = row[:, cell[1]], int(row.sum())
    verdict = "correctly" if truth == predicted else f"as {predicted.name}"
    share = f", {pixels.sum() / row_total:.1%} of all {truth.name}" if row_total else ""
    st.markdown(
        f"**{truth.name.capitalize()} predicted {verdict}**: {format_number(int(pixels.sum()))} "
        f"pixels{share}, in {int((pixels > 0).sum())} of {len(pixels)} patches."
    )
    if not pixels.any():
        return
    patches = result.patches
    ranked = [int(i) for i in np.argsort(-pixels, kind="stable") if pixels[i]]
    titles = {patches[i]: f"{patches[i]} · {format_number(int(pixels[i]))} pixels" for i in ranked}
    name = land_widgets.land_select(land, "Patch, by number of pixels", titles, f"cell {cell}")
    class_map = land_data.read_class_map(land, run, name)
    if class_map is None:
        class_map_button(run)
        return
    index = next(i for i, patch in enumerate(land.dataset.patches) if patch.name == name)
    patch = land_data.readable_patch(land, index)
    land_widgets.patch_problems(patch)
    if patch.aerial is None or patch.labels is None:
        return
    members = (reduce_labels(patch.labels) == truth.value) & (class_map == predicted.value)
    image = patch_images.highlight_pixels(patch_images.true_colour(patch.aerial), members, MAGENTA)
    figure = image_figure(data_uri(image), SIDE, SIDE, 470, "left")
    show_chart(add_scale_bar(figure, SIDE, SIDE, GSD), "cs.land.cell")
    st.caption(f"Magenta: the {format_number(int(members.sum()))} pixels of this cell in {name}.")
    _pixel_table(land, patch.aerial, members, name)


def _pixel_table(land: Land, aerial: ByteArray, members: BoolArray, name: str) -> None:
    rows, columns = np.nonzero(members)
    step = max(1, len(rows) // MOST_LISTED)
    rows, columns = rows[::step], columns[::step]
    bands = {band: aerial[i, rows, columns] for i, band in enumerate(AERIAL)}
    table = pd.DataFrame({"Column": columns, "Row": rows} | bands)
    with st.expander(f"{len(table)} of these pixels as a table"):
        st.dataframe(table, hide_index=True, height=240)
        land_widgets.download_button(
            land, "Download these pixels (CSV)", table, f"{name}-pixels.csv"
        )


def class_map_button(run: StudyRun) -> None:
    """Say that a run kept no class maps, and draw a button that writes them."""
    st.caption("This run kept no class maps, which are required here.")
    study_job_button(run, "Write its class maps", "Writing class maps", "maps")


def comparison_panels(land: Land) -> None:
    """Draw two matrices next to each other, and their difference."""
    runs = land_data.list_runs(land)
    if len(runs) < 2:
        st.caption("A comparison requires two finished runs. Run models on the page Models.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        run_a = land_widgets.choose_run(land, "Model A", "one model", runs)
    with right:
        run_b = land_widgets.choose_run(land, "Model B", "other model", runs[::-1])
    order = _choose_order(land)
    results = [land_data.run_result(land, run) for run in (run_a, run_b)]
    pair, scores = zip(*((r.scored_counts.sum(axis=0), r.scores) for r in results), strict=True)
    shares = [confusion.row_shares(counts) for counts in pair]
    classes = confusion.order_classes(pair[0] + pair[1], order)
    for i, column in enumerate(st.columns(2, gap="medium")):
        with column:
            miou, accuracy = scores[i].miou, scores[i].overall_accuracy
            st.markdown(f"mIoU **{miou:.3f}**, overall accuracy **{accuracy:.3f}**")
            figure = matrix_chart(shares[i], pair[i], classes, None).update_layout(height=470)
            show_chart(figure, f"cs.land.matrix {'AB'[i]}")
    st.subheader("Model B minus model A")
    if run_a.settings.protocol != run_b.settings.protocol:
        st.info("The models were evaluated on different pixels, which also affects the difference.")
    left, right = st.columns([11, 9], gap="large")
    with left:
        difference = np.nan_to_num(shares[1]) - np.nan_to_num(shares[0])
        figure = matrix_chart(difference, pair[1], classes, None, difference=True)
        show_chart(figure, "cs.land.apart")
        st.caption(
            f"{SHARES_NOTE} Blue: model B has the larger share, which is better on the diagonal "
            "and worse elsewhere."
        )
    with right:
        iou_a, iou_b = scores[0].iou, scores[1].iou
        table = pd.DataFrame({"Class": [cover.name for cover in REDUCED]})
        table["IoU, model A"], table["IoU, model B"] = iou_a.round(3), iou_b.round(3)
        land_widgets.show_table(table.assign(Difference=(iou_b - iou_a).round(3)))
