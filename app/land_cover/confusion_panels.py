"""Panels of confusion matrices, the pixels that a cell counts, and class maps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover import land_data, land_widgets, patch_images
from app.land_cover.land_data import Land
from app.land_cover.land_jobs import study_job_button
from app.land_cover.score_charts import matrix_chart
from app.session.state import is_new_event, keep_choice, page_choice
from app.widgets.charts import show_chart
from app.widgets.images import add_scale_bar, data_uri, image_figure, show_image
from app.widgets.markup import format_number, legend_html
from core.land.data.nomenclature import Legend
from core.land.evaluation import confusion
from core.land.evaluation.confusion import count_confusion, wrong_pixels
from core.land.evaluation.scorers import choose_scorer
from core.pipeline.land.cell_results import CellResult
from core.pipeline.land.run_titles import run_title
from core.pipeline.land.study_cells import StudyRun
from core.types import AnyArray, BoolArray, ByteArray

NO_RUNS = "No model has been run yet. Run one on the Models page."
SHARES_NOTE = "Rows: true classes. Columns: predicted classes. Shares refer to the row total."
CELLS = {"shares": "Shares", "counts": "Counts"}
ORDERS: Mapping[confusion.ClassOrder, str] = {
    "class": "by class number",
    "together": "confused classes together",
    "worst": "worst classes first",
}
MOST_LISTED, MOST_MODELS = 500, 3
FIXED = {"displaylogo": False, "displayModeBar": False}
MAGENTA = (255, 0, 200)
GSD = 0.2


def matrix_panel(land: Land) -> None:
    """Draw a model's confusion matrix; a click on a cell shows the cell's patches and pixels."""
    runs = land_data.list_runs(land)
    if not runs:
        st.caption(NO_RUNS)
        return
    run = land_widgets.choose_run(land, "Model", "confused model", runs)
    first, second = st.columns([1, 2])
    with first:
        shares = land_widgets.land_choice(land, "Cell values", CELLS, "cells") == "shares"
    with second:
        order = land_widgets.land_choice(land, "Class order", ORDERS, "order", "together")
    result = land_data.run_result(land, run)
    total, picked = result.scored_counts.sum(axis=0), page_choice(land.workspace, "cell", None)
    classes = confusion.order_classes(total, order)
    values = confusion.row_shares(total) if shares else total.astype(float)
    figure = matrix_chart(values, total, classes, picked, legend=land.legend, shares=shares)
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
            _show_scores(land, result)
        else:
            cell_panel(land, run, picked)
    st.header("Scores by class")
    land_widgets.show_table(class_score_table(result))


def _show_scores(land: Land, result: CellResult) -> None:
    scores, interval = result.scores, result.interval
    first, second, third = st.columns(3)
    first.metric(f"mIoU, {scores.n_classes} classes", f"{scores.miou:.3f}")
    second.metric("Overall accuracy", f"{scores.overall_accuracy:.3f}")
    third.metric("Kappa", f"{scores.kappa:.3f}")
    caption = f"mIoU by the {result.scorer.title}. {result.scorer.rule}"
    if interval:
        caption += land.adapt(" 95 % interval over areas: ")
        caption += f"{interval.low:.3f} to {interval.high:.3f}."
    st.caption(caption)
    st.markdown(
        land.adapt("**Click a cell** of the matrix to see the patches and pixels it counts.")
    )


def class_score_table(result: CellResult) -> pd.DataFrame:
    """Return a table of the IoU, accuracies, F1 and number of pixels of each class."""
    scores = result.scores
    columns = {
        "Class": [cover.name for cover in result.legend.reduced],
        "IoU": scores.iou,
        "User's accuracy": scores.users_accuracy,
        "Producer's accuracy": scores.producers_accuracy,
        "F1": scores.f1,
        "True pixels": scores.support,
    }
    return pd.DataFrame(columns).round(3).iloc[: len(result.legend.listed)]


def cell_panel(land: Land, run: StudyRun, cell: tuple[int, int]) -> None:
    """Show the patches and pixels counted in a matrix cell; `cell` is (row, column), from 0."""
    result = land_data.run_result(land, run)
    truth, predicted = (land.legend.reduced[position] for position in cell)
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
    name = land_widgets.land_select(
        land, land.adapt("Patch (most pixels first)"), titles, f"cell {cell}"
    )
    class_map = land_data.read_class_map(land, run, name)
    if class_map is None:
        class_map_button(run)
        return
    index = next(i for i, patch in enumerate(land.dataset.patches) if patch.name == name)
    patch = land_widgets.show_patch_problems(land, index)
    if patch.aerial is None or patch.labels is None:
        return
    members = (land.legend.reduce_labels(patch.labels) == truth.value) & (
        class_map == predicted.value
    )
    image = patch_images.true_colour(patch.aerial, land.bands)
    image = patch_images.highlight_pixels(image, members, MAGENTA)
    height, width = patch.patch.shape
    figure = image_figure(data_uri(image), width, height, 470, "left")
    if patch.patch.window is None:
        figure = add_scale_bar(figure, width, height, GSD)
    show_chart(figure, "cs.land.cell")
    st.caption(f"Magenta: the {format_number(int(members.sum()))} pixels of this cell in {name}.")
    _pixel_table(land, patch.aerial, members, name)


def _pixel_table(land: Land, aerial: AnyArray, members: BoolArray, name: str) -> None:
    rows, columns = np.nonzero(members)
    step = max(1, len(rows) // MOST_LISTED)
    rows, columns = rows[::step], columns[::step]
    bands = {band: aerial[i, rows, columns] for i, band in enumerate(land.bands.names)}
    table = pd.DataFrame({"Column": columns, "Row": rows} | bands)
    with st.expander(f"{len(table)} of these pixels as a table"):
        st.dataframe(table, hide_index=True, height=240)
        label = "Download these pixels (CSV)"
        land_widgets.download_button(land, label, table, f"{name}-pixels.csv")


def class_map_button(run: StudyRun) -> None:
    """Report that a run has no class maps, and draw a button that writes them."""
    st.caption("The class maps of this run were not stored. They are required here.")
    study_job_button(run, "Write the class maps", "Writing class maps", "maps")


def comparison_panels(land: Land) -> None:
    """Draw the confusion matrices of two models next to each other, and their difference."""
    runs = land_data.list_runs(land)
    if len(runs) < 2:
        st.caption("A comparison requires two finished runs. Run models on the Models page.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        run_a = land_widgets.choose_run(land, "Model A", "one model", runs)
    with right:
        run_b = land_widgets.choose_run(land, "Model B", "other model", runs[::-1])
    order = land_widgets.land_choice(land, "Class order", ORDERS, "order", "together")
    results = [land_data.run_result(land, run) for run in (run_a, run_b)]
    pair, scores = zip(*((r.scored_counts.sum(axis=0), r.scores) for r in results), strict=True)
    shares = [confusion.row_shares(counts) for counts in pair]
    classes = confusion.order_classes(pair[0] + pair[1], order)
    for i, (score, column) in enumerate(zip(scores, st.columns(2, gap="medium"), strict=True)):
        with column:
            title = f"mIoU **{score.miou:.3f}** ({results[i].scorer.title})"
            st.markdown(f"{title}, overall accuracy **{score.overall_accuracy:.3f}**")
            figure = matrix_chart(shares[i], pair[i], classes, None, legend=land.legend)
            show_chart(figure.update_layout(height=470), f"cs.land.matrix {'AB'[i]}")
    st.header("Model B minus model A")
    if run_a.settings.protocol != run_b.settings.protocol:
        st.info("The models were evaluated on different pixels, which also affects the difference.")
    left, right = st.columns([11, 9], gap="large")
    with left:
        difference = np.nan_to_num(shares[1]) - np.nan_to_num(shares[0])
        figure = matrix_chart(
            difference, pair[1], classes, None, legend=land.legend, difference=True
        )
        show_chart(figure, "cs.land.apart")
        st.caption(
            f"{SHARES_NOTE} Blue: model B has the larger share, which is better on the diagonal "
            "and worse elsewhere."
        )
    with right:
        iou_a, iou_b = scores[0].iou, scores[1].iou
        columns = {"IoU, model A": iou_a, "IoU, model B": iou_b, "Difference": iou_b - iou_a}
        table = pd.DataFrame({"Class": [cover.name for cover in land.legend.reduced]} | columns)
        land_widgets.show_table(table.round(3).iloc[: len(land.legend.listed)])


def patch_comparison(land: Land) -> None:
    """Show one patch: its image, its annotation, and the predictions of the chosen models."""
    all_runs = land_data.list_runs(land)
    runs = {run_title(run): run for run in all_runs if land_data.class_map_folder(land, run)}
    if not runs:
        st.caption("No run has class maps yet. Run a model on the Models page and keep them.")
        return
    titles = list(runs)
    start = titles[-2:]
    chosen = land_widgets.land_multiselect(land, "Models", titles, "compared", start, MOST_MODELS)
    label = "Opacity of the classes"
    patch, opacity = land_widgets.choose_patch_and_opacity(land, label, (1, 1))
    if patch.aerial is None or patch.labels is None:
        return
    labels, image = patch.labels, patch_images.true_colour(patch.aerial, land.bands)
    classes = patch_images.class_image(labels, land.legend)
    overlay = patch_images.overlay_classes(image, labels, land.legend, opacity)
    _show_images(("Image", image), ("Annotation", classes), ("Overlay", overlay))
    for title in chosen:
        st.markdown(f"**{title}**")
        predicted = land_data.read_class_map(land, runs[title], patch.patch.name)
        if predicted is None:
            st.caption("This model was not evaluated on this patch, so it has no class map here.")
            continue
        # The protocol "patches" ignores pixels of "other", so they do not count as wrong.
        without_other = runs[title].settings.protocol == "patches"
        truth = np.where(without_other & land.legend.is_other(labels), 0, labels)
        truth = land.legend.reduce_labels(truth)
        _show_prediction(image, truth, predicted, opacity, land.legend)
    present = np.unique(land.legend.reduce_labels(labels))
    listed = land.legend.listed
    notes = ["" if cover.value in present else "absent" for cover in listed]
    entries = zip(listed, notes, strict=True)
    st.html(legend_html((cover.colour, cover.name, note) for cover, note in entries))


def _show_prediction(
    image: ByteArray, truth: ByteArray, predicted: ByteArray, opacity: float, legend: Legend
) -> None:
    wrong = wrong_pixels(truth, predicted)
    miou = choose_scorer(legend).miou(count_confusion(truth, predicted, legend.other))
    share = wrong.sum() / max(1, np.count_nonzero(truth))
    title = f"Wrong pixels: {share:.1%} (mIoU of this patch {miou:.3f})"
    highlighted = patch_images.highlight_pixels(image, wrong, patch_images.RED)
    classes = patch_images.class_image(predicted, legend)
    overlay = patch_images.overlay_classes(image, predicted, legend, opacity)
    _show_images((title, highlighted), ("Prediction", classes), ("Overlay", overlay))


def _show_images(*images: tuple[str, ByteArray]) -> None:
    for column, (caption, image) in zip(st.columns(3, gap="small"), images, strict=True):
        with column:
            show_image(image, caption, width="stretch", caption=caption)
