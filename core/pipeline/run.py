"""A run: the stages in order, how long each took, and a record that names every key."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli_w

from core import __version__
from core.artifacts.formats import write_atomically
from core.artifacts.store import Artifact
from core.chips.chip_set import ChipSet
from core.clusters.labelling import Labelling
from core.clusters.methods.method_table import method_of
from core.errors import TooFewError
from core.pipeline.chip_stages import open_chips, outline_chips
from core.pipeline.cluster_stages import open_labelling_artifact
from core.pipeline.embedding_stages import kept_note, open_embeddings
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
from core.settings import RunSettings
from core.tables import settings_table
from core.types import AnyArray

Reporter = Callable[[str], Progress]
"""Gives each stage, by name, the listener of its progress."""


@dataclass
class Run:
    """What one run found or computed.

    Attributes
    ----------
    view : View
        The workspace with the artifacts of the stages that the run came to.
    seconds : dict
        Wall time of each stage.
    stages : dict
        ``"computed"`` or ``"cached"``, by stage.
    """

    view: View
    seconds: dict[str, float] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)

    @property
    def workspace(self) -> Workspace:
        """The workspace."""
        return self.view.workspace

    @property
    def settings(self) -> RunSettings:
        """The settings."""
        return self.view.settings

    @property
    def survey(self) -> Survey:
        """The scenes."""
        return self.view.survey

    @property
    def artifacts(self) -> dict[str, list[Artifact]]:
        """Artifacts by stage, in the order of the scenes where there is one for each."""
        return {name: list(artifacts) for name, artifacts in self.view.artifacts.items()}

    @cached_property
    def chips(self) -> ChipSet:
        """The chips.

        Raises
        ------
        TooFewError
            If the run did not come as far.
        """
        chips = open_chips(self.view)
        if chips is None:
            raise TooFewError("there are no chips", where="run")
        return chips

    @cached_property
    def labelling(self) -> Labelling | None:
        """The labelling as the method made it; None if the run did not come as far."""
        artifacts = self.view.artifacts.get("clusters")
        return open_labelling_artifact(artifacts[-1]) if artifacts else None

    @property
    def kl_divergence(self) -> float | None:
        """The KL divergence of the projection; None if the run did not come as far."""
        artifacts = self.view.artifacts.get("projection")
        return float(artifacts[0].counts["kl_divergence"]) if artifacts else None

    def embeddings(self) -> AnyArray:
        """The embeddings, float32 (n, dim)."""
        matrix = open_embeddings(self.view)
        if matrix is None:
            raise TooFewError("there are no embeddings", where="run")
        return matrix

    def clustered(self) -> tuple[ChipSet, AnyArray, Labelling]:
        """Chips, embeddings and labelling of a run that came as far as the clusters."""
        if self.labelling is None:
            raise TooFewError("there are no clusters", where="run")
        return self.chips, self.embeddings(), self.labelling

    def summary(self) -> dict[str, Any]:
        """What the command line prints: one JSON object."""
        labelling, artifacts = self.labelling, self.artifacts
        return {
            "scenes": len(self.survey.usable),
            "chips": len(self.chips) if "chips" in artifacts else 0,
            "encoder": self.settings.embed.encoder,
            "n_clusters": labelling.n_clusters if labelling else None,
            "noise_fraction": labelling.noise_fraction if labelling else None,
            "kl_divergence": self.kl_divergence,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "stages": self.stages,
            "artifacts": {
                name: str(stage_artifacts[-1].folder)
                for name, stage_artifacts in artifacts.items()
                if stage_artifacts
            },
            "notes": self.notes(),
        }

    def notes(self) -> list[str]:
        """What the user should know, one sentence each."""
        reports, artifacts = self.survey.reports, self.artifacts
        notes = [report.error for report in reports if not report.ok]
        notes += [
            f"{report.path}: {n} {'squares' if report.grid else 'annotations'} skipped, {reason}"
            for report in reports
            for reason, n in report.skipped.items()
        ]
        notes += self.chips.notes if "chips" in artifacts else ()
        for fit in artifacts.get("embeddings", ())[:1]:
            notes += fit.counts.get("notes", ())
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
) -> Run:
    """Run the stages in order up to one of them; what is there already is not computed again.

    Raises
    ------
    ChipscapeError
        Of the first stage that cannot be computed.
    Cancelled
        If the listener asked to stop; what was finished is kept.
    """
    last = find_stage(until, where="until")
    # A method that does not exist is refused before anything is computed.
    method_of(settings)
    started = time.perf_counter()
    survey = survey_scenes(workspace, reporter("scenes"), settings.scenes)
    require_usable(workspace, survey)
    run = Run(View(workspace, settings, survey))
    for stage in RUN_STAGES[: RUN_STAGES.index(last) + 1]:
        # The scenes have been reported by their survey.
        report = reporter(stage.name) if stage.needs else silent
        artifacts = make_artifacts(run.view, stage.artifacts, report)
        run.view = with_artifacts(run.view, stage.name, artifacts)
        run.seconds[stage.name] = time.perf_counter() - started
        cached = all(artifact.cached for artifact in artifacts)
        run.stages[stage.name] = "cached" if cached else "computed"
        started = time.perf_counter()
    write_run_record(run)
    return run


def write_run_record(run: Run) -> Path:
    """Write the run's record: settings, versions, notes and the key of every artifact."""
    keys = {name: [a.key for a in artifacts] for name, artifacts in run.artifacts.items()}
    finished = datetime.now(UTC)
    record = {
        "chipscape": __version__,
        "finished": finished.isoformat(timespec="seconds"),
        "settings": settings_table(run.settings),
        "keys": keys,
        "scenes": {report.path: report.annotations for report in run.survey.reports},
        "notes": run.notes(),
        "ingest": [
            {name: value for name, value in report.as_table().items() if value is not None}
            for report in run.survey.reports
        ],
    }
    folder = run.workspace.results / "runs"
    last_key = [keys[name][-1] for name in STAGE_NAMES if keys.get(name)][-1]
    path = folder / f"{finished:%Y%m%d-%H%M%S}-{last_key[:8]}.toml"
    return write_atomically(path, tomli_w.dumps(record))
