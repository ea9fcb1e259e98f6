"""Two made-up scenes of the same ground, in which some squares are gone and others are new."""

import json
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.random import Generator
from rasterio.warp import transform as reproject

from core.demo.demo_files import write_demo_geotiff

CRS, CORNER, GSD = "EPSG:32631", (438_000.0, 690_000.0), 0.5
N, SIDE, STEP, COLUMNS = 30, 20, 36, 6
GONE, NEW = (3, 11), (7, 20, 26)
"""Numbers of the squares that only the first and only the second scene contains."""
NAMES = ("port_2024", "port_2026")


def write_two_dates(raw: Path, *, changed: bool = True) -> None:
    """Write two scenes; in the second, darker and hazier one, the squares named above differ."""
    raw.mkdir(parents=True, exist_ok=True)
    looks = np.random.default_rng(5)
    patterns = [_pattern(looks) for _ in range(N)]
    for date, name in enumerate(NAMES):
        absent = (GONE if date else NEW) if changed else ()
        numbers = [i for i in range(N) if i not in absent]
        pixels = _picture(patterns, numbers, np.random.default_rng(date))
        if date:
            pixels = pixels * 0.75 + 30
        content = pixels.clip(1, 254).astype(np.uint8)
        write_demo_geotiff(raw / f"{name}.tif", content, CORNER, GSD, crs=CRS)
        features = [_feature(number) for number in numbers]
        document = {"type": "FeatureCollection", "features": features}
        (raw / f"{name}.geojson").write_text(json.dumps(document))


def _pattern(looks: Generator) -> np.ndarray:
    row, column = np.mgrid[:SIDE, :SIDE]
    waves = np.sin(row / looks.uniform(1, 4)) * np.sin(column / looks.uniform(1, 4))
    colour = looks.uniform(60, 160, 3)[:, None, None]
    return colour + looks.uniform(20, 60) * waves


def _picture(patterns: list[np.ndarray], numbers: list[int], noise: Generator) -> np.ndarray:
    # The ground is the same on both dates, and only its noise differs.
    rows, columns = N // COLUMNS * STEP + 16, COLUMNS * STEP + 16
    pixels = 90 + np.random.default_rng(9).normal(0, 12, (3, rows, columns))
    for number in numbers:
        x, y = _corner(number)
        pixels[:, y : y + SIDE, x : x + SIDE] = patterns[number]
    return pixels + noise.normal(0, 3, pixels.shape)


def _corner(number: int) -> tuple[int, int]:
    return 16 + number % COLUMNS * STEP, 16 + number // COLUMNS * STEP


def _feature(number: int) -> dict[str, object]:
    x, y = _corner(number)
    transform = Affine(GSD, 0, CORNER[0], 0, -GSD, CORNER[1])
    # Counterclockwise on the ground.
    corners = [(x, y), (x, y + SIDE), (x + SIDE, y + SIDE), (x + SIDE, y), (x, y)]
    ring = np.transpose([transform @ corner for corner in corners])
    degrees = np.transpose(reproject(CRS, "EPSG:4326", *ring)).round(9).tolist()
    properties = {"class": "plain" if number % 2 else "wavy", "number": number}
    geometry = {"type": "Polygon", "coordinates": [degrees]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}
