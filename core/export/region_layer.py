"""Labelled regions as a GeoPackage that QGIS draws in the colours and names of the classes."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from core.export.qgis_style import region_qml, style_row
from core.export.table_formats import GEOMETRY_COLUMN, GEOPACKAGE_VERSION
from core.land.data.nomenclature import LandCover
from core.land.labelling.label_regions import Region
from core.raster.scene import Scene

LAYER = "regions"
CLASS_COLUMN, VALUE_COLUMN = "class", "value"


def write_region_layer(
    path: Path, regions: Sequence[Region], covers: Sequence[LandCover], scene: Scene
) -> None:
    """Write the regions of an image as polygons with class, value and colour.

    The polygons are in the CRS of the image, or in its coordinates without a CRS (pixels if it has
    no transform either), in the order in which they were labelled: where regions overlap, the later
    one counts. The style is the default style in the table layer_styles.
    """
    by_value = {cover.value: cover for cover in covers}
    classes = [by_value[region.value] for region in regions]
    columns = {
        "number": [region.number for region in regions],
        CLASS_COLUMN: [cover.name for cover in classes],
        VALUE_COLUMN: [cover.value for cover in classes],
        "colour": [cover.colour for cover in classes],
    }
    shapes = shapely.transform(
        np.array([region.shape for region in regions], object),
        lambda xy: np.column_stack(scene.transform @ (xy[:, 0], xy[:, 1])),
    )
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=scene.crs or None)
    with warnings.catch_warnings():
        # Images without CRS are common, and their polygons have none either.
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        pyogrio.write_dataframe(
            frame,
            path,
            layer=LAYER,
            driver="GPKG",
            geometry_type="MultiPolygon",
            promote_to_multi=True,
            dataset_options={"VERSION": GEOPACKAGE_VERSION},
            layer_options={"GEOMETRY_NAME": GEOMETRY_COLUMN},
        )
    words = ("Classes", "Names and colours of the classes in Chipscape")
    style = style_row(region_qml(covers), LAYER, GEOMETRY_COLUMN, words)
    pyogrio.write_dataframe(
        style, path, layer="layer_styles", driver="GPKG", append=True, layer_options={"FID": "id"}
    )
