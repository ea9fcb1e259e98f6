"""FLAIR #2 on disk: which files there are, which belong together, and which are missing."""

import json
import re
from pathlib import Path
from typing import Any

from core.errors import WorkspaceError
from core.flair.data.dataset import Acquisition, Dataset, Patch, Problem, SuperArea

# Full and toy names, of train and of test.
_TREE = re.compile(r"flair(?:[_-]2)?(?:[_-]toy)?_(aerial|labels|sen)_(train|test)", re.I)
_PATCH = {"aerial": re.compile(r"IMG_(\d+)\.tiff?$"), "labels": re.compile(r"MSK_(\d+)\.tiff?$")}
_SENTINEL = re.compile(r"SEN2_sp_(.+)_(data\.npy|masks\.npy|products\.txt)$")
_PARTS = ("data.npy", "masks.npy", "products.txt")
_DEPTH = 4
_ALIEN = "not named as FLAIR names it: not used"
CENTROIDS = "flair-2_centroids_sp_to_patch.json"
METADATA = "flair-2_aerial_metadata.json"


def discover(root: Path) -> Dataset:
    """Find the patches of a FLAIR #2 tree, and pair by name what belongs together.

    Images and masks are paired by number, Sentinel's files by domain and area. Only names are
    looked at here; what is wrong inside a file is said when it is read.

    Parameters
    ----------
    root : Path
        The folder that holds the trees, or a folder around it.

    Raises
    ------
    WorkspaceError
        If there is no tree of aerial images.
    """
    base, trees = _trees(root)
    problems: list[Problem] = []
    found = {role: _walk(base, trees[role], role, problems) for role in ("aerial", "labels")}
    areas = _super_areas(base, trees["sen"], problems)
    centroids = _centroids(base, problems)
    metadata = _metadata(base, problems)
    patches, used = [], set()
    for (split, number), image in sorted(found["aerial"].items(), key=_train_first):
        mask = found["labels"].get((split, number))
        domain, area = _place(image)
        if mask is None:
            problems.append(Problem(_short(base, image), f"no MSK_{number}: left out"))
            continue
        if _place(mask) != (domain, area):
            why = f"stands under {'/'.join(_place(mask))}, its image under {domain}/{area}"
            problems.append(Problem(_short(base, mask), f"{why}: paired by number"))
        name = f"IMG_{number}"
        acquired = metadata.get(name)
        if metadata and acquired is None:
            problems.append(Problem(name, "not in the metadata: goes on without"))
        place = (split, domain, area)
        used.add(place)
        if place not in areas:
            why = f"no complete Sentinel files of {domain}-{area}: aerial only"
            problems.append(Problem(name, why))
        elif name not in centroids:
            problems.append(Problem(name, "no centroid: aerial only"))
        centroid = centroids.get(name)
        patches.append(
            Patch(number, split, domain, area, image, mask, areas.get(place), centroid, acquired)
        )
    for key in sorted(found["labels"].keys() - found["aerial"].keys(), key=str):
        problems.append(
            Problem(_short(base, found["labels"][key]), f"no IMG_{key[1]}: surplus, not used")
        )
    for place in sorted(areas.keys() - used):
        name = _short(base, areas[place].data)
        problems.append(Problem(name, "no patch lies in it: surplus, not used"))
    return Dataset(base, tuple(patches), tuple(problems))


def _train_first(item: tuple[tuple[str, str], Path]) -> tuple[bool, str]:
    (split, number), _ = item
    return split != "train", number


def _trees(root: Path) -> tuple[Path, dict[str, list[tuple[str, Path]]]]:
    """The folder that holds the trees, and by role each tree with its split."""
    inner = sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    for base in (root, *inner):
        trees: dict[str, list[tuple[str, Path]]] = {"aerial": [], "labels": [], "sen": []}
        for folder in sorted(base.iterdir()) if base.is_dir() else []:
            match = _TREE.fullmatch(folder.name)
            if match and folder.is_dir():
                trees[match[1].lower()].append((match[2].lower(), folder))
        if trees["aerial"]:
            return base, trees
    raise WorkspaceError(
        "no FLAIR #2 tree of aerial images (flair_aerial_train or the like)",
        where=str(root),
        remedy="Write the demo with `chipscape flair demo`, or get the data with "
        "`chipscape flair fetch`.",
    )


