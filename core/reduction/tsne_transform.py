"""New chips in an existing projection, each placed among its neighbours.

Policar, Strazar and Zupan, Embedding to reference t-SNE space, Machine Learning 2021.
"""

from typing import Any

import numpy as np

from core.errors import ArtifactError, DegenerateError
from core.progress import Progress, report_step, silent
from core.reduction.affinities import reference_affinities
from core.reduction.tsne import Projection, metric_space
from core.reduction_settings import ProjectionSettings
from core.types import AnyArray, FloatArray

# openTSNE's defaults for new points: each is placed independently, near few chips.
_PERPLEXITY = 5.0
_OPTIMISATION = {
    "n_iter": 250,
    "learning_rate": 0.1,
    "exaggeration": 1.5,
    "momentum": 0.8,
    "max_grad_norm": 0.25,
    "max_step_norm": None,
}


def transform_tsne(
    projection: Projection,
    points: FloatArray,
    new_points: AnyArray,
    settings: ProjectionSettings,
    report: Progress = silent,
) -> FloatArray:
    """Return the positions of new chips in a projection, float32 (m, 2); the others do not move.

    Each new chip is placed near the chips that are similar to it, independently of other new chips.
    A chip unlike all others is placed next to the least dissimilar ones.

    Parameters
    ----------
    points : float32 array, (n, k)
        The points that were projected.
    new_points : float array, (m, k)
    settings : ProjectionSettings
        Those of the projection.
    report : Progress
        Called several times a second.
    """
    if len(points) != len(projection.coordinates):
        raise ArtifactError("points and projection do not match", where="projection")
    if not np.isfinite(new_points).all():
        raise DegenerateError("points are not finite", where="projection")
    if not len(new_points):
        return np.empty((0, 2), np.float32)

    from openTSNE import PartialTSNEEmbedding, TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities
    from openTSNE.tsne import kl_divergence_bh
    from scipy.sparse import csr_matrix

    affinities, neighbours = reference_affinities(
        metric_space(points, settings.metric),
        metric_space(np.asarray(new_points, np.float32), settings.metric),
        min(_PERPLEXITY, (len(points) - 1) / 3),
        report,
    )

    def evaluate(*arguments: Any, **options: Any) -> Any:
        report_step(report, len(new_points), len(new_points), "placing new chips")
        return kl_divergence_bh(*arguments, **options)

    n = len(points)
    # The existing chips do not move, so their own affinities are not needed.
    existing = TSNEEmbedding(
        projection.coordinates, PrecomputedAffinities(csr_matrix((n, n)), normalize=False)
    )
    # openTSNE's `transform` would return positions relative to the centre of the plot.
    placed = PartialTSNEEmbedding(
        np.median(projection.coordinates[neighbours], axis=1),
        existing,
        affinities,
        negative_gradient_method=evaluate,
    )
    placed.optimize(inplace=True, **_OPTIMISATION)
    return np.ascontiguousarray(placed, np.float32)
