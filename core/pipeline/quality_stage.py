"""How good a labelling is, as artifacts: the appearance of the chips, and the report card.

What is judged is what is displayed: noise treated as the settings say, the user's edits replayed,
excluded chips left out.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.formats import read_json, read_table, write_json, write_table
from core.artifacts.store import Artifact
from core.chips.chip_set import ChipSet
from core.clusters.editing.edited_labelling import (
    EditedLabelling,
    displayed_persistence,
    edit_hash,
    judged_sentence,
    unedited,
)
from core.clusters.evaluation.appearance import measure_appearance
from core.clusters.evaluation.confounders import (
    Association,
    find_confounders,
    partial_chip_warnings,
    single_scene_warnings,
)
from core.clusters.evaluation.report_card import ClusterCard, ReportCard, make_report_card
from core.clusters.evaluation.stability import failed_resamples_note, measure_stability
from core.clusters.labelling import Labelling, labels_by_size, make_labelling
from core.clusters.methods.method_table import method_of
from core.errors import TooFewError
from core.pipeline.cluster_stages import clustered_points, find_tree, labelling_stage, read_points
from core.pipeline.run import Reporter, Run
from core.pipeline.saved_edits import apply_saved_edits
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.progress import Progress, report_step, silent
from core.settings import NoiseSettings, RunSettings
from core.types import FloatArray

# Chips measured together: 256 chips of 128 x 128 pixels in four bands take 70 MB.
_BLOCK = 256


@dataclass(frozen=True)
class Quality:
    """What was found about one labelling.

    Attributes
    ----------
    card : ReportCard
    n_resamples, n_drawn, n_failed : int
        Of the stability; see `core.clusters.evaluation.stability.Stability`.
    associations : tuple of Association
        Strongest first.
    """

    card: ReportCard
    n_resamples: int
    n_drawn: int
    n_failed: int
    associations: tuple[Association, ...]


@dataclass(frozen=True)
class _JudgedLabelling:
    """A labelling as displayed, with all that judging it needs."""

    view: View
    labelling: Labelling
    edited: EditedLabelling
    chips: ChipSet
    listen: Reporter = lambda _: silent


def _measure(chips: ChipSet, folder: Path, report: Progress) -> dict[str, Any]:
    tables = []
    for start in range(0, len(chips), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(chips)))
        pixels = chips.read_scaled(rows, chips.display_scalings)
        tables.append(measure_appearance(pixels, chips.read_masks(rows), chips.bands))
        report_step(report, int(rows[-1]) + 1, len(chips), "appearance of the chips")
    write_table(folder / "appearance.parquet", pd.concat(tables, ignore_index=True))
    return {"n": len(chips)}


def _quality_inputs(subject: _JudgedLabelling) -> dict[str, Any]:
    view = subject.view
    inputs: dict[str, Any] = {
        "labelling": labelling_stage(method_of(view.settings)).step(view).key,
        "chips": list(subject.chips.keys),
    }
    mark = displayed_mark(subject.labelling, subject.edited, view.settings)
    return inputs | ({"shown": mark} if mark else {})


def _judge(subject: _JudgedLabelling, folder: Path, _: Progress) -> dict[str, Any]:
    view, chips, listen = subject.view, subject.chips, subject.listen
    appearance = APPEARANCE.make(view.workspace.store, chips, listen("appearance"))
    sharpness = APPEARANCE.open(appearance)["sharpness"].to_numpy()
    quality = judge_labelling(
        clustered_points(read_points(view), subject.labelling),
        subject.labelling,
        chips.facts.assign(sharpness=sharpness),
        view.settings,
        find_tree(view),
        listen,
        subject.edited,
    )
    write_json(folder / "quality.json", dataclasses.asdict(quality))
    return {"n_clusters": quality.card.n_clusters}


def _open_quality(artifact: Artifact) -> Quality:
    table = read_json(artifact.folder / "quality.json")
    card = table.pop("card")
    clusters = tuple(ClusterCard(**row) for row in card.pop("clusters"))
    notes = tuple(card.pop("notes"))
    associations = tuple(Association(**row) for row in table.pop("associations"))
    report_card = ReportCard(**card, clusters=clusters, notes=notes)
    return Quality(report_card, associations=associations, **table)


APPEARANCE: Stage[ChipSet, pd.DataFrame] = Stage(
    name="appearance",
    version=1,
    inputs=lambda chips: {"chips": list(chips.keys)},
    compute=_measure,
    open=lambda artifact: read_table(artifact.folder / "appearance.parquet"),
)
QUALITY: Stage[_JudgedLabelling, Quality] = Stage(
    name="quality",
    # 2: numbers with one frequent value are binned around it; draws of equal points count as lost.
    version=2,
    inputs=_quality_inputs,
    compute=_judge,
    open=_open_quality,
)


def displayed_mark(labelling: Labelling, edited: EditedLabelling, settings: RunSettings) -> str:
    """Return what tells a displayed labelling from the method's own; empty if it is the same."""
    mark = edit_hash(labelling, edited)
    return f"{mark} {settings.noise}" if mark and method_of(settings).has_noise else mark


