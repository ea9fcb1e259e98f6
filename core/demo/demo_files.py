"""The files of demonstration data: staged in a temporary folder and moved when all are complete."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio.transform import from_origin

from core.disk import disk_error
from core.errors import SettingsError, WorkspaceError
from core.leftovers import scratch_folder
from core.types import ByteArray


def check_demo_setting(value: int, smallest: int, largest: int, seed: int, name: str) -> None:
    """Raise SettingsError if the seed is negative, or the value of a setting is out of bounds."""
    if seed < 0:
        raise SettingsError(f"{seed} is negative", where="seed", remedy="Use a seed of 0 or more.")
    if not smallest <= value <= largest:
        raise SettingsError(f"{value} is not between {smallest} and {largest}", where=name)


@contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder; at the end, its contents are moved to `folder`.

    Files and folders of the same names are replaced. If the work is interrupted, nothing is left
    behind. Raises WorkspaceError if `folder` is a file or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise WorkspaceError(
            "is not a folder", where=str(folder), remedy="Choose another folder for the data."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        parent = folder if folder.is_dir() else folder.parent
        # On the same file system as the folder, so that each move at the end is a rename.
        with scratch_folder(parent) as scratch:
            yield scratch
            folder.mkdir(exist_ok=True)
            # Annotations come before their scene (.geojson, .tif): no scene is ever without them.
            for path in sorted(scratch.iterdir()):
                if path.is_dir() and (folder / path.name).is_dir():
                    shutil.rmtree(folder / path.name)
                path.replace(folder / path.name)
    except OSError as error:
        raise disk_error(error, folder, folder) or WorkspaceError(
            f"cannot be written: {error}", where=str(folder), remedy="Choose another folder."
        ) from error


def write_demo_geotiff(
    path: Path, bands: ByteArray, corner: tuple[float, float], gsd: float, **options: object
) -> None:
    """Write bands (n, h, w) as a deflated GeoTIFF; `corner` is the upper left one, in CRS units."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = dict(zip(("count", "height", "width"), bands.shape, strict=True))
    options |= {"transform": from_origin(*corner, gsd, gsd), "compress": "deflate", "predictor": 2}
    # Sensor noise hardly compresses: level 6 saves 1 % of the bytes and takes 20 % longer.
    options |= {"driver": "GTiff", "dtype": "uint8", "zlevel": 1}
    with rasterio.open(path, "w", **shape, **options) as target:
        target.write(bands)
