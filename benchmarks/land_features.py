"""Effect of features of the surroundings and of smoothing: `python benchmarks/land_features.py`.

The data are generated in FLAIR's layout, 12 patches for each seed. All figures are mIoU on domains
left out, trained on the notebook's grid of pixels with aerial and Sentinel bands and robust
scaling. The features are compared on 10,000 random held-out pixels of each fold; scikit-learn's kNN
and boosting confirm the result. The last line compares the recommended features with none, kNN, as
the mean over the seeds.

Labels: kNN with few randomly chosen training pixels, the mean of five draws, and how many labels
without these features reach the mIoU of 200, 400 and 800 labels with them.

Smoothing: every pixel of the held-out patches of the first seed is predicted by kNN with the
recommended features; the class maps are smoothed with the default settings.

Season: `--season` measures only what the Sentinel series contributes, without features of the
surroundings: the mean of the year, monthly composites and seasonal indices, each in blocks and
interpolated, by kNN and boosting. The last line compares the best of them with the mean in blocks.

`--seeds` lists the seeds. `--quick` uses 3 patches of one seed and fewer pixels, without boosting.
"""

import argparse
import itertools
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from core.land.data.patch_reading import read_patch
from core.land.evaluation.confusion import count_confusion, mean_iou
from core.land.evaluation.label_economy import Bench
from core.land.evaluation.small_objects import SMALL_OBJECT, recall_small_objects
from core.land.models.classifier_table import fit_classifier
from core.land.models.classifiers import Classifier, MethodSettings
from core.land.models.features import FeatureSpec, build_features
from core.land.models.regularisation import (
    REGULARISATIONS,
    RegularisationSettings,
    regularise_classes,
)
from core.land.season.plane_sampling import Interpolation
from core.land.season.season_columns import Season
from core.neighbours.nearest import compile_searches
from core.pipeline.land.land_workspace import ensure_land_cover
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.workspace import Workspace

NONE, CONTEXT, TOKENS = (), ("context",), ("context", "tokens:texture")
LABELS = (50, 100, 200, 400, 800, 1600, 3200)
COMPARED = (200, 400, 800)
DRAWS = 5
N_CLASSES = 12


@dataclass(frozen=True)
class Size:
    """How much is computed."""

    patches: int = 12
    held_out: int = 10_000
    methods: tuple[Classifier, ...] = ("knn", "boosting")
    labels: tuple[int, ...] = LABELS


FULL, QUICK = Size(), Size(3, 2000, ("knn",), (50, 200, 400, 800))


def feature_run(study: Study, extras: tuple[str, ...]) -> StudyRun:
    return StudyRun(study, MethodSettings(), FeatureSpec(fusion=True, robust=True, extras=extras))


def held_out_score(benches: Sequence[Bench], method: Classifier, n_labels: int = 0) -> float:
    """Return the mIoU over all folds, with all labels or the mean over draws of a few."""
    scores = []
    for draw in range(DRAWS if n_labels else 1):
        counts = np.zeros((13, 13), np.int64)
        for bench in benches:
            rows = np.arange(len(bench.train_labels))
            if n_labels:
                # Each fold trains a model of its own with this number of labels.
                rng = np.random.default_rng(draw)
                rows = np.sort(rng.choice(rows, min(n_labels, len(rows)), replace=False))
            train, labels = bench.train.take(rows), bench.train_labels[rows]
            model = fit_classifier(train, labels, MethodSettings(method)).model
            predicted = model.predict(bench.held_out, 0).classes
            counts += count_confusion(bench.held_out_labels, predicted)
        scores.append(float(mean_iou(counts)))
    return float(np.mean(scores))


def check_scikit_learn(benches: Sequence[Bench]) -> float:
    """Return the mIoU of scikit-learn's kNN on the same features."""
    counts = np.zeros((13, 13), np.int64)
    for bench in benches:
        model = KNeighborsClassifier(3).fit(bench.train.matrix, bench.train_labels)
        predicted = model.predict(bench.held_out.matrix)
        counts += count_confusion(bench.held_out_labels, predicted)
    return float(mean_iou(counts))


def equal_labels(curve: dict[int, float], score: float) -> float:
    """Return the number of labels at which a curve reaches a score; infinite if it does not."""
    numbers, scores = np.array(list(curve)), np.maximum.accumulate(list(curve.values()))
    if score > scores[-1]:
        return float("inf")
    return float(np.exp(np.interp(score, scores, np.log(numbers))))


def benchmark_seed(study: Study, size: Size) -> dict[str, Any]:
    """Return the scores of all features for one data set."""
    folds, scores, curves = study.folds, {}, {}
    for name, extras in (("none", NONE), ("context", CONTEXT), ("with tokens", TOKENS)):
        benches = [feature_run(study, extras).bench(fold, size.held_out) for fold in folds]
        scores[name] = {method: held_out_score(benches, method) for method in size.methods}
        scores[name]["scikit-learn"] = check_scikit_learn(benches)
        curves[name] = {n: held_out_score(benches, "knn", n) for n in size.labels}
    curve = curves["none"] | {len(benches[0].train_labels): scores["none"]["knn"]}
    savings = {}
    for n in COMPARED:
        equal = equal_labels(curve, curves["context"][n])
        all_labels = max(curve)
        savings[n] = f"over {all_labels / n:.1f}" if np.isinf(equal) else round(equal / n, 1)
    return {"scores": scores, "labels": curves, "times_as_many_labels_without": savings}


