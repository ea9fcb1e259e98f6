"""A run: the stages in order, what each took, and a record that names every key."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

import numpy as np
import tomli_w

from core import __version__
from core.artifacts.store import Artifact
from core.chips.chip_set import ChipSet
from core.clusters.editing.edits import Edited
from core.clusters.labelling import Labelling
from core.errors import SettingsError
from core.export.result_tables import Landscape
from core.pipeline import chip_stages, cluster_stages, saved_edits, screening_stage
from core.pipeline.encoders.encoder_fits import kept_note
from core.pipeline.scene_survey import Survey, require_usable, survey
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.settings import RunSettings
from core.tables import as_table
from core.types import AnyArray

log = logging.getLogger(__name__)

STAGES = ("scenes", "chips", "embeddings", "reduction", "clusters", "projection")
Result = TypeVar("Result")
Reporter = Callable[[str], Progress]
"""Gives each stage, by name, the listener of its progress."""


@dataclass
class Run:
    """What one run found or computed; stages beyond the last one asked for stay None.

    Attributes
    ----------
    seconds, stages : dict
        Wall seconds, and "computed" or "cached", by stage.
    artifacts : dict
        Artifacts by stage, in the order of the scenes where there is one each.
    """

    workspace: Workspace
    settings: RunSettings
    seconds: dict[str, float] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, list[Artifact]] = field(default_factory=dict)
    survey: Survey | None = None
    chips: ChipSet | None = None
    labelling: Labelling | None = None
    kl_divergence: float | None = None

    def embeddings(self) -> AnyArray:
        """The embeddings, float32 (n, dim)."""
        return chip_stages.open_embeddings(self.artifacts["embeddings"][1:])

    def clustered(self) -> tuple[ChipSet, AnyArray, Labelling]:
        """Chips, embeddings and labelling of a run that came as far as the clusters."""
        return _had(self.chips), self.embeddings(), _had(self.labelling)

    def summary(self) -> dict[str, Any]:
        """What the command line prints: one JSON object."""
        found, labelling = self.survey, self.labelling
        last = {name: str(made[-1].folder) for name, made in self.artifacts.items() if made}
        return {
            "scenes": len(found.usable) if found else 0,
            "chips": len(self.chips) if self.chips else 0,
            "encoder": self.settings.embed.encoder,
            "n_clusters": labelling.n_clusters if labelling else None,
            "noise_fraction": labelling.noise_fraction if labelling else None,
            "kl_divergence": self.kl_divergence,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "stages": self.stages,
            "artifacts": last,
            "notes": self.notes(),
        }

    def notes(self) -> list[str]:
        """What the user should know, in words."""
        reports = self.survey.reports if self.survey else ()
        notes = [r.error for r in reports if not r.ok]
        notes += [
            f"{r.path}: {n} {'squares' if r.grid else 'annotations'} skipped, {why}"
            for r in reports
            for why, n in r.skipped.items()
        ]
        notes += self.chips.notes if self.chips else ()
        for fit in self.artifacts.get("embeddings", ())[:1]:
            notes += fit.counts.get("notes", ())
            notes += kept_note(fit, self.chips.outline) if self.chips else ()
        notes += [
            note for made in self.artifacts.get("reduction", ()) for note in made.counts["notes"]
        ]
        notes += self.labelling.notes if self.labelling else ()
        return notes


def run(
    workspace: Workspace,
    settings: RunSettings,
    reporter: Reporter = lambda _: silent,
    until: str = STAGES[-1],
) -> Run:
    """Run the stages in order up to one of them; what is there already is not computed again.

    Raises
    ------
    ChipscapeError
        Of whichever stage cannot go on.
    Cancelled
        If the listener asked to stop; what was finished is kept.
    """
    if until not in STAGES:
        raise SettingsError(f"{until!r} is not one of {', '.join(STAGES)}", where="until")
    done = Run(workspace, settings)
    for name in STAGES[: STAGES.index(until) + 1]:
        begun = time.perf_counter()
        made = _CALLS[name](done, reporter(name))
        done.seconds[name] = time.perf_counter() - begun
        done.artifacts[name] = list(made)
        cached = all(artifact.cached for artifact in made)
        done.stages[name] = "cached" if cached else "computed"
    write_record(done)
    return done


def landscape_of(done: Run) -> Landscape:
    """Everything that a run to its last stage knows, for export."""
    made, found = done.artifacts, _had(done.survey)
    by_name = {scene.report.name: scene for scene in found.usable}
    chip_set = _had(done.chips)
    footprints = []
    for part in chip_set.parts:
        all_of_it = by_name[part.scene].footprints()
        footprints.append(all_of_it.lonlat[np.isin(all_of_it.index, part.facts["annotation"])])
    return Landscape(
        chips=chip_set,
        footprints=np.concatenate(footprints),
        embeddings=done.embeddings(),
        reduced=cluster_stages.open_reduction(made["reduction"][0]),
        labelling=_had(done.labelling),
        projection=cluster_stages.open_projection(made["projection"][0]),
        edited=_edited(done),
    )


def _edited(done: Run) -> Edited:
    """The labelling after noise treatment and the edits that the workspace keeps."""
    made, settings, found = done.artifacts, done.settings, _had(done.labelling)
    reduced = made["reduction"][0]
    tree = cluster_stages.open_tree(made["clusters"][0]) if settings.method == "hdbscan" else None
    points = cluster_stages.open_reduction(reduced).points
    edited, problems = saved_edits.shown(done.workspace, reduced.key, points, found, settings, tree)
    for problem in problems:
        log.warning("%s", problem)
    return edited


def write_record(done: Run) -> Path:
    """Write the run's record: settings, versions and the key of every artifact."""
    keys = {name: [a.key for a in made] for name, made in done.artifacts.items()}
    now = datetime.now(UTC)
    record = {
        "chipscape": __version__,
        "finished": now.isoformat(timespec="seconds"),
        "settings": as_table(done.settings),
        "keys": keys,
        "scenes": {r.path: r.annotations for r in done.survey.reports} if done.survey else {},
        "notes": done.notes(),
        "ingest": [
            {name: value for name, value in r.as_table().items() if value is not None}
            for r in (done.survey.reports if done.survey else ())
        ],
    }
    folder = done.workspace.results / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    last = [keys[name][-1] for name in STAGES if keys.get(name)][-1:] or ["empty"]
    path = folder / f"{now:%Y%m%d-%H%M%S}-{last[0][:8]}.toml"
    part = path.with_suffix(f".{token_hex(4)}.part")
    part.write_text(tomli_w.dumps(record), encoding="utf-8")
    part.replace(path)
    return path


