"""Map tiles of a large scene beside plain rio-tiler: `python benchmarks/tiles.py [--quick]`.

The other side is what a user would write: `rio_tiler.io.Reader(path).tile(x, y, z)` and `render`,
on the file as it is, which has no overviews. Ours draws the same tiles from the file and from the
overviews that it built once (their time is in `detail`). Milliseconds a tile, medians over places,
each zoom in turn; the ratio is that of the sums over zooms, one tile each. Theirs is PNG, as
rio-tiler writes unless told otherwise; ours is lossless WebP, which is what zooms gain by that need
no overviews. Without `--quick` the scene has 1 GB.
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
from core.raster.scene import read_scene
from core.raster.tiles import TileSource, display_limits, draw_tile, write_overviews


def write_scene(path: Path, side: int) -> None:
    """Noise over a slow wave, three bands, tiled, not compressed."""
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


def plain(path: Path, z: int, x: int, y: int) -> bytes:
    """A tile as a user of rio-tiler would draw it."""
    with Reader(str(path)) as reader:
        return reader.tile(x, y, z).render(img_format="PNG")


def places(path: Path, z: int, n: int) -> list[tuple[int, int, int]]:
    """Tiles of one zoom, spread over the scene."""
    with Reader(str(path)) as reader:
        west, south, east, north = reader.get_geographic_bounds(reader.tms.rasterio_geographic_crs)
        at = np.random.default_rng(z).uniform(0.2, 0.8, (n, 2))
        found = [
            reader.tms.tile(west + u * (east - west), south + v * (north - south), z) for u, v in at
        ]
    return [(z, tile.x, tile.y) for tile in found]


def median_ms(draw: object, tiles: list[tuple[int, int, int]]) -> float:
    spent = []
    for tile in tiles:
        begun = time.perf_counter()
        draw(*tile)  # type: ignore[operator]
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


def main() -> None:
    warnings.simplefilter("ignore", NoOverviewWarning)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller scene, under 50 s")
    quick = parser.parse_args().quick
    side = 8192 if quick else 18_500
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.tif"
        write_scene(path, side)
        begun = time.perf_counter()
        scene = read_scene(path)
        bands = scene.bands
        source = TileSource(scene, bands, display_limits(scene, bands))
        opened = time.perf_counter() - begun
        begun = time.perf_counter()
        smaller = Path(folder) / "overviews.tif"
        write_overviews(scene, bands, smaller)
        built = time.perf_counter() - begun
        source = TileSource(scene, bands, source.limits, smaller)
        least, most = scene_zooms(scene)
        mine, theirs = {}, {}
        for z in range(least, most + 1):
            n = 9 if z > most - 2 else 3
            mine[z] = round(median_ms(lambda *t: draw_tile(source, *t), places(path, z, n)), 1)
            theirs[z] = round(median_ms(lambda *t: plain(path, *t), places(path, z, n)), 1)
        size = path.stat().st_size
    ours, other = sum(mine.values()) / len(mine), sum(theirs.values()) / len(theirs)
    result = {
        "name": "tiles",
        "ours": round(ours, 1),
        "other": round(other, 1),
        "ratio": round(other / ours, 2),
        "unit": "milliseconds a tile",
        "detail": {
            "scene_mb": round(size / 2**20),
            "open_s": round(opened, 3),
            "overviews_s": round(built, 1),
            "full_zoom_ms": mine[most],
            "slowest_ms": max(mine.values()),
            "ours_by_zoom": mine,
            "other_by_zoom": theirs,
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
