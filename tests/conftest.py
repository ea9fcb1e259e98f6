"""Fixtures that write small synthetic scenes and annotations, for all tests."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.enums import ColorInterp
from shapely.geometry import mapping as as_geojson

# A location in the harbour of Marseille: UTM 31 N, half-metre pixels.
UTM = "EPSG:32631"
TRANSFORM = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)


def _content(content: Any, shape: tuple[int, int, int], dtype: str) -> Any:
    """Return the pixels of an array, of a function of row and column, or of a smooth pattern."""
    bands, height, width = shape
    row, column = np.mgrid[:height, :width]
    if callable(content):
        return np.broadcast_to(content(row, column), shape).astype(dtype)
    if content is not None:
        content = np.asarray(content)
        return (content[None] if content.ndim == 2 else content).astype(dtype)
    wave = [np.sin(row / (3 + b)) + np.cos(column / (5 + b)) for b in range(bands)]
    return (np.array(wave) * 30 + 100).astype(dtype)


@pytest.fixture(autouse=True, scope="session")
def _unsynced_files() -> Iterator[None]:
    """Tests need not survive a loss of power; tests/faults/test_power_loss.py replaces this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the speed of the machine out of the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHIPSCAPE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _main_module() -> Iterator[None]:
    """Keep the module `__main__`, which Streamlit replaces and new processes import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        yield


@pytest.fixture
def make_scene(tmp_path: Path) -> Callable[..., Path]:
    """Write a GeoTIFF into `raw/`.

    `content` is an array (bands, h, w) or (h, w), or a function of row and column. `alpha` is a
    boolean array (h, w), True where a pixel is visible; `mask` is the same as a mask band. Other
    options are passed to rasterio.
    """

    def make(
        name: str = "scene.tif",
        content: Any = None,
        *,
        bands: int = 3,
        height: int = 120,
        width: int = 160,
        dtype: str = "uint8",
        crs: Any = UTM,
        transform: Affine = TRANSFORM,
        nodata: float | None = None,
        alpha: Any = None,
        mask: Any = None,
        descriptions: tuple[str | None, ...] = (),
        colours: tuple[ColorInterp, ...] = (),
        overviews: tuple[int, ...] = (),
        folder: Path | None = None,
        **options: Any,
    ) -> Path:
        values = _content(content, (bands, height, width), dtype)
        if alpha is not None:
            alpha_band = np.where(alpha, np.iinfo(dtype).max, 0).astype(dtype)
            values = np.concatenate([values, np.broadcast_to(alpha_band, values[:1].shape)])
        path = (folder or tmp_path / "raw") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        profile = {"driver": "GTiff", "dtype": dtype, "count": len(values), "nodata": nodata}
        profile |= {"height": values.shape[1], "width": values.shape[2]}
        profile |= {"crs": crs, "transform": transform} | options
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(path, "w", **profile) as target,
        ):
            if colours:
                target.colorinterp = colours
            elif alpha is not None:
                image_bands = (ColorInterp.undefined,) * (len(values) - 1)
                target.colorinterp = (*image_bands, ColorInterp.alpha)
            target.write(values)
            if mask is not None:
                target.write_mask(np.broadcast_to(mask, values.shape[1:]))
            if descriptions:
                target.descriptions = descriptions
            if overviews:
                target.build_overviews(overviews)
        return path

    return make


@pytest.fixture
def make_annotations() -> Callable[..., Path]:
    """Write a vector file of the same stem next to a raster.

    `geometries` are shapely geometries in `crs`, or None; `properties` is a list of dicts. GeoJSON
    is written without geopandas, so that it can contain anything; other formats with geopandas.
    """

    def make(
        raster: Path,
        geometries: list[Any],
        properties: list[Any] | None = None,
        crs: str | None = UTM,
        suffix: str = ".geojson",
    ) -> Path:
        path = raster.with_suffix(suffix)
        rows = properties if properties is not None else [{} for _ in geometries]
        if suffix in (".geojson", ".json"):
            features = [
                {
                    "type": "Feature",
                    "properties": p,
                    "geometry": None if g is None else as_geojson(g),
                }
                for g, p in zip(geometries, rows, strict=True)
            ]
            document: dict[str, Any] = {"type": "FeatureCollection", "features": features}
            if crs:
                document["crs"] = {"type": "name", "properties": {"name": crs}}
            path.write_text(json.dumps(document), encoding="utf-8")
            return path
        frame = gpd.GeoDataFrame(rows, geometry=geometries, crs=crs)
        if suffix in (".parquet", ".geoparquet"):
            frame.to_parquet(path)
        else:
            frame.to_file(path, engine="pyogrio")
        return path

    return make


@pytest.fixture
def to_ground() -> Callable[..., Any]:
    """A function that transforms geometries from pixels to a scene's CRS, or to any other CRS."""

    def transform_geometry(
        geometry: Any, transform: Affine = TRANSFORM, crs: str = UTM, target: str = ""
    ) -> Any:
        ground = shapely.transform(
            geometry, lambda xy: np.column_stack(transform @ (xy[:, 0], xy[:, 1]))
        )
        return ground if not target else gpd.GeoSeries([ground], crs=crs).to_crs(target).iloc[0]

    return transform_geometry


@pytest.fixture
def look_up() -> Callable[..., Any]:
    """A function that looks up existing results; it computes only the reports of new scenes."""
    from core.pipeline.run_stages import complete_view
    from core.pipeline.scene_survey import survey_scenes
    from core.pipeline.view import View

    def complete(workspace: Any, settings: Any) -> View:
        survey = survey_scenes(workspace, settings=settings.scenes)
        return complete_view(View(workspace, settings, survey))

    return complete
