"""Your own labelled images as a data set: the record of an import, and its patches."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.errors import ArtifactError, WorkspaceError
from core.land.data.bands import SENTINEL_BANDS, Bands, bands_from_table
from core.land.data.dataset import SIDE, Dataset, LabelRule, Layout, Patch, Problem, SeriesDate
from core.land.data.nomenclature import Legend, legend_from_table, legend_table
from core.raster.pixel_reader import Box

_VERSION = 1


@dataclass(frozen=True)
class ImageWindow:
    """A window of an image: its name, group, position, and number of labelled pixels.

    `has_series` is True if the time series covers the window.
    """

    name: str
    group: str
    box: Box
    n_labelled: int
    has_series: bool = False


@dataclass(frozen=True)
class LabelledImage:
    """An image with its labels, a raster or a vector file; `labels` is None without any."""

    path: Path
    labels: Path | None
    split: str
    windows: tuple[ImageWindow, ...]


@dataclass(frozen=True)
class ImageSet:
    """The images of a data set of your own, and how their labels become classes.

    Attributes
    ----------
    groups : str
        What is left out together in an evaluation, in words.
    problems : tuple of Problem
        Files that are not used, and labels that were left out.
    series : tuple of SeriesDate
        The dates of the time series; empty if there is none. `series_bands` are its bands.
    """

    root: Path
    images: tuple[LabelledImage, ...]
    bands: Bands
    legend: Legend
    rule: LabelRule
    groups: str
    problems: tuple[Problem, ...]
    credit: str = ""
    series: tuple[SeriesDate, ...] = ()
    series_bands: Bands = SENTINEL_BANDS


def image_windows(width: int, height: int, block: int | None) -> list[tuple[int, int, Box]]:
    """Divide an image into windows of at most 512 x 512 pixels; return row and column of blocks.

    The windows do not cross the edges of blocks of about `block` x `block` pixels, which are equal
    except for rounding; with None, the image is one block.
    """
    windows: list[tuple[int, int, Box]] = []
    rows, columns = (_block_edges(size, block) for size in (height, width))
    for row, (top, bottom) in enumerate(pairwise(rows)):
        for column, (left, right) in enumerate(pairwise(columns)):
            windows += [
                (row, column, (x, y, min(x + SIDE, right), min(y + SIDE, bottom)))
                for y in range(top, bottom, SIDE)
                for x in range(left, right, SIDE)
            ]
    return windows


def _block_edges(size: int, block: int | None) -> list[int]:
    n_blocks = max(1, round(size / block)) if block else 1
    return [round(i * size / n_blocks) for i in range(n_blocks + 1)]


def write_image_set(path: Path, images: ImageSet) -> None:
    """Store the record of an import as JSON; paths below its folder's parent are relative."""
    table: dict[str, Any] = {
        "version": _VERSION,
        "root": _stored_path(images.root, path),
        "bands": asdict(images.bands),
        "legend": legend_table(images.legend),
        "rule": asdict(images.rule),
        "groups": images.groups,
        "credit": images.credit,
        "problems": [[problem.name, problem.reason] for problem in images.problems],
        "images": [
            {
                "path": _stored_path(image.path, path),
                "labels": _stored_path(image.labels, path) if image.labels else None,
                "split": image.split,
                "windows": [
                    [
                        window.name,
                        window.group,
                        list(window.box),
                        window.n_labelled,
                        window.has_series,
                    ]
                    for window in image.windows
                ],
            }
            for image in images.images
        ],
    }
    if images.series:
        table["series"] = {
            "bands": asdict(images.series_bands),
            "dates": [
                [
                    entry.date,
                    _stored_path(entry.image, path),
                    _stored_path(entry.mask, path) if entry.mask else None,
                ]
                for entry in images.series
            ],
        }
    write_json(path, table)


def read_image_set(path: Path) -> ImageSet:
    """Read the record of an import; raises WorkspaceError if it cannot be used."""
    try:
        table = read_json(path)
        if table["version"] != _VERSION:
            raise ValueError(f"its version is {table['version']}, not {_VERSION}")
        rule, series = table["rule"], table.get("series")
        return ImageSet(
            _actual_path(table["root"], path),
            tuple(_read_image(image, path) for image in table["images"]),
            bands_from_table(table["bands"]),
            legend_from_table(table["legend"]),
            LabelRule(tuple(rule["values"]), rule["attribute"], rule["background"]),
            table["groups"],
            tuple(Problem(*problem) for problem in table["problems"]),
            table["credit"],
            tuple(_read_date(entry, path) for entry in series["dates"]) if series else (),
            bands_from_table(series["bands"]) if series else SENTINEL_BANDS,
        )
    except (ArtifactError, KeyError, TypeError, ValueError) as error:
        raise WorkspaceError(
            f"the record of the imported images cannot be used ({error})",
            where=str(path),
            remedy="Import the folder again with `chipscape land import`.",
        ) from error


def image_dataset(images: ImageSet) -> Dataset:
    """Return the patches of imported images: the windows, with and without labels."""
    layout = Layout(images.bands, images.legend, images.rule, images.series_bands)
    patches: list[Patch] = []
    unlabelled: list[Patch] = []
    number = 0
    for image in images.images:
        for window in image.windows:
            number += 1
            mask = image.labels if window.n_labelled else None
            patch = Patch(
                f"{number:06}",
                image.split,
                window.group,
                window.name,
                image.path,
                mask,
                layout=layout,
                window=window.box,
                title=window.name,
                series=images.series if window.has_series else (),
            )
            (patches if mask else unlabelled).append(patch)
    patches.sort(key=lambda patch: patch.split != "train")
    return Dataset(images.root, tuple(patches), images.problems, tuple(unlabelled), layout)


def _read_image(table: dict[str, Any], path: Path) -> LabelledImage:
    windows = tuple(
        # Records of earlier versions do not state whether a time series covers a window.
        ImageWindow(name, group, tuple(box), n_labelled, *has_series)
        for name, group, box, n_labelled, *has_series in table["windows"]
    )
    labels = _actual_path(table["labels"], path) if table["labels"] else None
    return LabelledImage(_actual_path(table["path"], path), labels, table["split"], windows)


def _read_date(entry: list[Any], path: Path) -> SeriesDate:
    date, image, mask = entry
    return SeriesDate(date, _actual_path(image, path), _actual_path(mask, path) if mask else None)


def _stored_path(file: Path, record: Path) -> str:
    workspace = record.parent.parent
    return str(file.relative_to(workspace) if file.is_relative_to(workspace) else file)


def _actual_path(text: str, record: Path) -> Path:
    """Return the path of a file; a relative one starts at the workspace of the record."""
    return record.parent.parent / text
