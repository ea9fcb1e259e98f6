"""The styles with which QGIS draws exported layers of clusters, and class maps.

The style is a QML document, in the form that QGIS 3 writes (elements `renderer-v2` and `labeling`).
Each property of a symbol is written as an `Option`, which QGIS reads since 3.22, and as a `prop`,
which earlier versions read. The columns of the table layer_styles are those with which QGIS itself
creates the table in a GeoPackage (QgsOgrProviderMetadata::saveStyle).
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence

import pandas as pd

from core.clusters.labelling import NOISE
from core.export.clustered_chips import ClusteredChips
from core.export.file_names import printable_text
from core.land.data.nomenclature import LandCover

QML_HEADER = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
QML_VERSION = "3.22.0"
STYLE_NAME = "Clusters"
# Opacity of the fill, 0..255: the image below stays visible.
FILL_OPACITY = 90
# Values of QgsWkbTypes.GeometryType, and of the placement "over point", "line", "horizontal".
_GEOMETRY_TYPES = {"marker": "0", "line": "1", "fill": "2"}
_PLACEMENTS = {"marker": "1", "line": "2", "fill": "4"}


def layer_style(
    results: ClusteredChips, layer: str, geometry_column: str, symbol_type: str
) -> pd.DataFrame:
    """Return the row of the table layer_styles that makes QGIS colour and label a layer.

    `symbol_type` is "fill", "line" or "marker".
    """
    words = (STYLE_NAME, "Names and colours of the clusters in Chipscape")
    return style_row(cluster_qml(results, symbol_type), layer, geometry_column, words)


def style_row(qml: str, layer: str, geometry_column: str, words: tuple[str, str]) -> pd.DataFrame:
    """Return the row of the table layer_styles that makes a QML document a layer's style.

    `words` are the name of the style and its description.
    """
    # QGIS looks a style up by table name and geometry column, with an empty schema.
    return pd.DataFrame(
        {
            "f_table_catalog": [""],
            "f_table_schema": [""],
            "f_table_name": [layer],
            "f_geometry_column": [geometry_column],
            "styleName": [words[0]],
            "styleQML": [qml],
            "styleSLD": [""],
            "useAsDefault": [True],
            "description": [words[1]],
            "owner": [""],
            "ui": pd.Series([None], dtype=object),
            "update_time": [pd.Timestamp.now(tz="UTC")],
        }
    )


def cluster_qml(results: ClusteredChips, symbol_type: str = "fill") -> str:
    """Return a QML document with one category per cluster, and labels with the cluster's name."""
    look = results.look
    categories = [
        (cluster, look.name(cluster), look.colour(cluster)) for cluster in results.cluster_ids()
    ]
    qgis = _categorised_style("cluster", categories, symbol_type, has_labels=True)
    _add_labels(qgis, symbol_type)
    ET.SubElement(qgis, "layerGeometryType").text = _GEOMETRY_TYPES[symbol_type]
    return QML_HEADER + ET.tostring(qgis, encoding="unicode")


def region_qml(covers: Sequence[LandCover]) -> str:
    """Return a QML document with one category per class, for polygons with the attribute value."""
    categories = [(cover.value, cover.name, cover.colour) for cover in covers]
    qgis = _categorised_style("value", categories, "fill", has_labels=False)
    ET.SubElement(qgis, "layerGeometryType").text = _GEOMETRY_TYPES["fill"]
    return QML_HEADER + ET.tostring(qgis, encoding="unicode")


def _categorised_style(
    attribute: str,
    categories: Sequence[tuple[int, str, str]],
    symbol_type: str,
    *,
    has_labels: bool,
) -> ET.Element:
    """Return a style with a symbol for each category: value of the attribute, name and colour."""
    qgis = ET.Element(
        "qgis",
        version=QML_VERSION,
        styleCategories="Symbology|Labeling" if has_labels else "Symbology",
        labelsEnabled="1" if has_labels else "0",
    )
    renderer = ET.SubElement(
        qgis,
        "renderer-v2",
        type="categorizedSymbol",
        attr=attribute,
        symbollevels="0",
        enableorderby="0",
        forceraster="0",
    )
    entries, symbols = ET.SubElement(renderer, "categories"), ET.SubElement(renderer, "symbols")
    for position, (value, name, colour) in enumerate(categories):
        ET.SubElement(
            entries,
            "category",
            symbol=str(position),
            value=str(value),
            label=printable_text(name),
            render="true",
            type="long",
        )
        _add_symbol(symbols, str(position), symbol_type, colour)
    return qgis


