"""A small georeferenced scene with annotated squares, for tests of the app and of the browser."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine


def write_quay_scene(
    raw: Path,
    properties: Callable[[int], dict[str, Any]],
    name: str = "quay",
    n: int = 36,
    *,
    float_bands: tuple[str, ...] = (),
) -> None:
    """Write a UTM scene of 300 x 300 px at 0.5 m, with n squares and the properties of each.

    The scene has three uint8 bands, each of which is bright in a third of the squares, or float32
    bands with these names.
    """
    raw.mkdir(parents=True, exist_ok=True)
    n_bands = len(float_bands) or 3
    mean, deviation, step = (0.1, 0.01, 0.1) if float_bands else (90, 6, 60)
    pixels = np.random.default_rng(0).normal(mean, deviation, (n_bands, 300, 300))
    transform = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
    features = []
    for i in range(n):
        x, y, side = 10 + i % 6 * 46, 10 + i // 6 * 46, 14 + i % 5 * 3
        pixels[i % n_bands, y : y + side, x : x + side] += step * (1 + np.arange(side) // 2 % 2)
        corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
        geometry = {"type": "Polygon", "coordinates": [[list(transform @ c) for c in corners]]}
        features.append({"type": "Feature", "properties": properties(i), "geometry": geometry})
    dtype = "float32" if float_bands else "uint8"
    profile = {"driver": "GTiff", "dtype": dtype, "count": n_bands, "width": 300, "height": 300}
    profile |= {"crs": "EPSG:32631", "transform": transform}
    with rasterio.open(raw / f"{name}.tif", "w", **profile) as scene:
        scene.write((pixels if float_bands else pixels.clip(0, 255)).astype(dtype))
        if float_bands:
            scene.descriptions = float_bands
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    document = {"type": "FeatureCollection", "crs": crs, "features": features}
    (raw / f"{name}.geojson").write_text(json.dumps(document), encoding="utf-8")
