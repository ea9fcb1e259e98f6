from dataclasses import replace

import pytest

from core.demo.land_cover.patches import write_land_cover
from core.land.data.pixel_sampling import SampleSettings
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.estimates.job_estimate import CostModel, cost_model
from core.pipeline.estimates.land_estimate import (
    LAND_COMMANDS,
    LandJob,
    baseline_jobs,
    estimate_file_survey,
    estimate_land,
    grid_jobs,
)
from core.pipeline.estimates.land_work import LAND_READERS, FoldSize, run_work, study_run_work
from core.pipeline.estimates.machine_speed import MachineSpeed
from core.pipeline.land.land_workspace import open_dataset
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.land.study_results import survey_files
from core.pipeline.workspace import Workspace

MODEL = CostModel(MachineSpeed(1.0, 2, measured=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("land")
    write_land_cover(root / "flair", patches=3)
    return root


@pytest.fixture
def run(folder):
    workspace = Workspace(folder)
    study = Study(workspace, StudySettings(), open_dataset(workspace))
    return StudyRun(study, MethodSettings("kmeans", n_clusters=13), FeatureSpec())


@pytest.mark.parametrize("command", LAND_COMMANDS)
def test_estimate__of_each_command(run, command):
    estimate = estimate_land([LandJob(run, command)], MODEL)
    assert not estimate.unknown
    assert estimate.seconds > 0


def test_estimate__steps_add_up(run):
    single = estimate_land([LandJob(run)], MODEL)
    both = estimate_land([LandJob(run), LandJob(replace(run, method=MethodSettings("gmm")))], MODEL)
    assert len(both.steps) == 2
    assert both.seconds > single.seconds
    assert len(estimate_land(grid_jobs(run), MODEL).steps) == 24
    assert len(baseline_jobs(run.study)) == 2


def test_estimate__tokens_and_seasons_have_no_basis(run):
    for spec, word in (
        (FeatureSpec(extras=("tokens:resnet50",)), "tokens"),
        (FeatureSpec(fusion=True, season="months"), "season"),
    ):
        estimate = estimate_land([LandJob(replace(run, spec=spec))], MODEL)
        assert not estimate.is_known
        assert word in estimate.sentence


@pytest.mark.parametrize("method", ["knn", "hdbscan", "gmm", "kmeans", "boosting"])
def test_work__grows_with_the_pixels(method):
    amounts = [
        run_work(method, [FoldSize(n, n)], SampleSettings()).amount for n in (10**5, 10**6, 10**7)
    ]
    assert amounts == sorted(amounts)
    assert amounts[0] > 0
    context = run_work(method, [FoldSize(10**6, 10**6)], SampleSettings(), context=True)
    assert context.amount > amounts[1]


def test_finished_runs__cost_nothing_and_are_evidence(run):
    run.make(CELLS)
    assert estimate_land([LandJob(run)], MODEL).sentence == "Already computed"
    store = run.study.workspace.store
    (artifact,) = store.all(CELLS.name)
    assert LAND_READERS[CELLS.name](store, artifact) == study_run_work(run)
    assert "land kmeans" in cost_model(store, LAND_READERS).corrections


def test_file_survey__by_pixels_and_former_results(run):
    workspace, dataset = run.study.workspace, run.study.dataset
    first = estimate_file_survey(workspace, dataset, MODEL)
    doubled = replace(dataset, patches=dataset.patches * 20)
    assert estimate_file_survey(workspace, doubled, MODEL).seconds > first.seconds
    survey_files(workspace, dataset)
    assert "land files" in cost_model(workspace.store, LAND_READERS).corrections
