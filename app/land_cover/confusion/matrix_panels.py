"""Panels of the page about land cover confusion: the matrix, its cells on the image, two models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import streamlit as st

from app.land_cover import land_data, land_jobs, patch_images, score_charts
from app.land_cover.data import patch_panels
from app.land_cover.land_data import Land
from app.session import cache, state
from app.widgets import charts, image_figures
from app.widgets.images import data_uri
from app.widgets.markup import number
from core.flair.data.nomenclature import REDUCED, reduce
from core.flair.data.pixel_table import AERIAL, SIDE
from core.flair.evaluation.confusion import row_shares, without_other
from core.pipeline.flair.study_cells import CellResult
from core.pipeline.flair.study_results import Configuration
from core.types import AnyArray, ByteArray

ORDERS = {"class": "by class", "together": "confused ones together", "worst": "worst first"}
LISTED = 500
FIXED = {"displaylogo": False, "displayModeBar": False}
MAGENTA = (255, 0, 200)


def counts_of(land: Land, run: Configuration) -> AnyArray:
    """Confusion of each judged patch, (p, 13, 13), as the run's protocol counts it."""
    found = land_data.result(land, run).counts
    return without_other(found) if run.settings.protocol == "patches" else found


def order_of(counts: AnyArray, how: str) -> list[int]:
    """The classes that occur, in an order that shows what is confused.

    Parameters
    ----------
    counts : int array, (13, 13)
    how : {"class", "together", "worst"}
    """
    there = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    shares = np.nan_to_num(row_shares(counts))[np.ix_(there, there)]
    if how == "worst":
        return [int(i) for i in there[np.argsort(np.diagonal(shares), kind="stable")]]
    if how == "together" and len(there) > 2:
        from scipy.cluster.hierarchy import leaves_list, linkage
        from scipy.spatial.distance import squareform

        near = shares + shares.T
        away = near.max() - near
        np.fill_diagonal(away, 0)
        tree = linkage(squareform(away, checks=False), "average", optimal_ordering=True)
        return [int(i) for i in there[leaves_list(tree)]]
    return [int(i) for i in there]


def matrix(land: Land) -> None:
    """One model's matrix; a click on a cell shows its patches and pixels."""
    runs = land_data.runs(land)
    if not runs:
        st.caption("Nothing has been run yet: start on the page Models.")
        return
    run = land_data.chosen_run(land, "Model", "confused model", runs)
    first, second = st.columns([1, 2])
    with first:
        shares = land_jobs.choose(land.place, "Cells", {"shares": "Shares", "counts": "Counts"},
                                   "cells", "shares") == "shares"  # fmt: skip
    with second:
        how = land_jobs.choose(land.place, "Order", ORDERS, "order", "together")
    found, each = land_data.result(land, run), counts_of(land, run)
    total = each.sum(axis=0)
    order = order_of(total, how)
    picked = state.value(land.place, "cell", None)
    left, right = st.columns([11, 9], gap="large")
    with left:
        values = row_shares(total) if shares else total.astype(float)
        figure = score_charts.matrix(values, total, order, picked, shares=shares)
        key = f"cs.land.matrix:{run.artifact.key}:{how}:{shares}"
        event: Any = st.plotly_chart(figure, theme=None, key=key, on_select="rerun",
                                     selection_mode="points", config=FIXED)  # fmt: skip
        points = [int(p["point_index"]) for p in event.selection.points if p["curve_number"] == 1]
        if points and state.is_news(land.place, key, tuple(points)):
            row, column = divmod(points[0], len(order))
            state.keep(land.place, "cell", (order[row], order[column]))
            st.rerun()
        st.caption("Rows: the truth; columns: the prediction. Shares are of the row. Click a cell.")
    with right:
        if picked is None:
            _scores(found)
        else:
            cell(land, run, each, picked)
    st.subheader("Class by class")
    land_data.show(by_class(found))


def _scores(found: CellResult) -> None:
    said, span = found.scores, found.interval
    cells = st.columns(3)
    cells[0].metric(f"mIoU, {said.n_classes} classes", f"{said.miou:.3f}")
    cells[1].metric("Overall accuracy", f"{said.overall_accuracy:.3f}")
    cells[2].metric("Kappa", f"{said.kappa:.3f}")
    if span:
        st.caption(f"95 %: {span.low:.3f} to {span.high:.3f}, {span.n_draws} draws of "
                   f"{span.n_units} areas.")  # fmt: skip
    st.markdown("**Click a cell** of the matrix to see the patches and pixels that fall in it.")


def by_class(found: CellResult) -> pd.DataFrame:
    """IoU and accuracies of each class."""
    said = found.scores
    return pd.DataFrame({
        "Class": [kind.name for kind in REDUCED],
        "IoU": said.iou.round(3),
        "User's accuracy": said.users.round(3),
        "Producer's accuracy": said.producers.round(3),
        "F1": said.f1.round(3),
        "True pixels": said.support,
    })  # fmt: skip


