"""A run: its stages in order, the time that each took, and its record."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from core.chips.chip_set import ChipSet
from core.clusters.labelling import Labelling
from core.clusters.methods.method_table import method_of
from core.errors import TooFewError
from core.pipeline.chip_stages import open_chips, outline_chips, usable_artifacts
from core.pipeline.cluster_stages import open_labelling_artifact
from core.pipeline.embedding_stages import kept_note, open_embeddings
from core.pipeline.projections.kept_projections import read_scores
from core.pipeline.results.current_file import find_damage, load_readable
from core.pipeline.results.current_result import keep_result, link_run, save_current_run
from core.pipeline.results.run_records import (
    RunRecord,
    create_record,
    find_matching_record,
    read_record,
    record_path,
)
from core.pipeline.results.stored_view import list_keys, scene_keys
from core.pipeline.run_stages import (
    RUN_STAGES,
    STAGE_NAMES,
    find_stage,
    make_artifacts,
    with_artifacts,
)
from core.pipeline.scene_survey import Survey, require_usable, survey_scenes
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.reduction.projection_scores import ProjectionScores
from core.reduction.tsne import effective_perplexity
from core.settings import RunSettings
from core.types import AnyArray

Reporter = Callable[[str], Progress]
"""Returns the progress listener of a stage, given the stage's name."""


@dataclass
class Run:
    """The results of one run, computed or found in the store.

    The view has the artifacts of the stages that were run. `seconds` is the wall time of each
    stage, and `stages` says whether it was "computed" or "cached". `record` is set at the end of a
    run with clusters and a projection; a run that stops before has none.
    """

    view: View
    seconds: dict[str, float] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    record: RunRecord | None = None

    @cached_property
    def chips(self) -> ChipSet:
        """The chips; raises TooFewError if the run stopped before cutting them."""
        chips = open_chips(self.view)
        if chips is None:
            raise TooFewError("there are no chips", where="run")
        return chips

    @property
    def chip_ids(self) -> list[str]:
        """The ids of the chips, row by row."""
        ids: list[str] = self.chips.facts["chip_id"].tolist()
        return ids

    @cached_property
    def labelling(self) -> Labelling | None:
        """The method's labelling, without edits; None if the run stopped before clustering."""
        artifacts = self.view.artifacts.get("clusters")
        return open_labelling_artifact(artifacts[-1]) if artifacts else None

    @property
    def kl_divergence(self) -> float | None:
        """The KL divergence of the projection; None if the run stopped before projecting."""
        artifacts = self.view.artifacts.get("projection")
        return float(artifacts[0].counts["kl_divergence"]) if artifacts else None

    @property
    def scores(self) -> ProjectionScores | None:
        """The stored scores of the projection; None without a projection, or if it has none."""
        artifacts = self.view.artifacts.get("projection")
        return read_scores(artifacts[0]) if artifacts else None

    def embeddings(self) -> AnyArray:
        """The embeddings, float32 (n, dim)."""
        matrix = open_embeddings(self.view)
        if matrix is None:
            raise TooFewError("there are no embeddings", where="run")
        return matrix

    def clustered(self) -> tuple[ChipSet, AnyArray, Labelling]:
        """Return chips, embeddings and labelling; raises TooFewError if there are no clusters."""
        if self.labelling is None:
            raise TooFewError("there are no clusters", where="run")
        return self.chips, self.embeddings(), self.labelling

    def summary(self) -> dict[str, Any]:
        """Return the summary that the command line prints as one JSON object."""
        view, labelling, scores = self.view, self.labelling, self.scores
        return {
            "scenes": len(view.survey.usable),
            "chips": len(self.chips) if view.has("chips") else 0,
            "encoder": view.settings.embed.encoder,
            "n_clusters": labelling.n_clusters if labelling else None,
            "noise_fraction": labelling.noise_fraction if labelling else None,
            "kl_divergence": self.kl_divergence,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "stages": self.stages,
            "artifacts": {
                name: str(artifacts[-1].folder)
                for name, artifacts in view.artifacts.items()
                if artifacts
            },
            "notes": [*self.notes(), *self._keeping_notes()],
            "trustworthiness": scores.trustworthiness if scores else None,
            "neighbour_recall": scores.neighbour_recall if scores else None,
            "run": self.record.run_id if self.record else None,
        }

    def _keeping_notes(self) -> list[str]:
        """Return why a complete run could not become the current result, if so."""
        damage = find_damage(self.view.workspace) if self.record else None
        return [f"This run is not the current result. {damage}"] if damage else []

    def notes(self) -> list[str]:
        """Return notes for the user, one sentence each."""
        reports, artifacts = self.view.survey.reports, self.view.artifacts
        notes = [report.error for report in reports if not report.ok]
        notes += [
            f"{report.path}: {n} {'squares' if report.grid else 'annotations'} skipped, {reason}"
            for report in reports
            for reason, n in report.skipped.items()
        ]
        notes += self.chips.notes if "chips" in artifacts else ()
        for artifact in artifacts.get("embeddings", ()):
            notes += artifact.counts.get("notes", ())
        for fit in artifacts.get("embeddings", ())[:1]:
            notes += kept_note(fit, outline_chips(artifacts["chips"]))
        for reduction in artifacts.get("reduction", ()):
            notes += reduction.counts["notes"]
        notes += self.labelling.notes if self.labelling else ()
        return notes


