"""Surveys, runs, class maps, benches and economies of a small look-alike."""

import shutil

import numpy as np
import pytest
import rasterio

from core.flair.data.file_discovery import discover
from core.flair.data.nomenclature import reduce
from core.flair.data.patch_reading import Needs, read_mask, read_pixels
from core.flair.data.pixel_table import SIDE
from core.flair.evaluation.confusion import count, miou
from core.flair.models.classifiers import MethodSettings, fit
from core.flair.models.features import FeatureSpec, build
from core.pipeline.flair import kept_models, study_results, tree_bench
from core.pipeline.flair.flair_workspace import ensure_land_cover, folder_of
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.workspace import Workspace

KNN = MethodSettings()
ROBUST = FeatureSpec(fusion=True, robust=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three patches, one a domain, surveyed, with one run and its maps."""
    place = Workspace(tmp_path_factory.mktemp("land"))
    ensure_land_cover(place, 3)
    dataset = discover(folder_of(place))
    study_results.make_survey(place, dataset)
    study = Study(place, StudySettings(), dataset)
    study.cell(KNN, ROBUST)
    study_results.make_maps(study, KNN, ROBUST)
    return place, dataset, study


def test_survey__counts_every_pixel_once(made):
    place, dataset, _ = made
    found = study_results.survey(place, dataset)
    assert found is not None
    assert found.counts.sum(axis=1).tolist() == [SIDE * SIDE] * 3
    for row, patch in zip(found.counts, dataset.patches, strict=True):
        assert row.tolist() == np.bincount(read_mask(patch)[0].ravel(), minlength=20).tolist()


def test_survey__sample_holds_every_class_that_the_patches_hold(made):
    place, dataset, _ = made
    found = study_results.survey(place, dataset)
    there = np.flatnonzero(found.counts.sum(axis=0))
    assert np.unique(found.sample.labels).tolist() == there.tolist()
    assert found.sample.sentinel is not None


def test_survey__is_not_that_of_changed_files(made, tmp_path):
    place, _, _ = made
    copy = Workspace(tmp_path / "copy")
    shutil.copytree(place.root, copy.root)
    dataset = discover(folder_of(copy))
    assert study_results.survey(copy, dataset) is not None
    shutil.copy(dataset.patches[1].mask, dataset.patches[0].mask)
    assert study_results.survey(Workspace(copy.root), dataset) is None
    assert list(study_results.configurations(Workspace(copy.root), dataset)) == []


def test_survey__none_in_an_empty_store(made, tmp_path):
    _, dataset, _ = made
    assert study_results.survey(Workspace(tmp_path), dataset) is None
    assert not (tmp_path / "artifacts").exists()


def test_configurations__give_back_what_was_run(made):
    place, dataset, study = made
    (found,) = study_results.configurations(place, dataset)
    assert (found.method, found.spec) == (KNN, ROBUST)
    assert found.settings.protocol == "domains"
    assert found.artifact.key == study.step(KNN, ROBUST).key


def test_maps__are_what_the_cell_counted(made):
    _place, dataset, study = made
    cell = study.cell(KNN, ROBUST)
    kept = study_results.make_maps(study, KNN, ROBUST)
    assert kept.cached
    by_name = {patch.name: patch for patch in dataset.patches}
    for name, counts in zip(cell.patches, cell.counts, strict=True):
        with rasterio.open(kept.folder / f"{name}.tif") as source:
            said = source.read(1)
        truth = reduce(read_mask(by_name[name])[0])
        assert count(truth, said).tolist() == counts.tolist()


@pytest.mark.parametrize("method", [KNN, MethodSettings("hdbscan", min_cluster_size=30)])
def test_taught__votes_as_the_map_says(made, method):
    _place, dataset, study = made
    kept = study_results.make_maps(study, method, ROBUST)
    learnt = kept_models.taught(kept)
    assert learnt is not None
    index = study.folds[0].judged[0]
    with rasterio.open(kept.folder / f"{dataset.patches[index].name}.tif") as source:
        said = source.read(1).ravel()
    flat = np.random.default_rng(0).choice(SIDE * SIDE, 60, replace=False)
    table = read_pixels(dataset.patches[index], index, flat, Needs(sentinel=True))
    queries = build(table, ROBUST, learnt.scaler).matrix.astype(np.float64)
    away = ((queries[:, None] - np.asarray(learnt.matrix, np.float64)) ** 2).sum(axis=2)
    nearest = np.argsort(away, axis=1, kind="stable")[:, : method.k]
    voted = [np.bincount(learnt.classes[rows]).argmax() for rows in nearest]
    # Three classes that tie may be settled either way.
    tied = [len(set(learnt.classes[rows])) == method.k for rows in nearest]
    agree = np.array(voted) == said[flat]
    assert (agree | np.array(tied)).all()
    assert agree.mean() > 0.8


def test_taught__trees_of_boosting_say_what_the_map_says(made, monkeypatch):
    monkeypatch.setattr("core.flair.models.classifiers._ROUNDS", 10)
    _, dataset, study = made
    kept = study_results.make_maps(study, MethodSettings("boosting"), ROBUST)
    learnt = kept_models.taught(kept)
    assert learnt is not None
    assert learnt.matrix is None
    index = study.folds[0].judged[0]
    with rasterio.open(kept.folder / f"{dataset.patches[index].name}.tif") as source:
        said = source.read(1).ravel()
    flat = np.random.default_rng(0).choice(SIDE * SIDE, 60, replace=False)
    table = read_pixels(dataset.patches[index], index, flat, Needs(sentinel=True))
    shares = learnt.trees.probabilities(build(table, ROBUST, learnt.scaler).matrix)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert learnt.trees.classes[shares.argmax(axis=1)].tolist() == said[flat].tolist()


def test_maps__say_that_a_look_alike_is_one(made):
    _, dataset, study = made
    kept = study_results.make_maps(study, KNN, ROBUST)
    with rasterio.open(kept.folder / f"{dataset.patches[0].name}.tif") as source:
        credit = source.tags()["TIFFTAG_COPYRIGHT"]
    assert "look-alike" in credit
    assert "Etalab" in credit


def test_fit__what_one_configuration_learnt_is_not_learnt_again(made, monkeypatch):
    place, dataset, _ = made
    study, asked = Study(place, StudySettings(), dataset), []
    plain = fit
    monkeypatch.setattr(
        "core.flair.models.classifiers.fit", lambda *a: asked.append(a) or plain(*a)
    )
    fold = study.folds[0]
    first = study.fit(fold, KNN, ROBUST)
    assert study.fit(fold, KNN, ROBUST) is first
    study.fit(study.folds[1], KNN, ROBUST)
    assert study.fit(fold, KNN, ROBUST) is first
    study.fit(fold, KNN, FeatureSpec())
    assert study.fit(fold, KNN, ROBUST) is not first
    assert len(asked) == 4


def test_taught__none_where_no_pixels_vote(made):
    _, _, study = made
    floor = study_results.make_maps(study, MethodSettings("prevalence"), FeatureSpec())
    assert kept_models.taught(floor) is None
    assert floor.counts == {"maps": 2}


def test_bench__is_kept_once_for_every_cut(made):
    place, _, study = made
    method = MethodSettings("hdbscan")
    first = tree_bench.make_bench(study, method, ROBUST)
    other = tree_bench.make_bench(study, MethodSettings("hdbscan", min_cluster_size=99), ROBUST)
    assert other.cached
    assert first.key == other.key
    opened = tree_bench.open_bench(place, first)
    bench = opened.bench
    assert len(opened.tree) == len(bench.train_labels)
    votes = fit(bench.train, bench.train_labels, KNN).model.predict(bench.held_out, 0).classes
    assert opened.reference == miou(count(bench.held_out_labels, votes))
    assert len(bench.held_out_labels) <= tree_bench.JUDGES


def test_bench__the_key_knows_the_seed_that_draws_its_judges(made):
    _, _, study = made
    keys = {tree_bench.bench_step(study, MethodSettings("hdbscan", seed=seed), ROBUST).key
            for seed in (0, 1)}  # fmt: skip
    assert len(keys) == 2


def test_bench__of_the_notebooks_protocol_does_not_judge_training_pixels(made):
    place, dataset, _ = made
    study = Study(place, StudySettings(protocol="patches"), dataset)
    opened = tree_bench.open_bench(
        place, tree_bench.make_bench(study, MethodSettings("hdbscan"), ROBUST)
    )
    bench = opened.bench
    assert (bench.held_out_labels != 13).all()
    taught = {row.tobytes() for row in bench.train.matrix}
    seen = [row.tobytes() in taught for row in bench.held_out.matrix]
    assert np.mean(seen) < 0.5


def test_recut__larger_clusters_are_fewer(made):
    place, _, study = made
    kept = tree_bench.make_bench(study, MethodSettings("hdbscan"), ROBUST)
    opened = tree_bench.open_bench(place, kept)
    bench, tree = opened.bench, opened.tree
    cuts = [tree_bench.recut(bench, tree, MethodSettings("hdbscan", min_cluster_size=size))
            for size in (5, 50)]  # fmt: skip
    assert len(cuts[0].naming.classes) > len(cuts[1].naming.classes) > 0
    for cut in cuts:
        inside = round((1 - cut.noise_fraction) * len(bench.train_labels))
        assert cut.naming.counts.sum() == inside
        assert 0 <= cut.scores.miou <= 1
        assert cut.counts.sum() == cut.after.counts.sum() == len(bench.held_out_labels)


def test_recut__a_kept_one_equals_the_live_one(made):
    place, _, study = made
    method = MethodSettings("hdbscan", min_cluster_size=20)
    opened = tree_bench.open_bench(place, tree_bench.make_bench(study, method, ROBUST))
    live = tree_bench.recut(opened.bench, opened.tree, method)
    first = tree_bench.make_recut(study, method, ROBUST)
    kept = tree_bench.open_recut(first)
    assert tree_bench.make_recut(study, method, ROBUST).cached
    assert kept.noise_fraction == live.noise_fraction
    assert kept.counts.tolist() == live.counts.tolist()
    assert kept.naming.counts.tolist() == live.naming.counts.tolist()
    assert kept.after.reliability.tolist() == pytest.approx(live.after.reliability, nan_ok=True)


def test_bench__none_where_its_tree_was_deleted(made, tmp_path):
    _place, _, study = made
    kept = tree_bench.make_bench(study, MethodSettings("hdbscan"), ROBUST)
    assert tree_bench.open_bench(Workspace(tmp_path), kept) is None
