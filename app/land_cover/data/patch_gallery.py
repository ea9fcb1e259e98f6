"""The gallery of land cover patches: all of them, or those that contain a class."""

import numpy as np
import streamlit as st

from app.land_cover import patch_images
from app.land_cover.land_data import Land, readable_patch
from app.land_cover.land_widgets import land_choice, land_select, require_survey
from app.widgets.chip_gallery import gallery_pager
from app.widgets.images import data_uri
from app.widgets.markup import escape_markdown, gallery_html
from core.flair.data.nomenclature import FULL
from core.flair.data.pixel_table import SIDE
from core.types import ByteArray

PAGE_SIZE = 24
SHRINKING, GREY = 4, 232
TRAIN_COLOUR, TEST_COLOUR = "#0B6E6E", "#D55E00"


def patch_gallery(land: Land) -> None:
    """Show all patches, or those that contain a class, with the class highlighted."""
    patches = land.dataset.patches
    first, second = st.columns(2, vertical_alignment="bottom")
    with first:
        view = land_choice(land, "Display as", patch_images.VIEWS, "gallery")
    options = {"0": "any class"} | {str(cover.value): cover.name for cover in FULL}
    with second:
        value = int(land_select(land, "Patches that contain", options, "holding"))
    rows = list(range(len(patches)))
    if value:
        survey = require_survey(land)
        if survey is None:
            return
        share = survey.counts[:, value] / np.maximum(survey.counts.sum(axis=1), 1)
        rows = sorted((i for i in rows if share[i] > 0), key=lambda i: -share[i])
    condition = f" contain {options[str(value)]}, the largest share first" if value else ""
    st.markdown(f"**{len(rows)} of {len(patches)} patches**{condition}")
    start = gallery_pager(land.workspace, f"land {value}", len(rows), PAGE_SIZE)
    rows = rows[start : start + PAGE_SIZE]
    cards = [_card(land, index, view, value) for index in rows]
    images = [data_uri(image) for image, _ in cards]
    st.html(gallery_html(images, [caption for _, caption in cards], 168))
    st.caption("Green line: training patch. Orange line: test patch.")
    for index in rows:
        for problem in readable_patch(land, index).problems:
            text = f"{patches[index].name}: {problem[0].lower()}{problem[1:]}"
            st.warning(escape_markdown(text))


def _card(land: Land, index: int, view: str, value: int) -> tuple[ByteArray, tuple[str, str, str]]:
    """Return the image of a patch and its caption: colour, first and second line."""
    patch, readable = land.dataset.patches[index], readable_patch(land, index)
    image, detail = patch_images.patch_view(readable.aerial, readable.labels, view), patch.area_id
    if image is None:
        image = np.full((SIDE, SIDE, 3), GREY, np.uint8)
        detail = f"{'image' if readable.aerial is None else 'mask'} cannot be read"
    elif value and readable.labels is not None:
        cover, members = FULL[value - 1], readable.labels == value
        image = patch_images.highlight_pixels(image, members, cover.rgb)
        detail = f"{members.mean():.1%} {cover.name}"
    colour = TRAIN_COLOUR if patch.split == "train" else TEST_COLOUR
    caption = (colour, f"{patch.name} · {patch.split}", detail)
    return patch_images.shrink_image(image, SHRINKING), caption
