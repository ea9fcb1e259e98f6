"""Discovery of the files of a FLAIR-HUB data set: images, labels, heights, series and tables."""

import re
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from core.land.data.bands import FLAIR_BANDS, Bands
from core.land.data.dataset import (
    AERIAL_BANDS_ONLY,
    Acquisition,
    Dataset,
    Layout,
    Patch,
    Problem,
    SuperArea,
)
from core.land.data.nomenclature import FLAIR_HUB
from core.land.evaluation.published_results import OFFICIAL_TESTS
from core.land.layouts.hub_tables import read_image_dates, read_series_dates, read_splits

HUB_LAYOUT = Layout(FLAIR_BANDS, FLAIR_HUB)
"""The layout of FLAIR-HUB with heights, which are coded like the elevation of FLAIR #2."""
_FLAT_BANDS = Bands(FLAIR_BANDS.names[:4], FLAIR_BANDS.visible, red=0, nir=3)
_CONTENTS = ("AERIAL_RGBI", "AERIAL_LABEL-COSIA", "DEM_ELEV", "SENTINEL2_TS", "SENTINEL2_MSK-SC")
# <domain>_<content>, where the domain names one or two departments and a year, such as D012-2019.
_TREE = re.compile(rf"(D\d+-\d{{4}})_({'|'.join(_CONTENTS)})")
_IMAGE, _LABELS, _HEIGHT, _SERIES, _MASKS = _CONTENTS
# Sentinel pixels from the edge of a patch to its centre: a patch has 10 x 10 of 10.24 m.
_CENTRE = 5


@dataclass(frozen=True)
class _Files:
    """The files of all patches: by content, then by patch, such as D012-2019_AF-S1-27_5-10."""

    base: Path
    by_content: dict[str, dict[str, Path]]
    tables: list[Path]

    def select_tables(self, pattern: str) -> list[Path]:
        return [path for path in self.tables if re.search(pattern, path.name)]


def find_hub_base(root: Path) -> Path | None:
    """Return the folder of FLAIR-HUB's trees, at most two levels below the root, or None."""
    level = [root]
    for _ in range(3):
        for folder in level:
            inner = sorted(path for path in folder.glob("[!.]*") if path.is_dir())
            if any((match := _TREE.fullmatch(p.name)) and match[2] == _IMAGE for p in inner):
                return folder
        level = sorted(p for folder in level for p in folder.glob("[!.]*") if p.is_dir())
    return None


def is_hub_folder(root: Path) -> bool:
    """Return True if a folder contains FLAIR-HUB, and no FLAIR #1 or #2 in their own layouts."""
    names = [path.name for path in root.glob("*/")]
    names += [path.name for path in root.glob("*/*/")]
    if any(name.startswith("flair_") or name == "train-val" for name in names):
        return False
    return find_hub_base(root) is not None


def discover_hub(base: Path) -> Dataset:
    """Find the patches of a FLAIR-HUB data set and the files that belong to each.

    Rasters are not opened; problems inside them are reported when they are read.
    """
    problems: list[Problem] = []
    files = _find_files(base, problems)
    images = files.by_content[_IMAGE]
    heights = files.by_content[_HEIGHT]
    splits = _read_all_splits(files, images, problems)
    dates = read_image_dates(files.select_tables(r"AERIAL_MTD_DATES"), problems)
    series = _find_series(files, images, problems)
    layout = HUB_LAYOUT if heights else replace(HUB_LAYOUT, bands=_FLAT_BANDS)
    patches: list[Patch] = []
    unlabelled: list[Patch] = []
    for name, image in sorted(images.items(), key=lambda item: (splits[item[0]], item[0])):
        domain, area, _ = name.split("_")
        if heights and name not in heights:
            reason = f"there is no {_HEIGHT} raster, so it is not used"
            problems.append(Problem(name, reason))
            continue
        mask = files.by_content[_LABELS].get(name)
        if mask is None and files.by_content[_LABELS]:
            reason = f"there is no {_LABELS} raster, so it is neither trained on nor scored"
            problems.append(Problem(name, reason))
        super_area = series.get(name)
        patch = Patch(
            str(zlib.crc32(name.encode())),
            splits[name],
            domain,
            area,
            image,
            mask,
            super_area,
            (_CENTRE, _CENTRE) if super_area else None,
            Acquisition(None, None, None, dates[name], "", "") if name in dates else None,
            layout,
            title=name,
            height=heights.get(name),
        )
        (unlabelled if mask is None else patches).append(patch)
    for content in _CONTENTS[1:]:
        for name in sorted(files.by_content[content].keys() - images.keys()):
            path = files.by_content[content][name].relative_to(base).as_posix()
            problems.append(Problem(path, f"there is no {_IMAGE} raster, so it is not used"))
    for members in (patches, unlabelled):
        members.sort(key=lambda patch: patch.split != "train")
    return Dataset(base, tuple(patches), tuple(problems), tuple(unlabelled), layout)


