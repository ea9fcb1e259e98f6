"""Panels on class maps: models compared patch by patch, and the maps as files."""

from functools import partial

import numpy as np
import streamlit as st

from app.land_cover import land_data, land_widgets, patch_images
from app.land_cover.confusion.matrix_panels import NO_RUNS, class_map_button
from app.land_cover.land_data import Land
from app.land_cover.run_titles import run_title
from app.widgets.markup import format_number, legend_html
from core.export.class_map_archive import zip_class_maps
from core.flair.data.nomenclature import REDUCED, attribution_text, is_other, reduce_labels
from core.flair.evaluation.confusion import count_confusion, score_confusion, wrong_pixels
from core.types import ByteArray

MOST_MODELS = 3


def patch_comparison(land: Land) -> None:
    """Show one patch as the notebook does: image, annotation, and the predictions of models."""
    all_runs = land_data.list_runs(land)
    runs = {run_title(run): run for run in all_runs if land_data.class_map_folder(land, run)}
    if not runs:
        st.caption("No run has class maps yet. Run a model on the page Models and keep its maps.")
        return
    titles = list(runs)
    chosen = land_widgets.land_multiselect(
        land, "Models", titles, "compared", titles[-2:], MOST_MODELS
    )
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    with left:
        index = land_widgets.choose_patch(land)
    with right:
        opacity = land_widgets.choose_opacity(land, "Opacity of the classes")
    patch = land_data.readable_patch(land, index)
    land_widgets.patch_problems(patch)
    if patch.aerial is None or patch.labels is None:
        return
    labels, image = patch.labels, patch_images.true_colour(patch.aerial)
    classes = patch_images.class_image(labels)
    overlay = patch_images.overlay_images(image, classes, opacity)
    _show_images(("Image", image), ("Annotation", classes), ("Overlay", overlay))
    for title in chosen:
        st.markdown(f"**{title}**")
        predicted = land_data.read_class_map(land, runs[title], patch.patch.name)
        if predicted is None:
            st.caption("This model was not evaluated on this patch: its protocol leaves it out.")
            continue
        # The notebook's protocol leaves the pixels of "other" out: they are not wrong there.
        without_other = runs[title].settings.protocol == "patches"
        truth = np.where(without_other & is_other(labels), 0, labels).astype(np.uint8)
        _show_prediction(image, truth, predicted, opacity)
    present = np.unique(reduce_labels(labels))
    notes = ["" if cover.value in present else "absent" for cover in REDUCED]
    entries = zip(REDUCED, notes, strict=True)
    st.html(legend_html((cover.colour, cover.name, note) for cover, note in entries))


def _show_prediction(
    image: ByteArray, truth: ByteArray, predicted: ByteArray, opacity: float
) -> None:
    wrong = wrong_pixels(truth, predicted)
    scores = score_confusion(count_confusion(reduce_labels(truth), predicted))
    title = f"Wrong pixels: {wrong.mean():.1%} (mIoU of this patch {scores.miou:.3f})"
    highlighted = patch_images.highlight_pixels(image, wrong, patch_images.RED)
    classes = patch_images.class_image(predicted)
    overlay = patch_images.overlay_images(image, classes, opacity)
    _show_images((title, highlighted), ("Prediction", classes), ("Overlay", overlay))


def _show_images(*images: tuple[str, ByteArray]) -> None:
    for column, (caption, image) in zip(st.columns(3, gap="small"), images, strict=True):
        column.image(image, caption=caption, width="stretch")


def download_panel(land: Land) -> None:
    """Offer the class maps of a run as GeoTIFF with FLAIR's colour table."""
    runs = land_data.list_runs(land)
    if not runs:
        st.caption(NO_RUNS)
        return
    run = land_widgets.choose_run(land, "Model", "mapped model", runs)
    folder = land_data.class_map_folder(land, run)
    if folder is None:
        class_map_button(run)
        return
    files = sorted(folder.glob("IMG_*.tif"))
    size = format_number(sum(path.stat().st_size for path in files) / 1e6, "MB")
    st.markdown(
        f"**{len(files)} class maps**, one for each evaluated patch: uint8 GeoTIFF in the CRS of "
        "the patch, with the classes 1 to 13 and 0 for no class. FLAIR's colour table is "
        "included, so QGIS displays the colours directly."
    )
    st.code(str(folder), language=None)
    credit = attribution_text(look_alike=land.look_alike)
    label, name = f"Download all ({size}, zip)", f"flair-{run.key[:8]}.zip"
    archive = partial(zip_class_maps, files, run_title(run), credit)
    st.download_button(label, archive, name, "application/zip", on_click="ignore")
    left, right = st.columns([2, 3], gap="large")
    with left:
        names = {path.stem: path.stem for path in files}
        name = land_widgets.land_select(land, "Single map", names, "one map")
        path = folder / f"{name}.tif"
        label = "Download this map (GeoTIFF)"
        st.download_button(label, path.read_bytes, path.name, "image/tiff", on_click="ignore")
        st.html(legend_html((cover.colour, f"{cover.value} {cover.name}", "") for cover in REDUCED))
    class_map = land_data.read_class_map(land, run, name)
    if class_map is not None:
        right.image(patch_images.class_image(class_map), width=480, caption=name)
