"""Discovery of the files of a FLAIR data set: images, masks and Sentinel files by patch.

FLAIR #1 and #2 as first published, and their form with one archive for each domain. FLAIR-HUB has
a module of its own, `core.land.layouts.hub_discovery`.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import WorkspaceError
from core.land.data.dataset import (
    AERIAL_BANDS_ONLY,
    Acquisition,
    Dataset,
    Patch,
    Problem,
    SuperArea,
)
from core.land.layouts.domain_folders import DOMAIN_ROLES, find_domain_trees
from core.land.layouts.hub_discovery import discover_hub, find_hub_base

# Folder names of the full and the toy data sets.
_TREE = re.compile(r"flair(?:[_-][12])?(?:[_-]toy)?_(aerial|labels|sen)_(train|test)", re.I)
_PATCH = {"aerial": re.compile(r"IMG_(\d+)\.tiff?$"), "labels": re.compile(r"MSK_(\d+)\.tiff?$")}
_SENTINEL = re.compile(r"SEN2_sp_(.+)_(data\.npy|masks\.npy|products\.txt)$")
_SENTINEL_PARTS = ("data.npy", "masks.npy", "products.txt")
# Number of parts of a path within a tree, <domain>/<area>/img/IMG_000001.tif.
_DEPTH = 4
_FOREIGN = "its name or folder does not follow FLAIR's layout, so it is not used"
CENTROIDS = "flair-2_centroids_sp_to_patch.json"
METADATA = "flair-2_aerial_metadata.json"


class _Raster(NamedTuple):
    """An image or a mask with its domain and area."""

    path: Path
    domain: str
    area: str

    @property
    def position(self) -> tuple[str, str]:
        return self.domain, self.area


def discover_dataset(root: Path) -> Dataset:
    """Find the patches of a FLAIR data set and the files that belong to each.

    The layout is recognised from the folders in the root or in a folder inside it: FLAIR #1 and #2
    (flair_aerial_train and so on), their form with one folder for each domain (data/train-val/
    D004_2021/aerial), or FLAIR-HUB (D012-2019_AERIAL_RGBI). Images and masks are paired by number,
    Sentinel files by domain and area. Rasters and series are not opened; problems inside them are
    reported when they are read. Raises WorkspaceError if there are no aerial images.
    """
    problems: list[Problem] = []
    layout = _find_trees(root) or find_domain_trees(root, problems)
    if layout is None:
        hub = find_hub_base(root)
        if hub is None:
            raise _no_images(root)
        return discover_hub(hub)
    base, trees = layout
    images, masks = (
        _find_rasters(base, trees[role], role, problems) for role in ("aerial", "labels")
    )
    areas = _find_super_areas(base, trees["sen"], problems)
    # FLAIR #1 has no Sentinel files, and so no centroids.
    centroids = _read_centroids(base, problems) if trees["sen"] else {}
    metadata = _read_metadata(base, problems)
    if not trees["sen"]:
        problems.append(Problem(base.name, f"there are no Sentinel files, {AERIAL_BANDS_ONLY}"))
    patches: list[Patch] = []
    unlabelled: list[Patch] = []
    used = set()
    labelled_splits = {split for split, _ in masks}
    for (split, number), image in sorted(images.items(), key=_train_first):
        mask = masks.get((split, number))
        domain, area = image.position
        if mask is None and split in labelled_splits:
            reason = f"there is no mask MSK_{number}, so it is neither trained on nor scored"
            problems.append(Problem(_relative(base, image.path), reason))
        if mask is not None and mask.position != (domain, area):
            reason = f"it is in {'/'.join(mask.position)}, but its image is in "
            reason += f"{domain}/{area}; they are paired by number"
            problems.append(Problem(_relative(base, mask.path), reason))
        name, key = f"IMG_{number}", (split, domain, area)
        if metadata and name not in metadata:
            problems.append(Problem(name, "its metadata are missing"))
        used.add(key)
        if not trees["sen"]:
            pass
        elif key not in areas:
            reason = f"the Sentinel files of {domain}-{area} are incomplete, {AERIAL_BANDS_ONLY}"
            problems.append(Problem(name, reason))
        elif name not in centroids:
            problems.append(Problem(name, f"it has no centroid, {AERIAL_BANDS_ONLY}"))
        super_area, centroid, acquisition = areas.get(key), centroids.get(name), metadata.get(name)
        members = unlabelled if mask is None else patches
        paths = image.path, mask.path if mask else None
        members.append(
            Patch(number, split, domain, area, *paths, super_area, centroid, acquisition)
        )
    for split, number in sorted(masks.keys() - images.keys()):
        reason = f"there is no image IMG_{number}, so the mask is not used"
        problems.append(Problem(_relative(base, masks[split, number].path), reason))
    for key in sorted(areas.keys() - used):
        reason = "no patch lies in this super area, so it is not used"
        problems.append(Problem(_relative(base, areas[key].data), reason))
    return Dataset(base, tuple(patches), tuple(problems), tuple(unlabelled))


def _train_first(item: tuple[tuple[str, str], _Raster]) -> tuple[bool, str]:
    (split, number), _ = item
    return split != "train", number


def _find_trees(root: Path) -> tuple[Path, dict[str, list[tuple[str, Path]]]] | None:
    """Return the folder that contains the trees, and by role, the split and folder of each tree."""
    inner = sorted(p for p in root.glob("[!.]*") if p.is_dir())
    for base in (root, *inner):
        trees: dict[str, list[tuple[str, Path]]] = {"aerial": [], "labels": [], "sen": []}
        for folder in sorted(base.iterdir()) if base.is_dir() else []:
            match = _TREE.fullmatch(folder.name)
            if match and folder.is_dir():
                trees[match[1].lower()].append((match[2].lower(), folder))
        if trees["aerial"]:
            return base, trees
    return None


def _no_images(root: Path) -> WorkspaceError:
    packed = next(iter(sorted(root.rglob("D*.zip"))), None) if root.is_dir() else None
    if packed is not None:
        return WorkspaceError(
            f"there are no aerial images, but archives such as {packed.name}",
            where=str(root),
            remedy="Unpack them with `chipscape flair unpack`.",
        )
    return WorkspaceError(
        "there is no folder of FLAIR's aerial images, such as flair_aerial_train, "
        "data/train-val/D004_2021/aerial, or D012-2019_AERIAL_RGBI",
        where=str(root),
        remedy="Import images of your own with `chipscape land import`, generate a synthetic data "
        "set with `chipscape flair demo`, or download FLAIR's toy data set with "
        "`chipscape flair fetch`.",
    )


def _find_rasters(
    base: Path, trees: list[tuple[str, Path]], role: str, problems: list[Problem]
) -> dict[tuple[str, str], _Raster]:
    """Return the images or masks by split and number."""
    rasters: dict[tuple[str, str], _Raster] = {}
    for split, tree in trees:
        for path in sorted(tree.rglob("*.tif*")):
            match = _PATCH[role].search(path.name)
            position = _domain_and_area(tree, path)
            if not match or position is None:
                problems.append(Problem(_relative(base, path), _FOREIGN))
            elif (split, match[1]) in rasters:
                first = _relative(base, rasters[split, match[1]].path)
                problems.append(
                    Problem(_relative(base, path), f"its number occurs twice; {first} is used")
                )
            else:
                rasters[split, match[1]] = _Raster(path, *position)
    return rasters


def _find_super_areas(
    base: Path, trees: list[tuple[str, Path]], problems: list[Problem]
) -> dict[tuple[str, str, str], SuperArea]:
    """Return the complete super areas by split, domain and area."""
    areas: dict[tuple[str, str, str], SuperArea] = {}
    for split, tree in trees:
        by_area: dict[tuple[str, str], dict[str, Path]] = {}
        for path in sorted(p for p in tree.rglob("*") if p.is_file()):
            match = _SENTINEL.fullmatch(path.name)
            position = _domain_and_area(tree, path)
            if not match or position is None:
                problems.append(Problem(_relative(base, path), _FOREIGN))
            elif match[1] != "-".join(position):
                folder = "/".join(position)
                reason = f"it is named for {match[1]} but is in {folder}, so it is not used"
                problems.append(Problem(_relative(base, path), reason))
            else:
                by_area.setdefault(position, {})[match[2]] = path
        for (domain, area), parts in sorted(by_area.items()):
            missing = [part for part in _SENTINEL_PARTS if part not in parts]
            for part in missing:
                name = f"SEN2_sp_{domain}-{area}_{part}"
                problems.append(
                    Problem(name, "it is missing, so its area is used without Sentinel")
                )
            if not missing:
                areas[split, domain, area] = SuperArea(
                    parts["data.npy"], parts["masks.npy"], parts["products.txt"]
                )
    return areas


def _read_centroids(base: Path, problems: list[Problem]) -> dict[str, tuple[int, int]]:
    centroids: dict[str, tuple[int, int]] = {}
    for key, value in _read_table(base, CENTROIDS, "*centroid*.json", problems).items():
        if isinstance(value, list) and [type(number) for number in value] == [int, int]:
            centroids[Path(key).stem] = (value[0], value[1])
        else:
            reason = f"its centroid {value!r} is not [row, column], {AERIAL_BANDS_ONLY}"
            problems.append(Problem(key, reason))
    return centroids


def _read_metadata(base: Path, problems: list[Problem]) -> dict[str, Acquisition]:
    metadata: dict[str, Acquisition] = {}
    for key, value in _read_table(base, METADATA, "*metadata*.json", problems).items():
        if not isinstance(value, dict):
            problems.append(Problem(key, "its metadata are not a JSON object and are not used"))
            continue
        x, y, z = (_number(value.get(f"patch_centroid_{axis}")) for axis in "xyz")
        date, time, camera = (str(value.get(name, "")) for name in ("date", "time", "camera"))
        metadata[Path(key).stem] = Acquisition(x, y, z, date, time, camera)
    return metadata


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _read_table(base: Path, name: str, pattern: str, problems: list[Problem]) -> dict[str, Any]:
    """Read the JSON file of this name, or the first file that matches the pattern.

    It is in the root, or in aux-data/ next to the folders of domains.
    """
    candidates = [
        base / name,
        *sorted(base.glob(pattern)),
        *sorted(base.glob(f"aux-data/{pattern}")),
    ]
    path = next((path for path in candidates if path.is_file()), base / name)
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = f"the file cannot be read ({error})" if path.exists() else "the file is missing"
    else:
        if isinstance(table, dict):
            return table
        reason = "the file does not contain a JSON object"
    problems.append(Problem(path.name, f"{reason}; the data are used without it"))
    return {}


def _domain_and_area(tree: Path, path: Path) -> tuple[str, str] | None:
    """Return the domain and area of a file, or None if its folder does not follow the layout.

    In a tree of FLAIR #1 or #2, the path is <domain>/<area>/img/IMG_000001.tif; in a folder such as
    D004_2021/aerial, it is <area>/IMG_000001.tif or <area>/img/IMG_000001.tif.
    """
    parts = path.relative_to(tree).parts
    if tree.name in DOMAIN_ROLES:
        return (tree.parent.name, parts[0]) if len(parts) in (2, 3) else None
    return (parts[0], parts[1]) if len(parts) == _DEPTH else None


def _relative(base: Path, path: Path) -> str:
    return path.relative_to(base).as_posix()