def _find_files(base: Path, problems: list[Problem]) -> _Files:
    by_content: dict[str, dict[str, Path]] = {content: {} for content in _CONTENTS}
    for tree in sorted(base.iterdir()):
        match = _TREE.fullmatch(tree.name)
        if not match or not tree.is_dir():
            continue
        for path in sorted(tree.rglob("*.tif")):
            area, position = path.parent.name, path.stem.rpartition("_")[2]
            expected = f"{tree.name}_{area}_{position}"
            if path.stem != expected or path.parent.parent != tree or "_" in area:
                reason = "its name or folder does not follow FLAIR-HUB's layout, so it is not used"
                problems.append(Problem(path.relative_to(base).as_posix(), reason))
            else:
                by_content[match[2]][f"{match[1]}_{area}_{position}"] = path
    # GLOBAL_ALL_MTD/GLOBAL_SENTINEL2_MTD_DATES.gpkg, or one table for each domain.
    return _Files(base, by_content, sorted([*base.glob("*.gpkg"), *base.glob("*_MTD/*.gpkg")]))


def _read_all_splits(
    files: _Files, images: dict[str, Path], problems: list[Problem]
) -> dict[str, str]:
    """Return the split of every image: that of the table, or else that of its domain."""
    tables = files.select_tables(r"MTD_SPLIT")
    known = read_splits(tables, problems)
    missing = [name for name in sorted(images) if name not in known]
    departments = next(test.departments for test in OFFICIAL_TESTS if test.name == "FLAIR-HUB")
    if not tables:
        reason = "the file is missing; patches of FLAIR-HUB's test domains are the test patches"
        problems.append(Problem("GLOBAL_ALL_MTD_SPLIT.gpkg", reason))
    else:
        problems += [
            Problem(name, "the table of splits lacks it; its domain decides") for name in missing
        ]
    by_domain = {name: "test" if name[:4] in departments else "train" for name in missing}
    return {**by_domain, **known}


def _find_series(
    files: _Files, images: dict[str, Path], problems: list[Problem]
) -> dict[str, SuperArea]:
    """Return the complete Sentinel-2 series by patch."""
    data, masks = files.by_content[_SERIES], files.by_content[_MASKS]
    if not data:
        problems.append(Problem(_SERIES, "there are no such rasters; only aerial bands are used"))
        return {}
    dates = read_series_dates(files.select_tables(r"SENTINEL2_MTD_DATES"), problems)
    series: dict[str, SuperArea] = {}
    for name in sorted(images):
        known = dates.get(name) or dates.get(name.rpartition("_")[0])
        if name not in data or name not in masks:
            missing = _SERIES if name not in data else _MASKS
            problems.append(Problem(name, f"there is no {missing} raster, {AERIAL_BANDS_ONLY}"))
        elif known is None:
            problems.append(Problem(name, f"its Sentinel-2 dates are missing, {AERIAL_BANDS_ONLY}"))
        else:
            series[name] = SuperArea(data[name], masks[name], known[1], known[0])
    return series