def benchmark_smoothing(study: Study) -> dict[str, Any]:
    """Return mIoU, and the recall of small objects, of class maps smoothed in every way."""
    run, kinds = feature_run(study, CONTEXT), tuple(REGULARISATIONS)
    counts = {kind: np.zeros((13, 13), np.int64) for kind in kinds}
    objects = {kind: np.zeros(2, np.int64) for kind in kinds}
    for fold in study.folds:
        model = run.fit(fold)
        for index in fold.test:
            patch = study.dataset.patches[index]
            table = read_patch(study.dataset, index, study.required_data(run.spec))
            features = build_features(table, run.spec, model.scaler)
            classes = model.fitted.model.predict(features, 0).classes.reshape(patch.shape)
            bands, truth = table.aerial.T.reshape(-1, *patch.shape), table.labels
            for kind in kinds:
                smooth = regularise_classes(classes, bands, RegularisationSettings(kind))
                counts[kind] += count_confusion(truth, smooth.ravel())
                found = recall_small_objects(truth.reshape(patch.shape), smooth, N_CLASSES)
                objects[kind] += (found.n_objects, found.n_found)
    return {
        kind: {
            "miou": round(float(mean_iou(counts[kind])), 3),
            "small_objects": int(objects[kind][0]),
            "small_object_recall": round(float(objects[kind][1] / max(1, objects[kind][0])), 3),
        }
        for kind in kinds
    }


def benchmark_season(study: Study, size: Size) -> dict[str, Any]:
    """Return the scores of everything that can be used of the Sentinel series."""
    scores = {}
    for season, interpolation in itertools.product(get_args(Season), get_args(Interpolation)):
        spec = FeatureSpec(fusion=True, robust=True, season=season, interpolation=interpolation)
        run = StudyRun(study, MethodSettings(), spec)
        benches = [run.bench(fold, size.held_out) for fold in study.folds]
        row: dict[str, Any] = {method: held_out_score(benches, method) for method in size.methods}
        row["columns"] = benches[0].train.matrix.shape[1]
        scores[f"{season}, {interpolation}"] = row
        print(season, interpolation, json.dumps(row), flush=True)
    return {"scores": scores}


def season_result(rows: dict[int, dict[str, Any]], size: Size) -> dict[str, Any]:
    """Return the last line of `--season`."""
    choices = next(iter(rows.values()))["scores"]
    means = {
        choice: {method: mean_score(rows.values(), choice, method) for method in size.methods}
        for choice in choices
    }
    method = size.methods[-1]
    best, base = max(means, key=lambda choice: means[choice][method]), "mean, blocks"
    ours, other = means[best][method], means[base][method]
    return {
        "name": "land_season",
        "ours": ours,
        "other": other,
        "ratio": round(ours / other, 2),
        "unit": "mIoU on domains left out",
        "detail": {
            "seeds": list(rows),
            "patches": size.patches,
            "method": method,
            "best": best,
            "mean_miou": means,
            "scores": {seed: row["scores"] for seed, row in rows.items()},
        },
    }


def mean_score(rows: Iterable[dict[str, Any]], features: str, method: str) -> float:
    """Return the mean of a score over the seeds."""
    return round(float(np.mean([row["scores"][features][method] for row in rows])), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 patches of one seed, under 50 s")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--season", action="store_true", help="what is used of the series only")
    options = parser.parse_args()
    size, seeds = (QUICK, [0]) if options.quick else (FULL, options.seeds)
    compile_searches()
    rows, smoothing = {}, {}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace.at(Path(folder))
            ensure_land_cover(workspace, size.patches, seed)
            study = Study(workspace, StudySettings())
            if options.season:
                rows[seed] = benchmark_season(study, size)
                continue
            rows[seed] = benchmark_seed(study, size)
            print(seed, json.dumps(rows[seed]), flush=True)
            if not smoothing:
                smoothing = benchmark_smoothing(study)
                print("smoothing", json.dumps(smoothing), flush=True)
    if options.season:
        print(json.dumps(season_result(rows, size)))
        return
    means = {
        features: {method: mean_score(rows.values(), features, method) for method in size.methods}
        for features in ("none", "context", "with tokens")
    }
    ours, other = means["context"]["knn"], means["none"]["knn"]
    result = {
        "name": "land_features",
        "ours": ours,
        "other": other,
        "ratio": round(ours / other, 2),
        "unit": "mIoU on domains left out",
        "detail": {
            "seeds": seeds,
            "patches": size.patches,
            "mean_miou": means,
            "times_as_many_labels_without": {
                seed: row["times_as_many_labels_without"] for seed, row in rows.items()
            },
            "smoothing": smoothing,
            "small_objects_below_pixels": SMALL_OBJECT,
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
