"""The file formats of the table of chips, each with its writer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from core.artifacts.formats import write_atomically
from core.export.clustered_chips import ClusteredChips
from core.raster.geodesy import WGS84
from core.types import Geometries


@dataclass(frozen=True)
class TableFormat:
    """A file format: the suffix of its files, with the dot, and its writer.

    `write` takes a table, the footprints of its rows in longitude and latitude, and a path.
    """

    suffix: str
    write: Callable[[pd.DataFrame, Geometries, Path], None]


def _write_csv(table: pd.DataFrame, _: Geometries, path: Path) -> None:
    table.to_csv(path, index=False)


def _write_geoparquet(table: pd.DataFrame, footprints: Geometries, path: Path) -> None:
    _geo_table(table, footprints).to_parquet(path, index=False)


def _write_layer(table: pd.DataFrame, footprints: Geometries, path: Path, driver: str) -> None:
    """Write one layer with a GDAL driver."""
    frame = _geo_table(table, footprints)
    frame.to_file(path, driver=driver, engine="pyogrio", layer="chips")


def _geo_table(table: pd.DataFrame, footprints: Geometries) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(footprints), crs=WGS84)


FORMATS: Mapping[str, TableFormat] = {
    "csv": TableFormat(".csv", _write_csv),
    "geojson": TableFormat(".geojson", partial(_write_layer, driver="GeoJSON")),
    "geoparquet": TableFormat(".parquet", _write_geoparquet),
    "gpkg": TableFormat(".gpkg", partial(_write_layer, driver="GPKG")),
}


def write_results(clustered_chips: ClusteredChips, folder: Path, format_name: str) -> Path:
    """Write the table of chips, with footprints in EPSG:4326 unless the format is CSV.

    Chips that the user excluded are left out. The format's name is a key of `FORMATS`, and the
    folder is created if necessary. Returns the path of the file, which is called ``chips`` with the
    suffix of the format.
    """
    table_format = FORMATS[format_name]
    included = np.ones(len(clustered_chips.chips), np.bool_)
    if clustered_chips.edited is not None:
        included = ~clustered_chips.edited.excluded
    table = clustered_chips.table()[included].reset_index(drop=True)
    footprints = clustered_chips.footprints[included]
    return write_atomically(
        folder / f"chips{table_format.suffix}",
        lambda path: table_format.write(table, footprints, path),
    )
