"""The results of a finished run for export, and its scores."""

import dataclasses
import logging
from typing import Any

import numpy as np

from core.chips.chip_set import ChipSet
from core.clusters.evaluation.agreement import score_embeddings, score_labelling
from core.errors import TooFewError
from core.export.clustered_chips import ClusteredChips
from core.pipeline.chip_stages import attribute_values
from core.pipeline.cluster_stages import open_projection, open_reduction
from core.pipeline.run import Run
from core.pipeline.saved_edits import apply_saved_edits, treat_view
from core.types import AnyArray, IntArray

log = logging.getLogger(__name__)


def collect_results(run: Run) -> ClusteredChips:
    """Collect the results of a complete run, one row per chip, for export.

    Edits that cannot be applied to the labelling are logged.
    """
    chips, embeddings, labelling = run.clustered()
    reduction, projection = open_reduction(run.view), open_projection(run.view)
    if reduction is None or projection is None:
        raise TooFewError("the run stopped before its last stage", where="export")
    scenes = {scene.report.name: scene for scene in run.view.survey.usable}
    footprints = []
    for part in chips.parts:
        placed = scenes[part.scene].footprints()
        footprints.append(placed.lonlat[np.isin(placed.index, part.facts["annotation"])])
    edited, problems = apply_saved_edits(run.view, labelling)
    for problem in problems:
        log.warning("%s", problem)
    return ClusteredChips(
        chips=chips,
        footprints=np.concatenate(footprints),
        embeddings=embeddings,
        reduction=reduction,
        labelling=labelling,
        projection=projection,
        edited=edited,
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
