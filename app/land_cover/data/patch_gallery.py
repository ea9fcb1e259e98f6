"""All patches of land cover data as a gallery, and those that hold a class."""

import numpy as np
import streamlit as st

from app.land_cover import land_data, land_jobs, patch_images, readable_patch
from app.land_cover.land_data import Land
from app.widgets import chip_panels
from app.widgets.images import data_uris
from app.widgets.markup import gallery as figures
from app.widgets.markup import plain
from core.flair.data.nomenclature import FULL
from core.types import ByteArray

A_PAGE = 24
THUMBNAIL = 4


def gallery(land: Land) -> None:
    """All patches, or those that hold a class, with that class highlighted."""
    first, second = st.columns(2, vertical_alignment="bottom")
    with first:
        view = land_jobs.choose(land.place, "Shown as", patch_images.VIEWS, "gallery", "rgb")
    options = {"0": "any class"} | {str(kind.value): kind.name for kind in FULL}
    with second:
        value = int(land_jobs.select(land.place, "Patches that hold", options, "holding", "0"))
    rows = list(range(len(land.dataset.patches)))
    if value:
        found = land_data.survey(land)
        if found is None:
            return
        share = found.counts[:, value] / np.maximum(found.counts.sum(axis=1), 1)
        rows = sorted((i for i in rows if share[i] > 0), key=lambda i: -share[i])
    words = f" hold {options[str(value)]}, most of it first" if value else ""
    st.markdown(f"**{len(rows)} of {len(land.dataset.patches)} patches**{words}")
    start = chip_panels.pager(land.place, f"land {value}", len(rows), A_PAGE)
    chosen = rows[start : start + A_PAGE]
    cards = [_card(land, index, view, value) for index in chosen]
    st.html(figures(data_uris([image for image, _ in cards]),  # type: ignore[arg-type]
                    [caption for _, caption in cards], 168))  # fmt: skip
    st.caption("Green line: training, orange line: test.")
    told = [f"{land.dataset.patches[index].name}: {words[0].lower()}{words[1:]}"
            for index in chosen for words in readable_patch.readable(land, index).told]  # fmt: skip
    for words in told:
        st.warning(plain(words))


def _card(land: Land, index: int, view: str, value: int) -> tuple[ByteArray, tuple[str, str, str]]:
    """A patch of the gallery and its caption: colour, first and second line."""
    one, found = land.dataset.patches[index], readable_patch.readable(land, index)
    shown = patch_images.possible(view, image=found.aerial is not None, mask=found.masked)
    detail = one.place
    if shown is None:
        image = patch_images.nothing()
        detail = f"{'image' if found.aerial is None else 'mask'} cannot be read"
    else:
        image = patch_images.view(found.aerial, found.labels, shown)
        if value:
            kind = FULL[value - 1]
            inside = found.labels == value
            image = patch_images.highlighted(image, inside, kind.rgb)
            detail = f"{inside.mean():.1%} {kind.name}"
    colour = "#0B6E6E" if one.split == "train" else "#D55E00"
    caption = (colour, f"{one.name} · {one.split}", detail)
    return patch_images.smaller(image, THUMBNAIL), caption
