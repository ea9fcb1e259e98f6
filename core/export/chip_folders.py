"""Folders of chips by cluster: images as displayed, or GeoTIFFs with the native values."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from PIL import Image

from core.chips.chip_set import SceneChips
from core.clusters.labelling import NOISE
from core.export.clustered_chips import ClusteredChips
from core.export.file_names import folder_name, safe_stem, unique_texts
from core.mapping import chip_thumbnails, chip_window
from core.progress import Progress, report_step
from core.raster.scene import read_scene
from core.types import AnyArray

# Number of chips read at a time.
_BLOCK = 256


def write_chip_images(results: ClusteredChips, folder: Path, report: Progress) -> None:
    """Write each chip as PNG in the bands and the stretch of the display, in a folder per cluster.

    Masked pixels are transparent.
    """
    chips, rows = results.chips, np.flatnonzero(results.included)
    files = _chip_files(results, folder, ".png")
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        images = chip_thumbnails(chips, block, results.renderings)
        for row, image in zip(block.tolist(), images, strict=True):
            Image.fromarray(image).save(files[row], "PNG")
        report_step(report, start + len(block), len(rows), "chips as PNG")


def write_chip_rasters(results: ClusteredChips, folder: Path, report: Progress) -> None:
    """Write each chip as GeoTIFF with all of its bands, in a folder per cluster.

    The transform places the chip on the ground, rotated if chips point along their long axis.
    Without a CRS, there is no georeference. Masked pixels are masked in the file too.
    """
    files, n_written = _chip_files(results, folder, ".tif"), 0
    scenes = {scene.name: scene for scene in results.scenes}
    for part, rows in _parts(results):
        scene = read_scene(scenes[part.scene].path)
        transforms = chip_transforms(part, scene.transform)
        for position, row in enumerate(rows.tolist()):
            if not results.included[row]:
                continue
            georeference = (
                {"crs": scene.crs, "transform": transforms[position]} if scene.crs else {}
            )
            pixels, mask = part.pixels[position], part.mask[position] != 0
            _write_raster(results, row, files[row], pixels, mask, georeference)
            n_written += 1
        report_step(report, n_written, len(files), "chips as GeoTIFF")


def chip_transforms(part: SceneChips, transform: Affine) -> list[Affine]:
    """Return for each chip the transform from its pixels to the CRS of its scene.

    `transform` is that of the scene.
    """
    windows, size = chip_window(part.facts), part.pixels.shape[-1]
    axes, corners = windows.axes() / size, windows.corners()[:, 0]
    return [
        transform @ Affine(a[0, 0], a[0, 1], corner[0], a[1, 0], a[1, 1], corner[1])
        for a, corner in zip(axes, corners, strict=True)
    ]


def _write_raster(
    results: ClusteredChips,
    row: int,
    path: Path,
    pixels: AnyArray,
    mask: AnyArray,
    georeference: dict[str, object],
) -> None:
    cluster = int(results.clusters[row])
    profile = {
        "driver": "GTiff",
        "dtype": pixels.dtype.name,
        "count": len(pixels),
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "compress": "deflate",
    }
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", **profile, **georeference) as target,
    ):
        target.write(pixels)
        target.descriptions = results.chips.bands
        if mask.any():
            target.write_mask(~mask)
        target.update_tags(
            chip_id=results.chips.facts["chip_id"].iloc[row],
            cluster=cluster,
            cluster_name=results.look.name(cluster),
            run_id=results.provenance.run_id,
        )


def _parts(results: ClusteredChips) -> Iterator[tuple[SceneChips, AnyArray]]:
    """Yield the chips of each scene with their rows."""
    start = 0
    for part in results.chips.parts:
        yield part, np.arange(start, start + len(part))
        start += len(part)


def _chip_files(results: ClusteredChips, folder: Path, suffix: str) -> dict[int, Path]:
    """Create the folder of each cluster, and return the file of each included chip, by row."""
    names = {cluster: _cluster_folder(results, cluster) for cluster in results.cluster_ids()}
    for name in names.values():
        (folder / name).mkdir(parents=True, exist_ok=True)
    # Names of scenes may differ only in characters that file names cannot have.
    stems = unique_texts(map(safe_stem, results.chips.facts["chip_id"]))
    clusters = results.clusters.tolist()
    return {
        row: folder / names[clusters[row]] / f"{stems[row]}{suffix}"
        for row in np.flatnonzero(results.included).tolist()
    }


def _cluster_folder(results: ClusteredChips, cluster: int) -> str:
    """Return the name of a cluster's folder, which begins with its number: "cluster_3 ferries"."""
    if cluster == NOISE:
        return "noise"
    name = results.look.names.get(cluster, "")
    return folder_name(f"cluster_{cluster} {name}")
