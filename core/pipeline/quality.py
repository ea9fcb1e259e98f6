"""How good a labelling is, as artifacts: what chips look like, and the report card."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.formats import read_json, read_table, write_json, write_table
from core.artifacts.store import Artifact, Step
from core.chips.chipset import ChipSet
from core.clusters import stability as resampling
from core.clusters.appearance import appearance as look
from core.clusters.confounders import Association, confounders, one_scene
from core.clusters.density import Tree, persistence
from core.clusters.labelling import Labelling
from core.clusters.quality import ClusterCard, ReportCard, report_card
from core.clusters.stability import Recluster, stability
from core.errors import TooFewError
from core.pipeline import landscape, views
from core.pipeline.runs import Reporter, Run
from core.pipeline.views import Plan
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent, step
from core.settings import RunSettings
from core.types import DoubleArray, FloatArray

VERSION = 1
APPEARANCE_VERSION = 1
# Chips looked at together: 256 of 128 x 128 in four bands are 70 MB.
_BLOCK = 256


@dataclass(frozen=True)
class Quality:
    """What was found out about one labelling, before noise treatment and edits.

    Attributes
    ----------
    card : ReportCard
    n_resamples, n_drawn, n_failed : int
        Of the stability; see `core.clusters.stability.Stability`.
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
    """Measure what each chip looks like; see `core.clusters.appearance`."""

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


def quality_step(labelling: str, keys: Sequence[str]) -> Step:
    """The step of the report card of a labelling, by its key and the chips' keys."""
    return Step("quality", VERSION, {"labelling": labelling, "chips": list(keys)})


def quality(done: Run, listen: Reporter) -> Artifact:
    """Judge the labelling of a run that came as far as the clusters.

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
    tree = landscape.open_tree(made[0]) if settings.method == "hdbscan" else None

    def compute(folder: Path) -> dict[str, Any]:
        points = clustered_points(landscape.open_reduction(reduced).points, labelling)
        facts = chip_set.facts.assign(
            sharpness=read_table(looks.folder / "appearance.parquet")["sharpness"].to_numpy()
        )
        found = judged(points, labelling, facts, settings, tree, listen)
        write_json(folder / "quality.json", dataclasses.asdict(found))
        return {"n_clusters": labelling.n_clusters}

    return workspace.store.make(quality_step(made[-1].key, chip_set.keys), compute)


def judged(
    points: FloatArray,
    labelling: Labelling,
    facts: pd.DataFrame,
    settings: RunSettings,
    tree: Tree | None,
    listen: Reporter,
) -> Quality:
    """Stability, report card and confounders of a labelling; all but `listen` as in `quality`."""
    again = stability(points, labelling.labels, recluster(labelling, settings), listen("stability"))
    listening = listen("card")
    step(listening, 0, 1, "silhouette and DBCV")
    card = report_card(
        points,
        labelling,
        area=facts["area"].to_numpy(np.float64),
        persistence=_lives(tree, settings),
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
    return resampling.by_density(settings.tree, settings.cut)


def find_quality(
    workspace: Workspace, ready: Plan, chip_set: ChipSet, settings: RunSettings
) -> Quality | None:
    """The report card for these settings, if it was made."""
    made = ready.artifacts.get("reduction")
    if not made:
        return None
    labelling = views.labelling_step(made[0].key, settings)
    found = workspace.store.find(quality_step(labelling.key, chip_set.keys))
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


def as_table(found: Quality, labelling: Labelling, scenes: "pd.Series[Any]") -> dict[str, Any]:
    """What the command line prints of a report card."""
    alarms = [one.sentence for one in found.associations if one.alarm]
    return {
        "method": labelling.method,
        **dataclasses.asdict(found),
        "alarms": [*one_scene(labelling.labels, scenes.to_numpy()), *alarms],
    }


def clustered_points(points: FloatArray, labelling: Labelling) -> FloatArray:
    """The columns of the reduction that a labelling was made in."""
    return points[:, : int(labelling.facts.get("n_dims", points.shape[1]))]


def _lives(tree: Tree | None, settings: RunSettings) -> DoubleArray | None:
    return None if tree is None else persistence(tree, settings.cut)
