"""Panels of the page about land cover data."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover import land_data, land_jobs, patch_images, pixel_charts, readable_patch
from app.land_cover.land_data import Land
from app.session import cache
from app.widgets import charts
from app.widgets.images import data_uris
from app.widgets.markup import facts, legend, number, plain
from app.widgets.markup import gallery as figures
from core.errors import SceneError
from core.flair.data.data_summary import by_split
from core.flair.data.dataset import Patch
from core.flair.data.nomenclature import FULL, N_SCORED, REDUCED
from core.flair.data.patch_reading import read_aerial, read_mask
from core.flair.data.pixel_table import UNLABELLED
from core.flair.data.sentinel import (
    HALF_PIXEL,
    SUPER_PATCH,
    SentinelSettings,
    SuperPatch,
    around_patch,
    monthly_means,
    open_series,
)
from core.types import ByteArray

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def pixels(land: Land, index: int) -> tuple[ByteArray, ByteArray]:
    """A patch's five bands and its labels (full nomenclature).

    Raises
    ------
    SceneError
        If one of the two cannot be read.
    """
    one = land.dataset.patches[index]
    return cache.drawn(
        land.place, f"pixels {land.mark} {index}", lambda: (read_aerial(one), read_mask(one)[0])
    )


def samples(land: Land) -> None:
    """One patch in every guise."""
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        index = land_data.patch(land)
    with right:
        opacity = land_jobs.slide(land.place, "Opacity of the classes over the image", 0.0, 1.0,
                                   0.05, "opacity", 0.5)  # fmt: skip
    one = land.dataset.patches[index]
    found = readable_patch.readable(land, index)
    readable_patch.tell(found)
    cells = [*st.columns(3, gap="small"), *st.columns(3, gap="small")]
    for cell, (words, image) in zip(cells, _guises(found, opacity), strict=False):
        cell.image(image, caption=words, width="stretch")
    with cells[-1]:
        if found.masked:
            st.markdown("**Classes of this patch**")
            of_patch(found.labels)
        _about(one)
    st.subheader("Around it: Sentinel-2")
    if one.super_area is None or one.centroid is None:
        st.caption("This patch has no Sentinel files or no centroid: aerial only.")
        return
    try:
        _around(land, one)
    except SceneError as error:
        st.warning(plain(f"Its Sentinel files cannot be used. {error}"))


def _guises(found: readable_patch.Readable, opacity: float) -> list[tuple[str, ByteArray]]:
    """The pictures of a patch that what can be read allows, each with its caption."""
    aerial, labels = found.aerial, found.labels
    classes = ("Classes", patch_images.coloured(labels, "full"))
    if aerial is None:
        return [classes] if found.masked else []
    shown = [
        ("Colour: red, green, blue", patch_images.rgb(aerial)),
        ("Colour infrared: vegetation is red", patch_images.infrared(aerial)),
        (f"Elevation above ground as coded, {aerial[4].min()} to {aerial[4].max()}",
         patch_images.elevation(aerial)),
    ]  # fmt: skip
    if not found.masked:
        return shown
    over = patch_images.overlaid(shown[0][1], classes[1], opacity)
    return [*shown, classes, (f"Overlay at {opacity:.0%}", over)]


def _around(land: Land, one: Patch) -> None:
    around = around_patch(one, SentinelSettings())
    area = open_series(one.super_area) if one.super_area else around.series
    dates = {str(i): f"{date} · {around.cover[i]:.0%} cloud or snow"
             for i, date in enumerate(around.series.dates)}  # fmt: skip
    clearest = str(int(around.cover.argmin()))
    chosen = int(land_jobs.select(land.place, "Date", dates, f"date {one.place}", clearest))
    row, column = one.centroid or (0, 0)
    half = SUPER_PATCH // 2
    whole, part = (patch_images.sentinel_rgb(s.data[chosen]) for s in (area, around.series))
    inside = patch_images.patch_in_super_patch(around)
    top, left, height, width = inside
    close = part[int(top) - 1 : int(top + height) + 3, int(left) - 1 : int(left + width) + 3]
    shown = [
        (f"Super area, {whole.shape[1]} × {whole.shape[0]} px of 10 m; yellow: super patch",
         patch_images.framed(whole, row - half, column - half, 2 * half, 2 * half, 560,
                               patch_images.YELLOW)),
        ("Super patch, 40 × 40 px; red: the aerial patch, 102.4 m",
         patch_images.framed(part, *inside, 560)),
        ("The patch as Sentinel sees it, its extent in red",
         patch_images.framed(close, top - int(top) + 1, left - int(left) + 1, height, width,
                               560)),
    ]  # fmt: skip
    for place, (words, image) in zip(st.columns(3), shown, strict=True):
        place.image(image, caption=words, width="stretch")
    st.caption(plain(HALF_PIXEL))


def _about(one: Patch) -> None:
    pairs: list[tuple[str, object]] = [("Patch", one.name), ("Domain", one.domain),
                                       ("Area", one.area), ("Split", one.split)]  # fmt: skip
    if one.acquired:
        seen = one.acquired
        pairs += [("Flown", f"{seen.date} {seen.time}".strip()), ("Camera", seen.camera)]
        if seen.x is not None and seen.y is not None:
            pairs.append(("Centre (EPSG:2154)", f"{seen.x:.1f} m, {seen.y:.1f} m"))
        if seen.z is not None:
            pairs.append(("Elevation of the ground", number(seen.z, "m")))
    st.html(facts(pairs))


def of_patch(labels: ByteArray) -> None:
    """The classes of a patch with their shares, by the full nomenclature."""
    counts = np.bincount(labels.ravel(), minlength=len(FULL) + 1)
    present = [kind for kind in FULL if counts[kind.value]]
    entries = [
        (kind.colour, kind.name, f"{counts[kind.value] / labels.size:.1%}") for kind in present
    ]
    if counts[UNLABELLED]:
        entries.append(("#808080", "no class", f"{counts[UNLABELLED] / labels.size:.1%}"))
    st.html(legend(entries))


def series(land: Land) -> None:
    """Every date around a patch, with clouds, and what the filter keeps."""
    index = land_data.patch(land)
    one = land.dataset.patches[index]
    if not one.fused:
        st.info("This patch has no Sentinel series. Choose another one.")
        return
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom", gap="large")
    with first:
        probability = land_jobs.slide(land.place, "A pixel is covered from a probability of (%)",
                                       0.0, 100.0, 5.0, "probability", 60.0, "%.0f %%")  # fmt: skip
    with second:
        cover = land_jobs.slide(land.place, "A date is kept below a covered share of", 0.0, 1.0,
                                 0.05, "cover", 0.5)  # fmt: skip
    with third:
        filtering = land_jobs.toggle(land.place, "Filter on", "filtering", start=True)
    around = around_patch(one, SentinelSettings(probability, cover))
    kept = around.kept if filtering else np.ones(len(around.kept), bool)
    said = f"{int(around.kept.sum())} of {len(around.kept)} dates pass the filter"
    if around.all_covered:
        said = "No date passes the filter: the clearest stands in"
    st.markdown(f"**{said}**" + ("." if filtering else "; it is off, so all of them are used."))
    st.plotly_chart(pixel_charts.dates(around, kept, cover), theme=None,
                    config=dict(charts.EXPORT), key="cs.land.dates")  # fmt: skip
    shown = np.flatnonzero(kept) if filtering else np.arange(len(kept))
    images = [patch_images.sentinel_rgb(around.series.data[i]) for i in shown]
    captions = [
        ("#0B6E6E" if around.kept[i] else "#D55E00", around.series.dates[i],
         f"{around.cover[i]:.0%} {'covered' if around.kept[i] else '· dropped'}")
        for i in shown
    ]  # fmt: skip
    st.html(figures(_large(images), captions, 104))
    _months(around, kept)


def _months(around: SuperPatch, kept: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> None:
    st.markdown("**Monthly means** of the dates above: what the pixel table averages.")
    means = monthly_means(np.asarray(around.series.data), around.series.dates, kept)
    months = sorted({int(d[5:7]) for d, k in zip(around.series.dates, kept, strict=True) if k})
    n = [sum(int(d[5:7]) == m for d, k in zip(around.series.dates, kept, strict=True) if k)
         for m in months]  # fmt: skip
    captions = [
        ("#6B7683", MONTHS[month - 1], f"{count} date{'s' if count > 1 else ''}")
        for month, count in zip(months, n, strict=True)
    ]
    st.html(figures(_large([patch_images.sentinel_rgb(mean) for mean in means]), captions, 104))


def _large(images: list[ByteArray]) -> list[str]:
    return list(data_uris([np.repeat(np.repeat(i, 3, axis=0), 3, axis=1) for i in images]))  # type: ignore[arg-type]


def classes(land: Land) -> None:
    """Both nomenclatures, the share of each class, and how train differs from test."""
    found = land_data.survey(land)
    which = land_jobs.choose(land.place, "Nomenclature",
                              {"reduced": "Reduced, 13 classes", "full": "Full, 19 classes"},
                              "nomenclature", "reduced")  # fmt: skip
    full = which == "full"
    kinds = FULL if full else REDUCED
    folded = "" if full else " Values 13 to 19 of the full nomenclature become 13, other."
    scored = f" The challenge's mIoU averages classes 1 to {N_SCORED}." if not full else ""
    st.html(legend((kind.colour, f"{kind.value} {kind.name}", "") for kind in kinds))
    st.caption(f"FLAIR's own colours.{folded}{scored}")
    if found is None:
        return
    splits = by_split(land.dataset, found.counts, "full" if full else "reduced")
    st.subheader("Share of each class")
    for split, said in splits.items():
        spread = said["classes_per_patch"]
        st.markdown(
            f"**{split.capitalize()}**: {said['patches']} patches{_unread(said)} in "
            f"{said['areas']} areas of "
            f"{len(said['domains'])} domain{'s' * (len(said['domains']) > 1)}; a patch holds "
            f"{spread['min']} to {spread['max']} classes, {spread['mean']:.1f} on average."
        )
    st.plotly_chart(pixel_charts.distribution(splits), theme=None, config=dict(charts.EXPORT),
                    key="cs.land.shares")  # fmt: skip
    if len(splits) == 2:
        train, test = ([kind["share"] for kind in splits[s]["classes"]] for s in splits)
        moved = 0.5 * float(np.abs(np.array(train) - np.array(test)).sum())
        st.markdown(f"**Prior shift**: {moved:.0%} of the pixels would have to change class for "
                    "test to have the shares of train (total variation distance).")  # fmt: skip
    _table(land, splits)


def _unread(said: Mapping[str, object]) -> str:
    """How many patches the counts do not hold, where there are any."""
    return f" ({said['unreadable']} of them could not be read)" if said["unreadable"] else ""


def _table(land: Land, splits: dict[str, dict[str, object]]) -> None:
    columns: dict[str, list[object]] = {}
    for split, said in splits.items():
        kinds = said["classes"]
        assert isinstance(kinds, list)
        columns["Class"] = [f"{kind['value']} {kind['name']}" for kind in kinds]
        columns[f"{split}: pixels"] = [kind["pixels"] for kind in kinds]
        columns[f"{split}: share (%)"] = [round(100 * kind["share"], 3) for kind in kinds]
        columns[f"{split}: patches"] = [kind["patches"] for kind in kinds]
    table = pd.DataFrame(columns)
    land_data.show(table)
    land_data.download(land, "Download the shares (CSV)", table, "flair-classes.csv")


def files(land: Land) -> None:
    """What is missing, surplus or damaged, by name; and where real data go."""
    found = land_data.survey(land)
    told = found.problems if found else tuple(str(p) for p in land.dataset.problems)
    n = len(land.dataset.patches)
    fused = sum(one.fused for one in land.dataset.patches)
    st.markdown(f"**{number(n)} patches** in {plain(land.dataset.root)}, {number(fused)} of them "
                "with Sentinel. Files are paired by name, never by their order.")  # fmt: skip
    if told:
        parts = [text.split(": ", 1) for text in told]
        table = pd.DataFrame(parts, columns=["File or patch", "What is wrong, and what was done"])
        st.dataframe(table, hide_index=True)
    else:
        read = "every file could be read." if found else "their insides have not been read yet."
        st.markdown(f"No file is missing and none is surplus; {read}")
    land_data.bring(land.place)
