"""`chipscape land score`: scores of class maps from Chipscape or any other program."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from core.cli.console import show_result
from core.cli.land import result_texts as texts
from core.cli.land.land_options import LandSession, ScorerOption, scorer_choice, with_land_session
from core.cli.shared_options import option, require_choice
from core.errors import SettingsError
from core.land.data.dataset import Dataset, Problem
from core.land.evaluation import prediction_files as files
from core.land.evaluation.confusion import bootstrap_miou, describe_missing_interval, sum_by_area
from core.land.evaluation.prediction_rasters import First, judge_rasters
from core.land.evaluation.published_results import find_official_test
from core.land.evaluation.scorers import ScorerName, choose_scorer, select_full_counts
from core.land.images.class_codes import Coding
from core.land.images.image_predictions import PredictionCounts, judge_images, judge_pairs
from core.land.images.prediction_pairs import pair_rasters, read_pairs
from core.pipeline.land.land_workspace import has_own_images

# The fields that are printed as text, with their names.
_NAMES = {
    "patches": "patches",
    "windows": "windows",
    "predictions": "predictions",
    "first": "value of class 1",
    "values": "values of predictions",
    "nodata_pixels": "pixels without a value",
    "unjudged_pixels": "pixels left out",
    "scorer": "scorer",
    "miou": "mIoU",
    "n_classes": "classes in the mean",
    "notebook_miou": "mIoU of the notebook",
    "overall_accuracy": "overall accuracy",
    "kappa": "kappa",
    "interval": "95 % interval of mIoU",
    "interval_over": "interval over",
}
_CODINGS = {"stored": "those of the labels", "numbers": "numbers of the classes"}


@with_land_session
def score_protocol_command(
    session: LandSession,
    predictions: Annotated[
        Path | None, option("Folder of prediction rasters, unless --pairs lists them.")
    ] = None,
    masks: Annotated[
        Path | None,
        option(
            "Folder of masks. [default: the masks of the workspace's test patches, or of all its "
            "patches if there are no test patches; the labels of imported images]"
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        option(
            "CSV file with the columns prediction and labels (paths of rasters), for files of any "
            "names."
        ),
    ] = None,
    first: Annotated[
        str, typer.Option(help="FLAIR: the value of class 1, which is 0, 1 or auto.")
    ] = "auto",
    values: Annotated[
        str,
        typer.Option(
            help="Your own images: whether predictions contain the values of the labels (stored) "
            "or the numbers of the classes (numbers, as in Chipscape's class maps); or auto."
        ),
    ] = "auto",
    skip_nodata: Annotated[
        bool,
        option(
            "Leave out pixels with the nodata value of a prediction. [default: they are errors]",
            "--skip-nodata",
        ),
    ] = False,
    scorer: ScorerOption = "",
) -> None:
    """Score prediction rasters against masks or labels.

    FLAIR's files are paired by the number at the end of their names, and scored as the FLAIR
    challenge or FLAIR-HUB does. Predictions of your own images have the names of the images, or of
    the rasters of labels in --masks; --pairs is for all other names.
    """
    session.refuse_model_options()
    require_choice(first, get_args(First), "--first")
    require_choice(values, get_args(Coding), "--values")
    named = scorer_choice(scorer)
    _check_files(predictions, masks, pairs)
    is_own = has_own_images(session.workspace)
    if pairs is not None or is_own or (masks is not None and not files.has_patch_names(masks)):
        if first != "auto":
            raise SettingsError(
                "this option is for FLAIR's files",
                where="--first",
                remedy="Use --values for predictions of your own images.",
            )
        known = session.dataset() if is_own else None
        coding: Coding = values  # type: ignore[assignment]
        counted = _count_own(predictions, masks, pairs, known, coding, skip_nodata)
        _show_own(session, counted, named, skip_nodata)
        return
    if values != "auto":
        raise SettingsError(
            "this option is for predictions of your own images",
            where="--values",
            remedy="Use --first for FLAIR's files.",
        )
    assert predictions is not None
    _score_patches(session, predictions, masks, first, named, skip_nodata)  # type: ignore[arg-type]


def _check_files(predictions: Path | None, masks: Path | None, pairs: Path | None) -> None:
    if pairs is None and predictions is None:
        raise SettingsError(
            "there are no predictions to score",
            where="--predictions",
            remedy="Name a folder of rasters, or list rasters and their labels with --pairs.",
        )
    if pairs is not None and (predictions or masks):
        raise SettingsError(
            "the file already lists all predictions and labels",
            where="--pairs",
            remedy="Leave out --predictions and --masks.",
        )


def _count_own(
    predictions: Path | None,
    masks: Path | None,
    pairs: Path | None,
    known: Dataset | None,
    coding: Coding,
    skip_nodata: bool,
) -> PredictionCounts:
    """Count the confusion of predictions of the user's own images."""
    if pairs is not None:
        return judge_pairs(read_pairs(pairs), known, coding, skip_nodata)
    assert predictions is not None
    if masks is None:
        assert known is not None
        return judge_images(known, predictions, coding, skip_nodata)
    listed, problems = pair_rasters(predictions, masks)
    return judge_pairs(listed, known, coding, skip_nodata, problems)


