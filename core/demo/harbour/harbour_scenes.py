"""The writer of the procedural harbour: aerial scenes of boats and buildings with annotations.

No photograph is used; the seed determines everything.
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

from core.demo.harbour.arrangement import arrange_scene
from core.demo.harbour.boats import (
    paint_catamaran,
    paint_motorboat,
    paint_pirogue,
    paint_sailboat,
    paint_wake,
)
from core.demo.harbour.buildings import paint_building
from core.demo.harbour.canvas import GSD, Canvas, Pose
from core.demo.harbour.furniture import paint_furniture
from core.demo.harbour.layout import Layout, ObjectKind, SceneObject
from core.demo.harbour.scene_plans import PLANS, ScenePlan, Site
from core.demo.harbour.sensor import expose_canvas
from core.demo.harbour.ships import paint_fishing_vessel, paint_merchant_ship
from core.demo.harbour.terrain import paint_ground, survey_site
from core.errors import SettingsError, WorkspaceError
from core.progress import Progress, report_step, silent
from core.types import AnyArray, ByteArray, DoubleArray

log = logging.getLogger(__name__)

CRS = "EPSG:32631"
SIZE = 2816
"""Default pixels along one side: 845 m, so that two scenes have room for fifty ships of up to
98 m."""
SMALLEST, LARGEST = 512, 8192
BLOCK = 256
# Sensor noise hardly compresses: level 6 saves 1 % of the bytes and takes a fifth longer.
ZLEVEL = 1
OVERVIEWS = (2, 4, 8)
# Standard deviations of an annotator's errors: the position of an outline in metres (a third of a
# pixel), and its length and width as a share.
POSITION_ERROR, SIZE_ERROR = 0.1, 0.03

Painter = Callable[[Canvas, Pose, float, Generator], DoubleArray]
"""``painter(canvas, position, length, rng) -> outline``: paints one object of a length in metres
and returns the corners of its footprint, (n, 2), in metres forward and to starboard."""
PAINTERS: dict[ObjectKind, Painter] = {
    "pirogue": paint_pirogue,
    "motorboat": paint_motorboat,
    "sailboat": paint_sailboat,
    "catamaran": paint_catamaran,
    "fishing vessel": paint_fishing_vessel,
    "merchant ship": paint_merchant_ship,
    "building": paint_building,
}


def write_harbour(
    raw: Path, *, seed: int = 0, size: int = SIZE, report: Progress = silent
) -> list[Path]:
    """Write two GeoTIFF scenes with their annotations, GeoJSON files of the same stem.

    The scenes are tiled uint8 RGB in EPSG:32631 at 0.3 m with internal overviews. Each annotation
    is a polygon in EPSG:4326 with the properties ``class`` and ``state``. The same seed and size
    always produce the same bytes. Files of the same names are replaced; an interrupted run leaves
    nothing behind.

    Parameters
    ----------
    raw : Path
        The folder to write into; created if it does not exist.
    seed : int
        0 or more.
    size : int
        Pixels along one side of each scene, 512 to 8192. Smaller scenes contain fewer objects.
    report : Progress
        Called before each step of each scene.

    Returns
    -------
    list of Path
        The scene files.

    Raises
    ------
    SettingsError
        If `seed` or `size` is out of bounds.
    WorkspaceError
        If the folder cannot be written.
    Cancelled
        If `report` asked to stop.
    """
    if seed < 0:
        raise SettingsError(f"{seed} is negative", where="seed", remedy="Use a seed of 0 or more.")
    if not SMALLEST <= size <= LARGEST:
        raise SettingsError(f"{size} is not between {SMALLEST} and {LARGEST}", where="size")
    if raw.exists() and not raw.is_dir():
        raise WorkspaceError(
            "is not a folder", where=str(raw), remedy="Choose another folder for the scenes."
        )
    try:
        raw.parent.mkdir(parents=True, exist_ok=True)
        parent = raw if raw.is_dir() else raw.parent
        # On the same file system as `raw`, so that each move at the end is a rename.
        with tempfile.TemporaryDirectory(prefix=".harbour-", dir=parent) as folder:
            for number, plan in enumerate(PLANS):
                rng = np.random.default_rng([seed, number])
                report_step(report, 2 * number, 2 * len(PLANS), f"painting {plan.name}")
                picture, annotations = render_scene(plan, size, rng)
                report_step(report, 2 * number + 1, 2 * len(PLANS), f"writing {plan.name}")
                _write_scene(Path(folder) / f"{plan.name}.tif", plan, picture)
                _write_annotations(Path(folder) / f"{plan.name}.geojson", annotations)
            raw.mkdir(exist_ok=True)
            # Annotations come first, so that there is never a scene without them.
            for path in sorted(Path(folder).iterdir()):
                path.replace(raw / path.name)
    except OSError as error:
        raise WorkspaceError(
            f"cannot be written: {error}", where=str(raw), remedy="Choose another folder."
        ) from error
    report_step(report, 2 * len(PLANS), 2 * len(PLANS), "harbour written")
    return [raw / f"{plan.name}.tif" for plan in PLANS]


def render_scene(
    plan: ScenePlan, size: int, rng: Generator
) -> tuple[ByteArray, list[dict[str, Any]]]:
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
    layout = lay_out_scene(plan, size, rng)
    canvas = paint_ground(layout.site, layout.ground, rng)
    paint_furniture(canvas, layout)
    features = []
    # The fastest boats come first, so that no wake is painted over another boat.
    for scene_object in sorted(layout.objects, key=lambda scene_object: -scene_object.speed):
        if scene_object.speed:
            paint_wake(
                canvas,
                scene_object.pose,
                scene_object.length,
                scene_object.length * 0.3,
                scene_object.speed,
            )
        outline = PAINTERS[scene_object.kind](canvas, scene_object.pose, scene_object.length, rng)
        # Annotations are as inexact as those of a human annotator.
        outline = outline * rng.normal(1, SIZE_ERROR, 2) + rng.normal(0, POSITION_ERROR, 2)
        features.append(_feature(plan, scene_object, scene_object.pose.to_scene(outline)))
    log.info("%s: %d annotations", plan.name, len(features))
    return expose_canvas(canvas, plan, rng), features


def lay_out_scene(plan: ScenePlan, size: int, rng: Generator) -> Layout:
    """Lay out every annotated object of a scene, before any of them is painted."""
    site = Site(plan, size, tuple(rng.uniform(0, 2 * np.pi, 3).tolist()))
    return arrange_scene(site, survey_site(site, rng), rng)


def _feature(plan: ScenePlan, scene_object: SceneObject, corners: AnyArray) -> dict[str, Any]:
    """Return a GeoJSON feature from corners in metres right of and below the upper left corner."""
    eastings, northings = plan.easting + corners[:, 0], plan.northing - corners[:, 1]
    longitudes, latitudes = reproject(CRS, "EPSG:4326", eastings, northings)
    ring = [[round(x, 8), round(y, 8)] for x, y in zip(longitudes, latitudes, strict=True)]
    right, up = corners[:, 0] - scene_object.pose.x, scene_object.pose.y - corners[:, 1]
    # RFC 7946 requires counterclockwise outer rings.
    if np.sum(right * np.roll(up, -1) - up * np.roll(right, -1)) < 0:
        ring.reverse()
    return {
        "type": "Feature",
        "properties": {"class": scene_object.kind, "state": scene_object.state},
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
    }


def _write_scene(path: Path, plan: ScenePlan, picture: ByteArray) -> None:
    n_bands, height, width = picture.shape
    options = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": n_bands,
        "height": height,
        "width": width,
        "crs": CRS,
        "transform": from_origin(plan.easting, plan.northing, GSD, GSD),
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "interleave": "pixel",
        "compress": "deflate",
        "predictor": 2,
        "zlevel": ZLEVEL,
        "photometric": "RGB",
    }
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
