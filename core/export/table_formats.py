"""Writers of the table of chips: one row per chip, with its footprint in longitude and latitude."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyogrio.errors import FieldError

from core.errors import SettingsError
from core.export.clustered_chips import ClusteredChips
from core.export.qgis_style import layer_style
from core.progress import Progress
from core.raster.geodesy import WGS84

LAYER = "chips"
GEOMETRY_COLUMN = "geom"
# QGIS 3.22 to 3.28 with GDAL 3.6 warn about later versions.
GEOPACKAGE_VERSION = "1.2"
# Tags of the layer in GeoPackage, and of the file in GeoParquet.
RUN_TAG, SETTINGS_TAG, PROVENANCE_TAG = (
    f"chipscape_{name}" for name in ("run", "settings", "provenance")
)


def write_csv(results: ClusteredChips, path: Path, _: Progress) -> None:
    """Write the table without footprints as CSV."""
    included_table(results).to_csv(path, index=False)


def write_geoparquet(results: ClusteredChips, path: Path, _: Progress) -> None:
    """Write the table as GeoParquet, with the provenance in the metadata of the file."""
    _geo_table(results).to_parquet(path, index=False)
    table = pq.read_table(path)
    tags = {tag.encode(): text.encode() for tag, text in _provenance_tags(results).items()}
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **tags}), path)


def write_geojson(results: ClusteredChips, path: Path, _: Progress) -> None:
    """Write the table as GeoJSON, with the provenance as JSON in the description."""
    options = {"DESCRIPTION": results.provenance.as_json()}
    _write_layer(_geo_table(results), path, "GeoJSON", layer_options=options)


def write_flatgeobuf(results: ClusteredChips, path: Path, _: Progress) -> None:
    """Write the table as FlatGeobuf, with the provenance as JSON in the description.

    The rows are in the order of the spatial index, which chips without a footprint cannot be in.
    """
    frame = _geo_table(results)
    options = {"TITLE": "Chips", "DESCRIPTION": results.provenance.as_json()}
    if frame.geometry.isna().any():
        options["SPATIAL_INDEX"] = "NO"
    _write_layer(frame, path, "FlatGeobuf", layer_options=options)


def write_geopackage(results: ClusteredChips, path: Path, _: Progress) -> None:
    """Write the table as GeoPackage that QGIS draws in the colours and names of the clusters.

    GDAL stores the provenance as metadata of the layer, in gpkg_metadata and
    gpkg_metadata_reference. The style is the default style in the table layer_styles, in which
    QGIS keeps the styles of a GeoPackage.
    """
    frame = _geo_table(results)
    options = {"GEOMETRY_NAME": GEOMETRY_COLUMN, "DESCRIPTION": results.provenance.title}
    tags = _provenance_tags(results)
    _write_layer(
        frame,
        path,
        "GPKG",
        dataset_options={"VERSION": GEOPACKAGE_VERSION},
        layer_options=options,
        layer_metadata=tags,
    )
    style = layer_style(results, LAYER, GEOMETRY_COLUMN, _symbol_type(frame))
    pyogrio.write_dataframe(
        style, path, layer="layer_styles", driver="GPKG", append=True, layer_options={"FID": "id"}
    )


def included_table(results: ClusteredChips) -> pd.DataFrame:
    """Return the table of the chips that the user has not excluded."""
    return results.table()[results.included].reset_index(drop=True)


def _geo_table(results: ClusteredChips) -> gpd.GeoDataFrame:
    footprints = gpd.GeoSeries(results.footprints[results.included])
    return gpd.GeoDataFrame(included_table(results), geometry=footprints, crs=WGS84)


def _write_layer(frame: gpd.GeoDataFrame, path: Path, driver: str, **options: Any) -> None:
    """Write one layer; polygons become multipolygons if the layer has both."""
    types = set(frame.geometry.geom_type.dropna())
    promote = len(types) > 1 and len({name.removeprefix("Multi") for name in types}) == 1
    try:
        pyogrio.write_dataframe(
            frame, path, layer=LAYER, driver=driver, promote_to_multi=promote or None, **options
        )
    except FieldError as error:
        # SQLite, for example, has at most 2,000 columns.
        raise SettingsError(
            f"a {driver} file cannot hold all {len(frame.columns)} columns ({error})",
            where=path.name,
            remedy="Choose another format, or remove attributes of the annotations.",
        ) from error


def _provenance_tags(results: ClusteredChips) -> Mapping[str, str]:
    provenance = results.provenance
    return {
        RUN_TAG: provenance.run_id,
        SETTINGS_TAG: provenance.settings_toml(),
        PROVENANCE_TAG: provenance.as_json(),
    }


def _symbol_type(frame: gpd.GeoDataFrame) -> str:
    """Return the type of QGIS symbol that draws the footprints: that of the most dimensions."""
    dimensions = shapely.get_dimensions(frame.geometry.dropna().to_numpy())
    return ("marker", "line", "fill")[int(dimensions.max(initial=0))] if len(dimensions) else "fill"
