"""Estimates of other jobs on chips: fits in advance, screening, quality, searches of scenes."""

from collections.abc import Sequence
from dataclasses import replace

from core.clusters.evaluation.stability import MOST_CHIPS, N_RESAMPLES
from core.clusters.methods.method_table import method_of
from core.embeddings.joined_encoder import part_names
from core.pipeline.chip_stages import SCREENING, usable_artifacts
from core.pipeline.cluster_stages import COUNTS, cluster_artifacts
from core.pipeline.estimates import work_amounts as amounts
from core.pipeline.estimates.job_estimate import (
    CostModel,
    JobEstimate,
    StepEstimate,
    computed_step,
    free_space,
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
from core.pipeline.run_stages import with_settings
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
    drawn = _RESAMPLED * min(expected_chips(view), MOST_CHIPS)
    law = "quality of trees" if view.settings.method == "hdbscan" else "quality"
    steps.append(model.estimate("Report card", Work(law, N_RESAMPLES * drawn / 1000)))
    return JobEstimate(tuple(steps), free_space(view.workspace.root))


def estimate_added_chips(view: View, model: CostModel, n: int) -> JobEstimate:
    """Estimate cutting and encoding n more chips with the fit of a view: new scenes, or windows."""
    values = chip_values(view)
    names = part_names(view.settings.embed.encoder)
    steps = [model.estimate("Chips", Work("chips", 2 * n * values / 1e6))]
    steps += [
        model.estimate("Embeddings", amounts.encoding_work(name, n, values)) for name in names
    ]
    return JobEstimate(tuple(steps), free_space(view.workspace.root))
