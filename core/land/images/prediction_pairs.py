"""Prediction rasters and the rasters of labels with which they are compared, by name."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from core.errors import SettingsError, TooFewError
from core.land.data.dataset import Problem
from core.land.images.csv_rows import read_csv_rows
from core.raster.sidecars import RASTER_SUFFIXES


class Pair(NamedTuple):
    """A prediction and the raster of labels that it is compared with."""

    prediction: Path
    labels: Path


def pair_rasters(predictions: Path, labels: Path) -> tuple[list[Pair], list[Problem]]:
    """Pair the rasters of two folders by equal names without their suffix.

    Raises TooFewError if no names are equal.
    """
    by_stem = rasters_by_stem(predictions)
    truths = rasters_by_stem(labels)
    pairs = [Pair(path, truths[stem]) for stem, path in by_stem.items() if stem in truths]
    if not pairs:
        raise unpaired_error(predictions, by_stem.values(), truths)
    problems = [
        Problem(by_stem[stem].name, "it has no labels") for stem in by_stem.keys() - truths.keys()
    ]
    problems += [
        Problem(truths[stem].name, "it has no prediction")
        for stem in truths.keys() - by_stem.keys()
    ]
    return pairs, sorted(problems, key=lambda problem: problem.name)


def read_pairs(path: Path) -> list[Pair]:
    """Read a CSV file with the columns prediction and labels; paths are relative to its folder.

    Raises SettingsError if the file cannot be used or names a file that does not exist.
    """
    pairs = []
    for number, row in read_csv_rows(path, ("prediction", "labels")):
        files = [path.parent / row.get(name, "") for name in ("prediction", "labels")]
        for name, file in zip(("prediction", "labels"), files, strict=True):
            if not file.is_file():
                raise SettingsError(
                    f"there is no such file: {file} ({name} in line {number})",
                    where=path.name,
                    remedy="Paths are absolute, or relative to the folder of this file.",
                )
        pairs.append(Pair(*files))
    return pairs


def rasters_by_stem(folder: Path) -> dict[str, Path]:
    """Return the rasters of a folder and its subfolders by name, without the suffix.

    Raises TooFewError if there is no such folder, and SettingsError if two rasters have one name.
    """
    if not folder.is_dir():
        raise TooFewError("there is no such folder", where=str(folder))
    paths = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in RASTER_SUFFIXES]
    rasters: dict[str, Path] = {}
    for path in paths:
        if path.stem in rasters:
            same = (rasters[path.stem].relative_to(folder), path.relative_to(folder))
            raise SettingsError(
                f"two rasters have the same name: {same[0]} and {same[1]}",
                where=str(folder),
                remedy="Name one folder, rename one of the files, or list the files in a CSV file "
                "with the columns prediction and labels (--pairs).",
            )
        rasters[path.stem] = path
    return rasters


def unpaired_error(folder: Path, predictions: Iterable[Path], stems: Iterable[str]) -> TooFewError:
    """Return the error for a folder of predictions none of which has one of the expected names."""
    present, expected = ([*names][:3] for names in ((p.name for p in predictions), stems))
    return TooFewError(
        "no prediction has the name of labels or of an image",
        where=str(folder),
        remedy=f"There are {', '.join(present) or 'no rasters'}, and names such as "
        f"{expected[0]}.tif are expected. Rename them, or list the files in a CSV file with the "
        "columns prediction and labels (--pairs).",
    )
