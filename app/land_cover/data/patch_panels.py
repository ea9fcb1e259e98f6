"""Panels on land cover data: one patch, its time series, the classes, and problems with files."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover import land_widgets, patch_images, pixel_charts
from app.land_cover.land_data import Land, readable_patch
from app.land_cover.land_page import fetch_panel
from app.widgets import markup
from app.widgets.charts import ACCENT, MUTED, show_chart
from app.widgets.images import data_uri
from app.widgets.markup import count_noun, escape_markdown, format_number
from core.errors import SceneError
from core.flair.data import sentinel
from core.flair.data.data_summary import prior_shift, summarise_splits
from core.flair.data.dataset import Patch
from core.flair.data.nomenclature import FULL, N_SCORED, Nomenclature, nomenclature_classes
from core.flair.data.pixel_table import UNLABELLED
from core.flair.data.readable_patch import ReadablePatch
from core.types import AnyArray, BoolArray, ByteArray

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NOMENCLATURES = {"reduced": "Reduced, 13 classes", "full": "Full, 19 classes"}
FRAME = 560


def sample_panel(land: Land) -> None:
    """Show one patch in all its views, its classes, and the Sentinel images around it."""
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        index = land_widgets.choose_patch(land)
    with right:
        opacity = land_widgets.choose_opacity(land, "Opacity of the classes over the image")
    patch, readable = land.dataset.patches[index], readable_patch(land, index)
    land_widgets.patch_problems(readable)
    cells = [*st.columns(3, gap="small"), *st.columns(3, gap="small")]
    for cell, (caption, image) in zip(cells, _patch_views(readable, opacity), strict=False):
        cell.image(image, caption=caption, width="stretch")
    with cells[-1]:
        if readable.labels is not None:
            st.markdown("**Classes of this patch**")
            patch_class_table(readable.labels)
        st.html(markup.facts_html(_patch_facts(patch)))
    st.subheader("Surroundings: Sentinel-2")
    if not patch.has_sentinel:
        st.caption("This patch has no Sentinel files or no centroid, only its aerial bands.")
        return
    try:
        _sentinel_images(land, patch)
    except SceneError as error:
        st.warning(escape_markdown(f"Its Sentinel files cannot be used. {error}"))


def _patch_views(patch: ReadablePatch, opacity: float) -> list[tuple[str, ByteArray]]:
    """Return the images of a patch that can be drawn, each with its caption."""
    aerial, views = patch.aerial, []
    if aerial is not None:
        span = f"{aerial[4].min()} to {aerial[4].max()}"
        views = [
            ("Colour: red, green, blue", patch_images.true_colour(aerial)),
            ("Colour infrared: vegetation is red", patch_images.false_colour(aerial)),
            (f"Elevation above ground, as coded: {span}", patch_images.elevation_image(aerial)),
        ]
    if patch.labels is not None:
        classes = patch_images.class_image(patch.labels, "full")
        views.append(("Classes", classes))
        if aerial is not None:
            overlay = patch_images.overlay_images(views[0][1], classes, opacity)
            views.append((f"Overlay, opacity {opacity:.0%}", overlay))
    return views


def _sentinel_images(land: Land, patch: Patch) -> None:
    """Show one date: the super area, the super patch, and the extent of the patch."""
    super_patch = sentinel.patch_super_patch(patch, sentinel.SentinelSettings())
    assert patch.super_area is not None
    assert patch.centroid is not None
    area, covers = sentinel.open_series(patch.super_area), super_patch.cover
    texts = [
        f"{date} · {cover:.0%} cloud or snow"
        for date, cover in zip(super_patch.series.dates, covers, strict=True)
    ]
    dates = {str(i): text for i, text in enumerate(texts)}
    clearest = str(int(covers.argmin()))
    date = int(land_widgets.land_select(land, "Date", dates, f"date {patch.area_id}", clearest))
    whole_area = patch_images.sentinel_true_colour(area.data[date])
    part = patch_images.sentinel_true_colour(super_patch.series.data[date])
    side, (row, column) = sentinel.SUPER_PATCH, patch.centroid
    around = (row - side // 2, column - side // 2, side, side)
    top, left, height, width = extent = super_patch.patch_extent
    y, x = int(top) - 1, int(left) - 1
    close = part[y : int(top + height) + 3, x : int(left + width) + 3]
    size = f"{whole_area.shape[1]} × {whole_area.shape[0]} px of 10 m"
    frame, yellow = patch_images.draw_frame, patch_images.YELLOW
    images = (
        (f"Super area, {size}. Yellow: super patch", frame(whole_area, around, FRAME, yellow)),
        ("Super patch, 40 × 40 px. Red: aerial patch, 102.4 m", frame(part, extent, FRAME)),
        (
            "The patch at Sentinel's resolution. Red: its extent",
            frame(close, (top - y, left - x, height, width), FRAME),
        ),
    )
    for cell, (caption, image) in zip(st.columns(3), images, strict=True):
        cell.image(image, caption=caption, width="stretch")
    st.caption(escape_markdown(sentinel.MATCHING_NOTE))


def _patch_facts(patch: Patch) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [("Patch", patch.name), ("Domain", patch.domain)]
    facts += [("Area", patch.area), ("Split", patch.split)]
    if flight := patch.acquisition:
        facts += [("Flown", f"{flight.date} {flight.time}".strip()), ("Camera", flight.camera)]
        if flight.x is not None and flight.y is not None:
            facts.append(("Centre (EPSG:2154)", f"{flight.x:.1f} m, {flight.y:.1f} m"))
        if flight.z is not None:
            facts.append(("Ground elevation", format_number(flight.z, "m")))
    return facts


def patch_class_table(labels: ByteArray) -> None:
    """Show the share of each class in a patch, by the full nomenclature."""
    counts = np.bincount(labels.ravel(), minlength=len(FULL) + 1)
    classes = [(cover.colour, cover.name, counts[cover.value]) for cover in FULL]
    classes.append(("#808080", "no class", counts[UNLABELLED]))
    entries = [(colour, name, f"{n / labels.size:.1%}") for colour, name, n in classes if n]
    st.html(markup.legend_html(entries))


def series_panel(land: Land) -> None:
    """Show every date of a patch, with clouds, and the dates that pass the filter."""
    patch = land.dataset.patches[land_widgets.choose_patch(land)]
    if not patch.has_sentinel:
        st.info("This patch has no Sentinel series. Choose another one.")
        return
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom", gap="large")
    with first:
        label, bounds = "A pixel counts as covered from a probability of (%)", (0.0, 100.0)
        probability = land_widgets.land_slider(
            land, label, bounds, 5.0, "probability", 60.0, "%.0f %%"
        )
    with second:
        label = "A date passes below a covered fraction of"
        cover = land_widgets.land_slider(land, label, (0.0, 1.0), 0.05, "cover", 0.5)
    with third:
        filtering = land_widgets.land_toggle(land, "Filter on", "filtering", start=True)
    settings = sentinel.SentinelSettings(probability, cover)
    super_patch = sentinel.patch_super_patch(patch, settings)
    series, usable = super_patch.series, super_patch.usable
    used = usable if filtering else np.ones(len(usable), bool)
    text = f"{int(usable.sum())} of {len(usable)} dates pass the filter"
    if super_patch.all_covered:
        text = "No date passes the filter, so the clearest one is used"
    st.markdown(f"**{text}.**" + ("" if filtering else " The filter is off: all dates are used."))
    show_chart(pixel_charts.date_chart(super_patch, used, cover), "cs.land.dates")
    captions = []
    for i in np.flatnonzero(used):
        colour = ACCENT if usable[i] else pixel_charts.DROPPED
        state = "covered" if usable[i] else "· dropped"
        captions.append((colour, series.dates[i], f"{super_patch.cover[i]:.0%} {state}"))
    _sentinel_gallery(series.data[used], captions)
    _monthly_gallery(series, used)


def _monthly_gallery(series: sentinel.Series, used: BoolArray) -> None:
    st.markdown("**Monthly means** of these dates. The pixel table averages them.")
    means = sentinel.monthly_means(np.asarray(series.data), series.dates, used)
    months = [int(date[5:7]) for date, use in zip(series.dates, used, strict=True) if use]
    captions = [
        (MUTED, MONTHS[month - 1], count_noun(months.count(month), "date"))
        for month in sorted(set(months))
    ]
    _sentinel_gallery(means, captions)


def _sentinel_gallery(dates: AnyArray, captions: list[tuple[str, str, str]]) -> None:
    images = [patch_images.sentinel_true_colour(bands) for bands in dates]
    uris = [data_uri(image.repeat(3, axis=0).repeat(3, axis=1)) for image in images]
    st.html(markup.gallery_html(uris, captions, 104))


def class_panel(land: Land) -> None:
    """Show a nomenclature, the share of each class, and how train differs from test."""
    survey = land_widgets.require_survey(land)
    choice = land_widgets.land_choice(land, "Nomenclature", NOMENCLATURES, "nomenclature")
    nomenclature = cast(Nomenclature, choice)
    classes = nomenclature_classes(nomenclature)
    titles = [f"{cover.value} {cover.name}" for cover in classes]
    colours = [cover.colour for cover in classes]
    st.html(markup.legend_html((*entry, "") for entry in zip(colours, titles, strict=True)))
    note = (
        " The values 13 to 19 of the full nomenclature become 13, other. The challenge's mIoU "
        f"averages the classes 1 to {N_SCORED}."
    )
    st.caption("These are FLAIR's own colours." + (note if nomenclature == "reduced" else ""))
    if survey is None:
        return
    splits = summarise_splits(land.dataset, survey.counts, nomenclature)
    st.subheader("Share of each class")
    for split, summary in splits.items():
        st.markdown(f"**{split.capitalize()}**: {_describe_split(summary)}")
    show_chart(pixel_charts.class_distribution(splits), "cs.land.shares")
    if len(splits) == 2:
        st.markdown(
            f"**Prior shift**: {prior_shift(splits['train'], splits['test']):.0%} of the pixels "
            "would have to change class for test to have the same class shares as train (total "
            "variation distance)."
        )
    table = pd.DataFrame({"Class": titles})
    for split, summary in splits.items():
        counts = pd.DataFrame(summary["classes"])
        table[f"{split}: pixels"] = counts["pixels"]
        table[f"{split}: share (%)"] = (100 * counts["share"]).round(3)
        table[f"{split}: patches"] = counts["patches"]
    land_widgets.show_table(table)
    land_widgets.download_button(land, "Download the shares (CSV)", table, "flair-classes.csv")


def _describe_split(summary: Mapping[str, Any]) -> str:
    n, spread = summary["unreadable"], summary["classes_per_patch"]
    patches = count_noun(summary["patches"], "patch", "patches")
    patches += f" ({n} of them could not be read)" if n else ""
    areas = count_noun(summary["areas"], "area")
    domains = count_noun(len(summary["domains"]), "domain")
    classes = f"{spread['min']} to {spread['max']} classes, {spread['mean']:.1f} on average"
    return f"{patches} in {areas} of {domains}. A patch contains {classes}."


def file_panel(land: Land) -> None:
    """List missing, superfluous and damaged files, and say where real data belong."""
    survey, patches = land_widgets.require_survey(land), land.dataset.patches
    n_fused = format_number(sum(patch.has_sentinel for patch in patches))
    st.markdown(
        f"**{format_number(len(patches))} patches** in {escape_markdown(land.dataset.root)}, "
        f"{n_fused} of them with Sentinel. Files are paired by name, not by their order."
    )
    problems = survey.problems if survey else [str(problem) for problem in land.dataset.problems]
    if problems:
        rows = [problem.split(": ", 1) for problem in problems]
        table = pd.DataFrame(rows, columns=["File or patch", "Problem and how it was handled"])
        st.dataframe(table, hide_index=True)
    else:
        text = "every file could be read" if survey else "the files have not been read yet"
        st.markdown(f"No file is missing or superfluous, and {text}.")
    fetch_panel(land.workspace)
