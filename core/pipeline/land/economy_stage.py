"""The label economy of a study, over all folds and several draws of the labelled pixels."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.artifacts.store import Artifact
from core.land.evaluation.label_economy import (
    CENTRES,
    SIZES,
    EconomyPoint,
    economy_clusterings,
    pool_folds,
    spend_labels,
)
from core.land.models.classifiers import MethodSettings
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.stage import Stage
from core.progress import Progress, shifted, silent


def economy_curve(
    run: StudyRun,
    sizes: Sequence[int] = SIZES,
    centres: Sequence[int] = CENTRES,
    report: Progress = silent,
) -> list[EconomyPoint]:
    """Compute the mIoU for each number of labels on pixels or clusters, over all folds.

    Only the run's number of neighbours, tree settings and seed are used, not its classifier.
    `sizes` are values of min_cluster_size for HDBSCAN, `centres` numbers of k-means centres.
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
    # The curve does not depend on the run's classifier, nor on the settings that the curve varies.
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


def _open_curve(artifact: Artifact) -> list[EconomyPoint]:
    return [EconomyPoint(**point) for point in read_json(artifact.folder / "points.json")]


ECONOMIES: Stage[StudyRun, list[EconomyPoint]] = Stage(
    "flair-economies", 2, _economy_inputs, _write_curve, _open_curve, StudyRun.file_states
)
