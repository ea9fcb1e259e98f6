"""The label economy of a small look-alike: folds, draws, and its key."""

import dataclasses

import pytest

from core.demo.land_cover.patches import write_land_cover
from core.flair.evaluation.confusion import count, miou
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec, build, fit_scaler
from core.pipeline.flair import economy_stage
from core.pipeline.flair.economy_stage import curve, economy_step, make_economy, open_economy
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.workspace import Workspace

KNN = MethodSettings()
SPEC = FeatureSpec(fusion=True, robust=True)
FEW = StudySettings(draws=3)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("land")
    write_land_cover(root / "flair", patches=3)
    return Workspace.at(root)


@pytest.fixture(scope="module")
def points(workspace):
    return curve(Study(workspace, FEW), SPEC, KNN, sizes=(10,), centres=(13,))


def test_curve__clusters_cost_fewer_labels(points):
    assert {p.method.split(",")[0] for p in points} == {"knn", "hdbscan", "kmeans"}
    looks = next(p for p in points if p.rule == "one look per cluster")
    assert looks.n_labels == looks.n_clusters
    every = [p.n_labels for p in points if p.rule == "every training label"]
    assert max(every) <= max(p.n_labels for p in points if p.method == "knn")


def test_curve__has_a_band_where_labels_are_drawn_and_none_where_all_are_given(points):
    assert all(p.low <= p.miou <= p.high for p in points)
    drawn = [p for p in points if p.method == "knn"]
    assert all(p.low < p.high for p in drawn[:-1])
    assert drawn[-1].low == drawn[-1].high
    assert all(p.low == p.high for p in points if p.rule == "every training label")


def test_curve__all_labels_are_judged_on_every_fold(workspace, points):
    study, counts = Study(workspace, FEW), 0
    assert len(study.folds) == 2
    for fold in study.folds:
        table, judges = study.sampled(fold.train, SPEC), study.judges(fold, SPEC)
        scaler = fit_scaler(table, SPEC)
        model = economy_stage.classifiers.fit(build(table, SPEC, scaler), table.labels, KNN).model
        said = model.predict(build(judges, SPEC, scaler), 0).classes
        counts = counts + count(judges.labels, said)
    every = [p for p in points if p.method == "knn"][-1]
    assert every.miou == pytest.approx(float(miou(counts)))


def test_curve__more_draws_begin_with_the_same(workspace):
    study = Study(workspace, dataclasses.replace(FEW, draws=6))
    more = curve(study, FeatureSpec(), KNN, sizes=(), centres=())
    few = curve(Study(workspace, FEW), FeatureSpec(), KNN, sizes=(), centres=())
    assert all(m.low <= f.low and f.high <= m.high for m, f in zip(more, few, strict=True))
    assert any(m.miou != f.miou for m, f in zip(more, few, strict=True))


def test_economy__is_kept_and_builds_a_tree_a_fold(workspace, monkeypatch):
    monkeypatch.setattr(economy_stage, "SIZES", (30,))
    monkeypatch.setattr(economy_stage, "CENTRES", (13,))
    built = []
    plain = Study.tree
    monkeypatch.setattr(Study, "tree", lambda *a: built.append(a) or plain(*a))
    first = make_economy(Study(workspace, FEW), KNN, FeatureSpec())
    assert len(built) == 2
    assert make_economy(Study(workspace, FEW), KNN, FeatureSpec()).cached
    assert first.counts["draws"] == 3
    assert first.counts["folds"] == 2
    assert open_economy(first)[0].method == "knn"


def test_economy_step__which_classifier_is_named_does_not_matter(workspace):
    study = Study(workspace, FEW)
    same = (KNN, MethodSettings("hdbscan", min_cluster_size=77), MethodSettings("kmeans"))
    assert len({economy_step(study, method, SPEC).key for method in same}) == 1


def test_economy_step__draws_seed_and_neighbours_matter(workspace):
    keys = {economy_step(Study(workspace, FEW), method, SPEC).key
            for method in (KNN, MethodSettings(k=5), MethodSettings(min_samples=5),
                           MethodSettings(seed=4))}  # fmt: skip
    keys.add(economy_step(Study(workspace, StudySettings()), KNN, SPEC).key)
    assert len(keys) == 5


def test_economy_step__draws_leave_the_cells_alone(workspace):
    keys = {Study(workspace, s).step(KNN, SPEC).key for s in (FEW, StudySettings())}
    assert len(keys) == 1
