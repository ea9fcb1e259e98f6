"""Footprints on the map: outlines with a colour, a row and a few words each, fetched by address."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import shapely

from app.map import tile_addresses, tile_shelf
from app.map.tile_addresses import OnMap
from app.session import cache
from app.widgets.chip_panels import names_of
from app.widgets.colouring import Colouring, by_category, some_of
from app.widgets.markup import number
from core.chips.chip_set import ChipSet
from core.pipeline.scene_survey import FoundScene
from core.pipeline.workspace import Workspace
from core.raster.annotations.outlines import outlines, screen_tolerance
from core.raster.map_placement import pixel_places
from core.types import ByteArray, Geometries, IntArray

NOWHERE = np.empty(0, np.int32)
SHADES = 24
# Opacity of noise and of missing values, of 255.
FAINT = 150


@dataclass(frozen=True)
class Shapes:
    """The footprints of one scene as the map draws them.

    Attributes
    ----------
    geometries : object array, (n,)
        In longitude and latitude of the map.
    rows : int array, (n,)
        The chip of each; -1 where no chips have been cut.
    ids : sequence of str, n
    words : sequence of str, n
        What hovering says, as plain text.
    painted : Colouring, of n footprints
    """

    geometries: Geometries
    rows: IntArray
    ids: Sequence[str]
    words: Sequence[str]
    painted: Colouring

    def __len__(self) -> int:
        return len(self.geometries)

    @property
    def entries(self) -> list[tuple[str, str, str]]:
        """The legend of what occurs in this scene, counted here."""
        if self.painted.numeric:
            return []
        codes = np.asarray(self.painted.values).astype(int)
        counts = np.bincount(codes, minlength=len(self.painted.entries)).tolist()
        return [
            (colour, name, number(count))
            for (colour, name, _), count in zip(self.painted.entries, counts, strict=False)
            if count
        ]


def of_chips(
    place: Workspace, found: FoundScene, shown: OnMap, chips: ChipSet, painted: Colouring
) -> Shapes:
    """The footprints that chips were cut around, coloured as the chips are."""
    rows = np.flatnonzero((chips.facts["scene"] == found.report.name).to_numpy())
    geometries, index = _placed(place, found, shown)
    there = np.searchsorted(index, chips.facts["annotation"].to_numpy()[rows])
    some = some_of(painted, rows)
    ids = [str(chip_id) for chip_id in chips.facts["chip_id"].iloc[rows]]
    names = names_of(chips, rows)
    words = ["\n".join(dict.fromkeys(line)) for line in zip(some.texts, names, ids, strict=True)]
    return Shapes(geometries[there], rows.astype(np.int32), ids, words, some)


def of_annotations(place: Workspace, found: FoundScene, shown: OnMap) -> Shapes | None:
    """The footprints before any chip is cut, by class; None where there are none."""
    geometries, index = _placed(place, found, shown)
    if not len(geometries):
        return None
    properties = cache.kept(place, f"properties {found.artifact.key}", found.footprints).properties
    name = found.report.class_property
    known = name in properties
    texts = properties[name] if known else properties.assign(kind="Annotation")["kind"]
    painted = by_category(texts, name if known else "Annotations")
    ids = [str(i) for i in index]
    return Shapes(geometries, np.full(len(ids), -1, np.int32), ids, list(painted.texts), painted)


def addresses(shapes: Shapes) -> tuple[str, str]:
    """Where the browser fetches the outlines, and their colours and words.

    Two texts, so that a new colouring leaves the outlines where they are.
    """
    outline, paint = sha256(), sha256()
    for geometry in (shapes.geometries[:1], shapes.geometries[-1:]):
        outline.update(b"".join(shapely.to_wkb(geometry).tolist()))
    outline.update("\0".join(shapes.ids).encode())
    painted = shapes.painted
    paint.update(repr((painted.stops, painted.low, painted.high)).encode())
    paint.update(np.asarray(painted.values, np.float64).tobytes() + shapes.rows.tobytes())
    paint.update("\0".join((*shapes.ids, *shapes.words)).encode())
    return (
        _laid(f"outlines {outline.hexdigest()}", lambda: _outlines(shapes)),
        _laid(f"paint {paint.hexdigest()}", lambda: _paint(shapes)),
    )


def _laid(name: str, write: Callable[[], str]) -> str:
    """The address of a text that is written once for what it is made of."""
    known = tile_shelf.made.get(name)
    if known is None or tile_shelf.texts.get(known) is None:
        known = tile_shelf.made.put(name, tile_addresses.lay(write()))
    return tile_addresses.address(known)


def _outlines(shapes: Shapes) -> str:
    numbers = [str(n) for n in range(len(shapes))]
    return outlines(shapes.geometries, numbers, {}, screen_tolerance(shapes.geometries))


def _paint(shapes: Shapes) -> str:
    """Colours with their strength, and for each footprint its colour, its words and its chip."""
    looks, kinds = np.unique(rgb(shapes.painted), axis=0, return_inverse=True)
    colours = [(f"#{r:02x}{g:02x}{b:02x}", round(a / 255, 2)) for r, g, b, a in looks.tolist()]
    return json.dumps({
        "colours": colours, "kinds": kinds.ravel().tolist(), "words": list(shapes.words),
        "rows": shapes.rows.tolist(),
    })  # fmt: skip


def rgb(painted: Colouring) -> ByteArray:
    """Red, green, blue and opacity of each footprint, (n, 4); those that step back are fainter."""
    share = (np.asarray(painted.values, float) - painted.low) / (painted.high - painted.low)
    if painted.numeric:
        # The map draws one path a colour: as many as the eye tells apart on a scale.
        share = np.round(np.clip(share, 0, 1) * SHADES) / SHADES
    at = [stop for stop, _ in painted.stops]
    colours = np.array([_channels(colour) for _, colour in painted.stops], float)
    mixed = [np.interp(share, at, colours[:, channel]) for channel in range(3)]
    opacity = np.where(painted.faint, FAINT, 255)
    return np.column_stack([*mixed, opacity]).round().astype(np.uint8)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _placed(place: Workspace, found: FoundScene, shown: OnMap) -> tuple[Geometries, IntArray]:
    """The footprints of a scene on the map, in the order of their index."""
    if not found.report.ok or not found.report.annotations:
        return np.empty(0, object), NOWHERE
    read = cache.kept(place, f"properties {found.artifact.key}", found.footprints)
    order = np.argsort(read.index, kind="stable")
    geometries = read.lonlat if shown.mercator else read.pixels
    if not shown.mercator:
        geometries = shapely.transform(geometries, lambda at: pixel_places(shown.scene, at))
    return geometries[order], read.index[order]