def _scenes(done: Run, report: Progress) -> Sequence[Artifact]:
    done.survey = survey(done.workspace, report, done.settings.scenes)
    require_usable(done.workspace, done.survey)
    return [scene.artifact for scene in done.survey.scenes]


def _chips(done: Run, report: Progress) -> Sequence[Artifact]:
    done.chips, made = chip_stages.chips(
        done.workspace, _had(done.survey), done.settings.chips, report
    )
    if done.settings.screen.leave_out:
        done.chips, made = screening_stage.leave_out(
            done.workspace, done.chips, done.settings.screen
        )
    return made


def _embeddings(done: Run, report: Progress) -> Sequence[Artifact]:
    _, made = chip_stages.embeddings(done.workspace, _had(done.chips), done.settings.embed, report)
    return made


def _reduction(done: Run, _: Progress) -> Sequence[Artifact]:
    embedded = done.artifacts["embeddings"][1:]
    chip_set, settings = _had(done.chips), done.settings.reduction
    return [
        cluster_stages.reduction(done.workspace, chip_set, done.embeddings(), embedded, settings)
    ]


def _clusters(done: Run, report: Progress) -> Sequence[Artifact]:
    reduced = done.artifacts["reduction"][0]
    made = cluster_stages.clusters(done.workspace, reduced, done.settings, report)
    done.labelling = cluster_stages.open_labelling(made[-1])
    return made


def _projection(done: Run, report: Progress) -> Sequence[Artifact]:
    reduced = done.artifacts["reduction"][0]
    made = cluster_stages.projection(done.workspace, reduced, done.settings.projection, report)
    done.kl_divergence = float(made.counts["kl_divergence"])
    return [made]


_CALLS: dict[str, Callable[[Run, Progress], Sequence[Artifact]]] = {
    "scenes": _scenes,
    "chips": _chips,
    "embeddings": _embeddings,
    "reduction": _reduction,
    "clusters": _clusters,
    "projection": _projection,
}


def _had(value: Result | None) -> Result:
    """What an earlier stage left; the order of the stages sees to it that it did."""
    if value is None:
        raise SettingsError("a stage ran before the one it needs", where="run")
    return value
