"""Runs with regularisation: keys, class maps, results, and lists of finished runs."""

import dataclasses

import numpy as np
import pytest

from core.land.data.file_discovery import discover_dataset
from core.land.data.patch_reading import read_patch
from core.land.evaluation.confusion import count_confusion, mean_iou
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec, build_features
from core.land.models.regularisation import RegularisationSettings, filter_majority
from core.pipeline.land.land_workspace import flair_folder
from core.pipeline.land.run_titles import configuration_title
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.land.study_results import find_run, finished_runs, group_by_protocol

KNN, PLAIN = MethodSettings(), FeatureSpec()
MAJORITY = RegularisationSettings("majority", window=9)


@pytest.fixture
def runs(workspace):
    study = Study(workspace, StudySettings())
    return StudyRun(study, KNN, PLAIN), StudyRun(study, KNN, PLAIN, MAJORITY)


def test_key__changes_with_the_regularisation_only(runs):
    plain, smooth = runs
    assert "regularisation" not in CELLS.inputs(plain)
    unused = RegularisationSettings(window=21, smoothness=9)
    assert dataclasses.replace(plain, regularisation=unused).key == plain.key
    assert smooth.key != plain.key
    other = dataclasses.replace(smooth, regularisation=dataclasses.replace(MAJORITY, window=11))
    assert other.key != smooth.key


def test_result__equals_the_filter_by_hand(runs, tmp_path):
    _, smooth = runs
    result = CELLS.open(smooth.make(CELLS))
    counts, unsmoothed = [], []
    for fold in smooth.study.folds:
        model = smooth.fit(fold)
        for index in fold.test:
            table = read_patch(smooth.study.dataset, index)
            features = build_features(table, PLAIN, model.scaler)
            classes = model.fitted.model.predict(features, 1).classes.reshape(512, 512)
            unsmoothed.append(count_confusion(table.labels, classes.ravel()))
            counts.append(count_confusion(table.labels, filter_majority(classes, 9).ravel()))
    np.testing.assert_array_equal(result.counts, counts)
    np.testing.assert_array_equal(result.unsmoothed, unsmoothed)
    effect = result.regularisation_effect
    assert effect is not None
    assert effect.miou_before == float(mean_iou(sum(unsmoothed)))
    assert effect.miou_after == float(mean_iou(sum(counts))) == result.scores.miou
    assert effect.objects_before.n_objects == effect.objects_after.n_objects > 0


def test_result__without_regularisation_has_no_effect(runs):
    plain, _ = runs
    artifact = plain.make(CELLS)
    assert CELLS.open(artifact).regularisation_effect is None
    assert [path.name for path in artifact.folder.glob("*.npy")] == ["counts.npy"]


def test_finished_runs__with_their_regularisation(runs, workspace):
    for run in runs:
        run.make(CELLS)
    dataset = discover_dataset(flair_folder(workspace))
    finished = list(finished_runs(workspace, dataset))
    assert {run.regularisation.title for run in finished} == {"", "majority filter of 9 px"}
    for run in runs:
        match = find_run(finished, run)
        assert match is not None
        assert match.key == run.key
    assert len(group_by_protocol(finished)) == 2


def test_title__names_the_regularisation(runs):
    plain, smooth = runs
    assert configuration_title(plain) == "kNN, aerial, O"
    assert configuration_title(smooth) == "kNN, aerial, O, majority filter of 9 px"
