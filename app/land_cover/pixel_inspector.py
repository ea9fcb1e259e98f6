"""The pixel inspector: all data of a clicked pixel, and predictions for typed values."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover import land_data, land_widgets, patch_images, pixel_charts
from app.land_cover.channel_panels import aerial_spectra, series_axis
from app.land_cover.land_data import Land
from app.session.cache import cached_image
from app.session.state import is_new_event, keep_choice, page_choice, widget_key
from app.widgets.charts import show_chart
from app.widgets.images import data_uri
from app.widgets.markup import escape_markdown, facts_html, swatch_html
from app.widgets.plot_picker import Picture, pick_cell
from app.widgets.theme import chart_colours
from core.land.context.context_groups import context_reach, pixel_context
from core.land.context.token_grids import token_encoder_names
from core.land.data.bands import BYTE_DIVISOR
from core.land.data.nomenclature import LandCover, Legend
from core.land.data.patch_reading import (
    RequiredData,
    pixel_position,
    read_readable_pixel,
    read_with_margin,
)
from core.land.data.pixel_table import PixelTable
from core.land.models.features import FeatureSpec, build_features, context_groups
from core.land.models.pixel_decision import decide_by_trees, decide_by_votes
from core.land.models.prediction import required_data
from core.pipeline.land.class_maps import StoredModel
from core.pipeline.land.run_titles import SEASONS, run_title
from core.pipeline.land.study_cells import StudyRun
from core.types import ByteArray, FloatArray

HEIGHT, SPECTRUM_HEIGHT = 560, 230
# The cross that marks a pixel: arms from 5 to 26 pixels away, a white line on a wider black one.
ARMS = ((1, 0), (-1, 0), (0, 1), (0, -1))
CLEAR = "rgba(0,0,0,0)"
LINES = ({"color": "#000000", "width": 4}, {"color": "#FFFFFF", "width": 2})


def inspector_panel(land: Land) -> None:
    """Draw a patch to click on, the data of the clicked pixel, and the models' predictions."""
    left, right = st.columns([11, 9], gap="large")
    with left:
        index = land_widgets.choose_patch(land)
        views = patch_images.available_views(land.bands)
        view = land_widgets.land_choice(land, "Display as", views, "inspected")
        name = f"pixel {index}"
        height, width = land.dataset.patches[index].shape
        column, row = page_choice(land.workspace, name, (width // 2, height // 2))
        patch = land_widgets.show_patch_problems(land, index)
        if patch.aerial is None:
            text = "There are no pixels to inspect, because the image cannot be read."
            st.markdown(f"{text} Choose another patch.")
            return
        image = patch_images.patch_view(patch, view)
        image = patch_images.true_colour(patch.aerial, land.bands) if image is None else image
        picture = clickable_patch(image, (column, row))
        clicked = pick_cell(picture, f"land {land.version} {index}", HEIGHT)
        if clicked and is_new_event(land.workspace, name, clicked):
            keep_choice(land.workspace, name, clicked)
            st.rerun()
        st.caption("Click a pixel. Scroll to zoom, drag to move.")
    with right:
        key = land.key("pixel", index=index, column=column, row=row)
        pixel = cached_image(key, lambda: read_readable_pixel(patch, index, column, row))
        cover = (
            land.legend.classes[int(pixel.labels[0]) - 1]
            if pixel.labels[0]
            else patch_images.NO_CLASS
        )
        _show_facts(land, pixel, cover)
        _show_spectra(pixel, cover)
    st.header("Predictions of the models")
    _show_predictions(land, pixel)
    typed_pixel_panel(land, pixel)


def clickable_patch(image: ByteArray, pixel: tuple[int, int]) -> Picture:
    """Return a plot of a patch whose pixels can be clicked; `pixel` (column, row) is marked."""
    (height, width), (x, y) = image.shape[:2], pixel
    cross = [f"M{x + 5 * dx},{y + 5 * dy}L{x + 26 * dx},{y + 26 * dy}" for dx, dy in ARMS]
    style = {"colorscale": [[0, CLEAR], [1, CLEAR]], "showscale": False}
    hover = {"hovertemplate": "column %{x}, row %{y}<extra></extra>", "zmin": 0, "zmax": 1}
    zeros = np.zeros((height, width), int).tolist()
    axis = {"visible": False, "showgrid": False, "zeroline": False, "constrain": "domain"}
    extent = {"x": -0.5, "y": -0.5, "sizex": width, "sizey": height, "xref": "x", "yref": "y"}
    layout = {
        "template": {},
        "margin": dict.fromkeys("lrtb", 0),
        "dragmode": "pan",
        "uirevision": "patch",
        "shapes": [{"type": "path", "path": "".join(cross), "line": line} for line in LINES],
        "paper_bgcolor": chart_colours().paper,
        "xaxis": axis | {"range": [-0.5, width - 0.5]},
        "yaxis": axis | {"range": [height - 0.5, -0.5], "scaleanchor": "x"},
        "images": [extent | {"source": data_uri(image), "sizing": "stretch", "layer": "below"}],
    }
    return Picture([{"type": "heatmap", "z": zeros, **style, **hover}], layout)


def _show_facts(land: Land, pixel: PixelTable, cover: LandCover) -> None:
    column, row = int(pixel.column[0]), int(pixel.row[0])
    x, y, crs = pixel_position(land.dataset.patches[pixel.patch[0]], column, row)
    note = (
        ' ("other" in the reduced nomenclature)' if cover.value > land.legend.n_scored + 1 else ""
    )
    st.html(f"<b>{swatch_html(cover.colour)} {cover.name}</b>{note}")
    facts = {"Pixel": f"column {column}, row {row}", crs or "no CRS": f"{x:.1f}, {y:.1f}"}
    pairs = zip(pixel.bands.names, pixel.aerial[0], strict=True)
    facts |= {name.capitalize(): f"{value:.5g}" for name, value in pairs}
    st.html(facts_html(facts.items()))


def _show_spectra(pixel: PixelTable, cover: LandCover) -> None:
    def show(values: FloatArray, wavelengths: Sequence[float], title: str, key: str) -> None:
        figure = pixel_charts.spectrum_chart([(cover, values)], wavelengths, title)
        figure.update_layout(height=SPECTRUM_HEIGHT, showlegend=False)
        show_chart(figure, f"cs.land.{key}")

    values, wavelengths, unit = aerial_spectra(pixel)
    show(values, wavelengths, f"bands of the image, {unit}", "one")
    if pixel.sentinel is None:
        st.caption("This pixel has no Sentinel spectrum.")
    else:
        positions, sensor, unit = series_axis(pixel)
        show(pixel.sentinel, positions, f"{sensor}, {unit}", "two")


def _show_predictions(land: Land, pixel: PixelTable) -> None:
    name, truth = (
        land.dataset.patches[pixel.patch[0]].name,
        int(land.legend.reduce_labels(pixel.labels)[0]),
    )
    rows, n_unmapped = [], 0
    for run in land_data.list_runs(land):
        if land_data.class_map_folder(land, run) is None:
            n_unmapped += 1
        elif (class_map := land_data.read_class_map(land, run, name)) is not None:
            value = int(class_map[pixel.row[0], pixel.column[0]])
            verdict = "correct" if value == truth else "wrong"
            prediction = land.legend.reduced[value - 1].name if value else "no class"
            rows.append((run_title(run), prediction, verdict if truth else "no label"))
    if rows:
        land_widgets.show_table(pd.DataFrame(rows, columns=["Model", "Prediction", "Result"]))
    else:
        st.caption("No class map covers this patch. Run a model on the Models page.")
    if n_unmapped:
        more = "The maps can be computed on the Confusion page."
        st.caption(f"Finished runs without class maps: {n_unmapped}. {more}")


def typed_pixel_panel(land: Land, pixel: PixelTable) -> None:
    """Draw fields for the values of a pixel, and show the class predicted for them."""
    st.header("Predict typed values")
    runs = land_data.list_runs(land)
    models = {run.key: model for run in runs if (model := land_data.run_model(land, run))}
    if not models:
        st.caption(
            "This requires a run with class maps (kNN, clusters with kNN, or boosting). Run one on "
            "the Models page."
        )
        return
    mapped = [run for run in runs if run.key in models]
    run = land_widgets.choose_run(land, "Model", "by hand", mapped)
    if run.spec.fusion and pixel.sentinel is None:
        st.caption("This model requires a Sentinel spectrum, which this patch does not have.")
        return
    if token_encoder_names(run.spec.extras):
        st.caption("This model uses an encoder, so it cannot classify single pixels.")
        return
    if run.spec.fusion:
        pixel = _pixel_for_run(land, pixel, run)
    typed, model = _typed_pixel(land, pixel, run.spec), models[run.key]
    cover, evidence = predict_pixel(run, model, typed, land.legend)
    st.html(f"<b>{swatch_html(cover.colour)} {cover.name}</b>")
    domains = f"{land.adapt('The model was trained on the domains')} {', '.join(model.domains)}."
    chance = "Chance baselines are not listed, because they ignore the values."
    st.caption(escape_markdown(f"{evidence} {domains} {chance}"))


def _pixel_for_run(land: Land, pixel: PixelTable, run: StudyRun) -> PixelTable:
    """Return the pixel with the values of the Sentinel series that a run uses."""
    index, column, row = (int(values[0]) for values in (pixel.patch, pixel.column, pixel.row))
    needs = required_data(run.spec, RequiredData(dates=run.settings.dates))
    return read_readable_pixel(land_data.readable_patch(land, index), index, column, row, needs)


def _typed_pixel(land: Land, pixel: PixelTable, spec: FeatureSpec) -> PixelTable:
    """Return the pixel with the values that the user typed, and its actual surroundings."""
    position = (pixel.patch, pixel.column, pixel.row)
    version = " ".join(str(values[0]) for values in position)

    def fields(bands: Sequence[str], bounds: tuple[Any, Any], **options: Any) -> FloatArray:
        values = []
        for column, band in zip(st.columns(len(bands)), bands, strict=True):
            value = round(float(pixel.band(band)[0]), 4)
            current = type(bounds[0])(value)
            key = widget_key(land.workspace, f"by {band} {version}", current)
            values.append(column.number_input(band, *bounds, key=key, **options))
        return np.array([values], np.float32)

    # Values beyond the divisor are rare but valid, except in bytes.
    is_byte = pixel.bands.divisor == BYTE_DIVISOR
    bounds = (0, 255) if is_byte else (-1e6, 1e6)
    aerial, spectrum = fields(pixel.bands.names, bounds), None
    if spec.fusion and spec.season != "mean":
        st.caption(
            f"The {len(pixel.sentinel_names)} values of the time series "
            f"({SEASONS[spec.season]}) are those of the pixel."
        )
        spectrum = pixel.sentinel
    elif spec.fusion:
        spectrum = fields(pixel.sentinel_names, (0.0, 2.0), step=0.01, format="%.3f")
    index = int(pixel.patch[0])
    bands = land_data.readable_patch(land, index).aerial
    assert bands is not None
    groups, patch = context_groups(spec), land.dataset.patches[index]
    image, (row, column) = read_with_margin(patch, bands, context_reach(groups))
    row, column = row + int(pixel.row[0]), column + int(pixel.column[0])
    planes, names = pixel_context(image, groups, row, column)
    context = np.ascontiguousarray(planes.reshape(1, -1))
    return replace(pixel, aerial=aerial, sentinel=spectrum, context=context, context_names=names)


def predict_pixel(
    run: StudyRun, model: StoredModel, pixel: PixelTable, legend: Legend
) -> tuple[LandCover, str]:
    """Return the class that a model predicts for one pixel, and the evidence in a sentence."""
    row = build_features(pixel, run.spec, model.scaler).matrix[0]
    if model.trees is not None:
        decision = decide_by_trees(row, model.trees)
        text, evidence = "Most probable classes", [f"{share:.0%}" for share in decision.weights]
    else:
        decision = decide_by_votes(row, model.matrix, model.classes, run.method.k)
        text = "Nearest voting pixels, with their distances in feature space"
        evidence = [f"at {distance:.3g}" for distance in decision.weights]
    names = [legend.reduced[value - 1].name for value in decision.classes]
    pairs = ", ".join(f"{name} {words}" for name, words in zip(names, evidence, strict=True))
    return legend.reduced[decision.value - 1], f"{text}: {pairs}."
