"""`chipscape land import`: your own images and labels as land-cover data."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import counted, reporter, show_result
from core.cli.land.land_options import LandSession, with_land_session
from core.cli.shared_options import option
from core.land.images.image_import import ImportSettings
from core.land.images.image_set import ImageSet
from core.pipeline.land.land_workspace import images_record, import_folder


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
    credit: Annotated[str | None, option("Source and licence of the data, for exports.")] = None,
    unlabelled: Annotated[
        bool | None,
        option("Import the images without labels, to label them in the app. [default: no]"),
    ] = None,
) -> None:
    """Use images with labels of your own: any bands, labels as rasters or polygons.

    The files are not copied. All other commands and the land-cover pages then use them.
    """
    names = None if bands is None else tuple(name.strip() for name in bands.split(","))
    settings = session.settings(
        ImportSettings,
        "import",
        attribute=attribute,
        background=background,
        groups=groups,
        block=block,
        bands=names,
        credit=credit,
        unlabelled=unlabelled,
    )
    with reporter() as listen:
        images = import_folder(
            session.workspace, folder, settings, labels, classes, listen("labels")
        )
    result = _image_counts(images) | {"record": str(images_record(session.workspace))}
    lines = [
        f"{counted(result['images'], 'image')}, {result['labelled_images']} with labels",
        f"{counted(result['windows'], 'window')}, {result['labelled_windows']} with labels",
        *_label_lines(images, result),
        f"Bands: {', '.join(images.bands.names)}",
        *(f"    {cover.value:>3} {cover.name}" for cover in images.legend.classes),
        *(f"problem: {problem}" for problem in images.problems),
        f"Next: {_next_step(images)} --workspace {session.workspace.root}",
    ]
    show_result(session.as_json, result, lines)


def _label_lines(images: ImageSet, counts: dict[str, Any]) -> list[str]:
    if not images.legend.classes:
        return []
    groups = f"{images.groups}, {counts['labelled_groups']} with labels"
    return [f"{counts['labelled_pixels']:,} labelled pixels", f"Left out together: {groups}"]


def _next_step(images: ImageSet) -> str:
    if images.legend.classes:
        return "chipscape land run"
    return "label regions in the app (Land cover data), then run chipscape land label-map"


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
    }
