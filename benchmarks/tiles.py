"""Compare the map tiles of a large scene with rio-tiler: `python benchmarks/tiles.py [--quick]`.

"Other" is what a user would write: `rio_tiler.io.Reader(path).tile(x, y, z)` and `render` on a file
without overviews. Chipscape draws the same tiles from the file and from overviews that it builds
once (`detail` contains the time). Each zoom is measured in turn, in milliseconds per tile (the
median over several tiles); the ratio is that of the means over the zooms. The other tiles are PNG,
rio-tiler's default. Chipscape's are lossless WebP, which is also why they are faster at zooms that
need no overviews. Without `--quick`, the scene has 1 GB.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window
from rio_tiler.errors import NoOverviewWarning
from rio_tiler.io import Reader

from core.raster.map_placement import scene_zooms
from core.raster.rendering import display_limits
from core.raster.scene import read_scene
from core.raster.tiles import TileSource, draw_tile, write_overviews


def write_scene(path: Path, side: int) -> None:
    """Write a scene of noise with three bands, tiled and not compressed."""
    random = np.random.default_rng(0)
    profile = {
        "driver": "GTiff",
        "width": side,
        "height": side,
        "count": 3,
        "dtype": "uint8",
        "crs": "EPSG:32631",
        "transform": from_origin(500_000, 5_000_000, 0.3, 0.3),
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "photometric": "rgb",
    }
    strip = random.integers(0, 255, (3, 512, side), dtype=np.uint8)
    with rasterio.open(path, "w", **profile) as target:
        for top in range(0, side, 512):
            rows = min(512, side - top)
            wave = np.roll(strip, top, axis=2)[:, :rows]
            target.write(wave, window=Window(0, top, side, rows))


def draw_plain_tile(path: Path, z: int, x: int, y: int) -> bytes:
    """Draw a tile as a user of rio-tiler would."""
    with Reader(str(path)) as reader:
        return reader.tile(x, y, z).render(img_format="PNG")


def spread_tiles(path: Path, z: int, n: int) -> list[tuple[int, int, int]]:
    """Return n tiles (z, x, y) of one zoom, spread over the scene."""
    with Reader(str(path)) as reader:
        west, south, east, north = reader.get_geographic_bounds(reader.tms.rasterio_geographic_crs)
        fractions = np.random.default_rng(z).uniform(0.2, 0.8, (n, 2))
        tiles = [
            reader.tms.tile(west + u * (east - west), south + v * (north - south), z)
            for u, v in fractions
        ]
    return [(z, tile.x, tile.y) for tile in tiles]


def median_ms(draw: object, tiles: list[tuple[int, int, int]]) -> float:
    milliseconds = []
    for tile in tiles:
        start = time.perf_counter()
        draw(*tile)  # type: ignore[operator]
        milliseconds.append((time.perf_counter() - start) * 1000)
    return statistics.median(milliseconds)


def main() -> None:
    warnings.simplefilter("ignore", NoOverviewWarning)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller scene, under 50 s")
    quick = parser.parse_args().quick
    side = 8192 if quick else 18_500
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.tif"
        write_scene(path, side)
        start = time.perf_counter()
        scene = read_scene(path)
        bands = scene.bands
        source = TileSource(scene, bands, display_limits(scene, bands))
        open_seconds = time.perf_counter() - start
        start = time.perf_counter()
        overviews = Path(folder) / "overviews.tif"
        write_overviews(scene, bands, overviews)
        overview_seconds = time.perf_counter() - start
        source = TileSource(scene, bands, source.limits, overviews)
        min_zoom, max_zoom = scene_zooms(scene)
        our_times, other_times = {}, {}
        for z in range(min_zoom, max_zoom + 1):
            n = 9 if z > max_zoom - 2 else 3
            our_times[z] = round(
                median_ms(lambda *t: draw_tile(source, *t), spread_tiles(path, z, n)), 1
            )
            other_times[z] = round(
                median_ms(lambda *t: draw_plain_tile(path, *t), spread_tiles(path, z, n)), 1
            )
        size = path.stat().st_size
    ours, other = (
        sum(our_times.values()) / len(our_times),
        sum(other_times.values()) / len(other_times),
    )
    result = {
        "name": "tiles",
        "ours": round(ours, 1),
        "other": round(other, 1),
        "ratio": round(other / ours, 2),
        "unit": "milliseconds per tile",
        "detail": {
            "scene_mb": round(size / 2**20),
            "open_s": round(open_seconds, 3),
            "overviews_s": round(overview_seconds, 1),
            "full_zoom_ms": our_times[max_zoom],
            "slowest_ms": max(our_times.values()),
            "ours_by_zoom": our_times,
            "other_by_zoom": other_times,
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
