"""Panels that show the channels of land cover pixels by class."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.land_cover import pixel_charts
from app.land_cover.land_data import Land
from app.land_cover.land_widgets import land_multiselect, land_select, land_toggle, require_survey
from app.widgets.charts import show_chart
from app.widgets.markup import escape_markdown, format_number, legend_html
from core.land.data.bands import BYTE_DIVISOR, FLAIR_BANDS, SENTINEL, SENTINEL_BANDS, Bands
from core.land.data.nomenclature import LandCover
from core.land.data.pixel_table import PixelTable
from core.land.data.sentinel import WAVELENGTHS
from core.land.models.channels import channel_values
from core.land.models.features import FeatureSpec, build_features
from core.types import AnyArray

# Approximate centre wavelengths of the aerial bands in nanometres; FLAIR does not state them.
CAMERA = {"blue": 460, "green": 550, "red": 640, "nir": 830}
MOST_DRAWN = 4000
COUNT = "0 to 255"
NORMALISED = {"elevation": "elevation (0 to 1, not normalised)"}


def available_channels(table: PixelTable) -> dict[str, str]:
    """Return the titles of a table's channels, with units, by channel name."""
    if table.bands == FLAIR_BANDS:
        titles = {band: f"Aerial {band} ({COUNT})" for band in table.bands.names}
        titles |= {"elevation": f"Elevation above ground, stored value ({COUNT})"}
    else:
        titles = {band: f"{band} (stored value)" for band in table.bands.names}
    series, is_sentinel = table.series_bands, table.series_bands == SENTINEL_BANDS
    if table.sentinel is not None and is_sentinel:
        wavelengths = zip(SENTINEL, WAVELENGTHS, strict=True)
        titles |= {b: f"Sentinel {b}, {nm} nm (reflectance)" for b, nm in wavelengths}
    elif table.sentinel is not None:
        titles |= {name: f"{name} (value / {series.divisor:.4g})" for name in table.sentinel_names}
    if table.bands.nir is not None and table.bands.red is not None:
        titles |= {"ndvi": "NDVI, aerial (-1 to 1)" if is_sentinel else "NDVI, image (-1 to 1)"}
    if table.sentinel is not None and series.nir is not None and series.red is not None:
        titles |= {"ndvi10": f"NDVI, {'Sentinel' if is_sentinel else 'series'} (-1 to 1)"}
    return titles


def channel_panel(land: Land) -> None:
    """Show box plots of one channel by class."""
    survey = require_survey(land)
    if survey is None:
        return
    table = survey.sample
    labels, classes = _labels(land, table)
    titles = available_channels(table)
    name = land_select(land, "Channel", titles, "channel", "ndvi" if "ndvi" in titles else None)
    values = channel_values(table, name)
    show_chart(pixel_charts.box_chart(values, labels, classes, titles[name]), "cs.land.boxes")
    text = "Boxes: quartiles and median. Whiskers: 5th and 95th percentiles."
    st.caption(f"{text} {_sample_note(table)}")


def spectrum_panel(land: Land) -> None:
    """Show aerial and Sentinel spectra of up to four classes: medians and quartiles."""
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
    members = [labels == cover.value for cover in covers]

    def show(values: AnyArray, wavelengths: Sequence[float], title: str, key: str) -> None:
        spectra = [(cover, values[rows]) for cover, rows in zip(covers, members, strict=True)]
        show_chart(pixel_charts.spectrum_chart(spectra, wavelengths, title), f"cs.land.{key}")

    with left:
        st.markdown("**Aerial**, 0.2 m" if table.bands == FLAIR_BANDS else "**Bands**")
        values, wavelengths, unit = aerial_spectra(table)
        show(values, wavelengths, unit, "aerial")
    if table.sentinel is not None:
        with right:
            positions, sensor, unit = series_axis(table)
            bands = ", ".join(table.series_bands.names)
            detail = "10 m" if sensor == "Sentinel-2" else escape_markdown(bands)
            st.markdown(f"**{sensor}**, {detail}: each pixel mixes everything inside it")
            show(table.sentinel, positions, unit, "sentinel")
    note = _axis_note(table.bands)
    counts = [(int(rows.sum()), cover.name) for cover, rows in zip(covers, members, strict=True)]
    st.caption(
        "Line: median. Shaded area: range between the quartiles. Number of pixels: "
        f"{', '.join(f'{format_number(n)} of {name}' for n, name in counts)}. {note}"
    )


