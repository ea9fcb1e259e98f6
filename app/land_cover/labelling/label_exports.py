"""Exports of labelled regions and class maps, as downloads and as a job."""

import io
import tempfile
import zipfile
from functools import partial
from pathlib import Path

import streamlit as st

from app.land_cover.land_data import Land
from app.land_cover.land_jobs import label_settings_toml, land_job_button
from app.widgets.markup import count_noun
from core.export.qgis_style import class_map_qml
from core.land.data.dataset import Patch
from core.land.labelling.label_regions import RegionHistory
from core.land.models.class_map_files import write_class_map
from core.land.models.features import FeatureSpec
from core.land.models.regularisation import RegularisationSettings
from core.pipeline.land.labelling.region_maps import export_labels
from core.types import ByteArray


def label_export_panel(
    land: Land,
    history: RegionHistory,
    spec: FeatureSpec,
    smoothing: RegularisationSettings,
    class_map: ByteArray | None,
    patch: Patch,
) -> None:
    """Draw the downloads of labels and of the displayed map, and the job for whole images."""
    st.header("Export")
    if not history.regions():
        st.caption("Labels can be exported when a region has been labelled.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        archive = partial(zip_labels, land)
        st.download_button(
            "Download the labels (zip)",
            archive,
            "labels.zip",
            "application/zip",
            help="Polygons (GeoPackage) and label rasters (GeoTIFF) with styles for QGIS.",
            on_click="ignore",
        )
        if class_map is not None:
            st.download_button(
                "Download this class map (zip)",
                partial(zip_patch_map, class_map, patch, history, land.credit),
                f"{patch.name}_map.zip",
                "application/zip",
                help="A GeoTIFF with the colours of the classes, and a style for QGIS.",
                on_click="ignore",
            )
    if class_map is None:
        return
    n_images = len({p.image for p in (*land.dataset.patches, *land.dataset.unlabelled)})
    subject = count_noun(n_images, "image") if land.is_own else "the labelled patches"
    st.markdown(f"The classifier can map {subject}, block by block, with the settings above.")
    toml = label_settings_toml(spec, smoothing)
    label = "Map the images with these labels" if land.is_own else "Map the labelled patches"
    title = "Writing class maps from labels"
    land_job_button(land.workspace, label, title, ("label-map",), tables=(toml,), primary=False)
    folder = land.workspace.results / "label_maps"
    if maps := sorted(folder.glob("*.tif")):
        st.markdown(f"{count_noun(len(maps), 'map')} of the last job, in this folder:")
        st.code(str(folder), language=None)


def zip_labels(land: Land) -> bytes:
    """Return the files of `export_labels` as a zip file."""
    with tempfile.TemporaryDirectory() as name:
        export_labels(land.workspace, Path(name))
        return _zip_folder(Path(name))


def zip_patch_map(class_map: ByteArray, patch: Patch, history: RegionHistory, credit: str) -> bytes:
    """Return the class map of a patch and its style as a zip file."""
    legend = history.legend()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"{patch.name}.tif"
        write_class_map(path, class_map, patch, credit, legend)
        path.with_suffix(".qml").write_text(class_map_qml(legend.listed), encoding="utf-8")
        return _zip_folder(Path(name))


def _zip_folder(folder: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return stream.getvalue()
