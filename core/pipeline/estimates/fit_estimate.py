"""Estimates of other jobs on chips: fits in advance, quality, corrections, replays, searches."""

from collections.abc import Sequence
from dataclasses import replace

from core.clusters.evaluation import corrections
from core.clusters.evaluation.stability import MOST_CHIPS, N_RESAMPLES
from core.clusters.methods.method_table import method_of
from core.embeddings.joined_encoder import part_names
from core.pipeline.chip_stages import SCREENING, usable_artifacts
from core.pipeline.cluster_stages import COUNTS, cluster_artifacts
from core.pipeline.corrections.correction_comparison import list_corrected_views
from core.pipeline.estimates import work_amounts as amounts
from core.pipeline.estimates.job_estimate import (
    CostModel,
    JobEstimate,
    StepEstimate,
    computed_step,
    free_space,
    unknown_step,
)
from core.pipeline.estimates.run_estimate import (
    chip_values,
    estimate_run,
    expected_chips,
    list_missing,
    plan_run,
    stage_steps,
)
from core.pipeline.estimates.work_amounts import Work
from core.pipeline.results.replay import last_stage, restrict_survey
from core.pipeline.results.run_records import RunRecord
from core.pipeline.run_stages import complete_view, with_settings
from core.pipeline.view import View

# Share of the chips that a resample with replacement contains.
_RESAMPLED = 0.63


def estimate_counts(view: View, model: CostModel, counts: Sequence[int]) -> JobEstimate:
    """Estimate what the sliders of the chosen method need: a tree, or fits for several numbers."""
    method = method_of(view.settings)
    if method.hierarchy is not None:
        return estimate_run(view, model, "clusters")
    steps, planned = plan_run(view, model, "reduction")
    if planned is not None:
        fits: list[StepEstimate] = []
        for k in counts:
            settings = method.with_n_clusters(view.settings, k)
            change = {method.table: method.settings_in(settings)}
            counted = with_settings(planned, **change)
            missing, _ = list_missing(counted, cluster_artifacts)
            fits += stage_steps(counted, f"{k} clusters", missing, model)
        steps += fits
    return JobEstimate(tuple(steps), free_space(view.workspace.root))


def estimate_component_sweep(view: View, model: CostModel) -> JobEstimate:
    """Estimate the comparison of mixtures with different numbers of Gaussians."""
    steps, _ = plan_run(view, model, "reduction")
    n, gmm = expected_chips(view), view.settings.gmm
    works = [amounts.mixture_work(n, replace(gmm, n_components=k)) for k in COUNTS]
    steps.append(model.estimate("Mixtures", works))
    return JobEstimate(tuple(steps), free_space(view.workspace.root))


def estimate_screening(view: View, model: CostModel) -> JobEstimate:
    """Estimate the search for blank, blurred and nearly equal chips."""
    steps, planned = plan_run(view, model, "chips")
    if planned is not None:
        chips = usable_artifacts(planned.artifacts["chips"])
        exists = SCREENING.find(view.workspace.store, chips) is not None
        work = amounts.screening_work(expected_chips(planned), chip_values(planned))
        steps.append(computed_step("Screening") if exists else model.estimate("Screening", work))
    return JobEstimate(tuple(steps), free_space(view.workspace.root))


def estimate_quality(view: View, model: CostModel) -> JobEstimate:
    """Estimate the report card; most of its time goes into clustering resamples."""
    steps, _ = plan_run(view, model, "clusters")
    steps.append(_stability_step("Report card", view, model, N_RESAMPLES))
    return JobEstimate(tuple(steps), free_space(view.workspace.root))


def estimate_corrections(view: View, model: CostModel) -> JobEstimate:
    """Estimate the comparison of corrections: clusters with each of them, and their stability."""
    steps, planned = plan_run(view, model, "clusters")
    for corrected in list_corrected_views(planned or view):
        steps += [s for s in plan_run(corrected, model, "clusters")[0] if s.state != "computed"]
        steps.append(_stability_step("Stability", corrected, model, corrections.N_RESAMPLES))
    return JobEstimate(tuple(steps), free_space(view.workspace.root))


def _stability_step(title: str, view: View, model: CostModel, n_resamples: int) -> StepEstimate:
    """Return the step that clusters resamples of the chips."""
    drawn = _RESAMPLED * min(expected_chips(view), MOST_CHIPS)
    law = "quality of trees" if view.settings.method == "hdbscan" else "quality"
    return model.estimate(title, Work(law, n_resamples * drawn / 1000))


def estimate_replay(view: View, record: RunRecord, model: CostModel) -> JobEstimate:
    """Estimate computing a recorded run again, with the scenes of a view."""
    space = free_space(view.workspace.root)
    if record.settings.scenes.grid != view.settings.scenes.grid:
        reason = "the scenes have to be read again with the grid of this run."
        return JobEstimate((unknown_step("Scenes", reason),), space)
    survey = restrict_survey(view.survey, record.scenes)
    recorded = complete_view(View(view.workspace, record.settings, survey))
    return estimate_run(recorded, model, last_stage(record))


def estimate_added_chips(view: View, model: CostModel, n: int) -> JobEstimate:
    """Estimate cutting and encoding n more chips with the fit of a view: new scenes, or windows."""
    values = chip_values(view)
    names = part_names(view.settings.embed.encoder)
    steps = [model.estimate("Chips", Work("chips", 2 * n * values / 1e6))]
    steps += [
        model.estimate("Embeddings", amounts.encoding_work(name, n, values)) for name in names
    ]
    return JobEstimate(tuple(steps), free_space(view.workspace.root))