def class_map_qml(covers: Sequence[LandCover]) -> str:
    """Return a QML document with the colours and names of the classes of a class map."""
    qgis = ET.Element("qgis", version=QML_VERSION, styleCategories="Symbology")
    renderer = ET.SubElement(
        ET.SubElement(qgis, "pipe"),
        "rasterrenderer",
        type="paletted",
        band="1",
        opacity="1",
        alphaBand="-1",
        nodataColor="",
    )
    ET.SubElement(renderer, "rasterTransparency")
    palette = ET.SubElement(renderer, "colorPalette")
    for cover in covers:
        label = printable_text(cover.name)
        entry = {"value": str(cover.value), "color": cover.colour, "alpha": "255", "label": label}
        ET.SubElement(palette, "paletteEntry", entry)
    return QML_HEADER + ET.tostring(qgis, encoding="unicode")


def _add_symbol(symbols: ET.Element, name: str, symbol_type: str, colour: str) -> None:
    symbol = ET.SubElement(
        symbols, "symbol", type=symbol_type, name=name, alpha="1", clip_to_extent="1", force_rhr="0"
    )
    colour_class, properties = _symbol_layer(symbol_type, colour)
    layer = ET.SubElement(
        symbol, "layer", {"class": colour_class, "enabled": "1", "locked": "0", "pass": "0"}
    )
    options = ET.SubElement(layer, "Option", type="Map")
    for key, value in properties.items():
        ET.SubElement(options, "Option", name=key, type="QString", value=value)
    for key, value in properties.items():
        ET.SubElement(layer, "prop", k=key, v=value)


def _symbol_layer(symbol_type: str, colour: str) -> tuple[str, Mapping[str, str]]:
    """Return the class of a symbol layer and its properties."""
    solid = _rgba(colour)
    if symbol_type == "line":
        return "SimpleLine", {
            "line_color": solid,
            "line_style": "solid",
            "line_width": "0.6",
            "line_width_unit": "MM",
        }
    outline = {
        "outline_color": solid,
        "outline_style": "solid",
        "outline_width": "0.5",
        "outline_width_unit": "MM",
    }
    if symbol_type == "marker":
        edge = {"outline_color": "255,255,255,255", "outline_width": "0.2"}
        size = {"name": "circle", "size": "2.6", "size_unit": "MM"}
        return "SimpleMarker", {"color": solid, **outline, **edge, **size}
    return "SimpleFill", {"color": _rgba(colour, FILL_OPACITY), "style": "solid", **outline}


def _add_labels(qgis: ET.Element, symbol_type: str) -> None:
    labelling = ET.SubElement(qgis, "labeling", type="simple")
    settings = ET.SubElement(labelling, "settings", calloutType="simple")
    text = ET.SubElement(
        settings,
        "text-style",
        fieldName=f'if("cluster" = {NOISE}, NULL, "cluster_name")',
        isExpression="1",
        fontSize="8",
        fontSizeUnit="Point",
        textColor="30,30,30,255",
        textOpacity="1",
    )
    ET.SubElement(
        text,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.8",
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
        bufferOpacity="0.9",
    )
    ET.SubElement(settings, "placement", placement=_PLACEMENTS[symbol_type], dist="0")
    # Labels that would overlap are left out.
    ET.SubElement(settings, "rendering", drawLabels="1", displayAll="0", scaleVisibility="0")


def _rgba(colour: str, opacity: int = 255) -> str:
    """Return "#0072b2" as QGIS writes it: "0,114,178,255"."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{opacity}"
