"""A small computed workspace whose class names look like markup."""

import importlib
import json
import pkgutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

import app
from app.session.saved_settings import save_settings
from app.widgets.sliders import cluster_sliders
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import CutSettings, GmmSettings, ProjectionSettings, RunSettings, TreeSettings

# A page imports its modules when it is first opened, which may be late in a run of the tests. They
# are imported together, so that they fit each other even if a file is edited in the meantime.
for module in pkgutil.walk_packages(app.__path__, "app."):
    if module.name not in ("app.main", "app.script"):
        importlib.import_module(module.name)

EVIL = "<img src=x onerror=alert(1)>"
CLASSES = ("pirogue", EVIL, "**merchant** ship")
N = 36
QUICK = RunSettings(
    method="gmm",
    gmm=GmmSettings(n_components=2, n_init=1),
    tree=TreeSettings(n_dims=10, min_samples=5),
    cut=CutSettings(min_cluster_size=5),
    projection=ProjectionSettings(n_iter=50),
)


def write_scene(raw: Path, name: str = "quay", n: int = N) -> None:
    """Write a UTM scene of 300 x 300 px at 0.5 m, with n squares of three textures."""
    raw.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    pixels = rng.normal(90, 6, (3, 300, 300))
    transform = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
    features = []
    for i in range(n):
        x, y, side = 10 + i % 6 * 46, 10 + i // 6 * 46, 14 + i % 5 * 3
        pixels[i % 3, y : y + side, x : x + side] += 60 * (1 + np.arange(side) // 2 % 2)
        corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
        ring = [list(transform @ corner) for corner in corners]
        properties = {"class": CLASSES[i % 3], "number": i}
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": 300, "height": 300}
    profile |= {"crs": "EPSG:32631", "transform": transform}
    with rasterio.open(raw / f"{name}.tif", "w", **profile) as scene:
        scene.write(pixels.clip(0, 255).astype("uint8"))
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    document = {"type": "FeatureCollection", "crs": crs, "features": features}
    (raw / f"{name}.geojson").write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which every stage is computed for the settings that the app starts from."""
    workspace = Workspace.at(tmp_path_factory.mktemp("computed"))
    write_scene(workspace.raw)
    run_pipeline(workspace, QUICK)
    return workspace


@pytest.fixture(autouse=True)
def automatic_jobs(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Start no jobs by opening a page, unless a test calls this function."""
    most = cluster_sliders.AUTOMATIC_AT_MOST
    monkeypatch.setattr(cluster_sliders, "AUTOMATIC_AT_MOST", 0)
    return lambda: monkeypatch.setattr(cluster_sliders, "AUTOMATIC_AT_MOST", most)


@pytest.fixture
def home(computed: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The computed workspace, which the app opens."""
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(computed.root))
    # The app saves the settings that a test requests, as it does for users.
    save_settings(computed, QUICK)
    return computed


@pytest.fixture
def with_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Workspace]:
    """A function that writes a scene of n annotations into the workspace that the app opens."""

    def write(n: int, name: str = "quay") -> Workspace:
        monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
        workspace = Workspace.at(tmp_path)
        write_scene(workspace.raw, name, n)
        return workspace

    return write
