"""The formats of results for other programs, each with its file and its writer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.formats import write_atomically, write_folder, zip_folder
from core.export import (
    chip_folders,
    cluster_areas,
    html_report,
    image_annotations,
    projection_plot,
    table_formats,
)
from core.export.clustered_chips import ClusteredChips
from core.export.provenance import PROVENANCE_FILE
from core.progress import Progress, silent

Writer = Callable[[ClusteredChips, Path, Progress], None]


@dataclass(frozen=True)
class ExportFormat:
    """A format: its title, the programs or the purpose it serves, and the name of its file.

    A file name without a suffix is that of a folder. `write` takes results, a path and a progress
    callback. `group` is the heading under which the app lists the format.
    """

    group: str
    title: str
    purpose: str
    file: str
    write: Writer

    @property
    def is_folder(self) -> bool:
        """True if the format is a folder of files."""
        return not Path(self.file).suffix


GIS, TOOLS, IMAGES = "Maps and tables", "Annotation tools and detectors", "Images and report"

FORMATS: Mapping[str, ExportFormat] = {
    "csv": ExportFormat(
        GIS, "CSV", "Spreadsheets; without geometry", "chips.csv", table_formats.write_csv
    ),
    "geojson": ExportFormat(
        GIS, "GeoJSON", "Web maps and most GIS", "chips.geojson", table_formats.write_geojson
    ),
    "geoparquet": ExportFormat(
        GIS,
        "GeoParquet",
        "geopandas, DuckDB and cloud tools",
        "chips.parquet",
        table_formats.write_geoparquet,
    ),
    "gpkg": ExportFormat(
        GIS,
        "GeoPackage",
        "QGIS, which opens it coloured and labelled by cluster",
        "chips.gpkg",
        table_formats.write_geopackage,
    ),
    "fgb": ExportFormat(
        GIS, "FlatGeobuf", "Large layers", "chips.fgb", table_formats.write_flatgeobuf
    ),
    "hectares": ExportFormat(
        GIS,
        "Area of each cluster",
        "CSV of chips and hectares per cluster",
        "hectares.csv",
        cluster_areas.write_cluster_areas,
    ),
    "coco": ExportFormat(
        TOOLS,
        "COCO JSON",
        "CVAT, FiftyOne and Label Studio; boxes and outlines",
        "chips_coco.json",
        image_annotations.write_coco,
    ),
    "yolo": ExportFormat(
        TOOLS, "YOLO", "Boxes for Ultralytics and CVAT", "chips_yolo", image_annotations.write_yolo
    ),
    "voc": ExportFormat(
        TOOLS,
        "Pascal VOC",
        "Boxes, one XML file per scene",
        "chips_voc",
        image_annotations.write_voc,
    ),
    "chips-png": ExportFormat(
        IMAGES,
        "Chips as PNG",
        "As displayed, a folder per cluster",
        "chips_png",
        chip_folders.write_chip_images,
    ),
    "chips-geotiff": ExportFormat(
        IMAGES,
        "Chips as GeoTIFF",
        "Native values of all bands, georeferenced, a folder per cluster",
        "chips_geotiff",
        chip_folders.write_chip_rasters,
    ),
    "plot-svg": ExportFormat(
        IMAGES, "Plot as SVG", "For print and editing", "plot.svg", projection_plot.write_plot_svg
    ),
    "plot-png": ExportFormat(
        IMAGES, "Plot as PNG", "300 pixels per inch", "plot.png", projection_plot.write_plot_png
    ),
    "report": ExportFormat(
        IMAGES,
        "Report",
        "One HTML file with plot, typical chips, quality and settings; opens offline",
        "report.html",
        html_report.write_report,
    ),
}


def write_results(
    results: ClusteredChips,
    folder: Path,
    format_name: str,
    report: Progress = silent,
    *,
    zipped: bool = False,
) -> Path:
    """Write the results in a format, and return the path of the file or folder.

    Chips that the user excluded are left out. The format's name is a key of `FORMATS`, and the
    folder is created if necessary. With `zipped`, a format that is a folder becomes one zip file.
    Nothing is written if the work fails or is stopped. Raises WorkspaceError if there is another
    folder of the same name that Chipscape did not write.
    """
    export_format = FORMATS[format_name]
    path = folder / export_format.file

    def fill(part: Path) -> None:
        export_format.write(results, part, report)
        if export_format.is_folder:
            results.provenance.write(part)

    if not export_format.is_folder:
        return write_atomically(path, fill)
    if zipped:
        return write_atomically(path.with_suffix(".zip"), lambda part: zip_folder(part, fill))
    return write_folder(path, fill, mark=PROVENANCE_FILE)
