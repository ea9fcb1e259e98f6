"""The exact fraction of each pixel that a polygon covers.

The signed areas to the right of a polygon's edges are summed along each row of pixels, as font
rasterisers do. This is exact and takes a time proportional to the number of pixels that the edges
cross plus the number of pixels in the polygons' boxes.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from core.types import AnyArray, DoubleArray, Geometries

# Fractions below this are rounding errors. A polygon with a smaller area, in pixels, is treated as
# a point.
NEGLIGIBLE = 1e-9
# Side, in pixels, of the square that stands for a point or a line.
POINT_SIDE = 1e-3
_POLYGON = 3


@dataclass(frozen=True)
class PixelCover:
    """The pixels that polygons cover, one entry per polygon and pixel, as arrays of shape (m,).

    `owner` is the position of the polygon, `column` and `row` are those of the pixel, and
    `fraction` is the covered part of the pixel, in (0, 1].
    """

    owner: AnyArray
    column: AnyArray
    row: AnyArray
    fraction: DoubleArray


def as_areas(geometries: Geometries) -> Geometries:
    """Return geometries in pixels, each without an area replaced by a tiny square at its centroid.

    Such a geometry, a point or a line, then covers the pixel under its centroid.
    """
    areas = geometries.copy()
    flat = np.flatnonzero(shapely.area(geometries) < NEGLIGIBLE)
    centroids = shapely.centroid(geometries[flat])
    x, y = shapely.get_x(centroids), shapely.get_y(centroids)
    half = POINT_SIDE / 2
    areas[flat] = shapely.box(x - half, y - half, x + half, y + half)
    return areas


def box_cells(geometries: Geometries) -> AnyArray:
    """Return the number of pixels in the box around each geometry, (n,)."""
    left, top, right, bottom = _pixel_boxes(geometries).T
    return np.asarray((right - left + 1) * (bottom - top))


def cover_pixels(polygons: Geometries) -> PixelCover:
    """Return the cover of pixels by valid polygons, given in pixels with y running down.

    Memory is proportional to the sum of `box_cells`.
    """
    boxes = _pixel_boxes(polygons)
    # A further column takes the area to the right of edges that lie in the last column.
    widths = boxes[:, 2] - boxes[:, 0] + 1
    sizes = widths * (boxes[:, 3] - boxes[:, 1])
    starts = np.cumsum(sizes) - sizes
    owner, x, y, rise = _cell_segments(polygons)
    column = np.floor(x).astype(np.int64)
    cell = starts[owner] + (np.floor(y).astype(np.int64) - boxes[owner, 1]) * widths[owner]
    cell += column - boxes[owner, 0]
    total = int(sizes.sum())
    area = np.bincount(cell, rise * (column + 1 - x), total)[:total]
    area[1:] += np.bincount(cell, rise * (x - column), total)[: total - 1]
    # Every row of a closed ring sums to 0, so a single sum runs through all rows and polygons.
    fraction = np.abs(np.cumsum(area))
    covered = np.flatnonzero(fraction > NEGLIGIBLE)
    owner = np.searchsorted(starts, covered, side="right") - 1
    row, column = np.divmod(covered - starts[owner], widths[owner])
    return PixelCover(
        owner, column + boxes[owner, 0], row + boxes[owner, 1], np.minimum(fraction[covered], 1.0)
    )


def _pixel_boxes(geometries: Geometries) -> AnyArray:
    """Return left, top, right and bottom in whole pixels, (n, 4); 0 for an empty geometry."""
    bounds = np.nan_to_num(shapely.bounds(geometries))
    boxes = np.concatenate([np.floor(bounds[:, :2]), np.ceil(bounds[:, 2:])], axis=1)
    return np.asarray(boxes.astype(np.int64))


def _cell_segments(polygons: Geometries) -> tuple[AnyArray, ...]:
    """Cut the edges at the borders of pixels, so that each segment lies in one pixel.

    Returns the polygon, the x and y of the middle, and the rise along y of each segment.
    """
    # In normal form, shells and holes run in opposite directions.
    parts, part_owner = shapely.get_parts(shapely.normalize(polygons), return_index=True)
    is_polygon = shapely.get_type_id(parts) == _POLYGON
    rings, ring_part = shapely.get_rings(parts[is_polygon], return_index=True)
    vertices, ring = shapely.get_coordinates(rings, return_index=True)
    is_edge = ring[1:] == ring[:-1]
    start, step = vertices[:-1][is_edge], np.diff(vertices, axis=0)[is_edge]
    n = len(start)
    edge, share = [np.arange(n), np.arange(n)], [np.zeros(n), np.ones(n)]
    for axis in (0, 1):
        crossing_edge, crossing_share = _border_crossings(start[:, axis], step[:, axis])
        edge.append(crossing_edge)
        share.append(crossing_share)
    edges, shares = np.concatenate(edge), np.concatenate(share)
    order = np.lexsort((shares, edges))
    edges, shares = edges[order], shares[order]
    is_segment = edges[1:] == edges[:-1]
    first, last = shares[:-1][is_segment], shares[1:][is_segment]
    edges = edges[:-1][is_segment]
    middle = start[edges] + step[edges] * ((first + last) / 2)[:, None]
    owner = part_owner[is_polygon][ring_part[ring[:-1][is_edge]]]
    return owner[edges], middle[:, 0], middle[:, 1], (last - first) * step[edges, 1]


def _border_crossings(start: DoubleArray, step: DoubleArray) -> tuple[AnyArray, DoubleArray]:
    """Return the edges that cross whole coordinates, and the share of the edge before each."""
    low, high = np.minimum(start, start + step), np.maximum(start, start + step)
    first = np.floor(low) + 1
    count = np.maximum(np.ceil(high) - first, 0).astype(np.int64)
    edge = np.repeat(np.arange(len(start)), count)
    border = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    return edge, np.clip((border - start[edge]) / step[edge], 0, 1)
