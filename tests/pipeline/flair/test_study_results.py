import shutil

import numpy as np
import pytest

from core.flair.data.file_discovery import discover_dataset
from core.flair.data.patch_reading import read_mask
from core.flair.data.pixel_table import SIDE
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.flair_workspace import flair_folder
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.flair.study_cells import CELLS, StudyRun
from core.pipeline.flair.study_results import find_file_survey, finished_runs, survey_files
from core.pipeline.workspace import Workspace

KNN = MethodSettings()
ROBUST = FeatureSpec(fusion=True, robust=True)


@pytest.fixture(scope="module")
def surveyed(workspace):
    """The workspace and its data set, surveyed and with one finished run."""
    dataset = discover_dataset(flair_folder(workspace))
    survey_files(workspace, dataset)
    run = StudyRun(Study(workspace, StudySettings(), dataset), KNN, ROBUST)
    run.make(CELLS)
    return workspace, dataset, run


def test_survey__counts_every_pixel_once(surveyed):
    workspace, dataset, _ = surveyed
    survey = find_file_survey(workspace, dataset)
    assert survey is not None
    assert survey.counts.sum(axis=1).tolist() == [SIDE * SIDE] * 3
    for row, patch in zip(survey.counts, dataset.patches, strict=True):
        assert row.tolist() == np.bincount(read_mask(patch)[0].ravel(), minlength=20).tolist()


def test_survey__sample_has_every_class_of_the_patches(surveyed):
    workspace, dataset, _ = surveyed
    survey = find_file_survey(workspace, dataset)
    classes = np.flatnonzero(survey.counts.sum(axis=0))
    assert np.unique(survey.sample.labels).tolist() == classes.tolist()
    assert survey.sample.sentinel is not None


def test_survey__changed_files_have_none(surveyed, tmp_path):
    workspace, _, _ = surveyed
    copy = Workspace(tmp_path / "copy")
    shutil.copytree(workspace.root, copy.root)
    dataset = discover_dataset(flair_folder(copy))
    assert find_file_survey(copy, dataset) is not None
    shutil.copy(dataset.patches[1].mask, dataset.patches[0].mask)
    assert find_file_survey(Workspace(copy.root), dataset) is None
    assert list(finished_runs(Workspace(copy.root), dataset)) == []


def test_survey__none_in_an_empty_store(surveyed, tmp_path):
    _, dataset, _ = surveyed
    assert find_file_survey(Workspace(tmp_path), dataset) is None
    assert not (tmp_path / "artifacts").exists()


def test_finished_runs__restore_what_was_run(surveyed):
    workspace, dataset, run = surveyed
    (finished,) = finished_runs(workspace, dataset)
    assert (finished.method, finished.spec) == (KNN, ROBUST)
    assert finished.settings.protocol == "domains"
    assert finished.key == run.key
