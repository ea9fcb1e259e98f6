"""Panels about the channels of land cover pixels, class by class."""

import numpy as np
import streamlit as st

from app.land_cover import land_data, land_jobs, pixel_charts
from app.land_cover.land_data import Land
from app.session import state
from app.widgets import charts
from app.widgets.markup import legend, number
from core.flair.data.nomenclature import FULL, REDUCED, LandCover, reduce
from core.flair.data.pixel_table import AERIAL, SENTINEL, PixelTable
from core.flair.data.sentinel import WAVELENGTHS
from core.flair.models.features import FeatureSpec, build, ndvi
from core.types import AnyArray

# Centres of the aerial camera's bands in nanometres, about: FLAIR does not state them.
CAMERA = {"blue": 460, "green": 550, "red": 640, "nir": 830}
DRAWN = 4000
COUNT = "0 to 255"


def channels(table: PixelTable) -> dict[str, str]:
    """The channels there are, with the words and units people read."""
    names = {name: f"Aerial {name} ({COUNT})" for name in AERIAL}
    names["elevation"] = f"Elevation above ground, as coded ({COUNT})"
    if table.sentinel is not None:
        names |= {
            band: f"Sentinel {band}, {nm} nm (reflectance)"
            for band, nm in zip(SENTINEL, WAVELENGTHS, strict=True)
        }
    names["ndvi"] = "NDVI, aerial (-1 to 1)"
    if table.sentinel is not None:
        names["ndvi10"] = "NDVI, Sentinel (-1 to 1)"
    return names


def values(table: PixelTable, name: str) -> AnyArray:
    """One channel of every pixel."""
    if name == "ndvi":
        return ndvi(table.aerial[:, 3], table.aerial[:, 0])
    if name in AERIAL:
        return table.aerial[:, AERIAL.index(name)]
    assert table.sentinel is not None
    if name == "ndvi10":
        return ndvi(table.sentinel[:, 6], table.sentinel[:, 2])
    return table.sentinel[:, SENTINEL.index(name)]


def by_class(land: Land) -> None:
    """Box plots of one channel."""
    table = _table(land)
    if table is None:
        return
    labels, kinds = _labels(land, table)
    names = channels(table)
    chosen = land_jobs.select(land.place, "Channel", names, "channel", "ndvi")
    st.plotly_chart(pixel_charts.boxes(values(table, chosen), labels, kinds, names[chosen]),
                    theme=None, config=dict(charts.EXPORT), key="cs.land.boxes")  # fmt: skip
    st.caption(f"Boxes: quartiles and median; whiskers: 5 and 95 %. {_drawn(table)}")


def spectra(land: Land) -> None:
    """Spectra of classes with their quartiles, aerial and Sentinel."""
    table = _table(land)
    if table is None:
        return
    labels, kinds = _labels(land, table)
    names = [kind.name for kind in kinds if (labels == kind.value).any()]
    kept = [name for name in state.value(land.place, "spectra", names[:1]) if name in names]
    key = state.widget(land.place, f"spectra {len(kinds)}", kept)
    chosen = st.multiselect("Classes", names, key=key, max_selections=4)
    state.keep(land.place, "spectra", chosen)
    if not chosen:
        st.caption("Choose up to four classes.")
        return
    shown = [kind for kind in kinds if kind.name in chosen]
    left, right = st.columns([2, 3], gap="medium")
    order = [AERIAL.index(name) for name in CAMERA]
    parts = [(kind, table.aerial[labels == kind.value][:, order]) for kind in shown]
    with left:
        st.markdown("**Aerial**, 0.2 m")
        st.plotly_chart(pixel_charts.spectra(parts, list(CAMERA.values()), f"counts, {COUNT}"),
                        theme=None, config=dict(charts.EXPORT), key="cs.land.aerial")  # fmt: skip
    sentinel = table.sentinel
    if sentinel is not None:
        with right:
            st.markdown("**Sentinel-2**, 10 m: a mixture of all that lies in a block")
            mixed = [(kind, sentinel[labels == kind.value]) for kind in shown]
            st.plotly_chart(pixel_charts.spectra(mixed, WAVELENGTHS, "reflectance"), theme=None,
                            config=dict(charts.EXPORT), key="cs.land.sentinel")  # fmt: skip
    counts = ", ".join(f"{number(int((labels == k.value).sum()))} of {k.name}" for k in shown)
    st.caption(f"Line: median; band: quartiles. {counts}. The camera's wavelengths are about: "
               "FLAIR does not state them.")  # fmt: skip


def two_channels(land: Land) -> None:
    """Two channels against each other, raw beside normalised."""
    table = _table(land)
    if table is None:
        return
    labels, kinds = _labels(land, table)
    names = {k: v for k, v in channels(table).items() if not k.startswith("ndvi")}
    left, right = st.columns(2)
    with left:
        x = land_jobs.select(land.place, "Across", names, "across", "red")
    with right:
        y = land_jobs.select(land.place, "Up", names, "up", "nir")
    step = max(1, len(table) // DRAWN)
    some = table.take(np.arange(0, len(table), step))
    few = labels[::step]
    spec = FeatureSpec(fusion=table.sentinel is not None, normalised=True)
    matrix = build(some, spec).matrix
    at = [*AERIAL, *SENTINEL]
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Raw**")
        raw = pixel_charts.cloud(values(some, x), values(some, y), few, kinds, (names[x], names[y]))
        st.plotly_chart(raw, theme=None, config=dict(charts.EXPORT), key="cs.land.raw")
    with right:
        st.markdown("**Normalised**: each spectrum over the sum of its visible bands")
        titles = (_normalised(x), _normalised(y))
        scaled = pixel_charts.cloud(
            matrix[:, at.index(x)], matrix[:, at.index(y)], few, kinds, titles
        )
        st.plotly_chart(scaled, theme=None, config=dict(charts.EXPORT), key="cs.land.normalised")
    st.html(legend((k.colour, k.name, "") for k in kinds if (few == k.value).any()))
    st.caption(f"{number(len(few))} pixels are drawn. {_drawn(table)} Shade and slope change the "
               "intensity, not the spectrum's shape: normalising takes them out, and brightness "
               "with them.")  # fmt: skip


def _normalised(name: str) -> str:
    if name == "elevation":
        return "elevation (0 to 1, not divided)"
    return f"{name}, share of the visible intensity"


def _table(land: Land) -> PixelTable | None:
    found = land_data.survey(land)
    return found.sample if found else None


def _labels(land: Land, table: PixelTable) -> tuple[AnyArray, tuple[LandCover, ...]]:
    full = land_jobs.toggle(land.place, "All 19 classes", "all classes")
    if full:
        return table.labels, FULL
    return reduce(table.labels), REDUCED


def _drawn(table: PixelTable) -> str:
    return (f"From {number(len(table))} pixels of all patches, drawn so that every class has as "
            "many as the others, or all it has.")  # fmt: skip
