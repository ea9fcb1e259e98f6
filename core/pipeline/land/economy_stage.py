"""The label economy of a study, over all folds and several draws of the labelled pixels."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.artifacts.store import Artifact
from core.land.evaluation.cluster_labels import (
    CENTRES,
    SIZES,
    economy_clusterings,
    spend_on_clusterings,
)
from core.land.evaluation.label_economy import EconomyPoint, LabelEconomy, Spending, pool_folds
from core.land.evaluation.label_spreading import few_label_uses
from core.land.evaluation.labelled_pixels import simple_uses, spend_on_pixels
from core.land.models.classifiers import MethodSettings
from core.pipeline.land.study import Study
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.stage import Stage
from core.progress import Progress, report_step, shifted, silent

MOST_PIXELS = 20_000
"""Most training pixels among which all methods but kNN and the clusters choose those to label."""


def economy_curve(
    run: StudyRun,
    sizes: Sequence[int] = SIZES,
    centres: Sequence[int] = CENTRES,
    report: Progress = silent,
) -> LabelEconomy:
    """Compute the mIoU for each number of labels on pixels or clusters, over all folds.

    Only the run's number of neighbours, tree settings and seed are used, not its classifier.
    `sizes` are values of min_cluster_size for HDBSCAN, `centres` numbers of k-means centres.

    The class of a training pixel is only known once it has been labelled, so the training pixels
    include "other". Unless the run trains with "other", its pixels are left out after labelling,
    and their labels are counted.
    """
    pool = labelling_pool(run)
    clusterings = economy_clusterings(run.method, sizes, centres)
    folds: list[list[Spending]] = []
    n_areas, n_left_out, n_pixels = 0, 0, 0
    for i, fold in enumerate(run.study.folds):
        other = run.study.dataset.layout.legend.other
        bench = replace(pool.bench(fold), left_out=0 if run.settings.sample.other else other)
        tree = cache(partial(pool.read_tree, fold, bench.train))
        uses = simple_uses(bench, run.method.k, MOST_PIXELS)
        uses += few_label_uses(bench, run.method.k, MOST_PIXELS, tree)
        total = (len(clusterings) + len(uses)) * len(run.study.folds)
        first = i * (len(clusterings) + len(uses))
        fold_report = shifted(report, first, total)
        draws = run.settings.draws
        spendings = [*spend_on_clusterings(bench, tree, clusterings, draws, fold_report)]
        for step, use in enumerate(uses, start=first + len(clusterings) + 1):
            spendings += spend_on_pixels(use, draws, run.method.seed)
            report_step(report, step, total, use.name)
        folds.append(spendings)
        n_areas += bench.n_areas
        n_left_out += int((bench.train_labels == bench.left_out).sum())
        n_pixels += len(bench.train_labels)
    points = pool_folds(folds)
    return LabelEconomy(tuple(points), run.settings.draws, n_areas, n_left_out / n_pixels)


def labelling_pool(run: StudyRun) -> StudyRun:
    """Return the same run with training pixels of all classes."""
    study, sample = run.study, replace(run.settings.sample, other=True)
    settings = replace(study.settings, sample=sample)
    return replace(run, study=Study(study.workspace, settings, study.dataset))


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
    economy = economy_curve(run, SIZES, CENTRES, report)
    write_json(folder / "points.json", asdict(economy))
    facts = {"points": len(economy.points), "draws": economy.n_draws, "areas": economy.n_areas}
    return facts | {"folds": len(run.study.folds)}


def _open_curve(artifact: Artifact) -> LabelEconomy:
    table = read_json(artifact.folder / "points.json")
    points = (
        EconomyPoint(**{**point, "replicates": tuple(point["replicates"])})
        for point in table["points"]
    )
    return LabelEconomy(**{**table, "points": tuple(points)})


ECONOMIES: Stage[StudyRun, LabelEconomy] = Stage(
    "flair-economies", 5, _economy_inputs, _write_curve, _open_curve, StudyRun.file_states
)