def run_pipeline(
    workspace: Workspace,
    settings: RunSettings,
    reporter: Reporter = lambda _: silent,
    until: str = STAGE_NAMES[-1],
    survey: Survey | None = None,
) -> Run:
    """Run the stages in order up to and including `until`; existing results are not computed again.

    The scenes are those in raw/, or those of `survey`. A complete run gets a record; see also
    `keep_run`.
    Raises the ChipscapeError of the first stage that cannot be computed, and Cancelled if a
    progress listener asks to stop; finished results are kept.
    """
    last = find_stage(until, where="until")
    # An unknown method is reported before anything is computed.
    method_of(settings)
    started = time.perf_counter()
    # A stored result stays as it is, even if a scene that was left out can be read now.
    retry_failed = survey is None
    survey = survey or survey_scenes(workspace, reporter("scenes"), settings.scenes)
    require_usable(workspace, survey)
    run = Run(View(workspace, settings, survey))
    with workspace.store.in_use():
        for stage in RUN_STAGES[: RUN_STAGES.index(last) + 1]:
            # The survey has already reported the progress of the scenes.
            report = reporter(stage.name) if stage.needs else silent
            artifacts = make_artifacts(run.view, stage.artifacts, report, retry_failed=retry_failed)
            run.view = with_artifacts(run.view, stage.name, artifacts)
            if stage.name == "chips" and last.name == "projection":
                # Reported now, because the projection comes last.
                effective_perplexity(count_chips(run.view), settings.projection)
            run.seconds[stage.name] = time.perf_counter() - started
            cached = all(artifact.cached for artifact in artifacts)
            run.stages[stage.name] = "cached" if cached else "computed"
            started = time.perf_counter()
        if run.labelling is not None and run.view.has("projection"):
            run.record = _write_record(run, run.labelling)
    return run


def _write_record(run: Run, labelling: Labelling) -> RunRecord:
    """Write the record of a complete run; a run with the same results keeps its record."""
    # The notes are read in any case, so that damaged chips are reported.
    view, keys, notes = run.view, list_keys(run.view), run.notes()
    current = load_readable(view.workspace)
    if existing := find_matching_record(view.workspace, view.settings, keys, current):
        return read_record(record_path(view.workspace, existing))
    counts = {
        "chips": len(run.chips),
        "clusters": labelling.n_clusters,
        "noise_fraction": labelling.noise_fraction,
    }
    reports = view.survey.reports
    facts = {
        "scenes": {report.path: report.annotations for report in reports},
        "fitted_to": _fitted_scenes(view),
        "notes": notes,
        "ingest": [
            {name: value for name, value in report.as_table().items() if value is not None}
            for report in reports
        ],
    }
    return create_record(view.workspace, view.settings, keys, counts, facts)


def _fitted_scenes(view: View) -> list[str]:
    """Return the scenes that the encoder was fitted to, if these are not all."""
    fits = view.artifacts.get("embeddings", ())[:1]
    keys = scene_keys(view.workspace, fits[0].manifest["inputs"]["chips"] if fits else ())
    fitted = [scene.report.path for scene in view.survey.usable if scene.artifact.key in keys]
    return fitted if len(fitted) < len(view.survey.usable) else []


def keep_run(run: Run) -> None:
    """Make a run with clusters and a projection the current result of its workspace.

    An edited result that it replaces is kept as a run. A damaged file of the current result is not
    replaced, and the summary of the run says so.
    """
    if find_damage(run.view.workspace):
        return
    if run.record is not None and run.labelling is not None:
        link_run(run.view, run.record.run_id)
        save_current_run(run.view.workspace)
        keep_result(run.view, run.labelling, run.chip_ids, run.record.run_id)


def count_chips(view: View) -> int:
    """Return the number of chips of a view; 0 if they have not been cut.

    Raises TooFewError, with the reason for each scene, if no chips could be cut.
    """
    artifacts = view.artifacts.get("chips", ())
    usable = usable_artifacts(artifacts) if artifacts else ()
    return sum(int(artifact.counts["chips"]) for artifact in usable)
