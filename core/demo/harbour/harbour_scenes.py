"""A procedural harbour: aerial scenes with boats and buildings, and their annotations.

Nothing in it is a photograph; everything follows from the seed.
"""

import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.random import Generator
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import from_origin
from rasterio.warp import transform as reproject

from core.demo.harbour.arrangement import arrange
from core.demo.harbour.boats import catamaran, motorboat, pirogue, sailboat
from core.demo.harbour.buildings import building
from core.demo.harbour.canvas import GSD, Canvas, Place
from core.demo.harbour.furniture import furnish
from core.demo.harbour.hulls import wake
from core.demo.harbour.layout import (  # fmt: skip
    BUILDING,
    CATAMARAN,
    FISHING,
    MERCHANT,
    MOTORBOAT,
    PIROGUE,
    SAILBOAT,
    Layout,
    Thing,
)
from core.demo.harbour.scene_plans import PLANS, ScenePlan, Site
from core.demo.harbour.sensor import expose
from core.demo.harbour.ships import fishing_vessel, merchant_ship
from core.demo.harbour.terrain import paint_ground, survey
from core.errors import SettingsError, WorkspaceError
from core.progress import Progress, silent, step
from core.types import AnyArray, ByteArray, DoubleArray

log = logging.getLogger(__name__)

CRS = "EPSG:32631"
# 845 m: room for fifty ships of up to 98 m in two scenes.
SIZE = 2816
SMALLEST, LARGEST = 512, 8192
BLOCK = 256
# Sensor noise hardly compresses: level 6 saves 1 % of the bytes and takes a fifth longer.
ZLEVEL = 1
OVERVIEWS = (2, 4, 8)
# How far an annotator's outlines stray, in metres (a third of a pixel), and how far their length
# and width are off, as a share.
STRAY, STRETCH = 0.1, 0.03

Painter = Callable[[Canvas, Place, float, Generator], DoubleArray]
"""``painter(canvas, place, length, rng) -> outline``: paints one thing of a length in metres and
returns the corners of its footprint, (n, 2): metres forward of and to starboard of the place."""
PAINTERS: dict[str, Painter] = {
    PIROGUE: pirogue, MOTORBOAT: motorboat, SAILBOAT: sailboat, CATAMARAN: catamaran,
    FISHING: fishing_vessel, MERCHANT: merchant_ship, BUILDING: building,
}  # fmt: skip


def write_harbour(
    raw: Path, *, seed: int = 0, size: int = SIZE, report: Progress = silent
) -> list[Path]:
    """Write two scenes, GeoTIFF, with their annotations, GeoJSON of the same stem.

    The scenes are EPSG:32631, 0.3 m, uint8 RGB, tiled, with overviews inside. Each annotation is a
    polygon in EPSG:4326 with the properties ``class`` and ``state``. Same seed and size, same
    bytes. Files of the same names are replaced; if it is interrupted, nothing is left.

    Parameters
    ----------
    raw : Path
        The folder to write into; made if it is missing.
    seed : int
        0 or more.
    size : int
        Pixels along one side of each scene, 512 to 8192. Smaller scenes hold fewer things.
    report : Progress
        Called after each scene's steps.

    Returns
    -------
    list of Path
        The scenes' files.

    Raises
    ------
    SettingsError
        If `seed` or `size` is out of bounds.
    WorkspaceError
        If the folder cannot be written.
    Cancelled
        If the listener asked to stop.
    """
    if seed < 0:
        raise SettingsError(f"{seed} is negative", where="seed")
    if not SMALLEST <= size <= LARGEST:
        raise SettingsError(f"{size} is not between {SMALLEST} and {LARGEST}", where="size")
    if raw.exists() and not raw.is_dir():
        raise WorkspaceError(
            "is not a folder", where=str(raw), remedy="Choose another folder for the scenes."
        )
    try:
        raw.parent.mkdir(parents=True, exist_ok=True)
        beside = raw if raw.is_dir() else raw.parent
        # On the same file system as its goal, so that the move at the end is a rename.
        with tempfile.TemporaryDirectory(prefix=".harbour-", dir=beside) as folder:
            for number, plan in enumerate(PLANS):
                rng = np.random.default_rng([seed, number])
                step(report, 2 * number, 2 * len(PLANS), f"painting {plan.name}")
                picture, annotations = render(plan, size, rng)
                step(report, 2 * number + 1, 2 * len(PLANS), f"writing {plan.name}")
                _write_scene(Path(folder) / f"{plan.name}.tif", plan, picture)
                _write_annotations(Path(folder) / f"{plan.name}.geojson", annotations)
            raw.mkdir(exist_ok=True)
            # Annotations first: a scene never stands there without them.
            for path in sorted(Path(folder).iterdir()):
                path.replace(raw / path.name)
    except OSError as error:
        raise WorkspaceError(
            "cannot be written", where=str(raw), remedy=f"Choose another folder: {error}."
        ) from error
    step(report, 2 * len(PLANS), 2 * len(PLANS), "harbour written")
    return [raw / f"{plan.name}.tif" for plan in PLANS]


