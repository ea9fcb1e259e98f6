"""Estimates of runs: the artifacts that would be computed, listed without computing anything."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from core.artifacts.store import Artifact, Step, Store
from core.embeddings.joined_encoder import part_names
from core.embeddings.registry import encoder_card
from core.errors import ChipscapeError
from core.pipeline.chip_stages import SCREENING, open_chip_set
from core.pipeline.encoders.encoder_costs import find_encoder_cost
from core.pipeline.estimates import work_amounts as amounts
from core.pipeline.estimates.job_estimate import (
    CostModel,
    JobEstimate,
    StepEstimate,
    computed_step,
    free_space,
    tried_step,
    unknown_step,
)
from core.pipeline.estimates.work_amounts import Work
from core.pipeline.run_stages import (
    RUN_STAGES,
    STAGE_NAMES,
    ArtifactLister,
    find_stage,
    with_artifacts,
)
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.progress import Progress, silent

# Length of an embedding if the encoder's card leaves it open: that of texture with three bands.
_USUAL_LENGTH = 323


@dataclasses.dataclass(frozen=True)
class MissingArtifact:
    """An artifact that a job would compute: its stage and its subject."""

    stage: Stage[Any, Any]
    subject: Any


def estimate_run(view: View, model: CostModel, until: str = STAGE_NAMES[-1]) -> JobEstimate:
    """Estimate a run of all stages of a view up to and including `until`.

    Artifacts that exist cost nothing. Nothing is computed, so the number of chips is at first that
    of the annotations. Raises SettingsError if there is no such stage.
    """
    steps, _ = plan_run(view, model, until)
    return JobEstimate(tuple(steps), free_space(view.workspace.root))


def plan_run(view: View, model: CostModel, until: str) -> tuple[list[StepEstimate], View | None]:
    """Return the steps of a run, and the view with its artifacts as if they had been computed.

    The view is None if the artifacts of a stage cannot be listed, for example without weights.
    """
    steps: list[StepEstimate] = []
    for stage in RUN_STAGES[1 : RUN_STAGES.index(find_stage(until, where="until")) + 1]:
        if view.has(stage.name):
            steps.append(computed_step(stage.title))
            continue
        try:
            missing, artifacts = list_missing(view, stage.artifacts)
        except ChipscapeError as error:
            steps.append(unknown_step(stage.title, str(error)))
            return steps, None
        steps += stage_steps(view, stage.title, missing, model)
        view = with_artifacts(view, stage.name, artifacts)
    return steps, view


def list_missing(
    view: View, list_artifacts: ArtifactLister
) -> tuple[list[MissingArtifact], list[Artifact]]:
    """List the artifacts that are missing, and all artifacts, as if they had been computed.

    The manifest of a missing artifact holds the counts that it is expected to have, as far as later
    stages need them.
    """
    store, missing = view.workspace.store, []

    def resolve(stage: Stage[Any, Any], subject: Any, _: Progress = silent) -> Artifact:
        step = stage.step(subject)
        artifact = store.find(step)
        if artifact is None:
            missing.append(MissingArtifact(stage, subject))
            artifact = _expected_artifact(store, step, view, subject)
        return artifact

    return missing, list_artifacts(view, resolve, silent)


def _expected_artifact(store: Store, step: Step, view: View, subject: Any) -> Artifact:
    """Return a missing artifact with the counts that it is expected to have."""
    counts: dict[str, Any] = {"chips": count_expected(view, step, subject)}
    if step.stage == "chips" and (scene := getattr(subject, "scene", None)) is not None:
        counts |= {
            "scene": scene.report.name,
            "bands": list(subject.bands),
            "dtype": scene.report.dtype,
            "size": subject.settings.size,
        }
    elif step.stage == "chips":
        counts = subject.cut[subject.index].counts
    manifest = {"inputs": step.inputs, "counts": counts, "version": step.version}
    return Artifact(step.stage, step.key, store.root / step.stage / step.key, manifest, False)


def count_expected(view: View, step: Step, subject: Any) -> int:
    """Return the number of chips that an artifact describes, or will describe."""
    if (scene := getattr(subject, "scene", None)) is not None:
        return int(scene.report.annotations)
    chips = view.artifacts.get("chips", ())
    if step.stage == "embeddings":
        chips = tuple(artifact for artifact in chips if artifact.key == subject.chips_key)
    return sum(int(artifact.counts.get("chips", 0)) for artifact in chips)


def expected_chips(view: View) -> int:
    """Return the number of chips; before they are cut, that of the annotations."""
    if view.has("chips"):
        return _total_chips(view)
    return sum(scene.report.annotations for scene in view.survey.usable)


def stage_steps(
    view: View, title: str, missing: list[MissingArtifact], model: CostModel
) -> list[StepEstimate]:
    """Return a step for each law that the costs of missing artifacts follow."""
    works: dict[str, list[Work]] = {}
    disk = 0.0
    for artifact in missing:
        list_works = _WORKS.get(artifact.stage.name)
        for work in list_works(view, artifact.subject) if list_works else ():
            works.setdefault(work.law, []).append(work)
        disk += _disk_bytes(view, artifact)
    if not works:
        return [computed_step(title)]
    names = list(works)
    if not all(model.has_basis(name) for name in names):
        tried = _tried_encoder(view, title, works, disk)
        if tried is not None:
            return [tried]
    return [
        model.estimate(_step_title(title, name, names), works[name], 0.0 if i else disk)
        for i, name in enumerate(names)
    ]


def _step_title(title: str, name: str, names: list[str]) -> str:
    """Return the title of one of the steps of a stage; joined encoders have a step each."""
    if name == "screen":
        return "Screening"
    n_encoders = len([other for other in names if other != "screen"])
    return title if n_encoders == 1 else f"{title}, {name}"


def _tried_encoder(
    view: View, title: str, works: Mapping[str, list[Work]], disk: float
) -> StepEstimate | None:
    """Return the step of an encoder that was tried on these chips; None if it was not."""
    chips = view.artifacts["chips"]
    if not all(artifact.folder.is_dir() for artifact in chips):
        return None
    settings, chip_set = view.settings, open_chip_set(chips, view.settings.chips.bands)
    cost = find_encoder_cost(view.workspace, chip_set, settings.embed, settings.embed.encoder)
    if cost is None or cost.estimate is None:
        return None
    pending = max(sum(work.amount for work in rows) for rows in works.values())
    share = min(1.0, pending * 1e6 / (_total_chips(view) * chip_values(view)))
    return tried_step(title, cost.estimate.seconds * share, float(cost.estimate.bytes), disk)


def _cutting(_: View, subject: Any) -> list[Work]:
    scene = getattr(subject, "scene", None)
    if scene is None:
        # Some of the chips are left out. They are copied, after all have been screened once.
        if subject.index or SCREENING.find(subject.store, subject.cut):
            return []
        counts = subject.cut[0].counts
        n = sum(int(artifact.counts["chips"]) for artifact in subject.cut)
        return [amounts.screening_work(n, len(counts["bands"]) * int(counts["size"]) ** 2)]
    size = amounts.read_scene_size(scene.artifact.folder)
    return [amounts.cutting_work(size, dataclasses.asdict(subject.settings), len(subject.bands))]


def chip_values(view: View) -> int:
    """Return the number of values of one chip of a view."""
    counts = view.artifacts["chips"][0].counts
    return len(counts["bands"]) * int(counts["size"]) ** 2


def _total_chips(view: View) -> int:
    return sum(int(artifact.counts.get("chips", 0)) for artifact in view.artifacts["chips"])


def _fitting(view: View, _: Any) -> list[Work]:
    """Return the work of fitting the encoders that embed their sample at the same time."""
    n = min(_total_chips(view), view.settings.embed.sample)
    names = part_names(view.settings.embed.encoder)
    return [
        amounts.fitting_work(name, n, chip_values(view))
        for name in names
        if name in amounts.SAMPLING_ENCODERS
    ]


def _encoding(view: View, subject: Any) -> list[Work]:
    n = next(
        int(artifact.counts["chips"])
        for artifact in view.artifacts["chips"]
        if artifact.key == subject.chips_key
    )
    settings = view.settings.embed
    fits_all = _total_chips(view) <= settings.sample
    names = part_names(settings.encoder)
    if len(names) == 1 and names[0] in amounts.SAMPLING_ENCODERS and fits_all:
        # These embeddings are computed during the fit.
        return []
    return [amounts.encoding_work(name, n, chip_values(view)) for name in names]


def embedding_dim(view: View) -> int:
    """Return the length of the embeddings of a view, or the expected one."""
    parts = view.artifacts["embeddings"][1:]
    if parts and parts[0].folder.is_dir():
        return amounts.embedding_length(parts[0])
    names = part_names(view.settings.embed.encoder)
    return sum(encoder_card(name).dim or _USUAL_LENGTH for name in names)


def _clustering(view: View, _: Any) -> list[Work]:
    n, settings = _total_chips(view), view.settings
    if settings.method == "gmm":
        return [amounts.mixture_work(n, settings.gmm)]
    return [amounts.kmeans_work(n, settings.kmeans)]


_WORKS: Mapping[str, Callable[[View, Any], list[Work]]] = {
    "chips": _cutting,
    "encoders": _fitting,
    "embeddings": _encoding,
    "reduction": lambda view, _: [amounts.reduction_work(_total_chips(view), embedding_dim(view))],
    "mixtures": _clustering,
    "kmeans": _clustering,
    "trees": lambda view, _: [amounts.tree_work(_total_chips(view), view.settings.tree.n_dims)],
    "ward_trees": lambda view, _: [amounts.ward_work(_total_chips(view))],
    "projections": lambda view, _: [
        amounts.projection_work(_total_chips(view), view.settings.projection.n_iter)
    ],
}
"""The work of a missing artifact, by the name of its stage; the others cost next to nothing."""


def _disk_bytes(view: View, missing: MissingArtifact) -> float:
    """Return the size of the data files of an artifact; only those that grow to gigabytes."""
    subject, n_chips = missing.subject, _total_chips(view) if view.has("chips") else 0
    if missing.stage.name == "chips":
        if (scene := getattr(subject, "scene", None)) is not None:
            report, side = scene.report, subject.settings.size
            return _chip_bytes(report.annotations, report.dtype, len(subject.bands), side)
        counts = subject.cut[subject.index].counts
        n_bands = len(counts["bands"])
        return _chip_bytes(int(counts["chips"]), counts["dtype"], n_bands, int(counts["size"]))
    if missing.stage.name == "embeddings":
        names = part_names(view.settings.embed.encoder)
        dim = sum(encoder_card(name).dim or _USUAL_LENGTH for name in names)
        return n_chips / len(view.artifacts["chips"]) * dim * 4
    if missing.stage.name == "reduction":
        return n_chips * (view.settings.reduction.n_dims + 2) * 4.0
    return 0.0


def _chip_bytes(n: int, dtype: str, n_bands: int, side: int) -> float:
    """Return the size of chips and their masks."""
    return float(n * side**2 * (n_bands * np.dtype(dtype).itemsize + 1))
