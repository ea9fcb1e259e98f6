"""The writer of a procedural landscape in FLAIR #2's layout: aerial patches, labels, Sentinel-2.

No photograph is used; the seed determines everything. The departments of the domains do not
exist, so that nobody mistakes the landscape for France.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.random import Generator
from rasterio.transform import from_origin

from core.demo.land_cover.aerial_image import paint_aerial_image
from core.demo.land_cover.ground_cover import (
    GroundWindow,
    place_blocks,
    plant_trees,
    survey_plan,
    trees_within,
)
from core.demo.land_cover.land_objects import Block, furnish_plan
from core.demo.land_cover.land_plan import AREA, DOMAINS, PATCH, Domain, LandPlan, Use, lay_out_plan
from core.demo.land_cover.sentinel_year import COARSE, PIXEL, SIDE, observe_year
from core.errors import SettingsError, WorkspaceError
from core.progress import Progress, report_step, silent
from core.types import ByteArray, DoubleArray

CRS = "EPSG:2154"
GSD = 0.2
SIZE = 512
FEWEST, MOST = 3, 3000
# Approximate centres of the patches in metres right and down. A super patch, 200 m to each side of
# its centroid, must lie inside the area.
CENTRES = ((262.0, 268.0), (457.0, 449.0))
ZONE_TYPES = ("UA", "AN", "NF", "FA")
FOLDERS = {
    "train": ("flair_aerial_train", "flair_labels_train", "flair_sen_train"),
    "test": ("flair_2_aerial_test", "flair_2_labels_test", "flair_2_sen_test"),
}


@dataclass(frozen=True)
class AreaPlan:
    """One area to write: its domain, number and name, its patches and their programmes."""

    domain: Domain
    number: int
    area: str
    patches: tuple[int, ...]
    programmes: tuple[tuple[Use, ...], ...]


def write_land_cover(
    root: Path, *, patches: int = 12, seed: int = 0, report: Progress = silent
) -> list[Path]:
    """Write a synthetic data set in the layout of FLAIR #2: two training domains and a test domain.

    The same number of patches and the same seed always produce the same bytes. An interrupted run
    leaves nothing behind.

    Parameters
    ----------
    root : Path
        The folder to write into; created if it does not exist. Entries of the same names are
        replaced.
    patches : int
        Total number of patches, 3 to 3000, spread evenly over the three domains.
    seed : int
        0 or more.
    report : Progress
        Called before each area with the number of patches that are complete.

    Returns
    -------
    list of Path
        Six folders and two JSON tables in `root`.

    Raises
    ------
    SettingsError
        If `patches` or `seed` is out of bounds.
    WorkspaceError
        If the folder cannot be written.
    Cancelled
        If `report` asked to stop.
    """
    check_patch_settings(patches, seed)
    centroids: dict[str, list[int]] = {}
    metadata: dict[str, dict[str, Any]] = {}
    try:
        root.mkdir(parents=True, exist_ok=True)
        # On the same file system as `root`, so that each move at the end is a rename.
        with tempfile.TemporaryDirectory(prefix=".land-", dir=root) as folder:
            for area_plan in plan_areas(patches):
                n_written = area_plan.patches[0] - 1
                report_step(
                    report, n_written, patches, f"{area_plan.domain.name}, {area_plan.area}"
                )
                _write_area(Path(folder), area_plan, seed, centroids, metadata)
            for name, table in (
                ("centroids_sp_to_patch", centroids),
                ("aerial_metadata", metadata),
            ):
                text = json.dumps(table, indent=1)
                (Path(folder) / f"flair-2_{name}.json").write_text(text, encoding="utf-8")
            entries = sorted(path.name for path in Path(folder).iterdir())
            for name in entries:
                if (root / name).is_dir():
                    shutil.rmtree(root / name)
                (Path(folder) / name).replace(root / name)
    except OSError as error:
        raise WorkspaceError(
            f"cannot be written: {error}", where=str(root), remedy="Choose another folder."
        ) from error
    report_step(report, patches, patches, "land cover written")
    return [root / name for name in entries]


def check_patch_settings(patches: int, seed: int) -> None:
    """Raise SettingsError unless there are 3 to 3000 patches and the seed is 0 or more."""
    if seed < 0:
        raise SettingsError(f"{seed} is negative", where="seed", remedy="Use a seed of 0 or more.")
    if not FEWEST <= patches <= MOST:
        raise SettingsError(f"{patches} is not between {FEWEST} and {MOST}", where="patches")


def plan_areas(patches: int) -> list[AreaPlan]:
    """Return the areas of a number of patches, with at most two patches in each."""
    area_plans = []
    first_number = 1
    for index, domain in enumerate(DOMAINS):
        n_patches = patches // 3 + (index < patches % 3)
        cycle = (domain.village, domain.mosaic, domain.woods, domain.fields)
        programmes = [cycle[i % 4] for i in range(n_patches)] if n_patches > 1 else [domain.mosaic]
        for number, start in enumerate(range(0, n_patches, len(CENTRES))):
            area_programmes = tuple(programmes[start : start + len(CENTRES)])
            numbers = tuple(
                range(first_number + start, first_number + start + len(area_programmes))
            )
            area = f"Z{number + 1}_{ZONE_TYPES[number % len(ZONE_TYPES)]}"
            area_plans.append(AreaPlan(domain, number, area, numbers, area_programmes))
        first_number += n_patches
    return area_plans


def _write_area(
    folder: Path,
    area_plan: AreaPlan,
    seed: int,
    centroids: dict[str, list[int]],
    metadata: dict[str, dict[str, Any]],
) -> None:
    domain = area_plan.domain
    rng = np.random.default_rng([seed, DOMAINS.index(domain), area_plan.number])
    centres = [(x + rng.uniform(-9, 9), y + rng.uniform(-9, 9)) for x, y in CENTRES]
    centres = centres[: len(area_plan.patches)]
    plan = lay_out_plan(domain, centres, area_plan.programmes, rng)
    blocks, trees = furnish_plan(plan, rng)
    aerial, labels, sentinel = (
        folder / name / domain.name / area_plan.area for name in FOLDERS[domain.split]
    )
    _write_year(sentinel / "sen", f"SEN2_sp_{domain.name}-{area_plan.area}", plan, blocks, rng)
    for number, centre in zip(area_plan.patches, centres, strict=True):
        ground = _furnished_ground(plan, blocks, trees, centre)
        east, north = _corner(area_plan, centre)
        image, mask = f"IMG_{number:06d}", f"MSK_{number:06d}"
        bands = paint_aerial_image(plan, ground, rng)
        _write_geotiff(aerial / "img" / f"{image}.tif", bands, east, north)
        classes = ground.cover.reshape(1, SIZE, SIZE)
        _write_geotiff(labels / "msk" / f"{mask}.tif", classes, east, north)
        centroids[f"{image}.tif"] = [round(centre[1] / PIXEL), round(centre[0] / PIXEL)]
        metadata[image] = {
            "domain": domain.name,
            "zone": area_plan.area,
            "patch_centroid_x": round(east + PATCH / 2, 2),
            "patch_centroid_y": round(north - PATCH / 2, 2),
            "patch_centroid_z": round(float(rng.uniform(80, 400)), 2),
            "date": f"{domain.name[-4:]}-0{rng.integers(5, 9)}-{rng.integers(10, 29)}",
            "time": f"{rng.integers(8, 12):02d}h{rng.integers(10, 60)}",
            "camera": "procedural",
        }


def _furnished_ground(
    plan: LandPlan, blocks: list[Block], trees: DoubleArray, centre: tuple[float, float]
) -> GroundWindow:
    """Return the ground of a patch with all its objects."""
    left, top = centre[0] - PATCH / 2, centre[1] - PATCH / 2
    ground = survey_plan(plan, left, top, SIZE, GSD)
    place_blocks(plan, ground, blocks, left, top)
    plant_trees(ground, trees_within(trees, left, top, PATCH), left, top)
    return ground


def _corner(area_plan: AreaPlan, centre: tuple[float, float]) -> tuple[float, float]:
    """Return easting and northing of the upper left corner of a patch, on whole pixels."""
    domain = DOMAINS.index(area_plan.domain)
    east = 600_000 + 40_000 * domain + 2_000 * (area_plan.number % 10) + centre[0] - PATCH / 2
    north = (
        6_600_000
        + 60_000 * domain
        + 2_000 * (area_plan.number // 10)
        + AREA
        - centre[1]
        + PATCH / 2
    )
    return round(east / GSD) * GSD, round(north / GSD) * GSD


def _write_year(
    folder: Path, stem: str, plan: LandPlan, blocks: list[Block], rng: Generator
) -> None:
    ground = survey_plan(plan, 0.0, 0.0, round(SIDE * PIXEL / COARSE), COARSE)
    place_blocks(plan, ground, blocks, 0.0, 0.0)
    year = observe_year(plan, ground, rng)
    folder.mkdir(parents=True)
    np.save(folder / f"{stem}_data.npy", year.data, allow_pickle=False)
    np.save(folder / f"{stem}_masks.npy", year.masks, allow_pickle=False)
    text = "".join(f"{product}\n" for product in year.products)
    (folder / f"{stem}_products.txt").write_text(text, encoding="utf-8")


def _write_geotiff(path: Path, bands: ByteArray, east: float, north: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = bands.shape
    options = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": count,
        "height": height,
        "width": width,
        "crs": CRS,
        "transform": from_origin(east, north, GSD, GSD),
        "compress": "deflate",
        "zlevel": 1,
        "predictor": 2,
        "interleave": "band",
    }
    with rasterio.open(path, "w", **options) as target:
        target.write(bands)