def judge_run(run: Run, listen: Reporter) -> tuple[Quality, EditedLabelling, list[str]]:
    """Judge what a run that came as far as the clusters displays.

    Returns
    -------
    quality : Quality
    edited : EditedLabelling
        What was judged.
    problems : list of str
        The edits that do not fit.

    Raises
    ------
    ChipscapeError
        From the resamples or the measures.
    Cancelled
        If the listener asked to stop.
    """
    chips, _, labelling = run.clustered()
    edited, problems = apply_saved_edits(run.view, labelling)
    subject = _JudgedLabelling(run.view, labelling, edited, chips, listen)
    artifact = QUALITY.make(run.workspace.store, subject)
    return QUALITY.open(artifact), edited, problems


def find_quality(
    view: View, chips: ChipSet, labelling: Labelling, edited: EditedLabelling | None = None
) -> Quality | None:
    """Return the report card of a labelling as displayed, or None if there is none."""
    if not view.has("reduction"):
        return None
    subject = _JudgedLabelling(view, labelling, edited or unedited(labelling.labels), chips)
    return QUALITY.read(view.workspace.store, subject)


def judge_labelling(
    points: FloatArray,
    labelling: Labelling,
    facts: pd.DataFrame,
    settings: RunSettings,
    tree: Any,
    listen: Reporter,
    edited: EditedLabelling | None = None,
) -> Quality:
    """Measure stability, report card and confounders of a labelling, or of its edited form.

    Parameters
    ----------
    points : float32 array, (n, d)
        The components in which the chips were clustered.
    labelling : Labelling
        As the method made it.
    facts : DataFrame, n rows
    settings : RunSettings
    tree : object or None
        The tree that the method cuts, if it has one.
    listen : Reporter
    edited : EditedLabelling, optional
        What is judged; excluded chips are left out.
    """
    edited = edited or unedited(labelling.labels)
    if not edit_hash(labelling, edited):
        settings = dataclasses.replace(settings, noise=NoiseSettings())
    method = method_of(settings)
    recluster = method.recluster(labelling, settings)
    hierarchy, persistence = method.hierarchy, None
    if tree is not None and hierarchy is not None and hierarchy.persistence is not None:
        own_persistence = hierarchy.persistence(tree, settings)
        persistence = displayed_persistence(own_persistence, labelling, edited)
    included = ~edited.excluded
    points, facts = points[included], facts[included]
    displayed = make_labelling(
        edited.ids[included], labelling.confidence[included], labelling.method, labelling.facts
    )
    stability = measure_stability(points, displayed.labels, recluster, listen("stability"))
    report = listen("card")
    report_step(report, 0, 1, "silhouette and DBCV")
    card = make_report_card(
        points,
        displayed,
        area=facts["area"].to_numpy(np.float64),
        persistence=persistence,
        stability=stability.jaccard,
    )
    report_step(report, 1, 1, "silhouette and DBCV")
    try:
        associations = find_confounders(displayed.labels, facts, listen("confounders"))
    except TooFewError:
        # A single cluster follows nothing; the card says that there is only one.
        associations = []
    return Quality(
        card, stability.n_resamples, stability.n_drawn, stability.n_failed, tuple(associations)
    )


def quality_table(
    quality: Quality, run: Run, edited: EditedLabelling, problems: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what the command line prints of a report card, as plain values."""
    chips, _, labelling = run.clustered()
    included = ~edited.excluded
    ids, facts = edited.ids[included], chips.facts[included]
    alarms = [association.sentence for association in quality.associations if association.alarm]
    cluster_ids = {label: cluster for cluster, label in labels_by_size(ids).items()}
    return {
        "method": labelling.method,
        **dataclasses.asdict(quality),
        "lost": failed_resamples_note(quality.n_failed, quality.n_resamples),
        "judged": judged_sentence(labelling, edited),
        # In the order of the card's labels: the ids by which app and export call the clusters.
        "ids": [cluster_ids[label] for label in sorted(cluster_ids)],
        "names": [edited.names.get(cluster_ids[label], "") for label in sorted(cluster_ids)],
        "problems": list(problems),
        "alarms": [
            *single_scene_warnings(ids, facts["scene"].to_numpy()),
            *partial_chip_warnings(ids, facts),
            *alarms,
        ],
    }
