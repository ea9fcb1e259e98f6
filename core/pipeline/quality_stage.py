"""How good a labelling is, as artifacts: what chips look like, and the report card.

What is judged is what is shown: noise treated as the settings say, the user's edits replayed,
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
from core.artifacts.store import Artifact, Step
from core.chips.chip_set import ChipSet
from core.clusters.editing.edited_labelling import lives, mark, sentence
from core.clusters.editing.edits import Edited
from core.clusters.editing.edits import start as unedited
from core.clusters.evaluation import stability as resampling
from core.clusters.evaluation.appearance import appearance as look
from core.clusters.evaluation.confounders import Association, confounders, cut_or_partial, one_scene
from core.clusters.evaluation.report_card import ClusterCard, ReportCard, report_card
from core.clusters.evaluation.stability import Recluster, stability
from core.clusters.labelling import Labelling, in_order, labelled
from core.clusters.methods.hdbscan_tree import Tree, persistence
from core.clusters.noise_treatment import Treated
from core.errors import TooFewError
from core.pipeline import cluster_stages, plan, saved_edits
from core.pipeline.plan import Plan
from core.pipeline.run import Reporter, Run
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent, step
from core.settings import NoiseSettings, RunSettings
from core.types import DoubleArray, FloatArray

# 2: numbers with a heavy value are binned around it; draws of equal points count as lost.
VERSION = 2
APPEARANCE_VERSION = 1
# Chips looked at together: 256 of 128 x 128 in four bands are 70 MB.
_BLOCK = 256


@dataclass(frozen=True)
class Quality:
    """What was found out about one labelling.

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


def appearance_step(keys: Sequence[str]) -> Step:
    """The step of the chips' appearance, by their keys."""
    return Step("appearance", APPEARANCE_VERSION, {"chips": list(keys)})


def appearance(workspace: Workspace, chip_set: ChipSet, report: Progress = silent) -> Artifact:
    """Measure what each chip looks like; see `core.clusters.evaluation.appearance`."""

    def compute(folder: Path) -> dict[str, Any]:
        parts = []
        for start in range(0, len(chip_set), _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, len(chip_set)))
            pixels = chip_set.unit(rows, chip_set.display)
            parts.append(look(pixels, chip_set.masked(rows), chip_set.bands))
            step(report, int(rows[-1]) + 1, len(chip_set), "how chips look")
        write_table(folder / "appearance.parquet", pd.concat(parts, ignore_index=True))
        return {"n": len(chip_set)}

    return workspace.store.make(appearance_step(chip_set.keys), compute)


def find_appearance(workspace: Workspace, chip_set: ChipSet) -> pd.DataFrame | None:
    """What the chips look like, if it was measured."""
    found = workspace.store.find(appearance_step(chip_set.keys))
    return read_table(found.folder / "appearance.parquet") if found else None


def quality_step(labelling: str, keys: Sequence[str], shown: str = "") -> Step:
    """The step of the report card of a labelling.

    Parameters
    ----------
    labelling : str
        Its key.
    keys : sequence of str
        The chips' keys.
    shown : str
        From `as_shown`, where something else is shown than what the method gave.
    """
    inputs: dict[str, Any] = {"labelling": labelling, "chips": list(keys)}
    return Step("quality", VERSION, inputs | ({"shown": shown} if shown else {}))


def as_shown(labelling: Labelling, seen: Edited, settings: RunSettings) -> str:
    """What tells a card of what is shown from that of the method's own clusters; "" for those."""
    name = mark(labelling, seen)
    return f"{name} {settings.noise}" if name and settings.method == "hdbscan" else name


def shown(done: Run) -> tuple[Edited, list[str]]:
    """What a run that came as far as the clusters shows, and the edits that do not fit it."""
    _, _, labelling = done.clustered()
    reduced = done.artifacts["reduction"][0]
    points = cluster_stages.open_reduction(reduced).points
    tree = _tree(done)
    return saved_edits.shown(done.workspace, reduced.key, points, labelling, done.settings, tree)


def treated(done: Run) -> Treated:
    """The noise of a run's labelling as its settings treat it, before the user's edits."""
    _, _, labelling = done.clustered()
    points = cluster_stages.open_reduction(done.artifacts["reduction"][0]).points
    return saved_edits.treated(labelling, points, done.settings, _tree(done))


def quality(done: Run, listen: Reporter) -> Artifact:
    """Judge what a run that came as far as the clusters shows.

    Raises
    ------
    ChipscapeError
        Of the resamples or the measures.
    Cancelled
        If the listener asked to stop.
    """
    workspace, settings = done.workspace, done.settings
    chip_set, _, labelling = done.clustered()
    reduced, made = done.artifacts["reduction"][0], done.artifacts["clusters"]
    looks = appearance(workspace, chip_set, listen("appearance"))
    seen, _ = shown(done)

    def compute(folder: Path) -> dict[str, Any]:
        points = clustered_points(cluster_stages.open_reduction(reduced).points, labelling)
        facts = chip_set.facts.assign(
            sharpness=read_table(looks.folder / "appearance.parquet")["sharpness"].to_numpy()
        )
        found = judged(points, labelling, facts, settings, _tree(done), listen, seen)
        write_json(folder / "quality.json", dataclasses.asdict(found))
        return {"n_clusters": found.card.n_clusters}

    shown_as = as_shown(labelling, seen, settings)
    wanted = quality_step(made[-1].key, chip_set.keys, shown_as)
    return workspace.store.make(wanted, compute)


