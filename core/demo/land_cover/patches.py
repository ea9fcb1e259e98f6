"""A procedural stretch of country in FLAIR #2's layout: aerial patches, labels, Sentinel-2.

Nothing in it is a photograph; everything follows from the seed. The domains' departments do not
exist, so that nobody takes it for France.
"""

import json
import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

from core.demo.land_cover.aerial_image import paint
from core.demo.land_cover.ground_cover import Ground, build_on, plant, survey, within
from core.demo.land_cover.land_objects import Block, furnish
from core.demo.land_cover.land_plan import AREA, COUNTRIES, PATCH, Country, Plan, Use, lay_out
from core.demo.land_cover.sentinel_year import COARSE, PIXEL, SIDE, watch
from core.errors import SettingsError, WorkspaceError
from core.progress import Progress, silent, step
from core.types import ByteArray, DoubleArray

log = logging.getLogger(__name__)

CRS = "EPSG:2154"
GSD = 0.2
SIZE = 512
FEWEST, MOST = 3, 3000
# A super patch, 200 m to each side of its centroid, must lie inside the area.
CENTRES = ((262.0, 268.0), (457.0, 449.0))
LETTERS = ("UA", "AN", "NF", "FA")
TREES = {
    "train": ("flair_aerial_train", "flair_labels_train", "flair_sen_train"),
    "test": ("flair_2_aerial_test", "flair_2_labels_test", "flair_2_sen_test"),
}


@dataclass(frozen=True)
class Sheet:
    """One area to write: its country, its name, and the numbers of its patches."""

    country: Country
    number: int
    area: str
    patches: tuple[int, ...]
    programmes: tuple[tuple[Use, ...], ...]


def write_land_cover(
    root: Path, *, patches: int = 12, seed: int = 0, report: Progress = silent
) -> list[Path]:
    """Write a look-alike of FLAIR #2: two domains to train on and one to test on.

    Same number of patches and seed, same bytes. If it is interrupted, nothing is left.

    Parameters
    ----------
    root : Path
        The folder to write into; made if it is missing. What it holds under the same names is
        replaced.
    patches : int
        In all, 3 to 3000, spread evenly over the three domains.
    seed : int
        0 or more.
    report : Progress
        Called before each patch.

    Returns
    -------
    list of Path
        What stands in the root: six trees and two tables.

    Raises
    ------
    SettingsError
        If `patches` or `seed` is out of bounds.
    WorkspaceError
        If the folder cannot be written.
    Cancelled
        If the listener asked to stop.
    """
    check_settings(patches, seed)
    centroids: dict[str, list[int]] = {}
    metadata: dict[str, dict[str, Any]] = {}
    try:
        root.mkdir(parents=True, exist_ok=True)
        # On the same file system as its goal, so that the moves at the end are renames.
        with tempfile.TemporaryDirectory(prefix=".land-", dir=root) as folder:
            done = 0
            for sheet in sheets(patches):
                step(report, done, patches, f"{sheet.country.name}, {sheet.area}")
                _write_area(Path(folder), sheet, seed, centroids, metadata)
                done += len(sheet.patches)
            for name, table in (
                ("centroids_sp_to_patch", centroids),
                ("aerial_metadata", metadata),
            ):
                text = json.dumps(table, indent=1)
                (Path(folder) / f"flair-2_{name}.json").write_text(text, encoding="utf-8")
            written = sorted(path.name for path in Path(folder).iterdir())
            for name in written:
                if (root / name).is_dir():
                    shutil.rmtree(root / name)
                (Path(folder) / name).replace(root / name)
    except OSError as error:
        raise WorkspaceError(
            "cannot be written", where=str(root), remedy=f"Choose another folder: {error}."
        ) from error
    step(report, patches, patches, "land cover written")
    return [root / name for name in written]


def check_settings(patches: int, seed: int) -> None:
    """Refuse what cannot be written.

    Raises
    ------
    SettingsError
        If there are not 3 to 3000 patches, or the seed is negative.
    """
    if seed < 0:
        raise SettingsError(f"{seed} is negative", where="seed")
    if not FEWEST <= patches <= MOST:
        raise SettingsError(f"{patches} is not between {FEWEST} and {MOST}", where="patches")


