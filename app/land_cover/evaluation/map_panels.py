"""Class maps of a run for download, and maps of whole images."""

from functools import partial
from pathlib import Path

import streamlit as st

from app.land_cover import land_data, land_widgets, patch_images
from app.land_cover.confusion_panels import NO_RUNS, class_map_button
from app.land_cover.land_data import Land
from app.land_cover.land_jobs import land_job_button, land_settings_toml
from app.widgets.images import show_image
from app.widgets.markup import count_noun, format_number, legend_html
from core.export.class_map_archive import zip_class_maps
from core.pipeline.estimates.land_estimate import LandJob
from core.pipeline.land.run_titles import run_title
from core.pipeline.land.study_cells import StudyRun


def download_panel(land: Land) -> None:
    """Offer the class maps of a run for download: GeoTIFF with a colour table."""
    runs = land_data.list_runs(land)
    if not runs:
        st.caption(NO_RUNS)
        return
    run = land_widgets.choose_run(land, "Model", "mapped model", runs)
    folder = land_data.class_map_folder(land, run)
    if folder is None:
        class_map_button(run)
    else:
        _download_patches(land, run, folder)
    _map_images(land, run)


def _download_patches(land: Land, run: StudyRun, folder: Path) -> None:
    files = sorted(folder.glob("*.tif"))
    size = format_number(sum(path.stat().st_size for path in files) / 1e6, "MB")
    st.markdown(
        f"**{len(files)} class maps**, one for each evaluated patch: uint8 GeoTIFF files in the "
        "CRS of the patch, with the classes below, and 0 for no class. The colour table is "
        "included, so QGIS displays the colours directly."
    )
    st.code(str(folder), language=None)
    credit = land.credit
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
        covers = land.legend.listed
        st.html(legend_html((cover.colour, f"{cover.value} {cover.name}", "") for cover in covers))
    class_map = land_data.read_class_map(land, run, name)
    if class_map is not None:
        image = patch_images.class_image(class_map, land.legend)
        with right:
            show_image(image, f"Class map of {name}", width=480, caption=name)


def _map_images(land: Land, run: StudyRun) -> None:
    """Draw a button that maps whole images, or patches without masks, and name the maps."""
    n_unlabelled = len(land.dataset.unlabelled)
    if run.is_chance or not (land.is_own or n_unlabelled):
        return
    st.header("Whole images" if land.is_own else "Patches without masks")
    st.markdown(
        "The model is trained on all labelled training pixels. It classifies "
        + ("every pixel of the images." if land.is_own else f"{n_unlabelled} patches.")
    )
    toml = land_settings_toml(run.settings, run.method, run.spec, run.regularisation)
    label = "Map the images" if land.is_own else "Map the patches"
    title, estimated = "Writing class maps", [LandJob(run, "predict")]
    land_job_button(land.workspace, label, title, ("predict",), tables=(toml,), estimated=estimated)
    folder = land.workspace.results / "class_maps"
    if maps := sorted(folder.glob("*.tif")):
        count = count_noun(len(maps), "map")
        st.markdown(f"{count} of the model that was used last, in this folder:")
        st.code(str(folder), language=None)
