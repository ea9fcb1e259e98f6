"""`chipscape land label-map` and `label-export`: class maps and files of labelled regions."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import counted, reporter, show_result
from core.cli.land.land_options import LandSession, with_land_session
from core.cli.shared_options import option
from core.land.labelling.region_fit import RegionFit
from core.pipeline.land.labelling.region_maps import export_labels, map_labelled_images


@with_land_session
def label_map_command(
    session: LandSession,
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            help="GeoTIFF images with the bands of the data set. [default: all images of an "
            "imported folder; the labelled patches of FLAIR]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, option("Folder for the class maps. [default: results/label_maps/]", "--out")
    ] = None,
) -> None:
    """Fit a classifier to the regions labelled in the app, and write class maps of whole images.

    Images are classified block by block; an interrupted command continues where it stopped.
    """
    session.workspace.refuse_raw(out)
    folder = out or session.workspace.results / "label_maps"
    spec, smoothing = session.features(), session.regularisation()
    with reporter() as listen:
        labelled = map_labelled_images(
            session.workspace, images or [], spec, smoothing, folder, listen
        )
    problems = [str(problem) for problem in labelled.problems]
    names = [scene_map.path.name for scene_map in labelled.images.maps]
    facts = _fit_facts(labelled.fit)
    table = {
        "folder": str(folder),
        "maps": names,
        "features": spec.title,
        **facts,
        "problems": problems,
        "attribution": session.credit,
    }
    regions = counted(sum(labelled.fit.regions.values()), "region")
    lines = [
        f"Fitted to {regions} ({labelled.fit.n_pixels:,} sampled pixels)",
        *_evaluation_lines(labelled.fit, facts),
        f"{counted(len(names), 'class map')} in {folder}, with styles for QGIS (.qml)",
        *(f"problem: {problem}" for problem in problems),
        *([session.credit] if session.credit else []),
    ]
    show_result(session.as_json, table, lines)


@with_land_session
def label_export_command(
    session: LandSession,
    out: Annotated[
        Path | None, option("Folder for the files. [default: results/land_labels/]", "--out")
    ] = None,
) -> None:
    """Export the regions labelled in the app as polygons (GeoPackage) and rasters (GeoTIFF).

    Each labelled image gets a file of either kind, with a style for QGIS. `chipscape land import`
    reads them with --labels, --attribute value and --classes classes.csv.
    """
    session.refuse_model_options()
    session.workspace.refuse_raw(out)
    folder = out or session.workspace.results / "land_labels"
    exported = export_labels(session.workspace, folder)
    problems = [str(problem) for problem in exported.problems]
    table = {
        "folder": str(folder),
        "images": list(exported.images),
        "regions": exported.n_regions,
        "problems": problems,
    }
    regions, images = (
        counted(exported.n_regions, "region"),
        counted(len(exported.images), "image"),
    )
    lines = [f"{regions} of {images} in {folder}", *(f"problem: {text}" for text in problems)]
    show_result(session.as_json, table, lines)


def _fit_facts(fit: RegionFit) -> dict[str, Any]:
    """Return the numbers of regions, and the scores on regions left out, as JSON."""
    names = {cover.value: cover.name for cover in fit.legend.classes}
    facts: dict[str, Any] = {
        "regions": {names[value]: n for value, n in sorted(fit.regions.items())},
        "sampled_pixels": fit.n_pixels,
        "not_evaluated": list(fit.single_classes),
        "overall_accuracy": None,
        "miou": None,
        "confusion": None,
    }
    if fit.is_evaluated:
        n = len(fit.legend.classes)
        facts["overall_accuracy"], facts["miou"] = fit.overall_accuracy, fit.miou
        facts["confusion"] = fit.counts[:n, :n].tolist()
    return facts


def _evaluation_lines(fit: RegionFit, facts: dict[str, Any]) -> list[str]:
    lines = []
    if fit.is_evaluated:
        lines.append(
            f"On regions left out: overall accuracy {facts['overall_accuracy']:.3f}, "
            f"mIoU {facts['miou']:.3f}"
        )
    else:
        lines.append("Not evaluated: that needs two classes with at least two regions each")
    if fit.single_classes:
        lines.append(f"Not evaluated, with one region only: {', '.join(fit.single_classes)}")
    return lines
