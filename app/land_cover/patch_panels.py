"""Panels of land cover data: patches, their time series, the classes, and problems with files."""

from collections import Counter

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover import land_widgets, patch_images, pixel_charts
from app.land_cover.land_data import Land, readable_patch
from app.land_cover.land_page import fetch_panel, image_import_panel
from app.widgets import markup, palette
from app.widgets.charts import show_chart
from app.widgets.choices import gallery_pager
from app.widgets.images import data_uri, show_image
from core.errors import SceneError
from core.land.data import sentinel
from core.land.data.data_summary import matching_note, prior_shift, summarise_splits
from core.land.data.dataset import Patch
from core.land.data.nomenclature import Legend
from core.land.data.patch_reading import ReadablePatch
from core.land.season.season_columns import MONTH_NAMES
from core.types import AnyArray, ByteArray

PAGE_SIZE, FRAME = 24, 560
SHRINKING, GREY = 4, 232
SPLIT_COLOURS = {"train": "var(--cs-accent)", "test": "#D55E00"}


def sample_panel(land: Land) -> None:
    """Show one patch in all its views, its classes, and the Sentinel images around it."""
    label = "Opacity of the classes over the image"
    readable, opacity = land_widgets.choose_patch_and_opacity(land, label, (2, 3))
    patch = readable.patch
    cells = [*st.columns(3, gap="small"), *st.columns(3, gap="small")]
    views = _patch_views(readable, opacity)
    for cell, (caption, image) in zip(cells, views, strict=False):
        with cell:
            show_image(image, caption, width="stretch", caption=caption)
    with cells[len(views)]:
        if readable.labels is not None:
            _show_patch_classes(readable.labels, land.legend)
        st.html(markup.facts_html(_patch_facts(land, patch).items()))
    if patch.window is not None:
        return
    st.header("Surroundings: Sentinel-2")
    if not patch.has_sentinel:
        st.caption("This patch has only aerial bands: Sentinel files or centroid are missing.")
        return
    try:
        _sentinel_images(land, patch)
    except SceneError as error:
        st.warning(markup.escape_markdown(f"Its Sentinel files cannot be used. {error}"))


def _patch_views(patch: ReadablePatch, opacity: float) -> list[tuple[str, ByteArray]]:
    """Return the images of a patch that can be drawn, each with its caption."""
    aerial, views, legend = patch.aerial, [], patch.patch.layout.legend
    if aerial is not None:
        bands = patch.patch.layout.bands
        titles = patch_images.available_views(bands)
        title = "Colour: red, green, blue" if bands.has_colour else "The first bands as colours"
        views = [(title, patch_images.true_colour(aerial, bands))]
        if "infrared" in titles:
            title = "Colour infrared: vegetation is red"
            views.append((title, patch_images.false_colour(aerial, bands)))
        if "elevation" in titles:
            heights = aerial[bands.elevation]
            title = f"Elevation above ground, stored values {heights.min()} to {heights.max()}"
            views.append((title, patch_images.elevation_image(aerial, bands)))
    if patch.labels is not None:
        views.append(("Classes", patch_images.class_image(patch.labels, legend, "full")))
        if aerial is not None:
            overlay = patch_images.overlay_classes(views[0][1], patch.labels, legend, opacity)
            views.append((f"Overlay, opacity {opacity:.0%}", overlay))
    return views


