"""The component on which regions are drawn, and the changes that it reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
import shapely

from app.components import app_component
from app.land_cover import patch_images
from app.land_cover.land_data import Land
from app.session.cache import cached_image
from app.session.state import drawer, widget_value
from app.widgets.images import data_uri
from core.artifacts.keys import make_key
from core.errors import ChipscapeError, SettingsError
from core.land.data.dataset import Patch
from core.land.labelling.label_regions import (
    Region,
    RegionHistory,
    Removal,
    add_region_steps,
    redo_region_step,
    region_step,
    undo_region_step,
)
from core.land.labelling.region_pixels import (
    draw_polygon,
    image_name,
    patch_box,
    patch_superpixels,
    regions_inside,
    superpixel_at,
    trace_outline,
)
from core.pipeline.land.labelling.region_file import change_regions
from core.types import AnyArray, BoolArray, ByteArray

_LOG = "region log"
_NOTHING: Mapping[str, Any] = {"instance": "", "first": 0, "log": []}


@dataclass(frozen=True)
class CanvasPicture:
    """What is drawn on the component: a patch, its regions, and its class map.

    Attributes
    ----------
    superpixel_area : int
        Mean area of the superpixels that a click labels, in pixels.
    class_map : uint8 array, (h, w), or None
        None if there is no class map yet; `note` says why, or what the map is.
    """

    land: Land
    patch: Patch
    image: ByteArray
    history: RegionHistory
    superpixel_area: int
    class_map: ByteArray | None
    note: str


def canvas_key(land: Land) -> str:
    """Return the key of the component, which is the same for all patches.

    The folder is hashed, because the key of a component must not contain two underscores in a row.
    """
    name = sha256(str(land.workspace.root).encode()).hexdigest()[:16]
    return f"cs.land.regions:{name}"


def draw_canvas(picture: CanvasPicture) -> None:
    """Draw the component; its changes are stored by `store_drawings` in the next run."""
    data = _canvas_data(picture)
    # What has been processed changes with each drawing, even if the regions do not.
    data["processed"] = dict(drawer(_LOG, picture.land.workspace))
    data["key"] = make_key("regions", 1, data)
    app_component("regions")(data=data, key=canvas_key(picture.land), on_log_change=lambda: None)


def store_drawings(land: Land, patches: Mapping[str, Patch], superpixel_area: int) -> list[str]:
    """Store what was drawn since the last time; return why drawings could not be stored.

    `patches` are the patches of the data set by name.
    """
    sent = getattr(widget_value(canvas_key(land)), "log", None) or _NOTHING
    counts, instance, first = (
        drawer(_LOG, land.workspace),
        str(sent["instance"]),
        int(sent["first"]),
    )
    entries = sent["log"][max(0, counts.get(instance, 0) - first) :]
    if not entries:
        return []
    problems: list[str] = []

    def change(history: RegionHistory) -> RegionHistory:
        for entry in entries:
            try:
                history = _apply_entry(history, entry, land, patches, superpixel_area)
            except ChipscapeError as error:
                problems.append(str(error))
        return history

    # Counted first, so that an entry that fails is not tried again.
    counts[instance] = first + len(sent["log"])
    change_regions(land.workspace, land.legend, change)
    return problems


def _apply_entry(
    history: RegionHistory,
    entry: Sequence[Any],
    land: Land,
    patches: Mapping[str, Patch],
    superpixel_area: int,
) -> RegionHistory:
    """Return the history after an entry of the browser's list; unknown entries change nothing."""
    kind, name, *details = entry
    patch, numbers = patches.get(name), {region.number for region in history.regions()}
    if kind == "undo":
        return undo_region_step(history)
    if kind == "redo":
        return redo_region_step(history)
    if kind == "remove" and details[0] in numbers:
        return add_region_steps(history, Removal(int(details[0])))
    if patch is None or kind not in ("superpixel", "polygon"):
        return history
    value, *shape = details
    if kind == "superpixel":
        column, row = (int(number) for number in shape)
        pixels = superpixel_at(patch_superpixels(patch, superpixel_area), column, row)
    else:
        pixels = _drawn_pixels(shape[0], patch.shape)
    outline = trace_outline(pixels, patch_box(patch)[:2])
    step = region_step(history, image_name(land.dataset, patch), int(value), outline)
    last = history.regions()[-1:]
    # A double click, or a browser that repeats its list after a restart of the server.
    if last and replace(last[0], number=step.number) == step:
        return history
    return add_region_steps(history, step)


def _drawn_pixels(points: Any, shape: tuple[int, int]) -> BoolArray:
    try:
        corners = [(float(x), float(y)) for x, y in points]
    except (TypeError, ValueError) as error:
        raise SettingsError("the drawing cannot be read", where="region") from error
    return draw_polygon(corners, shape)


def _canvas_data(picture: CanvasPicture) -> dict[str, Any]:
    land, patch, history = picture.land, picture.patch, picture.history
    height, width = patch.shape
    covers = history.classes()
    map_uri = ""
    if picture.class_map is not None:
        map_uri = data_uri(history.legend().palette()[picture.class_map])
    return {
        "patch": patch.name,
        "name": patch.name,
        "width": width,
        "height": height,
        "image": cached_image(
            land.key("region image", patch=patch.name), lambda: data_uri(picture.image, lossy=True)
        ),
        "superpixels": _superpixel_uri(land, patch, picture.superpixel_area),
        "map": map_uri,
        "classes": [[cover.value, cover.name, cover.colour] for cover in covers],
        "regions": _region_rows(history.regions(), image_name(land.dataset, patch), patch),
        "undo": bool(history.steps),
        "redo": bool(history.undone_steps),
        "note": picture.note,
    }


def _superpixel_uri(land: Land, patch: Patch, area: int) -> str:
    """Return the number of the superpixel of each pixel as an image, red the lowest byte."""

    def draw() -> str:
        numbers = patch_superpixels(patch, area)
        planes = [(numbers >> shift) & 255 for shift in (0, 8, 16)]
        return data_uri(np.stack(planes, axis=-1).astype(np.uint8))

    return cached_image(land.key("superpixels", patch=patch.name, area=area), draw)


def _region_rows(regions: Sequence[Region], image: str, patch: Patch) -> list[Any]:
    """Return number, class and rings of the regions on a patch, in pixels of the patch."""
    box = patch_box(patch)
    members = [region for region in regions if region.image == image]
    return [
        [region.number, region.value, _rings(region.shape, np.array(box[:2]))]
        for region in regions_inside(members, box)
    ]


def _rings(shape: Any, corner: AnyArray) -> list[Any]:
    polygons = getattr(shape, "geoms", [shape])
    rings = [ring for part in polygons for ring in (part.exterior, *part.interiors)]
    return [(shapely.get_coordinates(ring) - corner).astype(int).tolist() for ring in rings]


def patch_picture(land: Land, aerial: AnyArray) -> ByteArray:
    """Return the colour image of a patch."""
    return patch_images.true_colour(aerial, land.bands)
