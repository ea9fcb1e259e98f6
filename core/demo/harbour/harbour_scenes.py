"""The writer of the procedural harbour: aerial scenes of boats and buildings with annotations.

No photograph is used; the seed determines everything.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.random import Generator
from rasterio.enums import Resampling
from rasterio.warp import transform as reproject

from core.demo.demo_files import check_demo_setting, staging_folder, write_demo_geotiff
from core.demo.harbour import boats, buildings, ships
from core.demo.harbour.arrangement import arrange_scene
from core.demo.harbour.canvas import GSD, Canvas, Pose
from core.demo.harbour.furniture import paint_furniture
from core.demo.harbour.layout import Layout, ObjectKind, SceneObject
from core.demo.harbour.scene_plans import PLANS, ScenePlan, Site
from core.demo.harbour.sensor import expose_canvas
from core.demo.harbour.terrain import paint_ground, survey_site
from core.progress import Progress, report_step, silent
from core.types import AnyArray, ByteArray, DoubleArray

log = logging.getLogger(__name__)

CRS = "EPSG:32631"
SIZE = 2816
"""Default number of pixels along one side: 845 m, so that two scenes have room for fifty ships of
up to 98 m."""
SMALLEST, LARGEST = 512, 8192
BLOCK = 256
OVERVIEWS = (2, 4, 8)
# Standard deviations of an annotator's errors: the position of an outline in metres (a third of a
# pixel), and its length and width as a fraction.
POSITION_ERROR, SIZE_ERROR = 0.1, 0.03

Painter = Callable[[Canvas, Pose, float, Generator], DoubleArray]
"""``painter(canvas, position, length, rng) -> outline``: paints one object, its length in metres,
and returns the corners of its footprint, (n, 2), in metres forward and to starboard."""
PAINTERS: dict[ObjectKind, Painter] = {
    "pirogue": boats.paint_pirogue,
    "motorboat": boats.paint_motorboat,
    "sailboat": boats.paint_sailboat,
    "catamaran": boats.paint_catamaran,
    "fishing vessel": ships.paint_fishing_vessel,
    "merchant ship": ships.paint_merchant_ship,
    "building": buildings.paint_building,
}


def write_harbour(
    raw: Path, *, seed: int = 0, size: int = SIZE, report: Progress = silent
) -> list[Path]:
    """Write two GeoTIFF scenes with their annotations, GeoJSON files of the same stem.

    The scenes are tiled uint8 RGB in EPSG:32631 at 0.3 m with internal overviews. Each annotation
    is a polygon in EPSG:4326 with the attributes ``class`` and ``state``. The same seed and size
    always produce the same bytes. Files of the same names are replaced; an interrupted run leaves
    nothing behind. `size` is in pixels along one side of each scene, 512 to 8192; smaller scenes
    contain fewer objects. `report` is called before each step of each scene. Returns the paths of
    the scenes.

    Raises SettingsError if the seed is negative or the size out of bounds, and WorkspaceError if
    the folder cannot be written.
    """
    check_demo_setting(size, SMALLEST, LARGEST, seed, "size")
    with staging_folder(raw) as folder:
        for number, plan in enumerate(PLANS):
            rng = np.random.default_rng([seed, number])
            report_step(report, 2 * number, 2 * len(PLANS), f"painting {plan.name}")
            picture, annotations = render_scene(plan, size, rng)
            report_step(report, 2 * number + 1, 2 * len(PLANS), f"writing {plan.name}")
            _write_scene(folder / f"{plan.name}.tif", plan, picture)
            _write_annotations(folder / f"{plan.name}.geojson", annotations)
    report_step(report, 2 * len(PLANS), 2 * len(PLANS), "harbour written")
    return [raw / f"{plan.name}.tif" for plan in PLANS]


def render_scene(
    plan: ScenePlan, size: int, rng: Generator
) -> tuple[ByteArray, list[dict[str, Any]]]:
    """Paint one scene with sides of `size` pixels.

    Returns red, green and blue, uint8 (3, size, size), and GeoJSON features in EPSG:4326.
    """
    layout = lay_out_scene(plan, size, rng)
    canvas = paint_ground(layout.site, layout.ground, rng)
    paint_furniture(canvas, layout)
    features = []
    # The fastest boats come first, so that no wake is painted over another boat.
    for item in sorted(layout.objects, key=lambda item: -item.speed):
        if item.speed:
            boats.paint_wake(canvas, item.pose, item.length, item.length * 0.3, item.speed)
        outline = PAINTERS[item.kind](canvas, item.pose, item.length, rng)
        # Annotations are as inexact as those of a human annotator.
        outline = outline * rng.normal(1, SIZE_ERROR, 2) + rng.normal(0, POSITION_ERROR, 2)
        features.append(_feature(plan, item, item.pose.to_scene(outline)))
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
    corner = (plan.easting, plan.northing)
    layout = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "interleave": "pixel"}
    write_demo_geotiff(path, picture, corner, GSD, crs=CRS, photometric="RGB", **layout)
    with rasterio.open(path, "r+", driver="GTiff") as scene:
        scene.build_overviews(OVERVIEWS, Resampling.average)


def _write_annotations(path: Path, features: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(feature) for feature in features)
    path.write_text(
        f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n', encoding="utf-8"
    )
