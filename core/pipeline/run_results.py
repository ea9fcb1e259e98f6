"""The results of a finished run for export, and its scores."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.chips.chip_set import ChipSet
from core.clusters.evaluation.agreement import score_embeddings, score_labelling
from core.errors import TooFewError
from core.export.clustered_chips import ClusteredChips, ExportedScene
from core.export.provenance import Provenance
from core.input_settings import DisplaySettings
from core.pipeline.chip_images import find_chip_renderings
from core.pipeline.chip_stages import attribute_values
from core.pipeline.cluster_stages import clustered_points, open_projection, open_reduction
from core.pipeline.quality_stage import find_quality, quality_table
from core.pipeline.results.displayed_result import apply_saved_edits, treat_view
from core.pipeline.run import Run
from core.pipeline.scene_survey import Survey, SurveyedScene
from core.raster.geodesy import split_at_antimeridian
from core.tables import settings_table
from core.types import AnyArray, Geometries, IntArray

log = logging.getLogger(__name__)


def collect_results(run: Run, display: DisplaySettings | None = None) -> ClusteredChips:
    """Collect the results of a complete run, one row per chip, for export.

    `display` holds the bands and the stretch of exported images. Edits that cannot be applied to
    the labelling are logged and listed.
    """
    chips, embeddings, labelling = run.clustered()
    reduction, projection = open_reduction(run.view), open_projection(run.view)
    if reduction is None or projection is None:
        raise TooFewError("the run stopped before its last stage", where="export")
    scenes = {scene.report.name: scene for scene in run.view.survey.usable}
    footprints, outlines = chip_footprints(run.view.survey, chips)
    exported = [_exported_scene(scenes[part.scene]) for part in chips.parts]
    edited, problems = apply_saved_edits(run.view, labelling, run.chip_ids)
    for problem in problems:
        log.warning("%s", problem)
    quality = find_quality(run.view, chips, labelling, edited)
    return ClusteredChips(
        chips=chips,
        footprints=footprints,
        embeddings=embeddings,
        reduction=reduction,
        labelling=labelling,
        projection=projection,
        edited=edited,
        outlines=outlines,
        space=clustered_points(reduction.points, labelling),
        scenes=tuple(exported),
        provenance=_find_provenance(run, exported),
        renderings=find_chip_renderings(
            run.view.workspace, run.view.survey, chips, display or DisplaySettings()
        ),
        quality=None if quality is None else quality_table(quality, run, edited, problems),
        problems=tuple(problems),
    )


def chip_footprints(survey: Survey, chips: ChipSet) -> tuple[Geometries, Geometries]:
    """Return the footprints of chips, (n,), in longitude and latitude and in scene pixels.

    The first are None for scenes without a CRS, and are split at 180 degrees.
    """
    scenes = {scene.report.name: scene for scene in survey.usable}
    lonlat, outlines = [], []
    for part in chips.parts:
        footprints = scenes[part.scene].footprints()
        with_chip = np.isin(footprints.index, part.facts["annotation"])
        lonlat.append(footprints.lonlat[with_chip])
        outlines.append(footprints.pixels[with_chip])
    return split_at_antimeridian(np.concatenate(lonlat)), np.concatenate(outlines)


def _exported_scene(scene: SurveyedScene) -> ExportedScene:
    report = scene.report
    size = (report.width, report.height, len(report.bands))
    return ExportedScene(report.name, scene.path, *size, report.crs)


def _find_provenance(run: Run, scenes: Sequence[ExportedScene]) -> Provenance:
    """Return where the results of a run come from, from its record."""
    record = run.record
    return Provenance(
        run_id=record.run_id if record else "",
        run_name=record.name if record else "",
        date=record.finished if record else "",
        settings=settings_table(run.view.settings),
        scenes=tuple(scene.path.name for scene in scenes),
    )


def score_chips(
    chips: ChipSet, embeddings: AnyArray, labels: IntArray | None, attribute: str
) -> dict[str, Any]:
    """Score the embeddings, and labels, (n,), if there are any, against an attribute.

    Raises SettingsError if no annotation has the attribute.
    """
    truth, scenes = attribute_values(chips, attribute), chips.facts["scene"].tolist()
    arguments = (embeddings, truth, scenes, attribute)
    scores = score_embeddings(*arguments) if labels is None else score_labelling(labels, *arguments)
    return {"property": attribute, **dataclasses.asdict(scores)}


def score_run(run: Run, attribute: str) -> dict[str, Any]:
    """Score a run that includes the clusters against an attribute; see `score_chips`.

    Noise is treated according to the settings.
    """
    chips, embeddings, labelling = run.clustered()
    labels = treat_view(run.view, labelling).labels
    return score_chips(chips, embeddings, labels, attribute)
