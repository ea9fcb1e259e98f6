"""Panels on the channels of land cover pixels, class by class."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.land_cover import pixel_charts
from app.land_cover.land_data import Land
from app.land_cover.land_widgets import land_multiselect, land_select, land_toggle, require_survey
from app.widgets.charts import show_chart
from app.widgets.markup import format_number, legend_html
from core.flair.data.nomenclature import FULL, REDUCED, LandCover, reduce_labels
from core.flair.data.pixel_table import AERIAL, SENTINEL, PixelTable
from core.flair.data.sentinel import WAVELENGTHS
from core.flair.models.features import FeatureSpec, build_features, channel_values
from core.types import AnyArray

# Approximate centres of the aerial camera's bands in nanometres: FLAIR does not state them.
CAMERA = {"blue": 460, "green": 550, "red": 640, "nir": 830}
CAMERA_ORDER = [AERIAL.index(band) for band in CAMERA]
MOST_DRAWN = 4000
COUNT = "0 to 255"
NORMALISED = {"elevation": "elevation (0 to 1, not divided)"}


def available_channels(table: PixelTable) -> dict[str, str]:
    """Return the names and the titles, with units, of the channels of a table."""
    titles = {band: f"Aerial {band} ({COUNT})" for band in AERIAL}
    titles |= {"elevation": f"Elevation above ground, as coded ({COUNT})"}
    wavelengths = dict(zip(SENTINEL, WAVELENGTHS, strict=True))
    if table.sentinel is not None:
        titles |= {b: f"Sentinel {b}, {nm} nm (reflectance)" for b, nm in wavelengths.items()}
    titles |= {"ndvi": "NDVI, aerial (-1 to 1)"}
    return titles if table.sentinel is None else titles | {"ndvi10": "NDVI, Sentinel (-1 to 1)"}


def channel_panel(land: Land) -> None:
    """Show box plots of one channel."""
    survey = require_survey(land)
    if survey is None:
        return
    table = survey.sample
    labels, classes = _labels(land, table)
    titles = available_channels(table)
    name = land_select(land, "Channel", titles, "channel", "ndvi")
    values = channel_values(table, name)
    show_chart(pixel_charts.box_chart(values, labels, classes, titles[name]), "cs.land.boxes")
    st.caption(f"Boxes: quartiles and median. Whiskers: 5 and 95 %. {_sample_note(table)}")


def spectrum_panel(land: Land) -> None:
    """Show the spectra of up to four classes with their quartiles, aerial and Sentinel."""
    survey = require_survey(land)
    if survey is None:
        return
    table = survey.sample
    labels, classes = _labels(land, table)
    names = [cover.name for cover in classes if (labels == cover.value).any()]
    chosen = land_multiselect(land, "Classes", names, "spectra", names[:1], 4)
    if not chosen:
        st.caption("Choose up to four classes.")
        return
    covers = [cover for cover in classes if cover.name in chosen]
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.markdown("**Aerial**, 0.2 m")
        spectra = _spectra(table.aerial[:, CAMERA_ORDER], labels, covers)
        title = f"counts, {COUNT}"
        figure = pixel_charts.spectrum_chart(spectra, list(CAMERA.values()), title)
        show_chart(figure, "cs.land.aerial")
    if table.sentinel is not None:
        with right:
            st.markdown("**Sentinel-2**, 10 m: each block mixes everything inside it")
            spectra = _spectra(table.sentinel, labels, covers)
            figure = pixel_charts.spectrum_chart(spectra, WAVELENGTHS, "reflectance")
            show_chart(figure, "cs.land.sentinel")
    counts = [(int((labels == cover.value).sum()), cover.name) for cover in covers]
    st.caption(
        "Line: median. Band: quartiles. Pixels: "
        f"{', '.join(f'{format_number(n)} of {name}' for n, name in counts)}. The wavelengths of "
        "the camera are approximate, because FLAIR does not state them."
    )


def scatter_panel(land: Land) -> None:
    """Show two channels against each other, raw and normalised."""
    survey = require_survey(land)
    if survey is None:
        return
    labels, classes = _labels(land, survey.sample)
    titles = available_channels(survey.sample)
    titles = {name: title for name, title in titles.items() if not name.startswith("ndvi")}
    left, right = st.columns(2)
    with left:
        x = land_select(land, "Horizontal axis", titles, "across", "red")
    with right:
        y = land_select(land, "Vertical axis", titles, "up", "nir")
    step = max(1, len(labels) // MOST_DRAWN)
    table, labels = survey.sample.take(np.arange(0, len(labels), step)), labels[::step]
    spec = FeatureSpec(fusion=table.sentinel is not None, normalised=True)
    matrix, bands = build_features(table, spec).matrix, [*AERIAL, *SENTINEL]
    raw = (table.band(x), table.band(y), labels, classes, (titles[x], titles[y]))
    columns = (matrix[:, bands.index(x)], matrix[:, bands.index(y)])
    x_title, y_title = (NORMALISED.get(b, f"{b}, share of the visible intensity") for b in (x, y))
    normalised = (*columns, labels, classes, (x_title, y_title))
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Raw**")
        show_chart(pixel_charts.scatter_chart(*raw), "cs.land.raw")
    with right:
        st.markdown("**Normalised**: each spectrum divided by the sum of its visible bands")
        show_chart(pixel_charts.scatter_chart(*normalised), "cs.land.normalised")
    drawn = [cover for cover in classes if (labels == cover.value).any()]
    st.html(legend_html((cover.colour, cover.name, "") for cover in drawn))
    st.caption(
        f"{format_number(len(labels))} pixels are drawn. {_sample_note(survey.sample)} Shade and "
        "slope change the intensity of a spectrum, not its shape. Normalisation removes them, and "
        "brightness with them."
    )


def _labels(land: Land, table: PixelTable) -> tuple[AnyArray, tuple[LandCover, ...]]:
    """Return the labels of the pixels and the classes, in the nomenclature that is chosen."""
    if land_toggle(land, "All 19 classes", "all classes"):
        return table.labels, FULL
    return reduce_labels(table.labels), REDUCED


def _spectra(
    values: AnyArray, labels: AnyArray, covers: Sequence[LandCover]
) -> list[tuple[LandCover, AnyArray]]:
    return [(cover, values[labels == cover.value]) for cover in covers]


def _sample_note(table: PixelTable) -> str:
    return (
        f"The sample has {format_number(len(table))} pixels of all patches: the same number of "
        "each class, or all pixels of a rare class."
    )
