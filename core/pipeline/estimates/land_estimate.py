"""Estimates of the jobs of the land-cover half: runs, class maps, the grid, the label economy."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from core.land.context.token_grids import token_encoder_names
from core.land.data.dataset import Dataset
from core.land.models.classifier_table import CHANCE_BASELINES
from core.land.models.classifiers import MethodSettings
from core.land.models.configurations import grid_configurations
from core.land.models.features import FeatureSpec
from core.pipeline.estimates.job_estimate import (
    CostModel,
    JobEstimate,
    StepEstimate,
    computed_step,
    free_space,
    unknown_step,
)
from core.pipeline.estimates.land_work import (
    dataset_pixels,
    economy_work,
    file_survey_work,
    repeats_work,
    study_run_work,
    tree_bench_work,
)
from core.pipeline.estimates.work_amounts import Work
from core.pipeline.land.class_maps import CLASS_MAPS
from core.pipeline.land.economy_stage import ECONOMIES
from core.pipeline.land.repeated_training import N_REPEATS, REPEATS, RepeatedRun
from core.pipeline.land.run_titles import PROTOCOLS, configuration_title
from core.pipeline.land.study import Study
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.land.study_results import find_artifact
from core.pipeline.land.tree_bench import BENCHES
from core.pipeline.stage import Stage
from core.pipeline.workspace import Workspace

LandCommand = Literal["run", "maps", "repeats", "predict", "bench", "recut", "economy"]
LAND_COMMANDS = get_args(LandCommand)
# Core-seconds of cutting and scoring a large tree.
_RECUT_SECONDS = 5.0


@dataclass(frozen=True)
class LandJob:
    """A run of a study, and what is computed with it.

    "run" evaluates it, "maps" also writes its class maps, "repeats" trains it again on other
    pixels, and "predict" maps whole images or patches without labels. "bench" and "recut" build and
    cut HDBSCAN's tree, and "economy" measures the label economy.

    `exists` says whether the first result of the command exists; None if it has to be looked up. A
    look-up needs the checksums of all files, which a page cannot wait for.
    """

    run: StudyRun
    command: LandCommand = "run"
    exists: bool | None = None


def estimate_land(jobs: Iterable[LandJob], model: CostModel) -> JobEstimate:
    """Estimate land-cover jobs that run one after the other; results that exist cost nothing.

    If nothing has been computed with the data yet, no file is read.
    """
    steps: list[StepEstimate] = []
    root = None
    for job in jobs:
        root = job.run.study.workspace.root
        steps += _job_steps(job, model)
    return (
        JobEstimate(tuple(steps)) if root is None else JobEstimate(tuple(steps), free_space(root))
    )


def estimate_file_survey(workspace: Workspace, dataset: Dataset, model: CostModel) -> JobEstimate:
    """Estimate reading every file of a data set once."""
    pixels = sum(patch.shape[0] * patch.shape[1] for patch in dataset.patches)
    step = model.estimate("Files", file_survey_work(pixels))
    return JobEstimate((step,), free_space(workspace.root))


def grid_jobs(run: StudyRun) -> list[LandJob]:
    """Return the jobs of the original notebook's grid in the study of a run."""
    cells = grid_configurations(extras=run.spec.extras)
    return [
        LandJob(replace(run, method=replace(run.method, method=cell.method), spec=cell.spec))
        for cell in cells
    ]


def _job_steps(job: LandJob, model: CostModel) -> list[StepEstimate]:
    run = job.run
    title = f"{configuration_title(run)}, {PROTOCOLS[run.settings.protocol]}"
    if token_encoder_names(run.spec.extras):
        return [unknown_step(title, "the time for an encoder's tokens has not been measured.")]
    if run.spec.fusion and (run.spec.season, run.spec.interpolation) != ("mean", "blocks"):
        return [unknown_step(title, "the time for the series of a season has not been measured.")]
    if job.command == "bench":
        return [_step(job, run, BENCHES, f"Tree, {title}", tree_bench_work(run), model)]
    if job.command == "recut":
        return [model.estimate(f"Cut, {title}", Work("land hdbscan", _RECUT_SECONDS))]
    if job.command == "economy":
        return [_step(job, run, ECONOMIES, f"Label economy, {title}", economy_work(run), model)]
    work = study_run_work(run)
    if job.command == "predict":
        pixels = sum(height * width for height, width in _judged_shapes(run))
        # Each held-out pixel is predicted once; the time grows with all pixels of the images.
        share = dataset_pixels(run.study.dataset) / max(pixels, 1)
        return [model.estimate(f"Class maps, {title}", replace(work, amount=work.amount * share))]
    if job.command == "repeats":
        repeated = RepeatedRun(run, N_REPEATS)
        return [_step(job, repeated, REPEATS, f"Stability, {title}", repeats_work(run), model)]
    steps = [_step(job, run, CELLS, title, work, model)]
    if job.command == "maps":
        # Without the run's result there are no class maps.
        maps = replace(job, exists=None if job.exists else job.exists)
        n_bytes = float(sum(height * width for height, width in _judged_shapes(run))) / 4
        steps.append(_step(maps, run, CLASS_MAPS, f"Class maps, {title}", work, model, n_bytes))
    return steps


def _judged_shapes(run: StudyRun) -> list[tuple[int, int]]:
    patches = run.study.dataset.patches
    return [patches[index].shape for fold in run.study.folds for index in fold.test]


def _step(
    job: LandJob,
    subject: Any,
    stage: Stage[Any, Any],
    title: str,
    work: Work,
    model: CostModel,
    disk: float = 0.0,
) -> StepEstimate:
    """Return the step of an artifact of a study."""
    exists = job.exists
    if exists is None:
        exists = find_artifact(job.run.study.workspace, stage, subject) is not None
    if exists:
        return computed_step(title)
    return model.estimate(title, work, disk)


def baseline_jobs(study: Study, *, exists: bool | None = None) -> list[LandJob]:
    """Return the jobs of the chance baselines in a study; see `LandJob.exists`."""
    runs = [StudyRun(study, MethodSettings(name), FeatureSpec()) for name in CHANCE_BASELINES]
    return [LandJob(run, exists=exists) for run in runs]
