"""Workspaces of two small scenes, each with twenty annotated squares of three textures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from shapely.geometry import box

from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import merge_tables, settings_from_table

CLASSES = ("striped", "checked", "plain")
QUICK = {
    "chips": {"size": 32},
    "gmm": {"n_components": 3, "n_init": 2},
    "cut": {"min_cluster_size": 5},
    "projection": {"n_iter": 50},
}


def _textured(squares: list[Any], rng: np.random.Generator) -> Any:
    pixels = rng.normal(100, 20, (3, 256, 256))
    rows, columns = np.mgrid[:256, :256]
    kinds = (rows // 2 % 2, (rows // 3 + columns // 3) % 2, np.zeros_like(rows))
    for i, square in enumerate(squares):
        left, top, right, bottom = (int(v) for v in square.bounds)
        window = np.s_[top:bottom, left:right]
        noise = rng.normal(0, 12, (3, *rows.shape))
        pixels[:, *window] = 60 + 120 * kinds[i % 3][window] + noise[:, *window]
    return pixels.clip(1, 254)


@pytest.fixture
def add_scene(make_scene, make_annotations, to_ground, tmp_path) -> Callable[..., Path]:
    """Write one scene of n annotated squares, three classes in turn, into `tmp_path/raw`."""

    def add(name: str, n: int = 20, seed: int = 0, folder: Path | None = None, **profile) -> Path:
        rng = np.random.default_rng(seed)
        corners = [(8 + i % 6 * 40, 8 + i // 6 * 40, int(rng.integers(14, 30))) for i in range(n)]
        squares = [box(x, y, x + side, y + side) for x, y, side in corners]
        transform = Affine(0.5, 0, 692_000 + 1000 * seed, 0, -0.5, 4_796_000)
        content = {"content": _textured(squares, rng), "transform": transform, "folder": folder}
        raster = make_scene(f"{name}.tif", **content | profile)
        properties = [{"class": CLASSES[i % 3], "number": i} for i in range(n)]
        footprints = [to_ground(square, transform) for square in squares]
        make_annotations(raster, footprints, properties)
        return raster

    return add


@pytest.fixture
def workspace(add_scene, tmp_path) -> Workspace:
    """A workspace with the scenes a and b and without results."""
    add_scene("a", seed=0)
    add_scene("b", seed=1)
    return Workspace.at(tmp_path)


@pytest.fixture
def settings() -> Callable[..., RunSettings]:
    """Settings that run fast, with other tables merged into them."""
    return lambda **tables: settings_from_table(RunSettings, merge_tables(QUICK, tables))


@pytest.fixture
def data_files() -> Callable[..., dict[str, bytes]]:
    """Return the bytes of every data file in a store, by path, without manifests and ledgers."""

    def read(root: Path, stage: str = "*") -> dict[str, bytes]:
        folder = root / "artifacts"
        paths = [p for p in folder.glob(f"{stage}/*/**/*") if p.is_file()]
        paths = [p for p in paths if p.name != "manifest.json" and ".partial" not in p.parts]
        return {str(p.relative_to(folder)): p.read_bytes() for p in paths}

    return read


@pytest.fixture
def raw_files() -> Callable[[Path], dict[str, bytes]]:
    """A function that returns the names and bytes of all files in a workspace's raw/."""
    return lambda root: {p.name: p.read_bytes() for p in (root / "raw").rglob("*") if p.is_file()}
