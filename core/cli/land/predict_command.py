"""`chipscape land predict`: class maps of whole images, and of patches that have no labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import counted, reporter, show_result
from core.cli.land import result_texts as texts
from core.cli.land.land_options import LandSession, MethodOption, with_land_session
from core.cli.shared_options import option
from core.errors import TooFewError
from core.land.models.classifiers import absent_classes, describe_untrained_classes
from core.pipeline.land.image_prediction import predict_images
from core.pipeline.land.run_titles import configuration_title
from core.pipeline.land.study_cells import StudyRun


@with_land_session
def predict_command(
    session: LandSession,
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            help="GeoTIFF images with the bands of the data set. [default: the images without "
            "labels; all images of an imported folder]",
            show_default=False,
        ),
    ] = None,
    method: MethodOption = None,
    fusion: Annotated[bool | None, option("Add Sentinel. [default: no]")] = None,
    robust: Annotated[bool | None, option("Scale with RobustScaler. [default: no]")] = None,
    normalised: Annotated[bool | None, option("Divide spectra by intensity. [default: no]")] = None,
    intensity: Annotated[bool | None, option("Add intensity as a feature. [default: no]")] = None,
    other: Annotated[
        bool | None, option('FLAIR: train with "other", so that it is predicted too. [default: no]')
    ] = None,
    out: Annotated[
        Path | None, option("Folder for the class maps. [default: results/class_maps/]", "--out")
    ] = None,
) -> None:
    """Train on all labelled training pixels, and write class maps (GeoTIFF with colours).

    Whole images are classified block by block; an interrupted command continues where it stopped.
    """
    features = {"robust": robust, "normalised": normalised, "intensity": intensity}
    spec, settings = session.features(fusion=fusion, **features), session.method(method=method)
    training = "" if other is None else "with" if other else "without"
    study = session.study("patches", training)
    run = StudyRun(study, settings, spec, session.regularisation())
    folder = out or session.workspace.results / "class_maps"
    if not images and study.dataset.layout.rule is not None:
        patches = (*study.dataset.patches, *study.dataset.unlabelled)
        images = list(dict.fromkeys(patch.image for patch in patches))
    if images:
        facts, summary = _predict_images(run, images, folder)
    else:
        facts, summary = _predict_patches(run, folder)
    legend = study.dataset.layout.legend
    sampled = study.sampled(study.folds[0].train, spec)
    notes = describe_untrained_classes([absent_classes(sampled.labels, legend)], legend)
    title = configuration_title(run)
    table = {
        "folder": str(folder),
        **facts,
        "training_patches": len(study.folds[0].train),
        "title": title,
        "method": settings.method,
        "features": spec.title,
        **texts.preset_field(spec),
        "notes": notes,
        "attribution": session.credit,
    }
    lines = [
        f"{title}{texts.notebook_remark(spec)}",
        summary,
        *texts.note_lines(notes),
        *(f"problem: {problem}" for problem in facts["problems"]),
        session.credit,
    ]
    show_result(session.as_json, table, lines)


def _predict_images(
    run: StudyRun, images: Sequence[Path], folder: Path
) -> tuple[dict[str, Any], str]:
    with reporter() as listen:
        predicted = predict_images(run, images, folder, listen)
    problems = [str(problem) for problem in predicted.problems]
    if not predicted.maps:
        raise TooFewError(
            "no image could be classified", where=str(folder), remedy="; ".join(problems[:3])
        )
    covers = run.study.dataset.layout.legend.listed
    facts = {
        "maps": [
            {
                "file": scene_map.path.name,
                "blocks": scene_map.n_blocks,
                "continued_after": scene_map.n_resumed,
                "pixels": {cover.name: int(scene_map.counts[cover.value]) for cover in covers},
                "invalid_pixels": int(scene_map.counts[0]),
            }
            for scene_map in predicted.maps
        ],
        "problems": problems,
    }
    n_pixels = sum(int(scene_map.counts.sum()) for scene_map in predicted.maps)
    maps = counted(len(predicted.maps), "class map")
    return facts, f"{maps} of {n_pixels:,} pixels in {folder}, with styles for QGIS (.qml)"


def _predict_patches(run: StudyRun, folder: Path) -> tuple[dict[str, Any], str]:
    dataset = run.study.dataset
    where, unlabelled = str(dataset.root), dataset.unlabelled
    if not unlabelled:
        raise TooFewError(
            "all patches have masks, so there is nothing to predict",
            where=where,
            remedy="Name images as arguments, add images without masks, such as a folder "
            "flair_aerial_test, or use `chipscape flair run --maps` for labelled patches.",
        )
    with reporter() as listen:
        result = run.predict_unlabelled(folder, listen("patches"))
    problems = [str(problem) for problem in result.problems]
    if not result.patches:
        raise TooFewError("no patch could be predicted", where=where, remedy=problems[0])
    names = [f"{unlabelled[index].name}.tif" for index in result.patches]
    facts = {"maps": names, "unlabelled": len(unlabelled), "problems": problems}
    written = counted(len(names), "class map")
    return facts, f"{written} of {len(unlabelled)} patches without masks in {folder}"
