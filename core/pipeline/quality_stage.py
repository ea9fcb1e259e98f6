"""The stage that measures the quality of a labelling: the report card.

The labelling is evaluated as displayed: with noise treated according to the settings, with the
user's edits, and without excluded chips.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.formats import read_json, write_json
from core.artifacts.store import Artifact
from core.chips.chip_set import ChipSet
from core.clusters.editing.edited_labelling import (
    EditedLabelling,
    displayed_persistence,
    edit_hash,
    judged_sentence,
    unedited_clusters,
)
from core.clusters.evaluation.centring_losses import centring_warnings
from core.clusters.evaluation.confounders import (
    Association,
    find_confounders,
    partial_chip_warnings,
    single_scene_warnings,
)
from core.clusters.evaluation.corrections import CENTRING, harmful_corrections, suggest_corrections
from core.clusters.evaluation.report_card import (
    EVALUATION_DIMS,
    ClusterCard,
    ReportCard,
    make_report_card,
)
from core.clusters.evaluation.stability import failed_resamples_note, measure_stability
from core.clusters.labelling import Labelling, labels_by_size, make_labelling
from core.clusters.methods.method_table import method_of
from core.errors import TooFewError
from core.pipeline.chip_images import APPEARANCE
from core.pipeline.cluster_stages import find_tree, labelling_stage, read_points
from core.pipeline.results.displayed_result import apply_saved_edits
from core.pipeline.run import Reporter, Run
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.progress import Progress, report_step, silent
from core.settings import NoiseSettings, RunSettings


@dataclass(frozen=True)
class Quality:
    """The quality of a labelling: its report card, and associations, strongest first.

    The three counts refer to the resamples from which stability is measured; see
    `core.clusters.evaluation.stability.Stability`.
    """

    card: ReportCard
    n_resamples: int
    n_drawn: int
    n_failed: int
    associations: tuple[Association, ...]


@dataclass(frozen=True)
class _JudgedLabelling:
    """A labelling as displayed, with everything that is needed to evaluate it."""

    view: View
    labelling: Labelling
    edited: EditedLabelling
    chips: ChipSet
    listen: Reporter = lambda _: silent


def _quality_inputs(subject: _JudgedLabelling) -> dict[str, Any]:
    view = subject.view
    inputs: dict[str, Any] = {
        "labelling": labelling_stage(method_of(view.settings)).step(view).key,
        "chips": list(subject.chips.keys),
    }
    mark = displayed_mark(subject.labelling, subject.edited, view.settings)
    return inputs | ({"shown": mark} if mark else {})


def _judge(subject: _JudgedLabelling, folder: Path, _: Progress) -> dict[str, Any]:
    store, listen = subject.view.workspace.store, subject.listen
    appearance = APPEARANCE.open(APPEARANCE.make(store, subject.chips, listen("appearance")))
    measures = {name: appearance[name].to_numpy() for name in ("brightness", "sharpness")}
    quality = _judge_labelling(subject, subject.chips.facts.assign(**measures))
    write_json(folder / "quality.json", dataclasses.asdict(quality))
    return {"n_clusters": quality.card.n_clusters}


def _judge_labelling(subject: _JudgedLabelling, facts: pd.DataFrame) -> Quality:
    """Compute stability, report card and confounders, without excluded chips."""
    view, settings, listen = subject.view, subject.view.settings, subject.listen
    labelling, edited = subject.labelling, subject.edited
    if not edit_hash(labelling, edited):
        settings = dataclasses.replace(settings, noise=NoiseSettings())
    method = method_of(settings)
    recluster = method.recluster(labelling, settings)
    hierarchy, persistence, tree = method.hierarchy, None, find_tree(view)
    if tree is not None and hierarchy is not None and hierarchy.persistence is not None:
        own_persistence = hierarchy.persistence(tree, settings)
        persistence = displayed_persistence(own_persistence, labelling, edited)
    included = ~edited.excluded
    points = read_points(view)[included]
    facts = facts[included]
    displayed = make_labelling(
        edited.ids[included], labelling.confidence[included], labelling.method, labelling.facts
    )
    stability = measure_stability(points, displayed.labels, recluster, listen("stability"))
    report = listen("card")
    report_step(report, 0, 1, "silhouette and DBCV")
    card = make_report_card(
        points[:, :EVALUATION_DIMS],
        displayed,
        area=facts["area"].to_numpy(np.float64),
        persistence=persistence,
        stability=stability.jaccard,
    )
    report_step(report, 1, 1, "silhouette and DBCV")
    try:
        associations = find_confounders(displayed.labels, facts, listen("confounders"))
    except TooFewError:
        # A single cluster cannot be associated with anything; the card says that there is only one.
        associations = []
    return Quality(
        card, stability.n_resamples, stability.n_drawn, stability.n_failed, tuple(associations)
    )


def _open_quality(artifact: Artifact) -> Quality:
    table = read_json(artifact.folder / "quality.json")
    card, associations = table.pop("card"), table.pop("associations")
    card["clusters"] = tuple(ClusterCard(**row) for row in card["clusters"])
    card["notes"] = tuple(card["notes"])
    associations = tuple(Association(**row) for row in associations)
    return Quality(ReportCard(**card), associations=associations, **table)


QUALITY: Stage[_JudgedLabelling, Quality] = Stage(
    name="quality",
    # Version 3: silhouette and DBCV are measured in the same space for every method; brightness
    # and heading are tested as confounders.
    version=3,
    inputs=_quality_inputs,
    compute=_judge,
    load=_open_quality,
)


def displayed_mark(labelling: Labelling, edited: EditedLabelling, settings: RunSettings) -> str:
    """Return a text that identifies the displayed labelling; empty if it has no changes."""
    mark = edit_hash(labelling, edited)
    return f"{mark} {settings.noise}" if mark and method_of(settings).has_noise else mark


def judge_run(run: Run, listen: Reporter) -> tuple[Quality, EditedLabelling, list[str]]:
    """Evaluate the displayed labelling of a run that has reached the clusters stage.

    Returns the quality, the edited labelling, and messages on edits that cannot be applied.
    """
    chips, _, labelling = run.clustered()
    edited, problems = apply_saved_edits(run.view, labelling, run.chip_ids)
    subject = _JudgedLabelling(run.view, labelling, edited, chips, listen)
    artifact = QUALITY.make(run.view.workspace.store, subject)
    return QUALITY.open(artifact), edited, problems


def find_quality(
    view: View, chips: ChipSet, labelling: Labelling, edited: EditedLabelling | None = None
) -> Quality | None:
    """Return the stored quality of a labelling as displayed; None if it was not computed."""
    if not view.has("reduction"):
        return None
    subject = _JudgedLabelling(
        view, labelling, edited or unedited_clusters(labelling.labels), chips
    )
    return QUALITY.read(view.workspace.store, subject)


def quality_table(
    quality: Quality, run: Run, edited: EditedLabelling, problems: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the quality as plain values, as the command line prints it."""
    chips, _, labelling = run.clustered()
    included = ~edited.excluded
    ids, facts = edited.ids[included], chips.facts[included]
    alarms = [association.sentence for association in quality.associations if association.alarm]
    one_scene = single_scene_warnings(ids, facts["scene"].to_numpy())
    cluster_ids = {label: cluster for cluster, label in labels_by_size(ids).items()}
    return {
        "method": labelling.method,
        **dataclasses.asdict(quality),
        "lost": failed_resamples_note(quality.n_failed, quality.n_resamples),
        "judged": judged_sentence(labelling, edited),
        # The clusters' ids in the app and in exports, in the order of the card's labels.
        "ids": [cluster_ids[label] for label in sorted(cluster_ids)],
        "names": [edited.names.get(cluster_ids[label], "") for label in sorted(cluster_ids)],
        "problems": list(problems),
        "alarms": [*one_scene, *partial_chip_warnings(ids, facts), *alarms],
        "remedies": _remedies(quality, run.view.settings, chips, in_one_scene=bool(one_scene)),
    }


def alarming_facts(quality: Quality | None, *, in_one_scene: bool) -> list[str]:
    """Return the names of the facts that the clusters follow; `in_one_scene` if a cluster does."""
    associations = quality.associations if quality else ()
    names = [association.name for association in associations if association.alarm]
    return [*names, *(["scene"] if in_one_scene else [])]


def _remedies(
    quality: Quality, settings: RunSettings, chips: ChipSet, *, in_one_scene: bool
) -> list[str]:
    """Return sentences on corrections that may help, and on what centring would remove."""
    facts = alarming_facts(quality, in_one_scene=in_one_scene)
    scenes = chips.facts["scene"].to_numpy()
    harmful = harmful_corrections(chips.properties, scenes, settings)
    corrections = suggest_corrections(facts, settings, harmful)
    sentences = []
    if corrections:
        options = ", ".join(correction.option for correction in corrections)
        sentences.append(f"May help: {options}. --corrections compares clusters before and after.")
    if "scene" in facts or CENTRING.is_applied(settings):
        sentences += centring_warnings(chips.properties, scenes)
    return sentences
