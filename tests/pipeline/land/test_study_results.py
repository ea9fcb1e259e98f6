import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.land.data.dataset import SIDE, Dataset, Patch
from core.land.data.file_discovery import discover_dataset
from core.land.data.patch_reading import read_mask
from core.land.data.pixel_sampling import SampleSettings
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land.land_workspace import flair_folder
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.land.study_results import (
    find_file_survey,
    find_run,
    finished_runs,
    group_by_protocol,
    pair_by_other,
    survey_files,
    unjudged_patches,
)
from core.pipeline.workspace import Workspace

KNN = MethodSettings()
ROBUST = FeatureSpec(fusion=True, robust=True)
PATCHES = [
    Patch(f"{i:06d}", split, domain, "Z1", Path("i"), Path("m"), None, None, None)
    for i, (split, domain) in enumerate([("train", "A"), ("train", "B"), ("test", "C")])
]
DATASET = Dataset(Path(), tuple(PATCHES), ())


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


def test_survey__none_for_changed_files(surveyed, tmp_path):
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


def test_finished_runs__restore_method_features_and_settings(surveyed):
    workspace, dataset, run = surveyed
    (finished,) = finished_runs(workspace, dataset)
    assert (finished.method, finished.spec) == (KNN, ROBUST)
    assert finished.settings.protocol == "domains"
    assert finished.key == run.key


def make_run(tmp_path, protocol="domains", method="knn", *, other=False, fusion=False):
    settings = StudySettings(protocol, sample=SampleSettings(other=other))
    study = Study(Workspace(tmp_path), settings, DATASET)
    return StudyRun(study, MethodSettings(method), FeatureSpec(fusion=fusion))


def test_group__by_everything_but_the_protocol_and_chance_last(tmp_path):
    chance = make_run(tmp_path, method="uniform")
    runs = [make_run(tmp_path, protocol) for protocol in ("domains", "patches", "test")]
    fused, other = make_run(tmp_path, fusion=True), make_run(tmp_path, other=True)
    groups = group_by_protocol([chance, *runs, fused, other])
    assert [list(group) for group in groups] == [
        ["domains", "patches", "test"],
        ["domains"],
        ["domains"],
        ["domains"],
    ]
    assert groups[0]["patches"] is runs[1]
    assert groups[-1]["domains"] is chance


def test_pair__without_and_with_other_by_the_same_protocol(tmp_path):
    without, included = make_run(tmp_path), make_run(tmp_path, other=True)
    alone = make_run(tmp_path, "test", other=True)
    chance = [make_run(tmp_path, method="uniform", other=other) for other in (False, True)]
    assert pair_by_other([included, alone, *chance, without]) == [(without, included)]


def test_unpredicted_patches__reasons_from_the_notes(tmp_path):
    study = make_run(tmp_path).study
    complete = SimpleNamespace(patches=("IMG_000000", "IMG_000001"), notes=[])
    noted = SimpleNamespace(patches=("IMG_000000",), notes=["IMG_000001: its mask is damaged"])
    silent = SimpleNamespace(patches=("IMG_000000",), notes=["IMG_000000: dark"])
    assert unjudged_patches(study, [complete, noted, silent]) == {
        "IMG_000001": ["its mask is damaged", "not predicted"]
    }


def test_find_run__equal_settings_and_features(tmp_path, monkeypatch):
    monkeypatch.setattr(StudyRun, "key", property(lambda run: run.settings.protocol))
    finished = [make_run(tmp_path, "patches"), make_run(tmp_path), make_run(tmp_path, fusion=True)]
    assert find_run(finished, make_run(tmp_path)) is finished[1]
    assert find_run(finished, make_run(tmp_path, "test")) is None
    assert find_run(finished, make_run(tmp_path, method="gmm")) is None