def sheets(patches: int) -> list[Sheet]:
    """The areas of a number of patches, two patches an area at most."""
    made = []
    first = 1
    for index, country in enumerate(COUNTRIES):
        n = patches // 3 + (index < patches % 3)
        cycle = (country.village, country.mixed, country.woods, country.fields)
        uses = [country.mixed] if n == 1 else [cycle[i % 4] for i in range(n)]
        for number, start in enumerate(range(0, n, len(CENTRES))):
            here = uses[start : start + len(CENTRES)]
            numbers = tuple(range(first + start, first + start + len(here)))
            area = f"Z{number + 1}_{LETTERS[number % len(LETTERS)]}"
            made.append(Sheet(country, number, area, numbers, tuple(here)))
        first += n
    return made


def _write_area(
    folder: Path,
    sheet: Sheet,
    seed: int,
    centroids: dict[str, list[int]],
    metadata: dict[str, dict[str, Any]],
) -> None:
    country = sheet.country
    rng = np.random.default_rng([seed, COUNTRIES.index(country), sheet.number])
    centres = [(x + rng.uniform(-9, 9), y + rng.uniform(-9, 9)) for x, y in CENTRES]
    centres = centres[: len(sheet.patches)]
    plan = lay_out(country, centres, sheet.programmes, rng)
    blocks, trees = furnish(plan, rng)
    aerial, labels, sentinel = (
        folder / tree / country.name / sheet.area for tree in TREES[country.split]
    )
    _write_year(sentinel / "sen", f"SEN2_sp_{country.name}-{sheet.area}", plan, blocks, rng)
    for number, centre in zip(sheet.patches, centres, strict=True):
        ground = _stand_on(plan, blocks, trees, centre)
        east, north = _corner(sheet, centre)
        place = from_origin(east, north, GSD, GSD)
        name = f"{number:06d}"
        _write(aerial / "img" / f"IMG_{name}.tif", paint(plan, ground, rng), place)
        mask = ground.cover.reshape(1, SIZE, SIZE)
        _write(labels / "msk" / f"MSK_{name}.tif", mask, place)
        centroids[f"IMG_{name}.tif"] = [round(centre[1] / PIXEL), round(centre[0] / PIXEL)]
        metadata[f"IMG_{name}"] = {
            "domain": country.name, "zone": sheet.area,
            "patch_centroid_x": round(east + PATCH / 2, 2),
            "patch_centroid_y": round(north - PATCH / 2, 2),
            "patch_centroid_z": round(float(rng.uniform(80, 400)), 2),
            "date": f"{country.name[-4:]}-0{rng.integers(5, 9)}-{rng.integers(10, 29)}",
            "time": f"{rng.integers(8, 12):02d}h{rng.integers(10, 60)}", "camera": "procedural",
        }  # fmt: skip


def _stand_on(
    plan: Plan, blocks: list[Block], trees: DoubleArray, centre: tuple[float, float]
) -> Ground:
    """A patch with everything that stands on it."""
    left, top = centre[0] - PATCH / 2, centre[1] - PATCH / 2
    ground = survey(plan, left, top, SIZE, GSD)
    build_on(plan, ground, blocks, left, top)
    plant(ground, within(trees, left, top, PATCH), left, top)
    return ground


def _corner(sheet: Sheet, centre: tuple[float, float]) -> tuple[float, float]:
    """Easting and northing of a patch's upper left corner, on whole pixels."""
    domain = COUNTRIES.index(sheet.country)
    east = 600_000 + 40_000 * domain + 2_000 * (sheet.number % 10) + centre[0] - PATCH / 2
    north = (
        6_600_000 + 60_000 * domain + 2_000 * (sheet.number // 10) + AREA - centre[1] + PATCH / 2
    )
    return round(east / GSD) * GSD, round(north / GSD) * GSD


def _write_year(
    folder: Path, stem: str, plan: Plan, blocks: list[Block], rng: np.random.Generator
) -> None:
    ground = survey(plan, 0.0, 0.0, round(SIDE * PIXEL / COARSE), COARSE)
    build_on(plan, ground, blocks, 0.0, 0.0)
    year = watch(plan, ground, rng)
    folder.mkdir(parents=True)
    np.save(folder / f"{stem}_data.npy", year.data, allow_pickle=False)
    np.save(folder / f"{stem}_masks.npy", year.masks, allow_pickle=False)
    text = "".join(f"{product}\n" for product in year.products)
    (folder / f"{stem}_products.txt").write_text(text, encoding="utf-8")


def _write(path: Path, bands: ByteArray, place: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = bands.shape
    options = {
        "driver": "GTiff", "dtype": "uint8", "count": count, "height": height, "width": width,
        "crs": CRS, "transform": place, "compress": "deflate", "zlevel": 1, "predictor": 2,
        "interleave": "band",
    }  # fmt: skip
    with rasterio.open(path, "w", **options) as target:
        target.write(bands)
