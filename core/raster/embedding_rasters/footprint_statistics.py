"""Mean and deviation of a raster of embeddings under footprints, weighted by the covered area."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from core.raster.annotations.footprints import boxes_may_touch
from core.raster.embedding_rasters.pixel_cover import as_areas, box_cells, cover_pixels
from core.raster.embedding_rasters.raster_files import ALPHA_EARTH_NODATA, EmbeddingTile
from core.raster.geodesy import WGS84, reproject_geometries
from core.raster.pixel_reader import Box, Pixels, Reader
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray, Geometries

# Largest number of values that are read at a time (128 MiB in float64), and the longest side of
# such a window unless the file is stored in strips.
_WINDOW_VALUES = 2**24
_MAX_SIDE = 1024
# Largest number of pixels in the boxes of the footprints that are covered at a time.
_MAX_CELLS = 4_000_000


@dataclass(frozen=True)
class FootprintStatistics:
    """Statistics of n footprints; NaN where a footprint covers no valid pixel.

    Attributes
    ----------
    mean, deviation : float32 array, (n, bands)
        Mean, and standard deviation around it. Each pixel counts with the area that the footprint
        covers of it.
    valid_fraction : float array, (n,)
        Part of the footprint's area that lies on valid pixels, in 0..1.
    """

    mean: FloatArray
    deviation: FloatArray
    valid_fraction: DoubleArray


class _Sums:
    """Sums over the covered pixels of n footprints, to which tiles and windows are added."""

    def __init__(self, n: int, n_bands: int) -> None:
        self.share: DoubleArray = np.zeros(n)
        self.values: DoubleArray = np.zeros((n, n_bands))
        self.squares: DoubleArray = np.zeros((n, n_bands))

    def statistics(self) -> FootprintStatistics:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.values / self.share[:, None]
            variance = self.squares / self.share[:, None] - mean**2
        return FootprintStatistics(
            mean.astype(np.float32),
            np.sqrt(np.maximum(variance, 0)).astype(np.float32),
            np.minimum(self.share, 1),
        )


def measure_footprints(
    tiles: Sequence[EmbeddingTile], footprints: Geometries
) -> FootprintStatistics:
    """Measure the pixels under footprints, given in longitude and latitude.

    A footprint may cross tiles, also of different CRS; where tiles overlap, both count. A pixel is
    invalid if it is masked, NaN or nodata in any band, or 0 in every band. A point or a line gets
    the pixel under its centroid. Footprints that are None get NaN.

    Raises SceneError if a tile cannot be read.
    """
    sums = _Sums(len(footprints), len(tiles[0].scene.bands))
    bounds = shapely.bounds(footprints)
    for tile in tiles:
        scene = tile.scene
        rows = np.flatnonzero(boxes_may_touch(scene, WGS84, bounds))
        geometries = reproject_geometries(footprints[rows], WGS84, scene.crs)
        is_placed = ~shapely.is_missing(geometries)
        vertices = shapely.get_coordinates(geometries[is_placed])
        pixels = np.column_stack(~scene.transform @ (vertices[:, 0], vertices[:, 1]))
        polygons = shapely.set_coordinates(geometries[is_placed], pixels)
        if len(polygons):
            _add_tile(sums, tile, rows[is_placed], as_areas(polygons))
    return sums.statistics()


def _add_tile(sums: _Sums, tile: EmbeddingTile, rows: AnyArray, polygons: Geometries) -> None:
    """Add the pixels of one tile; the polygons are in its pixels, and `rows` are their rows."""
    areas = shapely.area(polygons)
    with Reader(tile.scene) as reader:
        for window, candidates in _occupied_windows(tile, polygons):
            frame = shapely.box(*window)
            clipped = polygons[candidates]
            crosses = ~shapely.covered_by(clipped, frame)
            clipped[crosses] = shapely.intersection(clipped[crosses], frame)
            is_inside = shapely.area(clipped) > 0
            members, clipped = candidates[is_inside], clipped[is_inside]
            if not len(members):
                continue
            left, top, right, bottom = shapely.total_bounds(clipped)
            part = reader.read((int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom))))
            limits = np.cumsum(box_cells(clipped)) // _MAX_CELLS
            for group in np.split(np.arange(len(members)), np.flatnonzero(np.diff(limits)) + 1):
                selected = members[group]
                _add_pixels(sums, tile, part, clipped[group], rows[selected], areas[selected])


def _add_pixels(
    sums: _Sums,
    tile: EmbeddingTile,
    part: Pixels,
    polygons: Geometries,
    rows: AnyArray,
    areas: DoubleArray,
) -> None:
    """Add the valid pixels under polygons; `areas` are those of the unclipped footprints."""
    from scipy.sparse import csr_matrix

    cover = cover_pixels(polygons)
    width = part.values.shape[2]
    cells, column = np.unique(
        (cover.row - part.top) * width + cover.column - part.left, return_inverse=True
    )
    stored = part.values.reshape(len(part.values), -1)[:, cells]
    valid = ~part.mask.ravel()[cells] & _holds_embedding(tile, stored)
    values = np.where(valid, tile.dequantise(stored), 0).T.astype(np.float64)
    share = cover.fraction / areas[cover.owner] * valid[column]
    weights = csr_matrix((share, (cover.owner, column)), shape=(len(polygons), len(cells)))
    sums.share[rows] += np.asarray(weights.sum(axis=1)).ravel()
    sums.values[rows] += weights @ values
    sums.squares[rows] += weights @ values**2


def _holds_embedding(tile: EmbeddingTile, stored: AnyArray) -> BoolArray:
    """Return False for pixels, (bands, m), that are 0 in all bands or have AlphaEarth's nodata.

    No embedding is 0, but exports without a nodata value have 0 where they are masked.
    """
    valid = (stored != 0).any(axis=0)
    if tile.is_alpha_earth:
        valid &= (stored != ALPHA_EARTH_NODATA).all(axis=0)
    return np.asarray(valid)


def _occupied_windows(tile: EmbeddingTile, polygons: Geometries) -> Iterator[tuple[Box, AnyArray]]:
    """Yield each window that polygons touch, with the positions of these polygons.

    Every window is read once, however many footprints lie in it and in whichever order.
    """
    scene = tile.scene
    width, height = _window_shape(tile)
    boxes = shapely.bounds(polygons)
    first = np.floor(np.nan_to_num(boxes[:, :2], nan=-1) / (width, height)).astype(int)
    last = np.floor(np.nan_to_num(boxes[:, 2:], nan=-1) / (width, height)).astype(int)
    most = ((scene.width - 1) // width, (scene.height - 1) // height)
    is_inside = ((last >= 0) & (first <= most)).all(axis=1)
    first, last = np.clip(first, 0, most), np.clip(last, 0, most)
    for row in range(most[1] + 1):
        in_row = np.flatnonzero(is_inside & (first[:, 1] <= row) & (row <= last[:, 1]))
        if not len(in_row):
            continue
        for column in range(first[in_row, 0].min(), last[in_row, 0].max() + 1):
            members = in_row[(first[in_row, 0] <= column) & (column <= last[in_row, 0])]
            if len(members):
                left, top = column * width, row * height
                right, bottom = min(left + width, scene.width), min(top + height, scene.height)
                yield (left, top, right, bottom), members


def _window_shape(tile: EmbeddingTile) -> tuple[int, int]:
    """Return the width and height of windows of at most `_WINDOW_VALUES`, in whole blocks if any.

    A file that is stored in strips is read in full rows.
    """
    scene = tile.scene
    block_height, block_width = scene.block_shape
    width = block_width if block_width == scene.width else min(_MAX_SIDE, scene.width)
    height = min(_MAX_SIDE, max(_WINDOW_VALUES // (len(scene.bands) * width), 1))
    if height > block_height:
        height -= height % block_height
    return width, height
