"""The files that are scored: prediction rasters and masks by patch number, and their areas."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from core.errors import TooFewError
from core.land.data.dataset import Dataset, Patch, Problem

Content = Literal["predictions", "masks"]
_NUMBER = re.compile(r"(\d+)$")
# Names of FLAIR's own images and masks.
_MASK = re.compile(r"MSK_", re.I)
_SOURCE = re.compile(r"(MSK|IMG)_|D\d+-\d{4}_AERIAL_", re.I)
# Folders of FLAIR's layout, <domain>/<area>/msk/MSK_000001.tif.
_DOMAIN, _AREA = re.compile(r"D\d+[_-]\d{4}"), re.compile(r"Z\d+_\w+")
# Names of FLAIR-HUB, D012-2019_AERIAL_LABEL-COSIA_AF-S1-27_5-10: domain, content, area, position.
_HUB = re.compile(r"(D\d+-\d{4})_(?:.+_)?([A-Z]+-S\d+-\d+)_(\d+-\d+)$", re.I)
_HUB_MASK = re.compile(r"D\d+-\d{4}_AERIAL_LABEL-COSIA_")


def is_hub_mask(path: Path) -> bool:
    """Return True if a raster is named like the land-cover labels of FLAIR-HUB."""
    return _HUB_MASK.match(path.name) is not None


def _patch_key(stem: str) -> str | None:
    """Return what pairs files of one patch: FLAIR's number in six digits, or FLAIR-HUB's name."""
    if match := _HUB.search(stem):
        return "_".join(match.groups())
    match = _NUMBER.search(stem)
    return match[1].zfill(6) if match else None


def has_patch_names(folder: Path) -> bool:
    """Return True if any GeoTIFF in a folder has a name by which `rasters_by_number` pairs it.

    Also True without any GeoTIFF, so that the error is that of FLAIR's files.
    """
    paths = sorted(folder.rglob("*.tif*"))
    return not paths or any(_patch_key(path.stem) for path in paths)


def rasters_by_number(
    folder: Path, content: Content = "masks"
) -> tuple[dict[str, Path], list[Problem]]:
    """Return the GeoTIFFs in a folder and its subfolders by the number at the end of the name.

    Names of FLAIR-HUB end in area and position; these files are returned by domain, area and
    position, such as D012-2019_AF-S1-27_5-10.

    A folder may contain both masks and predictions. If there are files named MSK_*, only these are
    masks; files named MSK_* or IMG_* are predictions only if the folder has no others. Unused
    files are returned as problems. Raises TooFewError if no name ends in a number.
    """
    rasters: dict[str, Path] = {}
    problems = []
    paths = sorted(folder.rglob("*.tif*"))
    if content == "masks":
        chosen = [path for path in paths if _MASK.match(path.name)]
        chosen = chosen or [path for path in paths if is_hub_mask(path)] or paths
    else:
        chosen = [path for path in paths if not _SOURCE.match(path.name)] or paths
    if len(chosen) < len(paths):
        reason = f"{len(paths) - len(chosen)} of {len(paths)} files are not {content} by their name"
        problems.append(Problem(folder.name, reason))
    for path in chosen:
        key = _patch_key(path.stem)
        if key is None:
            problems.append(Problem(path.name, "its name does not end in a number; it is not used"))
        elif key in rasters:
            first = rasters[key].relative_to(folder).as_posix()
            problems.append(Problem(path.name, f"its number occurs twice; {first} is used"))
        else:
            rasters[key] = path
    if not rasters:
        raise TooFewError(
            "the folder contains no GeoTIFF whose name ends in a number",
            where=str(folder),
            remedy="Choose a folder of files such as PRED_000001.tif.",
        )
    return dict(sorted(rasters.items())), problems


def dataset_masks(dataset: Dataset) -> dict[str, Path]:
    """Return masks by patch number: of the test patches, or if there are none, of all patches."""
    return {_key(patch): patch.mask for patch in _scored_patches(dataset) if patch.mask}


def dataset_areas(dataset: Dataset) -> dict[str, str]:
    """Return the domain and area of each patch of `dataset_masks`, by number."""
    return {_key(patch): patch.area_id for patch in _scored_patches(dataset)}


def mask_areas(masks: Mapping[str, Path]) -> dict[str, str]:
    """Return the domain and area of each mask whose path has them as in FLAIR's layout."""
    if any(is_hub_mask(path) for path in masks.values()):
        return {key: "/".join(key.split("_")[:2]) for key in masks}
    folders = {number: path.absolute().parts[-4:-2] for number, path in masks.items()}
    return {
        number: "/".join(parts)
        for number, parts in folders.items()
        if len(parts) == 2 and _DOMAIN.fullmatch(parts[0]) and _AREA.fullmatch(parts[1])
    }


def _key(patch: Patch) -> str:
    """Return the patch's key in `rasters_by_number`; the title is that of FLAIR-HUB."""
    return patch.title or patch.number


def _scored_patches(dataset: Dataset) -> list[Patch]:
    indexes = dataset.split_indexes("test") or dataset.split_indexes("train")
    return [dataset.patches[index] for index in indexes]
