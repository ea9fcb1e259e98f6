"""The writer of a procedural landscape in FLAIR #2's layout: aerial patches, labels, Sentinel-2.

No photograph is used; the seed determines everything. The departments of the domains do not
exist, so that nobody mistakes the data for real data of France.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from core.demo.demo_files import check_demo_setting, staging_folder, write_demo_geotiff
from core.demo.land_cover.aerial_image import paint_aerial_image
from core.demo.land_cover.ground_cover import (
    GroundWindow,
    place_blocks,
    plant_trees,
    survey_plan,
    trees_within,
)
from core.demo.land_cover.land_objects import GroundBlock, furnish_plan
from core.demo.land_cover.land_plan import AREA, DOMAINS, PATCH, Domain, LandPlan, Use, lay_out_plan
from core.demo.land_cover.sentinel_year import COARSE, PIXEL, SIDE, observe_year
from core.progress import Progress, report_step, silent
from core.types import DoubleArray

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
    leaves nothing behind. The patches, 3 to 3000 in total, are spread evenly over the domains.
    `report` is called before each area with the number of patches that are complete. Returns the
    paths of six folders and two JSON tables in `root`; entries of the same names are replaced.

    Raises SettingsError if the seed is negative or the number of patches out of bounds, and
    WorkspaceError if the folder cannot be written.
    """
    check_patch_settings(patches, seed)
    centroids: dict[str, list[int]] = {}
    metadata: dict[str, dict[str, Any]] = {}
    with staging_folder(root) as folder:
        for area_plan in plan_areas(patches):
            note = f"{area_plan.domain.name}, {area_plan.area}"
            report_step(report, area_plan.patches[0] - 1, patches, note)
            _write_area(folder, area_plan, seed, centroids, metadata)
        tables = {"centroids_sp_to_patch": centroids, "aerial_metadata": metadata}
        for name, table in tables.items():
            text = json.dumps(table, indent=1)
            (folder / f"flair-2_{name}.json").write_text(text, encoding="utf-8")
        entries = sorted(path.name for path in folder.iterdir())
    report_step(report, patches, patches, "land cover written")
    return [root / name for name in entries]


def check_patch_settings(patches: int, seed: int) -> None:
    """Raise SettingsError unless there are 3 to 3000 patches and the seed is 0 or more."""
    check_demo_setting(patches, FEWEST, MOST, seed, "patches")


def plan_areas(patches: int) -> list[AreaPlan]:
    """Distribute a number of patches over areas, at most two to each, and return the areas."""
    area_plans = []
    first_number = 1
    for index, domain in enumerate(DOMAINS):
        n_patches = patches // 3 + (index < patches % 3)
        cycle = (domain.village, domain.mosaic, domain.woods, domain.fields)
        programmes = [cycle[i % 4] for i in range(n_patches)] if n_patches > 1 else [domain.mosaic]
        for number, start in enumerate(range(0, n_patches, len(CENTRES))):
            area_programmes = tuple(programmes[start : start + len(CENTRES)])
            first = first_number + start
            numbers = tuple(range(first, first + len(area_programmes)))
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
    write_patch = partial(write_demo_geotiff, gsd=GSD, crs=CRS, interleave="band")
    for number, centre in zip(area_plan.patches, centres, strict=True):
        ground = _furnished_ground(plan, blocks, trees, centre)
        east, north = corner = _corner(area_plan, centre)
        image, mask = f"IMG_{number:06d}", f"MSK_{number:06d}"
        bands = paint_aerial_image(plan, ground, rng)
        write_patch(aerial / "img" / f"{image}.tif", bands, corner)
        classes = ground.cover.reshape(1, SIZE, SIZE)
        write_patch(labels / "msk" / f"{mask}.tif", classes, corner)
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
    plan: LandPlan, blocks: list[GroundBlock], trees: DoubleArray, centre: tuple[float, float]
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
    column, row = area_plan.number % 10, area_plan.number // 10
    east = 600_000 + 40_000 * domain + 2_000 * column + centre[0] - PATCH / 2
    north = 6_600_000 + 60_000 * domain + 2_000 * row + AREA - centre[1] + PATCH / 2
    return round(east / GSD) * GSD, round(north / GSD) * GSD


def _write_year(
    folder: Path, stem: str, plan: LandPlan, blocks: list[GroundBlock], rng: Generator
) -> None:
    ground = survey_plan(plan, 0.0, 0.0, round(SIDE * PIXEL / COARSE), COARSE)
    place_blocks(plan, ground, blocks, 0.0, 0.0)
    images, masks, products = observe_year(plan, ground, rng)
    folder.mkdir(parents=True)
    np.save(folder / f"{stem}_data.npy", images, allow_pickle=False)
    np.save(folder / f"{stem}_masks.npy", masks, allow_pickle=False)
    text = "".join(f"{product}\n" for product in products)
    (folder / f"{stem}_products.txt").write_text(text, encoding="utf-8")
