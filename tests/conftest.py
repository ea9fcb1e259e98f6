"""Made-up scenes and annotations, small enough for any test."""

import json
from collections.abc import Callable
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

# A place in Marseille's harbour: UTM 31 N, half-metre pixels.
UTM = "EPSG:32631"
HERE = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)


def _content(content: Any, shape: tuple[int, int, int], dtype: str) -> Any:
    """An array as it is, a function of row and column, or a smooth pattern of its own."""
    bands, height, width = shape
    row, column = np.mgrid[:height, :width]
    if callable(content):
        return np.broadcast_to(content(row, column), shape).astype(dtype)
    if content is not None:
        content = np.asarray(content)
        return (content[None] if content.ndim == 2 else content).astype(dtype)
    wave = [np.sin(row / (3 + b)) + np.cos(column / (5 + b)) for b in range(bands)]
    return (np.array(wave) * 30 + 100).astype(dtype)


@pytest.fixture
def make_scene(tmp_path: Path) -> Callable[..., Path]:
    """Write a GeoTIFF into `raw/`.

    `content` is an array (bands, h, w) or (h, w), or a function of row and column. `alpha` is a
    boolean array (h, w), True where the pixel shows; `mask` the same as a mask band. All else goes
    to rasterio as it is.
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
        transform: Affine = HERE,
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
            shown = np.where(alpha, np.iinfo(dtype).max, 0).astype(dtype)
            values = np.concatenate([values, np.broadcast_to(shown, values[:1].shape)])
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
                rest = (ColorInterp.undefined,) * (len(values) - 1)
                target.colorinterp = (*rest, ColorInterp.alpha)
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
    """Write a vector file beside a raster, of the same stem.

    `geometries` are shapely geometries in `crs`, or None; `properties` a list of dicts. GeoJSON is
    written by hand, so that anything fits; all else by geopandas.
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
    """Geometries in pixels brought to a scene's CRS, or to any other."""

    def bring(geometry: Any, transform: Affine = HERE, crs: str = UTM, target: str = "") -> Any:
        placed = shapely.transform(
            geometry, lambda at: np.column_stack(transform @ (at[:, 0], at[:, 1]))
        )
        return placed if not target else gpd.GeoSeries([placed], crs=crs).to_crs(target).iloc[0]

    return bring
