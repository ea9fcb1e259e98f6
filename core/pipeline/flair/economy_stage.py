"""The label economy of a study: several draws of the labelled pixels, over all its folds."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.flair.evaluation.label_economy import (
    CENTRES,
    SIZES,
    EconomyPoint,
    economy_clusterings,
    pool_folds,
    spend_labels,
)
from core.flair.models.classifiers import MethodSettings
from core.pipeline.flair.study_cells import StudyRun
from core.pipeline.stage import Stage
from core.progress import Progress, shifted, silent


def economy_curve(
    run: StudyRun,
    sizes: Sequence[int] = SIZES,
    centres: Sequence[int] = CENTRES,
    report: Progress = silent,
) -> list[EconomyPoint]:
    """Compute the mIoU per number of labelled pixels, or of clusters, over all folds.

    Parameters
    ----------
    run : StudyRun
        Its neighbours, the settings of its tree and its seed are used, whatever its classifier.
    sizes, centres : sequence of int
        See `economy_clusterings`.
    report : Progress
    """
    clusterings = economy_clusterings(run.method, sizes, centres)
    spendings, total = [], len(clusterings) * len(run.study.folds)
    for i, fold in enumerate(run.study.folds):
        bench, draws = run.bench(fold), run.settings.draws
        tree = partial(run.read_tree, fold, bench.train)
        fold_report = shifted(report, i * len(clusterings), total)
        spendings.append([*spend_labels(bench, tree, run.method, clusterings, draws, fold_report)])
    return pool_folds(spendings)


def _economy_inputs(run: StudyRun) -> dict[str, Any]:
    # Neither the classifier nor the settings that the curve varies make a difference.
    defaults = MethodSettings()
    names = ("method", "min_cluster_size", "n_clusters")
    method = replace(run.method, **{name: getattr(defaults, name) for name in names})
    return {
        "cell": replace(run, method=method).key,
        "draws": run.settings.draws,
        "sizes": list(SIZES),
        "centres": list(CENTRES),
    }


def _write_curve(run: StudyRun, folder: Path, report: Progress) -> dict[str, Any]:
    points = economy_curve(run, SIZES, CENTRES, report)
    write_json(folder / "points.json", [asdict(point) for point in points])
    return {"points": len(points), "draws": run.settings.draws, "folds": len(run.study.folds)}


ECONOMIES: Stage[StudyRun, list[EconomyPoint]] = Stage(
    name="flair-economies",
    version=2,
    inputs=_economy_inputs,
    compute=_write_curve,
    open=lambda artifact: [
        EconomyPoint(**point) for point in read_json(artifact.folder / "points.json")
    ],
)
