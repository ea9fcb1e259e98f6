import dataclasses

import pytest

from core.land.data.nomenclature import FLAIR
from core.land.data.pixel_sampling import SampleSettings
from core.land.evaluation.confusion import count_confusion, mean_iou
from core.land.evaluation.economy_verdict import economy_sentences
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
def economy(workspace):
    run = StudyRun(Study(workspace, FEW), KNN, SPEC)
    return economy_curve(run, sizes=(10,), centres=(13,))


@pytest.fixture(scope="module")
def points(economy):
    return economy.points


def test_curve__simple_alternatives_and_clusters(points):
    simple = {p.method for p in points if p.kind == "simple"}
    assert simple == {"knn", "1nn", "logistic", "boosting", "medoids", "medoids logistic"}
    clusters = {p.method.split(",")[0] for p in points if p.kind == "clusters"}
    assert clusters == {"hdbscan", "kmeans", "semi-supervised hdbscan"}
    few = {p.method for p in points if p.kind == "few"}
    assert few == {"spreading", "self-training", "active", "regions", "active regions"}
    looks = next(p for p in points if p.rule == "one label per cluster")
    assert looks.n_labels == looks.n_clusters
    every = [p.n_labels for p in points if p.rule == "every training label"]
    assert max(every) <= max(p.n_labels for p in points if p.method == "knn")


def test_curve__has_a_range_where_labels_are_drawn_and_none_where_all_are_used(points):
    assert all(p.low <= p.miou <= p.high for p in points)
    drawn = [p for p in points if p.method == "knn"]
    assert all(p.low < p.high for p in drawn[:-1])
    assert drawn[-1].low == pytest.approx(drawn[-1].high)
    assert all(p.low == pytest.approx(p.high) for p in points if p.rule == "every training label")


def test_curve__labels_of_other_are_counted(workspace, economy):
    """All labels are those of all training pixels; a usual run drops "other" before labelling."""
    study = Study(workspace, FEW)
    pool = Study(workspace, dataclasses.replace(FEW, sample=SampleSettings(other=True)))
    sizes = [[len(s.sampled(fold.train, SPEC)) for fold in s.folds] for s in (study, pool)]
    every = [p for p in economy.points if p.method == "knn"][-1]
    assert every.n_labels == round(sum(sizes[1]) / 2) > sum(sizes[0]) / 2
    assert economy.left_out == pytest.approx(1 - sum(sizes[0]) / sum(sizes[1]))
    assert (economy.n_draws, economy.n_areas) == (3, 2)


def test_curve__all_labels_are_evaluated_on_every_fold(workspace, points):
    study, counts = Study(workspace, FEW), 0
    pool = Study(workspace, dataclasses.replace(FEW, sample=SampleSettings(other=True)))
    assert len(study.folds) == 2
    for fold in study.folds:
        table, judges = pool.sampled(fold.train, SPEC), study.judges(fold, SPEC)
        scaler = fit_scaler(table, SPEC)
        table = table.take(table.labels != FLAIR.other)
        model = fit_classifier(build_features(table, SPEC, scaler), table.labels, KNN).model
        predicted = model.predict(build_features(judges, SPEC, scaler), 0).classes
        counts = counts + count_confusion(judges.labels, predicted)
    every = [p for p in points if p.method == "knn"][-1]
    assert every.miou == pytest.approx(float(mean_iou(counts)))


def test_curve__trained_with_other_leaves_nothing_out(workspace):
    settings = dataclasses.replace(FEW, draws=2, sample=SampleSettings(other=True))
    run = StudyRun(Study(workspace, settings), KNN, FeatureSpec())
    economy = economy_curve(run, sizes=(), centres=())
    assert economy.left_out == 0
    assert not economy.left_out_text


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
    assert (first.counts["draws"], first.counts["folds"], first.counts["areas"]) == (3, 2, 2)
    economy = ECONOMIES.open(first)
    assert isinstance(economy.points[0].replicates, tuple)
    assert economy == ECONOMIES.open(second)
    assert economy_sentences(economy)[0].startswith("Do clusters replace labels here?")


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
