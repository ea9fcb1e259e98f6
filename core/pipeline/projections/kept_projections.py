"""The projections that exist for a reduction, with their settings and scores."""

from dataclasses import dataclass

from core.artifacts.store import Artifact
from core.errors import SettingsError
from core.pipeline.cluster_stages import PROJECTION, open_projection, read_points, reduction_key
from core.pipeline.view import View
from core.reduction.projection_scores import ProjectionScores, score_projection
from core.reduction.tsne import metric_space
from core.reduction_settings import ProjectionSettings
from core.tables import settings_from_table


@dataclass(frozen=True)
class KeptProjection:
    """A projection in the store.

    The perplexity is the one that was used; `scores` is None for projections of earlier versions,
    which did not compute them.
    """

    key: str
    settings: ProjectionSettings
    perplexity: float
    kl_divergence: float
    scores: ProjectionScores | None


def list_projections(view: View) -> list[KeptProjection]:
    """Return all projections of a view's reduction, the oldest first."""
    if not view.has("reduction"):
        return []
    projections, key = [], reduction_key(view)
    for artifact in view.workspace.store.all(PROJECTION.name):
        inputs = artifact.manifest["inputs"]
        is_current = artifact.manifest["version"] == PROJECTION.version
        if not is_current or inputs.get("after") != key:
            continue
        try:
            settings = settings_from_table(ProjectionSettings, inputs["settings"])
        except SettingsError:
            # It was computed by a version with other settings.
            continue
        counts = artifact.counts
        numbers = float(counts["perplexity"]), float(counts["kl_divergence"])
        projections.append(KeptProjection(artifact.key, settings, *numbers, read_scores(artifact)))
    return projections


def read_scores(artifact: Artifact) -> ProjectionScores | None:
    """Return the scores that are stored with a projection; None if it has none."""
    scores = artifact.counts.get("scores")
    return ProjectionScores(**scores) if scores else None


def projection_scores(view: View) -> ProjectionScores | None:
    """Return the scores of a view's projection; None if there is no projection.

    For a projection of an earlier version they are computed, which takes 6 s for 20,000 chips.
    """
    projection = open_projection(view)
    if projection is None:
        return None
    stored = read_scores(view.artifacts["projection"][0])
    if stored is not None:
        return stored
    points = metric_space(read_points(view), view.settings.projection.metric)
    return score_projection(points, projection.coordinates)


def describe_scores(scores: ProjectionScores) -> str:
    """Return a sentence on how well a projection keeps neighbours."""
    sample = ""
    if scores.n_scored < scores.n_chips:
        sample = f" (measured on a random sample of {scores.n_scored:,} chips)"
    return (
        f"Trustworthiness {scores.trustworthiness:.2f} of 1; "
        f"{scores.neighbour_recall:.0%} of the {scores.n_neighbours} nearest neighbours of a chip "
        f"are also among its {scores.n_neighbours} nearest in the plot{sample}."
    )
