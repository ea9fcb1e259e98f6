"""Export in the layout of the seed pipeline, the older program that Chipscape replaces."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from core.artifacts.formats import write_array, write_atomically
from core.chips.chip_set import ChipSet
from core.export.clustered_chips import ClusteredChips
from core.types import AnyArray


def write_seed_layout(
    clustered_chips: ClusteredChips, extracted: Path, results: Path
) -> list[Path]:
    """Write results in the layout of the seed pipeline; excluded chips are included.

    Both folders are created if necessary. Returns the paths of the files. In `extracted`: an .npy
    file per chip (height, width, bands), metadata_cache.csv, and embeddings.pkl, a pickled
    DataFrame that Chipscape itself never reads. In `results`: clustering_results.csv, X_pca.npy and
    tsne_static.png.
    """
    table = clustered_chips.table()
    metadata = clustered_chips.chips.table.copy()
    metadata.insert(1, "path", [_file_name(chip_id) for chip_id in metadata["chip_id"]])
    embeddings = metadata.assign(embedding=list(np.asarray(clustered_chips.embeddings)))
    draw = partial(
        _draw_projection,
        coordinates=clustered_chips.projection.coordinates,
        clusters=clustered_chips.clusters,
        colours=clustered_chips.colours,
    )
    points = clustered_chips.reduction.points
    return [
        *_write_chips(clustered_chips.chips, extracted),
        write_atomically(extracted / "metadata_cache.csv", partial(metadata.to_csv, index=False)),
        write_atomically(extracted / "embeddings.pkl", embeddings.to_pickle),
        write_atomically(results / "clustering_results.csv", partial(table.to_csv, index=False)),
        write_atomically(results / "X_pca.npy", partial(write_array, values=points)),
        write_atomically(results / "tsne_static.png", draw),
    ]


def _write_chips(chips: ChipSet, folder: Path) -> list[Path]:
    """Write one file per chip; files of other chips from an earlier export stay."""
    paths = []
    for part in chips.parts:
        for row, chip_id in enumerate(part.facts["chip_id"]):
            pixels = np.moveaxis(part.pixels[row], 0, -1)
            path = folder / _file_name(chip_id)
            paths.append(write_atomically(path, partial(write_array, values=pixels)))
    return paths


def _file_name(chip_id: str) -> str:
    """Return a chip's file name, without characters that a file system treats as special."""
    return "".join(c if c.isalnum() or c in "-_. " else "_" for c in chip_id) + ".npy"


def _draw_projection(
    path: Path, coordinates: AnyArray, clusters: AnyArray, colours: Mapping[int, str]
) -> None:
    """Draw the projection as a PNG, in the user's or matplotlib's colours, with noise in grey."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    noise = clusters < 0
    x, y = coordinates.T
    axes.scatter(x[noise], y[noise], s=6, color="#b5b5b5", label="noise", linewidths=0)
    ids = np.unique(clusters[~noise]).tolist()
    for cluster in ids:
        members = clusters == cluster
        colour = colours.get(cluster, f"C{cluster % 10}")
        axes.scatter(x[members], y[members], s=10, color=colour, label=str(cluster), linewidths=0)
    axes.set(title="t-SNE", xticks=[], yticks=[])
    if len(ids) <= 25:
        axes.legend(title="cluster", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    # Without the program's name and version, equal results give equal files.
    figure.savefig(path, metadata={"Software": None})
