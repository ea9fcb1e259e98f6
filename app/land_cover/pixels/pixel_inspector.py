"""The pixel inspector: click a pixel, or type one, and see what it is and what models say."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import streamlit as st

from app.land_cover import land_data, land_jobs, patch_images, pixel_charts, readable_patch
from app.land_cover.land_data import Land
from app.land_cover.pixels.channel_panels import CAMERA
from app.session import cache, state
from app.widgets import charts
from app.widgets.images import data_uri
from app.widgets.markup import facts, plain, swatch
from app.widgets.plot_picker import Picture, place
from core.errors import SceneError
from core.flair.data.nomenclature import FULL, REDUCED, LandCover, reduce
from core.flair.data.patch_reading import Needs, read_pixels, texture_of
from core.flair.data.pixel_table import AERIAL, SENTINEL, SIDE, PixelTable
from core.flair.data.sentinel import (
    WAVELENGTHS,
    SentinelSettings,
    around_patch,
    block_index,
    blocks,
)
from core.flair.models.features import build
from core.pipeline.flair import study_results
from core.pipeline.flair.kept_models import Taught, taught
from core.pipeline.flair.study_results import Configuration
from core.types import AnyArray, ByteArray

log = logging.getLogger(__name__)

HEIGHT, SPECTRUM = 560, 230
GREY = LandCover(0, "no class", "#808080")


@dataclass(frozen=True)
class Verdict:
    """What a model says of one pixel, and why in words."""

    kind: LandCover
    why: str


def inspect(land: Land) -> None:
    """A patch to click in, and everything about the clicked pixel."""
    left, right = st.columns([11, 9], gap="large")
    with left:
        index = land_data.patch(land)
        name = land_jobs.choose(land.place, "Shown as", patch_images.VIEWS, "inspected", "rgb")
        column, row = state.value(land.place, f"pixel {index}", (SIDE // 2, SIDE // 2))
        found = readable_patch.readable(land, index)
        readable_patch.tell(found)
        if found.aerial is None:
            st.markdown("Without its image a patch has no pixels to inspect. Choose another one.")
            return
        shown = patch_images.possible(name, image=True, mask=found.masked) or "rgb"
        image = patch_images.view(found.aerial, found.labels, shown)
        clicked = place(picture(image, (column, row)), f"land {land.mark} {index}", HEIGHT)
        if clicked and state.is_news(land.place, f"pixel {index}", clicked):
            state.keep(land.place, f"pixel {index}", clicked)
            st.rerun()
        st.caption("Click a pixel. The wheel zooms, dragging moves.")
    with right:
        table = _read(land, index, column, row)
        _about(land, index, column, row, table)
        _spectra(table)
    st.subheader("What the models say")
    truth = FULL[int(table.labels[0]) - 1] if table.labels[0] else GREY
    _models(land, index, column, row, truth)
    by_hand(land, table)


def picture(image: ByteArray, at: tuple[int, int]) -> Picture:
    """A patch whose every pixel can be clicked, the chosen one marked."""
    height, width = image.shape[:2]
    cells = {
        "type": "heatmap", "z": np.zeros((height, width), int).tolist(), "showscale": False,
        "colorscale": [[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]], "zmin": 0, "zmax": 1,
        "hovertemplate": "column %{x}, row %{y}<extra></extra>",
    }  # fmt: skip
    hidden = {"visible": False, "showgrid": False, "zeroline": False}
    column, row = at
    lines = [
        {"type": "line", "x0": column + dx * 5, "x1": column + dx * 26, "y0": row + dy * 5,
         "y1": row + dy * 26, "line": {"color": colour, "width": wide}}
        for colour, wide in (("#000000", 4), ("#FFFFFF", 2))
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]  # fmt: skip
    layout: Mapping[str, Any] = {
        "template": {}, "margin": {"l": 0, "r": 0, "t": 0, "b": 0}, "dragmode": "pan",
        "uirevision": "patch", "shapes": lines, "paper_bgcolor": "#FFFFFF",
        "xaxis": hidden | {"range": [-0.5, width - 0.5], "constrain": "domain"},
        "yaxis": hidden | {"range": [height - 0.5, -0.5], "scaleanchor": "x",
                           "constrain": "domain"},
        "images": [{"source": data_uri(image), "x": -0.5, "y": -0.5, "sizex": width,
                    "sizey": height, "xref": "x", "yref": "y", "sizing": "stretch",
                    "layer": "below"}],
    }  # fmt: skip
    return Picture([cells], layout)


def _read(land: Land, index: int, column: int, row: int) -> PixelTable:
    one = land.dataset.patches[index]
    at = np.array([row * SIDE + column])

    def read() -> PixelTable:
        needs = Needs(sentinel=one.fused, nomenclature="full")
        try:
            return read_pixels(one, index, at, needs)
        except SceneError:
            return _part(land, index, column, row)

    return cache.drawn(land.place, f"pixel {land.mark} {index} {column} {row}", read)


def _part(land: Land, index: int, column: int, row: int) -> PixelTable:
    """A pixel of a patch whose mask or Sentinel series cannot be read: what can be is there."""
    one, found = land.dataset.patches[index], readable_patch.readable(land, index)
    assert found.aerial is not None
    where = np.array([row]), np.array([column])
    spectra = None
    if one.fused:
        try:
            means = blocks(around_patch(one, SentinelSettings()), one.name)
            spectra = means[:, block_index(where[0]), block_index(where[1])].T
        except SceneError as error:
            log.info("%s: aerial only (%s)", one.name, error)
    return PixelTable(
        np.ascontiguousarray(found.aerial[:, row, column][None], np.float32),
        spectra,
        found.labels[where],
        np.array([index], np.int32),
        where[1].astype(np.int16),
        where[0].astype(np.int16),
    )


def _about(land: Land, index: int, column: int, row: int, table: PixelTable) -> None:
    value = int(table.labels[0])
    kind = FULL[value - 1] if value else GREY
    with rasterio.open(land.dataset.patches[index].image) as source:
        x, y = source.xy(row, column)
        crs = source.crs.to_string() if source.crs else "no CRS"
    other = " (other, in the reduced nomenclature)" if value > len(REDUCED) else ""
    st.html(f"<b>{swatch(kind.colour)} {kind.name}</b>{other}")
    st.html(facts([("Pixel", f"column {column}, row {row}"), (crs, f"{x:.1f}, {y:.1f}"),
                   ("Red, green, blue", ", ".join(f"{v:.0f}" for v in table.aerial[0, :3])),
                   ("Near infrared", f"{table.aerial[0, 3]:.0f}"),
                   ("Elevation, as coded", f"{table.aerial[0, 4]:.0f}")]))  # fmt: skip


def _spectra(table: PixelTable) -> None:
    value = int(table.labels[0])
    kind = FULL[value - 1] if value else GREY
    order = [AERIAL.index(name) for name in CAMERA]
    one = pixel_charts.spectra(
        [(kind, table.aerial[:, order])], list(CAMERA.values()), "aerial, counts"
    )
    one.update_layout(height=SPECTRUM, showlegend=False)
    st.plotly_chart(one, theme=None, key="cs.land.one", config=dict(charts.EXPORT))
    if table.sentinel is None:
        st.caption("No Sentinel spectrum: aerial only.")
        return
    two = pixel_charts.spectra([(kind, table.sentinel)], WAVELENGTHS, "Sentinel-2, reflectance")
    two.update_layout(height=SPECTRUM, showlegend=False)
    st.plotly_chart(two, theme=None, key="cs.land.two", config=dict(charts.EXPORT))


def _models(land: Land, index: int, column: int, row: int, truth: LandCover) -> None:
    name, rows, without = land.dataset.patches[index].name, [], 0
    for run in land_data.runs(land):
        folder = land_data.maps(land, run)
        path = folder / f"{name}.tif" if folder else None
        if path is None:
            without += 1
        elif path.is_file():
            with rasterio.open(path) as source:
                window = rasterio.windows.Window(column, row, 1, 1)
                value = int(source.read(1, window=window)[0, 0])
            right = value == int(reduce(np.array([truth.value]))[0])
            said = REDUCED[value - 1].name if value else "nothing"
            judged = ("right" if right else "wrong") if truth.value else "no label"
            rows.append((land_jobs.title(run), said, judged))
    if rows:
        land_data.show(pd.DataFrame(rows, columns=["Model", "Says", "By the label"]))
    else:
        st.caption("No model with class maps has judged this patch. Run one on the page Models.")
    if without:
        st.caption(f"{without} finished runs kept no class maps; the page Models keeps them.")


def by_hand(land: Land, table: PixelTable) -> None:
    """Values typed by hand, and what a model says of them."""
    st.subheader("Type a pixel")
    kept: dict[str, tuple[Configuration, Taught]] = {}
    for run in land_data.runs(land):
        found = land.place.store.find(study_results.maps_step(run.artifact.key))
        learnt = taught(found) if found else None
        if learnt is not None:
            kept[run.artifact.key] = (run, learnt)
    if not kept:
        st.caption("Needs a model with its maps kept (kNN, clusters with kNN, or boosting): run "
                   "one on the page Models.")  # fmt: skip
        return
    run = land_data.chosen_run(land, "Model", "by hand", [run for run, _ in kept.values()])
    learnt = kept[run.artifact.key][1]
    typed = _typed(land, table, fusion=run.spec.fusion)
    if typed is None:
        st.caption("This model needs a Sentinel spectrum, which this patch does not have.")
        return
    said = verdict(run, learnt, typed)
    st.html(f"<b>{swatch(said.kind.colour)} {said.kind.name}</b>")
    where = f"It learnt from {', '.join(learnt.domains)}."
    st.caption(plain(f"{said.why} {where} Chance, the floors, looks at no value and is not asked."
                     ))  # fmt: skip


def _typed(land: Land, table: PixelTable, *, fusion: bool) -> PixelTable | None:
    if fusion and table.sentinel is None:
        return None
    stamp = f"{int(table.patch[0])} {int(table.column[0])} {int(table.row[0])}"
    cells = st.columns(len(AERIAL))
    own = [
        cell.number_input(name, 0, 255, key=state.widget(land.place, f"by {name} {stamp}",
                                                         int(table.aerial[0, at])))
        for at, (cell, name) in enumerate(zip(cells, AERIAL, strict=True))
    ]  # fmt: skip
    spectrum = None
    if fusion and table.sentinel is not None:
        cells = st.columns(len(SENTINEL))
        far = [
            cell.number_input(band, 0.0, 2.0, step=0.01, format="%.3f",
                              key=state.widget(land.place, f"by {band} {stamp}",
                                               round(float(table.sentinel[0, at]), 4)))
            for at, (cell, band) in enumerate(zip(cells, SENTINEL, strict=True))
        ]  # fmt: skip
        spectrum = np.array([far], np.float32)
    texture = None
    if table.texture is None:
        aerial = readable_patch.readable(land, int(table.patch[0])).aerial
        assert aerial is not None
        texture = texture_of(aerial)[table.row, table.column].astype(np.float32)
    return PixelTable(np.array([own], np.float32), spectrum, table.labels, table.patch,
                      table.column, table.row, texture)  # fmt: skip


def verdict(run: Configuration, learnt: Taught, typed: PixelTable) -> Verdict:
    """The class of one pixel exactly as the model decides: by votes, or by its trees."""
    from core.neighbours.compiled_loops import majority

    query = build(typed, run.spec, learnt.scaler).matrix
    if learnt.trees is not None:
        shares = learnt.trees.probabilities(query)[0]
        best = np.argsort(-shares, kind="stable")[:3]
        kinds = [REDUCED[int(learnt.trees.classes[i]) - 1] for i in best]
        likely = ", ".join(f"{k.name} {shares[i]:.0%}" for k, i in zip(kinds, best, strict=True))
        return Verdict(kinds[0], f"The likeliest classes: {likely}.")
    away: AnyArray = ((learnt.matrix - query[0]) ** 2).sum(axis=1)
    nearest = np.argsort(away, kind="stable")[: run.method.k].astype(np.int32)
    value = int(majority(np.ascontiguousarray(learnt.classes), nearest[None, :])[0])
    votes = ", ".join(
        f"{REDUCED[int(learnt.classes[i]) - 1].name} ({np.sqrt(away[i]):.3g} away)" for i in nearest
    )
    return Verdict(
        REDUCED[value - 1], f"The nearest voting pixels, by distance in the features: {votes}."
    )
