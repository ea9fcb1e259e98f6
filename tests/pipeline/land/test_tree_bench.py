import shutil

import numpy as np
import pytest

from core.land.evaluation.confusion import count_confusion, mean_iou
from core.land.evaluation.tree_cuts import recut_bench
from core.land.models.classifier_table import fit_classifier
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land import tree_bench
from core.pipeline.land.pixel_trees import TREES
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.land.tree_bench import BENCHES, RECUTS, make_recut
from core.pipeline.workspace import Workspace

KNN = MethodSettings()
HDBSCAN = MethodSettings("hdbscan")
ROBUST = FeatureSpec(fusion=True, robust=True)


@pytest.fixture(scope="module")
def study(workspace):
    return Study(workspace, StudySettings())


@pytest.fixture(scope="module")
def bench(study):
    return BENCHES.open(StudyRun(study, HDBSCAN, ROBUST).make(BENCHES))


def test_bench__is_stored_once_for_every_cut(study, bench):
    first = StudyRun(study, HDBSCAN, ROBUST).make(BENCHES)
    second = StudyRun(study, MethodSettings("hdbscan", min_cluster_size=99), ROBUST).make(BENCHES)
    assert second.cached
    assert first.key == second.key
    pixels = bench.bench
    assert len(bench.tree) == len(pixels.train_labels)
    knn = fit_classifier(pixels.train, pixels.train_labels, KNN).model
    predicted = knn.predict(pixels.held_out, 0).classes
    assert bench.reference == mean_iou(count_confusion(pixels.held_out_labels, predicted))
    assert len(pixels.held_out_labels) <= tree_bench.N_JUDGES


def test_bench__key_depends_on_the_seed_that_draws_held_out_pixels(study):
    runs = [StudyRun(study, MethodSettings("hdbscan", seed=seed), ROBUST) for seed in (0, 1)]
    assert len({BENCHES.step(run).key for run in runs}) == 2


def test_bench__notebook_protocol_holds_out_other_pixels(workspace):
    study = Study(workspace, StudySettings(protocol="patches"))
    pixels = BENCHES.open(StudyRun(study, HDBSCAN, ROBUST).make(BENCHES)).bench
    assert (pixels.held_out_labels != 13).all()
    training = {row.tobytes() for row in pixels.train.matrix}
    repeated = [row.tobytes() in training for row in pixels.held_out.matrix]
    assert np.mean(repeated) < 0.5


def test_bench__none_if_its_tree_was_deleted(study, bench, tmp_path):
    copy = Workspace(tmp_path / "copy")
    shutil.copytree(study.workspace.root, copy.root)
    run = StudyRun(Study(copy, StudySettings()), HDBSCAN, ROBUST)
    assert BENCHES.read(copy.store, run).reference == bench.reference
    shutil.rmtree(copy.artifacts / TREES.name)
    assert BENCHES.read(copy.store, run) is None


def test_recut__larger_clusters_are_fewer(bench):
    pixels = bench.bench
    cuts = [
        recut_bench(pixels, bench.tree, MethodSettings("hdbscan", min_cluster_size=size))
        for size in (5, 50)
    ]
    assert len(cuts[0].naming.classes) > len(cuts[1].naming.classes) > 0
    for cut in cuts:
        n_clustered = round((1 - cut.noise_fraction) * len(pixels.train_labels))
        assert cut.naming.counts.sum() == n_clustered
        assert 0 <= cut.scores.miou <= 1
        assert cut.counts.sum() == cut.after.counts.sum() == len(pixels.held_out_labels)


def test_recut__stored_result_equals_a_live_cut(study, bench):
    method = MethodSettings("hdbscan", min_cluster_size=20)
    live = recut_bench(bench.bench, bench.tree, method)
    stored = RECUTS.open(make_recut(StudyRun(study, method, ROBUST)))
    assert make_recut(StudyRun(study, method, ROBUST)).cached
    assert stored.noise_fraction == live.noise_fraction
    assert stored.counts.tolist() == live.counts.tolist()
    assert stored.naming.counts.tolist() == live.naming.counts.tolist()
    assert stored.after.reliability.tolist() == pytest.approx(live.after.reliability, nan_ok=True)
