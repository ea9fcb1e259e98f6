"""Import of a folder of your own images and labels as a land-cover data set."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import ChipscapeError, SceneError, SettingsError, TooFewError
from core.land.data.bands import BYTE_DIVISOR, Bands, guess_bands
from core.land.data.dataset import LabelRule, Problem
from core.land.data.nomenclature import Legend
from core.land.data.window_reading import describe_misplaced_polygons, read_window_labels
from core.land.images.image_groups import Grouping, choose_groups, single_group_problem
from core.land.images.image_set import ImageSet, ImageWindow, LabelledImage, image_windows
from core.land.images.label_classes import find_classes
from core.land.images.label_files import find_labels, is_label_file
from core.land.images.series_import import NO_SERIES, TimeSeries, cover_images, find_series
from core.progress import Progress, report_step, silent
from core.raster.rendering import sample_percentiles
from core.raster.scene import Scene, read_scene
from core.raster.sidecars import RASTER_SUFFIXES
from core.tables import Checked, bounded, one_of


@dataclass(frozen=True)
class ImportSettings(Checked):
    """How a folder of images and labels is imported.

    Attributes
    ----------
    attribute : str
        The attribute of polygons that holds the class; guessed if empty.
    background : str
        Name of the class of all pixels without a label, such as those outside all polygons. If
        empty, these pixels have no class.
    groups : {"auto", "files", "folders", "blocks"}
        What is left out together in an evaluation: all windows of a file, of a folder, or of a
        square block. "auto": folders if there are several with labels, else files if there are
        at least three with labels, else blocks.
    block : int
        Side of a block in pixels, at least 16; 0 for about 16 blocks in all.
    bands : tuple of str
        The names of the bands, such as red, green, blue, nir, elevation; from the files if empty.
    credit : str
        Source and licence of the data, for exports.
    unlabelled : bool
        Import the images without labels, to label them in the app; files of labels are not used.
    series_bands : tuple of str
        The names of the bands of the time series, such as B02, B03, B04, B08; from the files if
        empty.
    """

    attribute: str = ""
    background: str = ""
    groups: Grouping = one_of("auto", Grouping)
    block: int = bounded(0, 0, 100_000)
    bands: tuple[str, ...] = ()
    credit: str = ""
    unlabelled: bool = False
    series_bands: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Source:
    """An image of the folder with its labels, before it is divided into windows."""

    scene: Scene
    labels: Path | None
    name: str
    folder: str


def import_images(
    folder: Path,
    settings: ImportSettings,
    labels: Path | None = None,
    classes: Path | None = None,
    report: Progress = silent,
    series: Path | None = None,
) -> ImageSet:
    """Find the images of a folder and their labels, and divide them into windows.

    `labels` is a file for all images, or a folder of files with the names of the images; by
    default, labels are looked for next to each image. `classes` is a CSV file with the columns
    value, name and colour (#rrggbb, optional), which also limits the classes. `series` is a folder
    or a table of satellite dates; see `find_series`. No file is copied.

    Raises TooFewError if there is no image or there are too few classes, SceneError if labels or
    the series cannot be used, and SettingsError if a setting does not fit the data.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise TooFewError("there is no such folder", where=str(folder))
    problems: list[Problem] = []
    dates = find_series(series, settings.series_bands, problems) if series else NO_SERIES
    sources = _find_sources(folder, labels, dates, problems)
    bands, sources = _common_bands(sources, settings, problems)
    if settings.unlabelled:
        _require_no_labels(settings, labels or classes)
        return _unlabelled_set(folder, sources, bands, settings.credit, dates, problems)
    files = list(dict.fromkeys(source.labels for source in sources if source.labels))
    if not files:
        raise TooFewError(
            "there are no labels",
            where=str(folder),
            remedy="Put a raster or a vector file with the name of each image next to it, name "
            "the labels with --labels, or import the images with --unlabelled and label them in "
            "the app.",
        )
    rule, legend = find_classes(files, settings.attribute, settings.background, classes, problems)
    labelled_sources = [source for source in sources if source.labels]
    grouping, block = choose_groups(
        [(source.scene.height, source.scene.width) for source in labelled_sources],
        len({source.folder for source in labelled_sources}),
        settings.groups,
        settings.block,
        problems,
    )
    images: list[LabelledImage] = []
    for step, source in enumerate(sources, start=1):
        try:
            windows = tuple(_label_windows(source, rule, grouping, block))
        except SceneError as error:
            problems.append(Problem(source.name, f"it is used without labels ({error})"))
            windows = tuple(_label_windows(source, None, grouping, block))
        problems += _misplaced_polygons(source)
        split = "test" if "test" in Path(source.folder).parts else "train"
        images.append(LabelledImage(source.scene.path, source.labels, split, windows))
        report_step(report, step, len(sources), source.name)
    if not any(window.n_labelled for image in images for window in image.windows):
        raise TooFewError(
            "no pixel of any image has a label",
            where=str(folder),
            remedy="; ".join(map(str, problems[:3])) or "Check that the labels cover the images.",
        )
    problems += single_group_problem(images, folder.name)
    words = {"files": "files", "folders": "folders"}
    groups = words.get(grouping, f"blocks of about {block} x {block} pixels")
    return ImageSet(
        folder,
        cover_images(images, dates, problems),
        bands,
        legend,
        rule,
        groups,
        tuple(problems),
        settings.credit,
        dates.dates,
        dates.bands,
    )


def _require_no_labels(settings: ImportSettings, label_files: Path | None) -> None:
    """Raise SettingsError if images without labels are imported with labels or classes."""
    if label_files or settings.attribute or settings.background:
        raise SettingsError(
            "images are imported without labels, but labels or classes are named as well",
            where="unlabelled",
            remedy="Leave out --unlabelled, or the options of labels and classes.",
        )


def _unlabelled_set(
    folder: Path,
    sources: Sequence[_Source],
    bands: Bands,
    credit: str,
    dates: TimeSeries,
    problems: list[Problem],
) -> ImageSet:
    """Return images without labels and classes."""
    images: list[LabelledImage] = []
    for source in sources:
        windows = tuple(_label_windows(source, None, "files", None))
        images.append(LabelledImage(source.scene.path, None, "train", windows))
    covered = cover_images(images, dates, problems)
    return ImageSet(
        folder,
        covered,
        bands,
        Legend((), 0),
        LabelRule(()),
        "files",
        tuple(problems),
        credit,
        dates.dates,
        dates.bands,
    )


def _find_sources(
    folder: Path, labels: Path | None, dates: TimeSeries, problems: list[Problem]
) -> list[_Source]:
    """Find images with their labels; files that cannot be read are reported."""
    if labels is not None and not labels.exists():
        raise SettingsError("there is no such file or folder", where=f"labels: {labels}")
    label_path = labels.resolve() if labels else None
    rasters = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in RASTER_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not dates.contains(path, folder)
    ]
    images = [path for path in rasters if not is_label_file(path, folder, label_path, rasters)]
    sources = []
    for path in images:
        relative = path.relative_to(folder)
        try:
            scene = read_scene(path)
        except ChipscapeError as error:
            problems.append(Problem(str(relative), f"it is not used ({error})"))
            continue
        name = "_".join(relative.with_suffix("").parts)
        sources.append(_Source(scene, find_labels(path, label_path), name, str(relative.parent)))
    if not sources:
        raise TooFewError(
            "there is no GeoTIFF that can be used as an image",
            where=str(folder),
            remedy="; ".join(map(str, problems[:3])),
        )
    return sources


