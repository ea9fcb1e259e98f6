"""Chips as objects in the pixels of their scenes, for annotation tools and object detectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from core.export.clustered_chips import ClusteredChips, ExportedScene
from core.export.file_names import printable_text, unique_texts
from core.mapping import chip_window
from core.types import Geometries


@dataclass(frozen=True)
class ImageObject:
    """One chip in its scene.

    `row` is the chip's row, and `category` the position of its cluster among the categories. The
    outline, in scene pixels, is the footprint within the scene. The outline of a point or a line is
    the square of its chip.
    """

    row: int
    category: int
    outline: Any
    truncated: bool

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in scene pixels."""
        left, top, right, bottom = shapely.bounds(self.outline).tolist()
        return left, top, right, bottom

    @property
    def rings(self) -> list[list[float]]:
        """The outer rings as x1, y1, x2, y2 and so on, without the repeated last vertex."""
        parts = shapely.get_parts(self.outline)
        polygons = parts[shapely.get_dimensions(parts) == 2]
        return [
            shapely.get_coordinates(polygon.exterior)[:-1].ravel().round(2).tolist()
            for polygon in polygons
        ]


def category_names(results: ClusteredChips) -> list[str]:
    """Return the names of the clusters as unique category names, noise last."""
    names = (printable_text(results.look.name(cluster)) for cluster in results.cluster_ids())
    return unique_texts(names)


def list_image_objects(results: ClusteredChips) -> list[tuple[ExportedScene, list[ImageObject]]]:
    """Return the included chips of each scene; a scene may have none."""
    positions = {cluster: i for i, cluster in enumerate(results.cluster_ids())}
    outlines, clusters = _outlines(results), results.clusters.tolist()
    names, cut = (results.chips.facts[name].tolist() for name in ("scene", "cut_by_edge"))
    objects: dict[str, list[ImageObject]] = {scene.name: [] for scene in results.scenes}
    frames: Mapping[str, Any] = {
        scene.name: shapely.box(0, 0, scene.width, scene.height) for scene in results.scenes
    }
    for row in np.flatnonzero(results.included).tolist():
        outline = shapely.intersection(outlines[row], frames[names[row]])
        if outline.area:
            item = ImageObject(row, positions[clusters[row]], outline, bool(cut[row]))
            objects[names[row]].append(item)
    return [(scene, objects[scene.name]) for scene in results.scenes]


def _outlines(results: ClusteredChips) -> Geometries:
    """Return the footprints in scene pixels; the chip's square if a footprint has no area."""
    squares = shapely.polygons(chip_window(results.chips.facts).corners())
    flat = shapely.area(results.outlines) == 0
    outlines: Geometries = np.where(flat, squares, results.outlines)
    return outlines