def _show_own(
    session: LandSession, counted: PredictionCounts, named: ScorerName | None, skip_nodata: bool
) -> None:
    chosen = choose_scorer(counted.legend, named)
    scores = chosen.score(counted.counts.sum(axis=0))
    unit, n_units = counted.unit, len(counted.groups)
    interval = bootstrap_miou(counted.counts, unit=unit, measure=chosen.miou)
    table = {
        "predictions": len(counted.names),
        "windows": counted.n_windows,
        "values": counted.coding,
        "nodata_pixels": counted.n_nodata,
        "unjudged_pixels": counted.n_nodata if skip_nodata else 0,
        **texts.score_fields(scores),
        "interval": asdict(interval) if interval else None,
        "no_interval_because": "" if interval else describe_missing_interval(n_units, unit),
        "interval_over": unit,
        "iou": {
            cover.name: texts.json_number(value)
            for cover, value in zip(counted.legend.classes, scores.iou, strict=False)
        },
        "problems": [str(problem) for problem in counted.problems],
        "attribution": session.credit if has_own_images(session.workspace) else "",
    }
    fields = table | {
        "scorer": chosen.title,
        "values": _CODINGS[counted.coding],
        "interval": texts.interval_text(interval, n_units, unit),
    }
    # The notebook's mIoU is one of FLAIR's classes.
    del fields["notebook_miou"]
    show_result(session.as_json, table, _score_lines(fields, [chosen.rule]))


def _score_patches(
    session: LandSession,
    predictions: Path,
    masks: Path | None,
    first: First,
    named: ScorerName | None,
    skip_nodata: bool,
) -> None:
    """Score FLAIR's patches, as its challenge or FLAIR-HUB does."""
    if masks is None:
        dataset = session.dataset()
        truth, areas = files.dataset_masks(dataset), files.dataset_areas(dataset)
        mask_problems: list[Problem] = []
    else:
        truth, mask_problems = files.rasters_by_number(masks)
        areas = files.mask_areas(truth)
    counted = judge_rasters(predictions, truth, first, skip_nodata)
    problems = [str(problem) for problem in (*mask_problems, *counted.problems)]
    name = named or ("flair-hub" if counted.is_hub else "flair")
    chosen, counts, covers = select_full_counts(counted.full_counts, name)
    scores = chosen.score(counts.sum(axis=0))
    units, unit = counts, "patches"
    if areas.keys() >= set(counted.numbers):
        units, unit = sum_by_area(counts, [areas[n] for n in counted.numbers]), "areas"
    interval, n_units = bootstrap_miou(units, unit=unit, measure=chosen.miou), len(units)
    notes = list(filter(None, [counted.assumption, counted.nomenclature_note(name)]))
    domains = [areas.get(number, "").partition("/")[0] for number in counted.numbers]
    official = find_official_test(domains, chosen.name)
    pairs = zip(covers, scores.iou, strict=True)
    table = {
        "patches": len(counted.names),
        "first": counted.first,
        "assumed": " ".join(notes),
        "nodata_pixels": counted.n_nodata,
        "unjudged_pixels": counted.n_nodata if skip_nodata else 0,
        **texts.score_fields(scores),
        "interval": asdict(interval) if interval else None,
        "no_interval_because": "" if interval else describe_missing_interval(n_units, unit),
        "interval_over": unit if unit == "areas" else "patches; areas are not known",
        "iou": {cover.name: texts.json_number(value) for cover, value in pairs},
        "test_set": official.name if official else None,
        "published": [asdict(result) for result in official.results] if official else [],
        "problems": problems,
        "attribution": session.credit,
    }
    fields = table | {
        "scorer": chosen.title,
        "interval": texts.interval_text(interval, n_units, unit),
    }
    published = []
    if official:
        published = [f"published, {official.name}: {r} ({r.source})" for r in official.results]
    show_result(session.as_json, table, _score_lines(fields, [chosen.rule, *notes], published))


def _score_lines(
    fields: Mapping[str, Any], notes: Iterable[str], published: Iterable[str] = ()
) -> list[str]:
    """Return the fields that have names, the classes, published results, notes and problems."""
    width = max(len(name) for name in _NAMES.values())
    lines = [
        f"{name:<{width}} {_field_text(fields[key])}"
        for key, name in _NAMES.items()
        if key in fields
    ]
    lines += [
        f"    IoU {name:<22} {'absent' if value is None else f'{value:.3f}'}"
        for name, value in fields["iou"].items()
    ]
    lines += [*published, *texts.note_lines(filter(None, notes))]
    return [*lines, *(f"problem: {problem}" for problem in fields["problems"])]


def _field_text(value: Any) -> str:
    if value is None:
        return "not defined"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