def _walk(
    base: Path, trees: list[tuple[str, Path]], role: str, problems: list[Problem]
) -> dict[tuple[str, str], Path]:
    found: dict[tuple[str, str], Path] = {}
    for split, tree in trees:
        for path in sorted(tree.rglob("*.tif*")):
            match = _PATCH[role].search(path.name)
            # <domain>/<area>/img/IMG_000001.tif
            if not match or len(path.relative_to(tree).parts) != _DEPTH:
                problems.append(
                    Problem(_short(base, path), "not named as FLAIR names it: not used")
                )
            elif (split, match[1]) in found:
                first = _short(base, found[split, match[1]])
                problems.append(Problem(_short(base, path), f"stands twice: {first} is used"))
            else:
                found[split, match[1]] = path
    return found


def _super_areas(
    base: Path, trees: list[tuple[str, Path]], problems: list[Problem]
) -> dict[tuple[str, str, str], SuperArea]:
    areas: dict[tuple[str, str, str], SuperArea] = {}
    for split, tree in trees:
        by_place: dict[tuple[str, str], dict[str, Path]] = {}
        for path in sorted(p for p in tree.rglob("*") if p.is_file()):
            match = _SENTINEL.fullmatch(path.name)
            if not match or len(path.relative_to(tree).parts) != _DEPTH:
                problems.append(
                    Problem(_short(base, path), "not named as FLAIR names it: not used")
                )
            elif match[1] != "-".join(_place(path)):
                why = f"named for {match[1]}, but under {'/'.join(_place(path))}: not used"
                problems.append(Problem(_short(base, path), why))
            else:
                by_place.setdefault(_place(path), {})[match[2]] = path
        for (domain, area), parts in sorted(by_place.items()):
            lacking = [part for part in _PARTS if part not in parts]
            for part in lacking:
                name = f"SEN2_sp_{domain}-{area}_{part}"
                problems.append(Problem(name, "missing: its area goes on without Sentinel"))
            if not lacking:
                areas[split, domain, area] = SuperArea(*(parts[part] for part in _PARTS))
    return areas


def _centroids(base: Path, problems: list[Problem]) -> dict[str, tuple[int, int]]:
    centroids: dict[str, tuple[int, int]] = {}
    for key, value in _table(base, CENTROIDS, "*centroid*.json", problems).items():
        whole = isinstance(value, list) and [type(v) for v in value] == [int, int]
        if whole:
            centroids[Path(key).stem] = (value[0], value[1])
        else:
            problems.append(Problem(key, f"centroid {value!r} is not [row, column]: aerial only"))
    return centroids


def _metadata(base: Path, problems: list[Problem]) -> dict[str, Acquisition]:
    metadata: dict[str, Acquisition] = {}
    for key, value in _table(base, METADATA, "*metadata*.json", problems).items():
        if not isinstance(value, dict):
            problems.append(Problem(key, "its metadata is no table: goes on without"))
            continue
        x, y, z = (_number(value.get(f"patch_centroid_{axis}")) for axis in "xyz")
        date, time, camera = (str(value.get(name, "")) for name in ("date", "time", "camera"))
        metadata[Path(key).stem] = Acquisition(x, y, z, date, time, camera)
    return metadata


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _table(base: Path, name: str, pattern: str, problems: list[Problem]) -> dict[str, Any]:
    """A JSON table at the root, by its name or by one like it."""
    path = base / name
    if not path.is_file():
        path = min(base.glob(pattern), default=path)
    try:
        table = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        why = "missing" if not path.exists() else f"cannot be read ({error})"
        problems.append(Problem(path.name, f"{why}: goes on without"))
        return {}
    if not isinstance(table, dict):
        problems.append(Problem(path.name, "holds no table: goes on without"))
        return {}
    return table


def _place(path: Path) -> tuple[str, str]:
    """Domain and area from <domain>/<area>/img/IMG_000001.tif."""
    return path.parts[-4], path.parts[-3]


def _short(base: Path, path: Path) -> str:
    return path.relative_to(base).as_posix()
