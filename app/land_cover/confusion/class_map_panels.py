"""Panels of land cover models patch by patch, and their class maps as files."""

import io
import zipfile
from pathlib import Path

import numpy as np
import streamlit as st

from app.land_cover import land_data, land_jobs, patch_images
from app.land_cover.confusion import matrix_panels
from app.land_cover.data import patch_panels
from app.land_cover.land_data import Land
from app.session import state
from app.widgets.markup import legend, number
from core.flair.data.nomenclature import REDUCED, attribution, is_other, reduce
from core.flair.evaluation.confusion import count, scores
from core.pipeline.flair.study_results import Configuration
from core.types import ByteArray

MODELS_AT_MOST = 3


def patches(land: Land) -> None:
    """One patch as the notebook compares it: image, truth, and what models make of it."""
    there = matrix_panels.judged(land, land_data.runs(land))
    if not there:
        st.caption("No run kept class maps yet: run a model on the page Models with its maps.")
        return
    titles = list(there)
    kept = [t for t in state.value(land.place, "compared", titles[-2:]) if t in titles]
    key = state.widget(land.place, f"compared {hash(tuple(titles))}", kept or titles[-1:])
    chosen = st.multiselect("Models", titles, key=key, max_selections=MODELS_AT_MOST)
    state.keep(land.place, "compared", chosen)
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    with left:
        index = land_data.patch(land)
    with right:
        opacity = land_jobs.slide(land.place, "Opacity of the classes", 0.0, 1.0, 0.05, "opacity",
                                   0.5)  # fmt: skip
    one = land.dataset.patches[index]
    aerial, labels = patch_panels.pixels(land, index)
    image, truth = patch_images.rgb(aerial), patch_images.coloured(labels)
    _row(("The image", image), ("Annotated", truth),
         ("Overlay", patch_images.overlaid(image, truth, opacity)))  # fmt: skip
    for title in chosen:
        st.markdown(f"**{title}**")
        said = matrix_panels.class_map(land, there[title], one.name)
        if said is None:
            st.caption("This model did not judge this patch: its protocol leaves it out.")
            continue
        # The notebook's protocol leaves the pixels of "other" out: they are not wrong there.
        left_out = there[title].settings.protocol == "patches"
        judged = np.where(is_other(labels), 0, labels).astype(np.uint8) if left_out else labels
        _model(image, judged, said, opacity)
    present = {int(v) for v in np.unique(reduce(labels))}
    st.html(legend((k.colour, k.name, "" if k.value in present else "not here") for k in REDUCED))


def _model(image: ByteArray, labels: ByteArray, said: ByteArray, opacity: float) -> None:
    wrong = patch_images.errors(labels, said)
    result = scores(count(reduce(labels), said))
    predicted = patch_images.coloured(said)
    words = f"Wrong pixels: {wrong.mean():.1%} (mIoU of this patch {result.miou:.3f})"
    _row((words, patch_images.highlighted(image, wrong, patch_images.RED)),
         ("Prediction", predicted),
         ("Overlay", patch_images.overlaid(image, predicted, opacity)))  # fmt: skip


def _row(*shown: tuple[str, ByteArray]) -> None:
    for box, (words, picture) in zip(st.columns(3, gap="small"), shown, strict=True):
        box.image(picture, caption=words, width="stretch")


def downloads(land: Land) -> None:
    """Class maps as GeoTIFF with FLAIR's colour table."""
    runs = land_data.runs(land)
    if not runs:
        st.caption("Nothing has been run yet: start on the page Models.")
        return
    run = land_data.chosen_run(land, "Model", "mapped model", runs)
    folder = land_data.maps(land, run)
    if folder is None:
        matrix_panels.keep_button(land, run)
        return
    files = sorted(folder.glob("IMG_*.tif"))
    size = sum(path.stat().st_size for path in files) / 1e6
    st.markdown(f"**{len(files)} class maps**, one a judged patch: uint8 GeoTIFF in the patch's "
                "own CRS, values 1 to 13, 0 where there is none, with FLAIR's colour table; QGIS "
                "shows the colours as they are.")  # fmt: skip
    st.code(str(folder), language=None)
    st.download_button(f"Download all ({number(size, 'MB')}, zip)",
                       lambda: packed(files, run, look_alike=land.look_alike),
                       f"flair-{run.artifact.key[:8]}.zip", "application/zip",
                       on_click="ignore")  # fmt: skip
    names = {path.stem: path.stem for path in files}
    left, right = st.columns([2, 3], gap="large")
    with left:
        name = land_jobs.select(land.place, "One of them", names, "one map", files[0].stem)
        path = folder / f"{name}.tif"
        st.download_button("Download this one (GeoTIFF)", path.read_bytes, path.name, "image/tiff",
                           on_click="ignore")  # fmt: skip
        st.html(legend((kind.colour, f"{kind.value} {kind.name}", "") for kind in REDUCED))
    said = matrix_panels.class_map(land, run, name)
    if said is not None:
        right.image(patch_images.coloured(said), width=480, caption=name)


def packed(files: list[Path], run: Configuration, *, look_alike: bool) -> bytes:
    """The maps in one zip, with what made them, the citation and the licence."""
    stream = io.BytesIO()
    about = attribution(look_alike=look_alike)
    text = f"Class maps by Chipscape: {land_jobs.title(run)}\n{about}\n"
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("README.txt", text)
        for path in files:
            archive.write(path, path.name)
    return stream.getvalue()
