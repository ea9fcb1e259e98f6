"""Results in the formats that analysts' other programs read, and in the seed's own layout."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from core.chips.chip_set import ChipSet
from core.clusters.editing.edited_labelling import shown_confidence
from core.clusters.editing.edits import Edited
from core.clusters.labelling import Labelling
from core.reduction.pca import Reduced
from core.reduction.tsne import Projection
from core.types import AnyArray, Geometries

FORMATS = ("csv", "geojson", "geoparquet", "gpkg")
SUFFIX = {"csv": ".csv", "geojson": ".geojson", "geoparquet": ".parquet", "gpkg": ".gpkg"}
WGS84 = "EPSG:4326"
# GeoPackage's own columns beside ours; its names are equal whatever their case.
RESERVED = ("geometry", "geom", "fid")


@dataclass(frozen=True)
class Landscape:
    """Everything that is known of the chips after a run, row by row.

    Attributes
    ----------
    footprints : object array, (n,)
        Geometries in longitude and latitude; None for a scene without CRS.
    edited : Edited, optional
        What noise treatment and the user's edits made of the labelling.
    """

    chips: ChipSet
    footprints: Geometries
    embeddings: AnyArray
    reduced: Reduced
    labelling: Labelling
    projection: Projection
    edited: Edited | None = None

    @property
    def clusters(self) -> AnyArray:
        """The cluster of each chip after noise treatment and edits, -1 for noise."""
        return self.labelling.labels if self.edited is None else self.edited.ids

    @property
    def confidence(self) -> AnyArray:
        """How sure each chip's cluster is, (n,), 0..1; NaN where nearness alone put it there."""
        found = self.labelling.confidence
        return found if self.edited is None else shown_confidence(self.labelling, self.edited)

    def table(self) -> pd.DataFrame:
        """One row a chip: facts, properties, cluster (-1 noise), confidence, places.

        `cluster_colour` is the user's, such as ``"#0072b2"``; None where none was given.
        `confidence` is the membership in the cluster shown, also where noise was treated; it is
        empty for noise that is shown in its nearest cluster. `cluster_raw` is what the method
        said, before noise treatment and edits; its -1 stays.
        A property gets `property_` before a name that is taken, in whatever case.
        """
        results = {
            "cluster": self.clusters,
            "cluster_name": cluster_names(self.clusters, self.edited),
            "cluster_colour": pd.Series(cluster_colours(self.clusters, self.edited), dtype=object),
            "cluster_raw": self.labelling.labels,
            "confidence": self.confidence,
            "pca_1d": self.reduced.pca_1d,
            "tsne_x": self.projection.coordinates[:, 0],
            "tsne_y": self.projection.coordinates[:, 1],
        }
        facts, properties = self.chips.facts, self.chips.properties
        names = _free_names(map(str, properties), {*map(str, facts), *results, *RESERVED})
        parts = [facts, properties.set_axis(names, axis=1), pd.DataFrame(results)]
        return pd.concat(parts, axis=1)


def cluster_names(clusters: AnyArray, edited: Edited | None = None) -> list[str]:
    """The name of each chip's cluster: the user's where there is one."""
    names = {} if edited is None else edited.names
    return [names.get(c, "Noise" if c < 0 else f"Cluster {c}") for c in clusters.tolist()]


def cluster_colours(clusters: AnyArray, edited: Edited | None = None) -> list[str | None]:
    """The colour that the user gave each chip's cluster; None where there is none."""
    colours = {} if edited is None else edited.colours
    return [colours.get(c) for c in clusters.tolist()]


def _free_names(wanted: Iterable[str], taken: Iterable[str]) -> list[str]:
    used = {name.lower() for name in taken}
    free = []
    for name in wanted:
        while name.lower() in used:
            name = f"property_{name}"  # noqa: PLW2901
        used.add(name.lower())
        free.append(name)
    return free


def write(landscape: Landscape, folder: Path, kind: str) -> Path:
    """Write the table with its footprints.

    Parameters
    ----------
    landscape : Landscape
    folder : Path
        Created if it is not there.
    kind : str
        One of `FORMATS`; csv has no geometries, all others are in EPSG:4326. Chips that the user
        excluded are left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"chips{SUFFIX[kind]}"
    kept = np.ones(len(landscape.chips), np.bool_)
    if landscape.edited is not None:
        kept = ~landscape.edited.excluded
    table = landscape.table()[kept].reset_index(drop=True)
    if kind == "csv":
        return _whole(target, lambda part: table.to_csv(part, index=False))
    frame = gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(landscape.footprints[kept]), crs=WGS84)
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
    metadata.insert(1, "path", [_file_name(name) for name in metadata["chip_id"]])
    embedded = metadata.assign(embedding=list(np.asarray(landscape.embeddings)))
    points, picture = landscape.reduced.points, landscape.projection
    written += [
        _whole(extracted / "metadata_cache.csv", lambda p: metadata.to_csv(p, index=False)),
        _whole(extracted / "embeddings.pkl", embedded.to_pickle),
        _whole(results / "clustering_results.csv", lambda p: table.to_csv(p, index=False)),
        _whole(results / "X_pca.npy", partial(_save, points)),
        _whole(
            results / "tsne_static.png",
            lambda p: _draw(p, picture.coordinates, landscape.clusters, landscape.edited),
        ),
    ]
    return written


def _write_chips(chips: ChipSet, folder: Path) -> list[Path]:
    """One file a chip; what an earlier export left for other chips stays."""
    written = []
    for part in chips.parts:
        for row, name in enumerate(part.facts["chip_id"]):
            pixels = np.ascontiguousarray(np.moveaxis(part.pixels[row], 0, -1))
            written.append(_whole(folder / _file_name(name), partial(_save, pixels)))
    return written


def _save(values: AnyArray, path: Path) -> None:
    np.save(path, values, allow_pickle=False)


def _file_name(chip_id: str) -> str:
    """A chip's file name, which no file system takes for a path."""
    return "".join(c if c.isalnum() or c in "-_. " else "_" for c in chip_id) + ".npy"


def _whole(target: Path, write_part: Callable[[Any], object]) -> Path:
    """Write under a temporary name with the same suffix, then rename."""
    part = target.with_name(f".{target.stem}.{token_hex(4)}{target.suffix}")
    try:
        write_part(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _draw(
    path: Path, coordinates: AnyArray, labels: AnyArray, edited: Edited | None = None
) -> None:
    """The picture as a PNG, a colour a cluster (the user's where there is one), noise grey."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    noise = labels < 0
    x, y = coordinates.T
    axes.scatter(x[noise], y[noise], s=6, color="#b5b5b5", label="noise", linewidths=0)
    given = {} if edited is None else edited.colours
    found = np.unique(labels[~noise]).tolist()
    for cluster in found:
        here = labels == cluster
        colour = given.get(cluster, f"C{cluster % 10}")
        axes.scatter(x[here], y[here], s=10, color=colour, label=str(cluster), linewidths=0)
    axes.set(title="t-SNE", xticks=[], yticks=[])
    if len(found) <= 25:
        axes.legend(title="cluster", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    # Without the program's name and version, equal results are equal files.
    figure.savefig(path, metadata={"Software": None})
