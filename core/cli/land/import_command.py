"""`chipscape land import`: your own images and labels as land-cover data."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import counted, reporter, show_result
from core.cli.land.land_options import LandSession, with_land_session
from core.cli.shared_options import option
from core.errors import ChipscapeError, SettingsError
from core.land.images.image_import import ImportSettings
from core.land.images.image_set import ImageSet
from core.land.season.season_columns import season_formulas
from core.pipeline.land.land_workspace import has_own_images, images_record, import_folder
from core.pipeline.land.run_titles import run_title
from core.pipeline.land.study_results import finished_runs


@with_land_session
def import_images_command(
    session: LandSession,
    folder: Annotated[Path, typer.Argument(help="Folder of GeoTIFF images.")],
    labels: Annotated[
        Path | None,
        option(
            "Raster or vector file of labels for all images, or a folder of such files. [default: "
            "files with the names of the images, next to them or in a folder labels/]"
        ),
    ] = None,
    classes: Annotated[
        Path | None, option("CSV file with the columns value, name and colour (#rrggbb).")
    ] = None,
    attribute: Annotated[
        str | None, option("Attribute of polygons that holds the class. [default: guessed]")
    ] = None,
    background: Annotated[
        str | None, option("Name of the class of all unlabelled pixels. [default: they have none]")
    ] = None,
    groups: Annotated[
        str | None,
        option("What is left out together: auto, files, folders or blocks. [default: auto]"),
    ] = None,
    block: Annotated[
        int | None, option("Side of a block in pixels. [default: about 16 blocks in all]")
    ] = None,
    bands: Annotated[
        str | None, option("Names of the bands, separated by commas. [default: from the files]")
    ] = None,
    series: Annotated[
        Path | None,
        option(
            "Time series for --fusion: a folder of GeoTIFFs, one for each date, with the date "
            "(yyyymmdd or yyyy-mm-dd) in the name; or a CSV file with the columns file, date and "
            "mask. Any grid and CRS. NAME_mask.tif hides pixels other than 0. [default: none]"
        ),
    ] = None,
    series_bands: Annotated[
        str | None,
        option("Names of the series' bands, such as B02,B03,B04,B08. [default: from the files]"),
    ] = None,
    credit: Annotated[str | None, option("Source and licence of the data, for exports.")] = None,
    unlabelled: Annotated[
        bool | None,
        option("Import the images without labels, to label them in the app. [default: no]"),
    ] = None,
) -> None:
    """Use images with labels of your own: any bands, labels as rasters or polygons.

    The files are not copied. All other commands and the land-cover pages then use them.
    """
    session.refuse_model_options()
    settings = session.settings(
        ImportSettings,
        "import",
        attribute=attribute,
        background=background,
        groups=groups,
        block=block,
        bands=_split_names(bands),
        series_bands=_series_bands(series_bands, series),
        credit=credit,
        unlabelled=unlabelled,
    )
    former = _result_titles(session)
    with reporter() as listen:
        images = import_folder(
            session.workspace, folder, settings, labels, classes, listen("labels"), series
        )
    current = _result_titles(session) if former else {}
    outdated = [title for key, title in former.items() if key not in current]
    result = _image_counts(images) | {"record": str(images_record(session.workspace))}
    result["outdated_results"] = outdated
    lines = [
        *_import_lines(images, result),
        *_outdated_lines(outdated),
        f"Next: {_next_step(images)} --workspace {session.workspace.root}",
    ]
    show_result(session.as_json, result, lines)


def _split_names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))


def _series_bands(text: str | None, series: Path | None) -> tuple[str, ...] | None:
    if text and series is None:
        raise SettingsError(
            "names of bands have no effect without a time series",
            where="--series-bands",
            remedy="Name the series with --series, or leave this option out.",
        )
    return _split_names(text)


def _import_lines(images: ImageSet, counts: dict[str, Any]) -> list[str]:
    return [
        f"{counted(counts['images'], 'image')}, {counts['labelled_images']} with labels",
        f"{counted(counts['windows'], 'window')}, {counts['labelled_windows']} with labels",
        *_label_lines(images, counts),
        f"Bands: {', '.join(images.bands.names)}",
        *_series_lines(images),
        *(f"    {cover.value:>3} {cover.name}" for cover in images.legend.classes),
        *(f"problem: {problem}" for problem in images.problems),
    ]


def _label_lines(images: ImageSet, counts: dict[str, Any]) -> list[str]:
    if not images.legend.classes:
        return []
    groups = f"{images.groups}, {counts['labelled_groups']} with labels"
    return [f"{counts['labelled_pixels']:,} labelled pixels", f"Left out together: {groups}"]


def _next_step(images: ImageSet) -> str:
    if images.legend.classes:
        return "chipscape land run"
    return "label regions in the app (Land cover data), then run chipscape land label-map"


def _series_lines(images: ImageSet) -> list[str]:
    if not images.series:
        return []
    dates, names = images.series, ", ".join(images.series_bands.names)
    n_windows = sum(window.has_series for image in images.images for window in image.windows)
    period = f"{dates[0].date} to {dates[-1].date}"
    indices = ", ".join(season_formulas(images.series_bands.names)) or "none, see --series-bands"
    return [
        f"Time series: {counted(len(dates), 'date')}, {period}, covers {n_windows} windows",
        f"Bands of the series: {names} (seasonal indices: {indices})",
    ]


def _result_titles(session: LandSession) -> dict[str, str]:
    """Return the titles of the finished runs on the imported images, by key."""
    if not has_own_images(session.workspace):
        return {}
    try:
        runs = list(finished_runs(session.workspace, session.dataset()))
    except (ChipscapeError, OSError):
        # Files that the results were computed from are missing.
        return {}
    return {run.key: run_title(run) for run in runs}


def _outdated_lines(titles: Sequence[str]) -> Iterator[str]:
    if titles:
        results, belong = ("result", "belongs") if len(titles) == 1 else ("results", "belong")
        yield f"{len(titles)} former {results} no longer {belong} to these data:"
        yield from (f"    {title}" for title in titles)


def _image_counts(images: ImageSet) -> dict[str, Any]:
    """Return the numbers of images, windows and labels, and the classes, as JSON."""
    windows = [window for image in images.images for window in image.windows]
    labelled = [window for window in windows if window.n_labelled]
    return {
        "images": len(images.images),
        "labelled_images": sum(
            any(window.n_labelled for window in image.windows) for image in images.images
        ),
        "windows": len(windows),
        "labelled_windows": len(labelled),
        "labelled_pixels": sum(window.n_labelled for window in labelled),
        "groups": images.groups,
        "labelled_groups": len({window.group for window in labelled}),
        "bands": list(images.bands.names),
        "attribute": images.rule.attribute,
        "classes": [
            {"value": cover.value, "name": cover.name, "colour": cover.colour}
            for cover in images.legend.classes
        ],
        "problems": [str(problem) for problem in images.problems],
        "series": _series_table(images),
    }


def _series_table(images: ImageSet) -> dict[str, Any] | None:
    if not images.series:
        return None
    windows = [window for image in images.images for window in image.windows]
    return {
        "dates": [entry.date for entry in images.series],
        "masks": sum(entry.mask is not None for entry in images.series),
        "bands": list(images.series_bands.names),
        "indices": list(season_formulas(images.series_bands.names)),
        "windows": sum(window.has_series for window in windows),
    }
