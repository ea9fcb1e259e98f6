import dataclasses

import pytest

from core.land.evaluation.confusion import count_confusion, mean_iou
from core.land.models.classifier_table import fit_classifier
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec, build_features, fit_scaler
from core.pipeline.land import economy_stage
from core.pipeline.land.economy_stage import ECONOMIES, economy_curve
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import StudyRun

KNN = MethodSettings()
SPEC = FeatureSpec(fusion=True, robust=True)
FEW = StudySettings(draws=3)


@pytest.fixture(scope="module")
def points(workspace):
    run = StudyRun(Study(workspace, FEW), KNN, SPEC)
    return economy_curve(run, sizes=(10,), centres=(13,))


def test_curve__clusters_need_fewer_labels(points):
    assert {p.method.split(",")[0] for p in points} == {"knn", "hdbscan", "kmeans"}
    looks = next(p for p in points if p.rule == "one look per cluster")
    assert looks.n_labels == looks.n_clusters
    every = [p.n_labels for p in points if p.rule == "every training label"]
    assert max(every) <= max(p.n_labels for p in points if p.method == "knn")


def test_curve__has_a_range_where_labels_are_drawn_and_none_where_all_are_used(points):
    assert all(p.low <= p.miou <= p.high for p in points)
    drawn = [p for p in points if p.method == "knn"]
    assert all(p.low < p.high for p in drawn[:-1])
    assert drawn[-1].low == drawn[-1].high
    assert all(p.low == p.high for p in points if p.rule == "every training label")


def test_curve__all_labels_are_evaluated_on_every_fold(workspace, points):
    study, counts = Study(workspace, FEW), 0
    assert len(study.folds) == 2
    for fold in study.folds:
        table, judges = study.sampled(fold.train, SPEC), study.judges(fold, SPEC)
        scaler = fit_scaler(table, SPEC)
        model = fit_classifier(build_features(table, SPEC, scaler), table.labels, KNN).model
        predicted = model.predict(build_features(judges, SPEC, scaler), 0).classes
        counts = counts + count_confusion(judges.labels, predicted)
    every = [p for p in points if p.method == "knn"][-1]
    assert every.miou == pytest.approx(float(mean_iou(counts)))


def test_curve__more_draws_begin_with_the_same_draws(workspace):
    few, more = (
        economy_curve(
            StudyRun(Study(workspace, dataclasses.replace(FEW, draws=draws)), KNN, FeatureSpec()),
            sizes=(),
            centres=(),
        )
        for draws in (3, 6)
    )
    assert all(m.low <= f.low and f.high <= m.high for m, f in zip(more, few, strict=True))
    assert any(m.miou != f.miou for m, f in zip(more, few, strict=True))


def test_economy__is_stored_and_builds_one_tree_per_fold(workspace, monkeypatch):
    monkeypatch.setattr(economy_stage, "SIZES", (10, 30))
    monkeypatch.setattr(economy_stage, "CENTRES", (13,))
    calls = []
    tree = StudyRun.tree
    monkeypatch.setattr(StudyRun, "tree", lambda *args: calls.append(args) or tree(*args))
    first, second = (
        StudyRun(Study(workspace, FEW), KNN, FeatureSpec()).make(ECONOMIES) for _ in range(2)
    )
    assert len(calls) == 2
    assert second.cached
    assert first.counts["draws"] == 3
    assert first.counts["folds"] == 2
    assert ECONOMIES.open(first)[0].method == "knn"


def economy_key(workspace, settings, method):
    return ECONOMIES.step(StudyRun(Study(workspace, settings), method, SPEC)).key


def test_key__does_not_depend_on_the_classifier(workspace):
    methods = (KNN, MethodSettings("hdbscan", min_cluster_size=77), MethodSettings("kmeans"))
    assert len({economy_key(workspace, FEW, method) for method in methods}) == 1


def test_key__depends_on_draws_seed_and_neighbours(workspace):
    methods = (KNN, MethodSettings(k=5), MethodSettings(min_samples=5), MethodSettings(seed=4))
    keys = {economy_key(workspace, FEW, method) for method in methods}
    keys.add(economy_key(workspace, StudySettings(), KNN))
    assert len(keys) == 5