def aerial_spectra(table: PixelTable) -> tuple[AnyArray, list[int], str]:
    """Return the spectra of the image's bands, (n, s), their positions on the axis, and the unit.

    The positions are approximate wavelengths in nanometres if red, green and blue are known;
    else the numbers of the bands.
    """
    bands = table.bands
    unit = f"value ({COUNT})" if bands.divisor == BYTE_DIVISOR else "stored value"
    if bands.has_colour:
        nir = [] if bands.nir is None else [bands.nir]
        positions = [*bands.visible[::-1], *nir]
        return table.aerial[:, positions], [*CAMERA.values()][: len(positions)], unit
    spectral = list(bands.spectral)
    return table.aerial[:, spectral], [i + 1 for i in spectral], unit


def series_axis(table: PixelTable) -> tuple[Sequence[float], str, str]:
    """Return the positions of the bands of the time series on an axis, its sensor, and the unit."""
    bands = table.series_bands
    if bands == SENTINEL_BANDS:
        return WAVELENGTHS, "Sentinel-2", "reflectance"
    numbers = [number + 1.0 for number in range(len(bands))]
    return numbers, "Time series", f"value / {bands.divisor:.4g}"


def _axis_note(bands: Bands) -> str:
    if bands == FLAIR_BANDS:
        return "The wavelengths of the camera are approximate, because FLAIR does not state them."
    if bands.has_colour:
        return "The wavelengths are approximate."
    return "The horizontal axis shows the numbers of the bands."


def scatter_panel(land: Land) -> None:
    """Plot two channels against each other, raw and normalised."""
    survey = require_survey(land)
    if survey is None:
        return
    labels, classes = _labels(land, survey.sample)
    titles = available_channels(survey.sample)
    titles = {name: title for name, title in titles.items() if not name.startswith("ndvi")}
    start_x, start_y = (name if name in titles else None for name in ("red", "nir"))
    left, right = st.columns(2)
    with left:
        x = land_select(land, "Horizontal axis", titles, "across", start_x)
    with right:
        y = land_select(land, "Vertical axis", titles, "up", start_y)
    step = max(1, len(labels) // MOST_DRAWN)
    table, labels = survey.sample.take(np.arange(0, len(labels), step)), labels[::step]
    spec = FeatureSpec(fusion=table.sentinel is not None, normalised=True)
    matrix, bands = (
        build_features(table, spec).matrix,
        [*table.bands.names, *(table.sentinel_names if table.sentinel is not None else ())],
    )
    raw, normalised = (
        np.column_stack([table.band(x), table.band(y)]),
        matrix[:, [bands.index(x), bands.index(y)]],
    )
    x_title, y_title = (NORMALISED.get(b, f"{b} / sum of the visible bands") for b in (x, y))
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Raw**")
        figure = pixel_charts.scatter_chart(raw, labels, classes, (titles[x], titles[y]))
        show_chart(figure, "cs.land.raw")
    with right:
        st.markdown("**Normalised**: each spectrum divided by the sum of its visible bands")
        figure = pixel_charts.scatter_chart(normalised, labels, classes, (x_title, y_title))
        show_chart(figure, "cs.land.normalised")
    drawn = [cover for cover in classes if (labels == cover.value).any()]
    st.html(legend_html((cover.colour, cover.name, "") for cover in drawn))
    st.caption(
        f"The plots show {format_number(len(labels))} pixels. {_sample_note(survey.sample)} Shade "
        "and slope change the intensity of a spectrum, not its shape. Normalisation removes their "
        "effect, but also the differences in brightness between classes."
    )


def _labels(land: Land, table: PixelTable) -> tuple[AnyArray, tuple[LandCover, ...]]:
    """Draw a nomenclature switch; return the pixels' labels in it, and its classes."""
    legend = land.legend
    n_classes = len(legend.classes)
    if not legend.has_other or land_toggle(land, f"All {n_classes} classes", "all classes"):
        return table.labels, legend.classes
    return legend.reduce_labels(table.labels), legend.reduced


def _sample_note(table: PixelTable) -> str:
    return (
        f"The sample contains {format_number(len(table))} pixels from all patches: the same number "
        "for each class, or all pixels of a class that has fewer."
    )