def _common_bands(
    sources: list[_Source], settings: ImportSettings, problems: list[Problem]
) -> tuple[Bands, list[_Source]]:
    """Return the bands that most images have, and these images; the others are reported."""

    def form(source: _Source) -> tuple[int, str]:
        return len(source.scene.bands), source.scene.dtype

    # Of forms that are equally common, the first counts.
    usual = Counter(map(form, sources)).most_common(1)[0][0]
    members = [source for source in sources if form(source) == usual]
    for source in sources:
        if form(source) != usual:
            n_bands, dtype = form(source)
            reason = (
                f"it is not used, because it has {n_bands} bands ({dtype}), and most images have "
                f"{usual[0]} ({usual[1]})"
            )
            problems.append(Problem(source.name, reason))
    first = members[0].scene
    names = settings.bands or first.bands
    if len(names) != len(first.bands):
        raise SettingsError(
            f"{len(names)} names were given for {len(first.bands)} bands",
            where="bands",
            remedy=f"Name all of them, in this order: {', '.join(first.bands)}. A band that is "
            "declared as alpha does not count.",
        )
    divisor = BYTE_DIVISOR
    if first.dtype != "uint8":
        # The 99.5 % quantile of the brightest band, so that single bright pixels do not decide.
        scenes = [source.scene for source in members]
        values = np.concatenate([sample_percentiles(scene, scene.bands)[:, -2] for scene in scenes])
        finite = values[np.isfinite(values)]
        divisor = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    return guess_bands(tuple(names), divisor), members


def _misplaced_polygons(source: _Source) -> list[Problem]:
    """Report an image that none of its polygons lies on."""
    if source.labels is None or source.labels.suffix.lower() in RASTER_SUFFIXES:
        return []
    try:
        reason = describe_misplaced_polygons(source.scene.path, source.labels)
    except ChipscapeError:
        return []  # Reported when the labels are read.
    return [Problem(source.name, reason)] if reason else []


def _label_windows(
    source: _Source, rule: LabelRule | None, grouping: Grouping, block: int | None
) -> Iterator[ImageWindow]:
    """Divide an image into windows, and count the labelled pixels of each; 0 without a rule."""
    boxes = image_windows(source.scene.width, source.scene.height, block)
    groups = {"files": source.name, "folders": source.folder}
    for number, (row, column, box) in enumerate(boxes, start=1):
        n_labelled = 0
        if rule is not None and source.labels is not None:
            labels, _ = read_window_labels(source.scene.path, source.labels, box, rule)
            n_labelled = int(np.count_nonzero(labels))
        name = source.name if len(boxes) == 1 else f"{source.name}_{number:04}"
        group = groups.get(grouping, f"{source.name} r{row} c{column}")
        yield ImageWindow(name, group, box, n_labelled)
