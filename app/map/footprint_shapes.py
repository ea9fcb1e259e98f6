"""Footprints on the map: outlines, colours and texts, which the browser fetches by URL."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import shapely

from app.map.tile_shelf import MapScene, text_address
from app.session.cache import cached_result
from app.widgets.chip_tables import chip_names
from app.widgets.colouring import Colouring, colour_by_category, interpolate_colours, select_colours
from app.widgets.markup import format_number
from core.chips.chip_set import ChipSet
from core.pipeline.scene_survey import SurveyedScene
from core.raster.annotations.footprints import Footprints, outline_geojson, screen_tolerance
from core.raster.map_placement import pixel_positions
from core.types import AnyArray, ByteArray, Geometries, IntArray

SHADES = 24
# Opacity of noise and of missing values, out of 255.
FAINT_OPACITY = 150
# With more footprints, moving the map is slow.
FOOTPRINTS_AT_MOST = 50_000
PlacedScenes = Sequence[tuple[SurveyedScene, MapScene]]


@dataclass(frozen=True)
class Shapes:
    """The n footprints of the displayed scenes as the map draws them, of `n_total`.

    `geometries` are in longitude and latitude of the map; `key` and `chip_ids` identify the set of
    footprints. If no chips have been cut, `chip_ids` is empty and footprints cannot be clicked.
    `texts` are the first lines of the tooltips, as plain text; the chip id follows. Outlines are
    simplified within the tolerance, in degrees. `all_geometries` and `all_chip_ids` are those of
    all footprints, also of those that the map leaves out.
    """

    geometries: Geometries
    chip_ids: Sequence[str]
    texts: Sequence[str]
    colouring: Colouring
    key: str = ""
    n_total: int = 0
    tolerance: float = 0.0
    all_geometries: Geometries | None = None
    all_chip_ids: AnyArray | None = None

    @property
    def entries(self) -> list[tuple[str, str, str]]:
        """Legend of the groups in this scene, with their counts; empty for numeric colouring."""
        if self.colouring.numeric:
            return []
        groups, codes = self.colouring.entries, np.asarray(self.colouring.values).astype(int)
        counts = enumerate(np.bincount(codes).tolist())
        return [(*groups[code][:2], format_number(count)) for code, count in counts if count]


@dataclass(frozen=True)
class Highlight:
    """The picked chip, the selected chips, and the signs of the examples, by id."""

    picked: str | None = None
    selected: Sequence[str] = ()
    signs: Mapping[str, str] = field(default_factory=dict)


def shapes_in_box(shapes: Shapes, box: tuple[float, float, float, float]) -> list[str]:
    """Return the ids of the chips whose footprints meet a box: west, south, east, north.

    Chips whose footprints are not drawn, because there are too many, are among them.
    """
    if shapes.all_geometries is None or shapes.all_chip_ids is None:
        return []
    meets = shapely.intersects(shapes.all_geometries, shapely.box(*box))
    return [str(chip_id) for chip_id in shapes.all_chip_ids[meets]]


def selection_address(shapes: Shapes, chip_ids: Sequence[str]) -> str:
    """Return the URL of the numbers of the selected footprints; empty without a selection."""
    if not chip_ids:
        return ""
    selected = set(chip_ids)
    numbers = [n for n, chip_id in enumerate(shapes.chip_ids) if chip_id in selected]
    return text_address(f"selected {numbers}", lambda: json.dumps(numbers))


def chip_shapes(
    scenes: PlacedScenes, chips: ChipSet, colouring: Colouring, most: int = FOOTPRINTS_AT_MOST
) -> Shapes | None:
    """Return the footprints of the chips of some scenes in their colours; None without chips."""
    facts, parts, rows = chips.facts, [], np.zeros(0, np.int32)
    for scene, map_scene in scenes:
        scene_rows = np.flatnonzero((facts["scene"] == scene.report.name).to_numpy())
        if len(scene_rows):
            footprints, geometries = _map_geometries(scene, map_scene)
            annotations = facts["annotation"].to_numpy()[scene_rows]
            parts.append(geometries[np.searchsorted(footprints.index, annotations)])
            rows = np.concatenate([rows, scene_rows.astype(np.int32)])
    if not parts:
        return None
    geometries, sample = np.concatenate(parts), _even_sample(len(rows), most)
    all_chip_ids = facts["chip_id"].to_numpy(object)[rows]
    n_total, rows = len(rows), rows[sample]
    colouring = select_colours(colouring, rows)
    chip_ids = [str(chip_id) for chip_id in facts["chip_id"].iloc[rows]]
    texts = [
        "\n".join(line for line in dict.fromkeys(lines) if line != chip_id)
        for chip_id, *lines in zip(chip_ids, colouring.texts, chip_names(chips, rows), strict=True)
    ]
    tolerance = min(map(screen_tolerance, parts))
    key = _folders(scenes)
    return Shapes(
        geometries[sample],
        chip_ids,
        texts,
        colouring,
        key,
        n_total,
        tolerance,
        all_geometries=geometries,
        all_chip_ids=all_chip_ids,
    )


def annotation_shapes(scenes: PlacedScenes, most: int = FOOTPRINTS_AT_MOST) -> Shapes | None:
    """Return the footprints of scenes without chips, coloured by class; None without any."""
    parts, values, titles = [], list[object](), set[str]()
    for scene, map_scene in scenes:
        if scene.usable:
            footprints, geometries = _map_geometries(scene, map_scene)
            attribute = scene.report.class_property
            has_class = attribute in footprints.properties
            parts.append(geometries)
            names = ["Annotation"] * len(geometries)
            values += footprints.properties[attribute].tolist() if has_class else names
            titles.add(attribute if has_class else "Annotations")
    if not parts:
        return None
    geometries, classes = np.concatenate(parts), pd.Series(values)
    sample = _even_sample(len(geometries), most)
    title = titles.pop() if len(titles) == 1 else "Class"
    colouring = select_colours(colour_by_category(classes, title), sample)
    key, n_total = _folders(scenes), len(geometries)
    tolerance = min(map(screen_tolerance, parts))
    return Shapes(geometries[sample], (), colouring.texts, colouring, key, n_total, tolerance)


def _even_sample(n: int, most: int) -> IntArray:
    """Return the positions of all of n footprints, or of an evenly spread part of them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int32))