def cell(land: Land, run: Configuration, each: AnyArray, picked: tuple[int, int]) -> None:
    """The patches and pixels of one cell."""
    truth, said = REDUCED[picked[0]], REDUCED[picked[1]]
    found = land_data.result(land, run)
    here = each[:, picked[0], picked[1]]
    row = int(each[:, picked[0]].sum())
    words = "right" if truth == said else f"taken for {said.name}"
    share = f", {here.sum() / row:.1%} of all {truth.name}" if row else ""
    st.markdown(f"**{truth.name.capitalize()} {words}**: {number(int(here.sum()))} pixels{share}, "
                f"in {int((here > 0).sum())} of {len(here)} patches.")  # fmt: skip
    if not here.any():
        return
    names = [found.patches[i] for i in np.argsort(-here, kind="stable") if here[i]]
    options = {n: f"{n} · {number(int(here[found.patches.index(n)]))} pixels" for n in names}
    name = land_jobs.select(land.place, "Patch, most of them first", options,
                             f"cell {picked}", names[0])  # fmt: skip
    predicted = class_map(land, run, name)
    if predicted is None:
        keep_button(land, run)
        return
    index = _index(land, name)
    aerial, labels = patch_panels.pixels(land, index)
    inside = (reduce(labels) == truth.value) & (predicted == said.value)
    image = patch_images.highlighted(patch_images.rgb(aerial), inside, MAGENTA)
    figure = image_figures.picture(data_uri(image), SIDE, SIDE, 470, "left")
    image_figures.scale_bar(figure, SIDE, SIDE, 0.2)
    st.plotly_chart(figure, theme=None, key="cs.land.cell", config=dict(charts.EXPORT))
    st.caption(f"Magenta: the {number(int(inside.sum()))} pixels of this cell in {name}.")
    _pixels(land, aerial, inside, name)


def _pixels(land: Land, aerial: ByteArray, inside: AnyArray, name: str) -> None:
    rows, columns = np.nonzero(inside)
    step = max(1, len(rows) // LISTED)
    rows, columns = rows[::step], columns[::step]
    table = pd.DataFrame({"Column": columns, "Row": rows}
                         | {b: aerial[i, rows, columns] for i, b in enumerate(AERIAL)})  # fmt: skip
    with st.expander(f"{len(table)} of these pixels as a table"):
        st.dataframe(table, hide_index=True, height=240)
        land_data.download(land, "Download them (CSV)", table, f"{name}-pixels.csv")


def class_map(land: Land, run: Configuration, name: str) -> ByteArray | None:
    """A run's predicted classes of one patch, (512, 512); None where no map was kept."""
    folder = land_data.maps(land, run)
    if folder is None or not (folder / f"{name}.tif").is_file():
        return None
    path = folder / f"{name}.tif"

    def read() -> ByteArray:
        with rasterio.open(path) as source:
            values: ByteArray = source.read(1)
        return values

    return cache.drawn(land.place, f"map {run.artifact.key} {name}", read)


def keep_button(land: Land, run: Configuration) -> None:
    """Say that a run kept no class maps, and offer to make them."""
    st.caption("This run kept no class maps; the image needs them.")
    tables = land_jobs.tables(run.settings, run.method, run.spec)
    words = ("maps", "--protocol", run.settings.protocol)
    land_jobs.button(land.place, "Make its class maps", "Writing class maps", words,
                      tables=(tables,))  # fmt: skip


def two_models(land: Land) -> None:
    """Two matrices beside each other, and their difference."""
    runs = land_data.runs(land)
    if len(runs) < 2:
        st.caption("Two finished runs are needed: start them on the page Models.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        one = land_data.chosen_run(land, "One", "one model", runs)
    with right:
        other = land_data.chosen_run(land, "The other", "other model", runs[::-1])
    how = land_jobs.choose(land.place, "Order", ORDERS, "order", "together")
    left, right = st.columns(2, gap="medium")
    totals = [counts_of(land, run).sum(axis=0) for run in (one, other)]
    order = order_of(totals[0] + totals[1], how)
    parts = [row_shares(total) for total in totals]
    for box, run, part, total in zip((left, right), (one, other), parts, totals, strict=True):
        said = land_data.result(land, run).scores
        with box:
            st.markdown(f"mIoU **{said.miou:.3f}**, accuracy **{said.overall_accuracy:.3f}**")
            figure = score_charts.matrix(part, total, order, None)
            figure.update_layout(height=470)
            st.plotly_chart(figure, theme=None, key=f"cs.land.{box is left}",
                            config=dict(charts.EXPORT))  # fmt: skip
    st.subheader("The other minus the one")
    if one.settings.protocol != other.settings.protocol:
        st.info("They were judged on different pixels, so the difference is not the model's alone.")
    left, right = st.columns([11, 9], gap="large")
    with left:
        apart = np.nan_to_num(parts[1]) - np.nan_to_num(parts[0])
        figure = score_charts.matrix(apart, totals[1], order, None, apart=True)
        st.plotly_chart(figure, theme=None, key="cs.land.apart", config=dict(charts.EXPORT))
        st.caption("Shares of the row. Blue: the other has more; on the diagonal that is better, "
                   "elsewhere it is worse.")  # fmt: skip
    with right:
        land_data.show(_iou_apart(land, one, other))


def _iou_apart(land: Land, one: Configuration, other: Configuration) -> pd.DataFrame:
    first, second = (land_data.result(land, run).scores.iou for run in (one, other))
    return pd.DataFrame({
        "Class": [kind.name for kind in REDUCED],
        "IoU, one": first.round(3),
        "IoU, other": second.round(3),
        "Difference": (second - first).round(3),
    })  # fmt: skip


def judged(land: Land, runs: Sequence[Configuration]) -> dict[str, Configuration]:
    """The runs that kept class maps, by title."""
    return {land_jobs.title(run): run for run in runs if land_data.maps(land, run)}


def _index(land: Land, name: str) -> int:
    return next(i for i, one in enumerate(land.dataset.patches) if one.name == name)
