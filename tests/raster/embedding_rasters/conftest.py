"""Rasters in the formats of published products, with made-up embeddings."""

import numpy as np
import pytest
from affine import Affine

NAMES = tuple(f"A{axis:02d}" for axis in range(64))
GRID = Affine(10, 0, 692_000, 0, -10, 4_796_000)


@pytest.fixture
def make_alpha_earth(make_scene, tmp_path):
    """Write a raster as in AlphaEarth's bucket: 64 bands, int8, nodata -128; return its path.

    `stored` holds the stored values, (64, h, w); by default quantised random unit vectors.
    """

    def make(name="aef.tif", stored=None, *, seed=0, shape=(40, 50), **profile):
        if stored is None:
            vectors = np.random.default_rng(seed).normal(size=(64, *shape))
            vectors /= np.linalg.norm(vectors, axis=0)
            stored = np.rint(np.sqrt(np.abs(vectors)) * 127.5) * np.sign(vectors)
        options = {"dtype": "int8", "nodata": -128, "descriptions": NAMES, "transform": GRID}
        options |= {"folder": tmp_path / "product", "interleave": "band", "tiled": True}
        options |= {"blockxsize": 16, "blockysize": 16, "compress": "zstd"}
        return make_scene(name, stored, **options | profile)

    return make


@pytest.fixture
def make_tessera(make_scene, tmp_path):
    """Write a raster as geotessera exports it: 128 bands, float32, in strips; return its path."""

    def make(name="grid_5.35_43.25_2024.tif", *, seed=0, shape=(30, 40), missing=None, **profile):
        values = np.random.default_rng(seed).normal(size=(128, *shape)).astype("float32")
        if missing is not None:
            values[:, missing] = np.nan
        options = {"dtype": "float32", "transform": GRID, "compress": "lzw"}
        options |= {"descriptions": tuple(f"Tessera_Band_{i}" for i in range(128))}
        return make_scene(name, values, **{"folder": tmp_path / "tessera"} | options | profile)

    return make