def _sentinel_images(land: Land, patch: Patch) -> None:
    """Show the Sentinel image of one date: super area, super patch, and the extent of the patch."""
    super_patch = sentinel.patch_super_patch(patch, sentinel.SentinelSettings())
    assert patch.super_area is not None
    assert patch.centroid is not None
    area, covers = sentinel.open_series(patch.super_area), super_patch.cover
    pairs = zip(super_patch.series.dates, covers, strict=True)
    dates = dict(enumerate(f"{date} · {cover:.0%} cloud or snow" for date, cover in pairs))
    name, clearest = f"date {patch.area_id}", int(covers.argmin())
    date = land_widgets.land_select(land, "Date", dates, name, clearest)
    series = (area, super_patch.series)
    whole_area, part = (patch_images.sentinel_true_colour(s.data[date]) for s in series)
    side, (row, column) = min(sentinel.SUPER_PATCH, *whole_area.shape[:2]), patch.centroid
    around = (row - side // 2, column - side // 2, side, side)
    top, left, height, width = extent = super_patch.patch_extent
    y, x = max(int(top) - 1, 0), max(int(left) - 1, 0)
    close = part[y : int(top + height) + 3, x : int(left + width) + 3]
    size = f"{whole_area.shape[1]} × {whole_area.shape[0]} px of {area.block * 0.2:g} m"
    texts = (
        f"Super area, {size}. Yellow: super patch",
        f"Super patch, {part.shape[1]} × {part.shape[0]} px. Red: aerial patch, 102.4 m wide",
        "The patch at Sentinel's resolution. Red: its extent",
    )
    images = (
        patch_images.draw_frame(whole_area, around, FRAME, patch_images.YELLOW),
        patch_images.draw_frame(part, extent, FRAME),
        patch_images.draw_frame(close, (top - y, left - x, height, width), FRAME),
    )
    for cell, caption, image in zip(st.columns(3), texts, images, strict=True):
        with cell:
            show_image(image, caption, width="stretch", caption=caption)
    st.caption(markup.escape_markdown(matching_note(land.dataset)))


def _patch_facts(land: Land, patch: Patch) -> dict[str, str]:
    facts = {land.adapt("Patch"): patch.name, land.adapt("Domain"): patch.domain}
    facts |= {"Split": patch.split} if land.is_own else {"Area": patch.area, "Split": patch.split}
    if flight := patch.acquisition:
        facts |= {"Acquired": f"{flight.date} {flight.time}".strip(), "Camera": flight.camera}
        if flight.x is not None and flight.y is not None:
            facts["Centre (EPSG:2154)"] = f"{flight.x:.1f} m, {flight.y:.1f} m"
        if flight.z is not None:
            facts["Ground elevation"] = markup.format_number(flight.z, "m")
    return facts


def _show_patch_classes(labels: ByteArray, legend: Legend) -> None:
    counts = np.bincount(labels.ravel(), minlength=len(legend.classes) + 1)
    st.markdown("**Classes shown here**")
    covers = [cover for cover in (*legend.classes, patch_images.NO_CLASS) if counts[cover.value]]
    shares = [f"{counts[cover.value] / labels.size:.1%}" for cover in covers]
    rows = zip(covers, shares, strict=True)
    st.html(markup.legend_html((cover.colour, cover.name, share) for cover, share in rows))


def series_panel(land: Land) -> None:
    """Show the Sentinel dates of a patch, their cloud cover, and which dates pass the filter."""
    patch = land.dataset.patches[land_widgets.choose_patch(land)]
    if not patch.has_sentinel:
        st.info("This patch has no Sentinel series. Choose another one.")
        return
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom", gap="large")
    with first:
        label, percent = "Minimum cloud or snow probability of covered pixels (%)", (0.0, 100.0)
        text = "%.0f %%"
        probability = land_widgets.land_slider(land, label, percent, 5.0, "probability", 60.0, text)
    with second:
        label = "Use dates with a cloud and snow fraction below"
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
    looks = {True: ("var(--cs-accent)", "covered"), False: (pixel_charts.DROPPED, "· dropped")}
    captions = []
    for i in np.flatnonzero(used):
        colour, state = looks[bool(usable[i])]
        captions.append((colour, series.dates[i], f"{super_patch.cover[i]:.0%} {state}"))
    _sentinel_gallery(series.data[used], captions)
    st.markdown("**Monthly means** of these dates. Models use the average over the months.")
    means = sentinel.monthly_means(np.asarray(series.data), series.dates, used)
    months = sorted(Counter(int(series.dates[i][5:7]) for i in np.flatnonzero(used)).items())
    captions = [
        (palette.RULE, MONTH_NAMES[month - 1], markup.count_noun(n, "date")) for month, n in months
    ]
    _sentinel_gallery(means, captions)


def _sentinel_gallery(dates: AnyArray, captions: list[tuple[str, str, str]]) -> None:
    images = [patch_images.sentinel_true_colour(bands) for bands in dates]
    uris = [data_uri(image.repeat(3, axis=0).repeat(3, axis=1)) for image in images]
    st.html(markup.gallery_html(uris, captions, 104))


def patch_gallery(land: Land) -> None:
    """Show all patches, or those that contain a class, with the class highlighted."""
    patches = land.dataset.patches
    first, second = st.columns(2, vertical_alignment="bottom")
    with first:
        views = patch_images.available_views(land.bands)
        view = land_widgets.land_choice(land, "Display as", views, "gallery")
    options = {0: "any class"} | {cover.value: cover.name for cover in land.legend.classes}
    with second:
        value = land_widgets.land_select(land, "Only with the class", options, "holding")
    rows = list(range(len(patches)))
    if value:
        survey = land_widgets.require_survey(land)
        if survey is None:
            return
        share = survey.counts[:, value] / np.maximum(survey.counts.sum(axis=1), 1)
        rows = sorted((i for i in rows if share[i] > 0), key=lambda i: -share[i])
    condition = f" contain {options[value]}, the largest share first" if value else ""
    st.markdown(land.adapt(f"**{len(rows)} of {len(patches)} patches**") + condition)
    start = gallery_pager(land.workspace, f"land {value}", len(rows), PAGE_SIZE)
    rows = rows[start : start + PAGE_SIZE]
    cards = [_patch_card(land, index, view, value) for index in rows]
    images = [data_uri(image) for image, _ in cards]
    st.html(markup.gallery_html(images, [caption for _, caption in cards], 168))
    st.caption(land.adapt("Green line: training patch. Orange line: test patch."))
    for index in rows:
        for problem in readable_patch(land, index).problems:
            text = f"{patches[index].name}: {problem[0].lower()}{problem[1:]}"
            st.warning(markup.escape_markdown(text))


def _patch_card(
    land: Land, index: int, view: str, value: int
) -> tuple[ByteArray, tuple[str, str, str]]:
    """Return the image of a patch and its caption: colour, first and second line."""
    patch, readable = land.dataset.patches[index], readable_patch(land, index)
    image, detail = patch_images.patch_view(readable, view), patch.area_id
    if image is None:
        image = np.full((*patch.shape, 3), GREY, np.uint8)
        detail = f"{'image' if readable.aerial is None else 'mask'} cannot be read"
    elif value and readable.labels is not None:
        cover, members = land.legend.classes[value - 1], readable.labels == value
        image = patch_images.highlight_pixels(image, members, cover.rgb)
        detail = f"{members.mean():.1%} {cover.name}"
    caption = (SPLIT_COLOURS[patch.split], f"{patch.name} · {patch.split}", detail)
    return patch_images.shrink_image(image, SHRINKING), caption


def class_panel(land: Land) -> None:
    """Show a nomenclature, the share of each class, and how training and test patches differ."""
    survey = land_widgets.require_survey(land)
    legend = land.legend
    classes, nomenclature = legend.classes, land_widgets.choose_nomenclature(land)
    if nomenclature == "reduced":
        classes = legend.listed
    titles = [f"{cover.value} {cover.name}" for cover in classes]
    st.html(
        markup.legend_html((cover.colour, t, "") for cover, t in zip(classes, titles, strict=True))
    )
    note = (
        " Classes 13 to 19 of the full nomenclature are combined into class 13, other. The mIoU "
        f"of the FLAIR challenge is the mean over classes 1 to {legend.n_scored}."
    )
    if legend.has_other:
        st.caption("These are FLAIR's own colours." + (note if nomenclature == "reduced" else ""))
    if survey is None:
        return
    splits = summarise_splits(land.dataset, survey.counts, nomenclature)
    st.header("Share of each class")
    for split, summary in splits.items():
        st.markdown(f"**{split.capitalize()}**: {land_widgets.describe_split(land, summary)}")
    show_chart(pixel_charts.class_distribution(splits), "cs.land.shares")
    if len(splits) == 2:
        st.markdown(
            f"**Prior shift**: {prior_shift(splits['train'], splits['test']):.0%} of the pixels "
            "would have to change class for the test patches to have the same class shares as the "
            "training patches (total variation distance)."
        )
    table = pd.DataFrame({"Class": titles})
    for split, summary in splits.items():
        counts = pd.DataFrame(summary["classes"])
        table[f"{split}: pixels"] = counts["pixels"]
        table[f"{split}: share (%)"] = (100 * counts["share"]).round(3)
        table[land.adapt(f"{split}: patches")] = counts["patches"]
    land_widgets.show_table(table)
    land_widgets.download_button(land, "Download the shares (CSV)", table, "land-cover-classes.csv")


def file_panel(land: Land) -> None:
    """List missing, unexpected and damaged files, and explain where to put real data."""
    patches = land.dataset.patches
    survey = land_widgets.require_survey(land) if patches else None
    root, n = markup.escape_markdown(land.dataset.root), markup.format_number(len(patches))
    if land.is_own:
        n_others = markup.format_number(len(land.dataset.unlabelled))
        n_fused = markup.format_number(sum(patch.has_series for patch in patches))
        text = f"have labels ({n_fused} with a time series), {n_others} have none."
        st.markdown(f"**{n} windows** of images in {root} {text}")
    else:
        n_fused = markup.format_number(sum(patch.has_series for patch in patches))
        text = "Files are matched by name, not by order."
        st.markdown(f"**{n} patches** in {root}, {n_fused} of them with Sentinel data. {text}")
    if problems := survey.problems if survey else [str(p) for p in land.dataset.problems]:
        rows = [problem.split(": ", 1) for problem in problems]
        table = pd.DataFrame(rows, columns=["Name", "Problem and how it was handled"])
        st.dataframe(table, hide_index=True)
    else:
        text = "and every file could be read" if survey else "but no file has been read yet"
        st.markdown(f"No files are missing or unexpected, {text}.")
    (image_import_panel if land.is_own else fetch_panel)(land.workspace)
