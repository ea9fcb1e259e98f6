"""Galleries of chips, in which each chip is a button that picks it, and the pages of a gallery."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import streamlit as st

from app.components import app_component
from app.session import cache
from app.session.chip_search import MARKS, chip_signs
from app.session.state import current_workspace, pick_chip, picked_row, widget_key, widget_value
from app.widgets import images
from app.widgets.chip_tables import chip_names, class_attribute
from app.widgets.colouring import value_labels
from app.widgets.markup import format_number
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace

ROW_WIDTH = 54
OpenChip = Callable[[int], None]
"""A function that shows the chip of a row on a page without a chip panel."""


@dataclass(frozen=True)
class GalleryRow:
    """A row of example chips of one group: its colour, name and second line, and the rows."""

    colour: str
    name: str
    second_line: str
    rows: Sequence[int]


def chip_gallery(
    chips: ChipSet,
    rows: Sequence[int],
    colours: Sequence[str],
    second_lines: Sequence[str] = (),
    width: int = 92,
    *,
    groups: Sequence[str] = (),
    name: str = "",
    label: str = "Chips",
    open_chip: OpenChip | None = None,
) -> None:
    """Draw chips next to each other, each with its class and a second line.

    A click picks the chip; on a page without a chip panel, `open_chip` then shows it. `groups` are
    the names of the chips' clusters, for the alternative texts. `name` distinguishes galleries with
    the same chips, and `label` is read by screen readers.
    """
    if not len(rows):
        return
    second_lines = second_lines or [""] * len(rows)
    groups = groups or [""] * len(rows)
    items = _gallery_items(chips, rows, groups, second_lines)
    captions = zip(items, chip_names(chips, rows), colours, second_lines, strict=True)
    items = [
        item | {"first": first, "colour": colour, "second": second}
        for item, first, colour, second in captions
    ]
    data = {"kind": "grid", "label": label, "width": width, "groups": [{"items": items}]}
    _draw_gallery(chips, data, name, open_chip)


def gallery_rows(
    chips: ChipSet,
    entries: Sequence[GalleryRow],
    *,
    name: str = "",
    label: str = "Examples of each group",
    width: int = ROW_WIDTH,
    open_chip: OpenChip | None = None,
) -> None:
    """Draw a row of small chips per group; a click picks a chip, see `chip_gallery`."""
    groups = [
        {
            "colour": entry.colour,
            "title": entry.name,
            "second": entry.second_line,
            "items": _gallery_items(chips, entry.rows, [entry.name] * len(entry.rows)),
        }
        for entry in entries
        if len(entry.rows)
    ]
    data = {"kind": "rows", "label": label, "width": width, "groups": groups}
    _draw_gallery(chips, data, name, open_chip)


def _gallery_items(
    chips: ChipSet, rows: Sequence[int], groups: Sequence[str], second_lines: Sequence[str] = ()
) -> list[dict[str, str]]:
    """Return the id, image and alternative text of each chip: class, cluster, text and id."""
    pictures = cache.thumbnails(current_workspace(), chips, rows)
    signs, kinds = chip_signs(current_workspace()), {MARKS[kind]: kind for kind in MARKS}
    ids = chips.facts["chip_id"].iloc[list(rows)].astype(str)
    marks = [f"example {kinds[signs[i]]}" if i in signs else "" for i in ids]
    lines = (groups, second_lines or [""] * len(rows), marks, ids)
    texts = zip(chip_names(chips, rows), *lines, strict=True)
    return [
        {
            "id": chip_id,
            "image": images.data_uri(pixels),
            "alt": ", ".join(dict.fromkeys(text for text in words if text)),
            "sign": signs.get(chip_id, ""),
        }
        for pixels, chip_id, words in zip(pictures, ids, texts, strict=True)
    ]


def _draw_gallery(
    chips: ChipSet, data: dict[str, Any], name: str, open_chip: OpenChip | None
) -> None:
    workspace = current_workspace()
    ids = [item["id"] for group in data["groups"] for item in group["items"]]
    # Streamlit rejects component keys with two underscores in a row, so the key contains a hash.
    identity = f"{workspace.root}|{data['kind']}|{name or ids}"
    key = f"cs.gallery:{sha256(identity.encode()).hexdigest()[:16]}"

    def pick() -> None:
        chip_id = getattr(widget_value(key), "picked", None)
        if chip_id in ids:
            pick_chip(workspace, chip_id)

    row = picked_row(workspace, chips)
    picked = None if row is None else str(chips.facts["chip_id"].iloc[row])
    result = app_component("gallery")(
        data={**data, "picked": picked}, key=key, on_picked_change=pick
    )
    if open_chip is not None and result.picked in ids:
        open_chip(chips.row_by_id[result.picked])


def class_filter(workspace: Workspace, chips: ChipSet, attribute: str) -> list[int]:
    """Draw the class selector; return the rows of the chips of the chosen class."""
    classes = value_labels(chips.properties[attribute])
    counts, everything = classes.value_counts(), f"all {format_number(len(chips))}"
    titles = {name: f"{name} ({format_number(n)})" for name, n in counts.items()} | {
        everything: everything
    }
    options, key = (
        [everything, *counts.index],
        widget_key(workspace, f"show {attribute}", everything),
    )
    choice = st.selectbox("Show", options, format_func=titles.__getitem__, key=key, width=320)
    is_chosen = (classes == choice) | (choice == everything)
    return [int(row) for row in np.flatnonzero(is_chosen)]


def interleave_classes(chips: ChipSet, rows: Sequence[int], page_size: int) -> list[int]:
    """Return the rows in an order that puts chips of every class on each page of a gallery."""
    attribute, order = class_attribute(chips), np.asarray(rows, np.intp)
    if attribute:
        classes = value_labels(chips.properties[attribute].iloc[order])
        order = order[np.argsort(classes.to_numpy(str), kind="stable")]
    n_pages = max(1, math.ceil(len(order) / page_size))
    return [row for page in range(n_pages) for row in order[page::n_pages].tolist()]
