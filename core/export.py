"""Results in the formats that analysts' other programs read, and in the seed's own layout."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from core.chips.chipset import ChipSet
from core.clusters.labelling import Labelling
from core.reduction.pca import Reduced
from core.reduction.tsne import Projection
from core.types import AnyArray, Geometries

FORMATS = ("csv", "geojson", "geoparquet", "gpkg")
SUFFIX = {"csv": ".csv", "geojson": ".geojson", "geoparquet": ".parquet", "gpkg": ".gpkg"}
WGS84 = "EPSG:4326"


@dataclass(frozen=True)
class Landscape:
    """Everything that is known of the chips after a run, row by row.

    Attributes
    ----------
    footprints : object array, (n,)
        Geometries in longitude and latitude; None for a scene without CRS.
    """

    chips: ChipSet
    footprints: Geometries
    embeddings: AnyArray
    reduced: Reduced
    labelling: Labelling
    projection: Projection

    def table(self) -> pd.DataFrame:
        """One row a chip: facts, properties, cluster (-1 noise), confidence, places."""
        results = {
            "cluster": self.labelling.labels,
            "confidence": self.labelling.confidence,
            "pca_1d": self.reduced.pca_1d,
            "tsne_x": self.projection.coordinates[:, 0],
            "tsne_y": self.projection.coordinates[:, 1],
        }
        table = self.chips.table
        taken = {name: f"property_{name}" for name in results if name in table}
        return table.rename(columns=taken).assign(**results)


def write(landscape: Landscape, folder: Path, kind: str) -> Path:
    """Write the table with its footprints.

    Parameters
    ----------
    landscape : Landscape
    folder : Path
        Created if it is not there.
    kind : str
        One of `FORMATS`; csv has no geometries, all others are in EPSG:4326.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"chips{SUFFIX[kind]}"
    table = landscape.table()
    if kind == "csv":
        return _whole(target, lambda part: table.to_csv(part, index=False))
    frame = gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(landscape.footprints), crs=WGS84)
    if kind == "geoparquet":
        return _whole(target, lambda part: frame.to_parquet(part, index=False))
    driver = {"geojson": "GeoJSON", "gpkg": "GPKG"}[kind]
    return _whole(
        target, lambda part: frame.to_file(part, driver=driver, engine="pyogrio", layer="chips")
    )


def write_seed_layout(landscape: Landscape, extracted: Path, results: Path) -> list[Path]:
    """Write the files that users of the seed pipeline know.

    Parameters
    ----------
    landscape : Landscape
    extracted, results : Path
        Created if they are not there.

    Returns
    -------
    list of Path
        A .npy a chip (height, width, bands), metadata_cache.csv, embeddings.pkl (a DataFrame;
        written for the seed's users, never read by Chipscape), clustering_results.csv, X_pca.npy
        and tsne_static.png.
    """
    extracted.mkdir(parents=True, exist_ok=True)
    results.mkdir(parents=True, exist_ok=True)
    table = landscape.table()
    written = _write_chips(landscape.chips, extracted)
    metadata = landscape.chips.table.copy()
    metadata.insert(1, "path", [f"{name}.npy" for name in metadata["chip_id"]])
    embedded = metadata.assign(embedding=list(np.asarray(landscape.embeddings)))
    points, picture = landscape.reduced.points, landscape.projection
    written += [
        _whole(extracted / "metadata_cache.csv", lambda p: metadata.to_csv(p, index=False)),
        _whole(extracted / "embeddings.pkl", embedded.to_pickle),
        _whole(results / "clustering_results.csv", lambda p: table.to_csv(p, index=False)),
        _whole(results / "X_pca.npy", partial(_save, points)),
        _whole(
            results / "tsne_static.png",
            lambda p: _draw(p, picture.coordinates, landscape.labelling.labels),
        ),
    ]
    return written


def _write_chips(chips: ChipSet, folder: Path) -> list[Path]:
    """One file a chip; what an earlier export left for other chips stays."""
    written = []
    for part in chips.parts:
        for row, name in enumerate(part.facts["chip_id"]):
            pixels = np.ascontiguousarray(np.moveaxis(part.pixels[row], 0, -1))
            written.append(_whole(folder / f"{_safe(name)}.npy", partial(_save, pixels)))
    return written


def _save(values: AnyArray, path: Path) -> None:
    np.save(path, values, allow_pickle=False)


def _safe(name: str) -> str:
    """A file name that no file system takes for a path."""
    return "".join(c if c.isalnum() or c in "-_. " else "_" for c in name)


def _whole(target: Path, write_part: Callable[[Any], object]) -> Path:
    """Write under a temporary name with the same suffix, then rename."""
    part = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        write_part(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _draw(path: Path, coordinates: AnyArray, labels: AnyArray) -> None:
    """The picture as a PNG, a colour a cluster, noise grey."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    noise = labels < 0
    x, y = coordinates.T
    axes.scatter(x[noise], y[noise], s=6, color="#b5b5b5", label="noise", linewidths=0)
    for cluster in range(int(labels.max(initial=-1)) + 1):
        here = labels == cluster
        colour = f"C{cluster % 10}"
        axes.scatter(x[here], y[here], s=10, color=colour, label=str(cluster), linewidths=0)
    axes.set(title="t-SNE", xticks=[], yticks=[])
    if labels.max(initial=-1) < 25:
        axes.legend(title="cluster", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    # Without the program's name and version, equal results are equal files.
    figure.savefig(path, metadata={"Software": None})
