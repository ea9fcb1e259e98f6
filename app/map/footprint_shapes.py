"""Footprints on the map: outlines, colours and texts, which the browser fetches by URL."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

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
from core.types import ByteArray, Geometries

SHADES = 24
# Opacity of noise and of missing values, out of 255.
FAINT_OPACITY = 150


@dataclass(frozen=True)
class Shapes:
    """The n footprints of one scene as the map draws them.

    `geometries` are in longitude and latitude of the map; `key` and `chip_ids` identify the set of
    footprints. If no chips have been cut, `chip_ids` is empty and footprints cannot be clicked.
    `texts` are the first lines of the tooltips, as plain text; the chip id follows.
    """

    geometries: Geometries
    chip_ids: Sequence[str]
    texts: Sequence[str]
    colouring: Colouring
    key: str = ""

    @property
    def entries(self) -> list[tuple[str, str, str]]:
        """Legend of the groups in this scene, with their counts; empty for numeric colouring."""
        if self.colouring.numeric:
            return []
        groups, codes = self.colouring.entries, np.asarray(self.colouring.values).astype(int)
        counts = enumerate(np.bincount(codes).tolist())
        return [(*groups[code][:2], format_number(count)) for code, count in counts if count]


def chip_shapes(
    scene: SurveyedScene, map_scene: MapScene, chips: ChipSet, colouring: Colouring
) -> Shapes | None:
    """Return the footprints of a scene's chips in their colours; None if it has no chips."""
    facts = chips.facts
    rows = np.flatnonzero((facts["scene"] == scene.report.name).to_numpy()).astype(np.int32)
    if not len(rows):
        return None
    footprints, geometries = _map_geometries(scene, map_scene)
    positions = np.searchsorted(footprints.index, facts["annotation"].to_numpy()[rows])
    colouring = select_colours(colouring, rows)
    chip_ids = [str(chip_id) for chip_id in facts["chip_id"].iloc[rows]]
    texts = [
        "\n".join(line for line in dict.fromkeys(lines) if line != chip_id)
        for chip_id, *lines in zip(chip_ids, colouring.texts, chip_names(chips, rows), strict=True)
    ]
    return Shapes(geometries[positions], chip_ids, texts, colouring, str(scene.artifact.folder))


def annotation_shapes(scene: SurveyedScene, map_scene: MapScene) -> Shapes | None:
    """Return footprints, coloured by class, of a scene without chips; None without annotations."""
    if not scene.usable:
        return None
    footprints, geometries = _map_geometries(scene, map_scene)
    attribute = scene.report.class_property
    if attribute in footprints.properties:
        colouring = colour_by_category(footprints.properties[attribute], attribute)
    else:
        colouring = colour_by_category(pd.Series(["Annotation"] * len(geometries)), "Annotations")
    return Shapes(geometries, (), colouring.texts, colouring, str(scene.artifact.folder))


def shape_addresses(shapes: Shapes) -> tuple[str, str]:
    """Return the URL of the outlines, and the URL of the colours and texts.

    A new colouring changes the second URL only. Browsers cache both for a day, so the numbers in
    `outlines` and `paint` must be raised whenever the format changes.
    """
    colouring, ids = shapes.colouring, "\0".join(shapes.chip_ids)
    look = (colouring.stops, colouring.low, colouring.high, list(colouring.values))
    outlines, paint = f"outlines 2 {shapes.key} {ids}", f"paint 2 {look} {ids} {shapes.texts}"
    return (
        text_address(outlines, lambda: _write_outlines(shapes.geometries)),
        text_address(paint, lambda: _write_paint(shapes)),
    )


def _write_outlines(geometries: Geometries) -> str:
    numbers = [str(n) for n in range(len(geometries))]
    return outline_geojson(geometries, numbers, {}, screen_tolerance(geometries))


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
