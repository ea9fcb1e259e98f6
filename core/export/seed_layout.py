"""Export in the layout of the seed pipeline, the older program that Chipscape replaces."""

from functools import partial
from pathlib import Path

import numpy as np

from core.artifacts.formats import write_array, write_atomically
from core.chips.chip_set import ChipSet
from core.disk import explained_disk_errors
from core.export.clustered_chips import ClusteredChips
from core.export.file_names import safe_stem
from core.export.projection_plot import draw_projection
from core.leftovers import scratch_folder


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
    metadata.insert(1, "path", [_chip_file(chip_id) for chip_id in metadata["chip_id"]])
    embeddings = metadata.assign(embedding=list(np.asarray(clustered_chips.embeddings)))
    # Excluded chips are drawn too, as they are in the table.
    everything = np.ones(len(clustered_chips.chips), bool)
    draw = partial(draw_projection, clustered_chips, rows=everything, dpi=120, title="t-SNE")
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
    with explained_disk_errors(folder, folder), scratch_folder(folder) as scratch:
        for part in chips.parts:
            for row, chip_id in enumerate(part.facts["chip_id"]):
                path = folder / _chip_file(chip_id)
                with explained_disk_errors(scratch, folder):
                    write_array(scratch / path.name, np.moveaxis(part.pixels[row], 0, -1))
                    (scratch / path.name).replace(path)
                paths.append(path)
    return paths


def _chip_file(chip_id: str) -> str:
    """Return a chip's file name."""
    return f"{safe_stem(chip_id)}.npy"