def judged(
    points: FloatArray,
    labelling: Labelling,
    facts: pd.DataFrame,
    settings: RunSettings,
    tree: Tree | None,
    listen: Reporter,
    seen: Edited | None = None,
) -> Quality:
    """Stability, report card and confounders of a labelling, or of what edits made of it.

    Parameters
    ----------
    points : float32 array, (n, d)
        The components that were clustered.
    labelling : Labelling
        As the method gave it.
    facts : DataFrame, n rows
    settings : RunSettings
    tree : Tree or None
        Of HDBSCAN.
    listen : Reporter
    seen : Edited, optional
        What is judged; excluded chips are left out.
    """
    seen = seen or unedited(labelling.labels)
    if not mark(labelling, seen):
        settings = dataclasses.replace(settings, noise=NoiseSettings())
    kept, method = ~seen.excluded, recluster(labelling, settings)
    lasting = _lives(tree, settings, labelling, seen)
    points, facts = points[kept], facts[kept]
    labelling = labelled(
        seen.ids[kept], labelling.confidence[kept], labelling.method, labelling.facts
    )
    again = stability(points, labelling.labels, method, listen("stability"))
    listening = listen("card")
    step(listening, 0, 1, "silhouette and DBCV")
    card = report_card(
        points,
        labelling,
        area=facts["area"].to_numpy(np.float64),
        persistence=lasting,
        stability=again.jaccard,
    )
    step(listening, 1, 1, "silhouette and DBCV")
    try:
        followed = confounders(labelling.labels, facts, listen("confounders"))
    except TooFewError:
        # One cluster follows nothing; the card says that there is but one.
        followed = []
    return Quality(card, again.n_resamples, again.n_drawn, again.n_failed, tuple(followed))


def recluster(labelling: Labelling, settings: RunSettings) -> Recluster:
    """The method that made a labelling; what it settled for itself is kept on the resamples."""
    if settings.method == "gmm":
        facts = labelling.facts
        settled: dict[str, Any] = {"covariance": facts["covariance"], "n_dims": facts["n_dims"]}
        return resampling.by_mixture(dataclasses.replace(settings.gmm, **settled))
    if settings.method == "kmeans":
        return resampling.by_kmeans(settings.kmeans)
    if settings.method == "ward":
        return resampling.by_ward(settings.ward)
    return resampling.by_density(settings.tree, settings.cut, settings.noise)


def find_quality(
    workspace: Workspace,
    ready: Plan,
    chip_set: ChipSet,
    settings: RunSettings,
    shown_as: str = "",
) -> Quality | None:
    """The report card for these settings, if it was made; `shown_as` as above."""
    made = ready.artifacts.get("reduction")
    if not made:
        return None
    labelling = plan.labelling_step(made[0].key, settings)
    found = workspace.store.find(quality_step(labelling.key, chip_set.keys, shown_as))
    return open_quality(found) if found else None


def open_quality(artifact: Artifact) -> Quality:
    """The report card of a finished artifact."""
    kept = read_json(artifact.folder / "quality.json")
    card = kept.pop("card")
    clusters = tuple(ClusterCard(**one) for one in card.pop("clusters"))
    notes = tuple(card.pop("notes"))
    associations = tuple(Association(**one) for one in kept.pop("associations"))
    return Quality(ReportCard(**card, clusters=clusters, notes=notes), associations=associations,
                   **kept)  # fmt: skip


def as_table(
    found: Quality, done: Run, seen: Edited, problems: Sequence[str] = ()
) -> dict[str, Any]:
    """What the command line prints of a report card; the last two as `shown` gives them."""
    chip_set, _, labelling = done.clustered()
    kept = ~seen.excluded
    shown_ids, facts = seen.ids[kept], chip_set.facts[kept]
    alarms = [one.sentence for one in found.associations if one.alarm]
    ids = {label: cluster for cluster, label in in_order(shown_ids).items()}
    return {
        "method": labelling.method,
        **dataclasses.asdict(found),
        "lost": resampling.lost(found.n_failed, found.n_resamples),
        "judged": sentence(labelling, seen),
        # By the card's labels: the ids that the app and the export call the clusters by.
        "ids": [ids[label] for label in sorted(ids)],
        "names": [seen.names.get(ids[label], "") for label in sorted(ids)],
        "problems": list(problems),
        "alarms": [
            *one_scene(shown_ids, facts["scene"].to_numpy()),
            *cut_or_partial(shown_ids, facts),
            *alarms,
        ],
    }


def clustered_points(points: FloatArray, labelling: Labelling) -> FloatArray:
    """The columns of the reduction that a labelling was made in."""
    return points[:, : int(labelling.facts.get("n_dims", points.shape[1]))]


def _lives(
    tree: Tree | None, settings: RunSettings, labelling: Labelling, seen: Edited
) -> DoubleArray | None:
    return None if tree is None else lives(persistence(tree, settings.cut), labelling, seen)


def _tree(done: Run) -> Tree | None:
    """HDBSCAN's tree of a run."""
    dense = done.settings.method == "hdbscan"
    return cluster_stages.open_tree(done.artifacts["clusters"][0]) if dense else None