def render(plan: ScenePlan, size: int, rng: Generator) -> tuple[ByteArray, list[dict[str, Any]]]:
    """Paint one scene.

    Parameters
    ----------
    plan : ScenePlan
    size : int
        Pixels along one side.
    rng : numpy Generator

    Returns
    -------
    uint8 array, (3, size, size)
        Red, green, blue.
    list of dict
        GeoJSON features in EPSG:4326.
    """
    layout = lay_out(plan, size, rng)
    canvas = paint_ground(layout.site, layout.ground, rng)
    furnish(canvas, layout, rng)
    features = []
    # Wakes first, the longest before all, so that no foam lies on a boat.
    for thing in sorted(layout.things, key=lambda thing: -thing.speed):
        if thing.speed:
            wake(canvas, thing.place, thing.length, thing.length * 0.3, thing.speed)
        outline = PAINTERS[thing.kind](canvas, thing.place, thing.length, rng)
        drawn = outline * rng.normal(1, STRETCH, 2) + rng.normal(0, STRAY, 2)
        features.append(_feature(plan, thing, thing.place.to_scene(drawn)))
    log.info("%s: %d annotations", plan.name, len(features))
    return expose(canvas, plan, rng), features


def lay_out(plan: ScenePlan, size: int, rng: Generator) -> Layout:
    """Everything that a scene will show, before any of it is painted."""
    first, second, third = rng.uniform(0, 2 * np.pi, 3)
    site = Site(plan, size, (float(first), float(second), float(third)))
    return arrange(site, survey(site, rng), rng)


def _feature(plan: ScenePlan, thing: Thing, corners: AnyArray) -> dict[str, Any]:
    """A GeoJSON feature from corners in metres right of and below the upper left corner."""
    eastings, northings = plan.easting + corners[:, 0], plan.northing - corners[:, 1]
    longitudes, latitudes = reproject(CRS, "EPSG:4326", eastings, northings)
    ring = [[round(x, 8), round(y, 8)] for x, y in zip(longitudes, latitudes, strict=True)]
    right, up = corners[:, 0] - thing.place.x, thing.place.y - corners[:, 1]
    # RFC 7946 wants outer rings counterclockwise.
    if np.sum(right * np.roll(up, -1) - up * np.roll(right, -1)) < 0:
        ring.reverse()
    return {
        "type": "Feature",
        "properties": {"class": thing.kind, "state": thing.state},
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
    }


def _write_scene(path: Path, plan: ScenePlan, picture: ByteArray) -> None:
    n_bands, height, width = picture.shape
    options = {
        "driver": "GTiff", "dtype": "uint8", "count": n_bands, "height": height, "width": width,
        "crs": CRS, "transform": from_origin(plan.easting, plan.northing, GSD, GSD),
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "pixel",
        "compress": "deflate", "predictor": 2,
        "zlevel": ZLEVEL, "photometric": "RGB",
    }  # fmt: skip
    with rasterio.open(path, "w", **options) as scene:
        scene.write(picture)
        scene.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    with rasterio.open(path, "r+") as scene:
        scene.build_overviews(OVERVIEWS, Resampling.average)


def _write_annotations(path: Path, features: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(feature) for feature in features)
    path.write_text(
        f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n', encoding="utf-8"
    )