def _folders(scenes: PlacedScenes) -> str:
    return " ".join(str(scene.artifact.folder) for scene, _ in scenes)


def shape_addresses(shapes: Shapes) -> tuple[str, str]:
    """Return the URL of the outlines, and the URL of the colours and texts.

    A new colouring changes the second URL only. Browsers cache both for a day, so the numbers in
    `outlines` and `paint` must be raised whenever the format changes.
    """
    colouring, ids = shapes.colouring, "\0".join(shapes.chip_ids)
    look = (colouring.stops, colouring.low, colouring.high, list(colouring.values))
    outlines, paint = f"outlines 3 {shapes.key} {ids}", f"paint 2 {look} {ids} {shapes.texts}"
    return (
        text_address(outlines, lambda: _write_outlines(shapes)),
        text_address(paint, lambda: _write_paint(shapes)),
    )


def _write_outlines(shapes: Shapes) -> str:
    numbers = [str(n) for n in range(len(shapes.geometries))]
    return outline_geojson(shapes.geometries, numbers, {}, shapes.tolerance)


def _write_paint(shapes: Shapes) -> str:
    """Return as JSON the distinct colours, and each footprint's colour index, text and chip id."""
    looks, kinds = np.unique(footprint_rgba(shapes.colouring), axis=0, return_inverse=True)
    colours = [(f"#{r:02x}{g:02x}{b:02x}", round(a / 255, 2)) for r, g, b, a in looks.tolist()]
    texts, chips = list(shapes.texts), list(shapes.chip_ids)
    paint = {"colours": colours, "kinds": kinds.ravel().tolist(), "texts": texts, "chips": chips}
    return json.dumps(paint)


def footprint_rgba(colouring: Colouring) -> ByteArray:
    """Return the red, green, blue and opacity of each footprint, (n, 4)."""
    span = colouring.high - colouring.low
    positions = (np.asarray(colouring.values, float) - colouring.low) / span
    if colouring.numeric:
        # The map draws one path per colour, so numbers are rounded to a few colours.
        positions = np.round(np.clip(positions, 0, 1) * SHADES) / SHADES
    colours = interpolate_colours(colouring.stops, positions)
    opacity = np.where(colouring.faint, FAINT_OPACITY, 255)
    return np.column_stack([colours, opacity]).round().astype(np.uint8)


def _map_geometries(scene: SurveyedScene, map_scene: MapScene) -> tuple[Footprints, Geometries]:
    """Return the footprints of a scene, and their geometries on the map."""
    key, source = f"footprints {scene.artifact.folder}", map_scene.source
    footprints = cached_result(key, scene.footprints) or scene.footprints()
    if source.mercator:
        return footprints, footprints.lonlat
    return footprints, shapely.transform(
        footprints.pixels, lambda pixels: pixel_positions(source.scene, pixels)
    )
