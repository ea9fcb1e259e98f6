"""New chips in an existing projection, each placed among its neighbours.

Policar, Strazar and Zupan, Embedding to reference t-SNE space, Machine Learning 2021.
"""

import numpy as np

from core.errors import ArtifactError, DegenerateError
from core.progress import Progress, report_step, silent
from core.reduction.tsne import Projection, metric_space
from core.reduction_settings import ProjectionSettings
from core.types import AnyArray, FloatArray

# openTSNE's default for new points: each is placed independently, near few chips.
_PERPLEXITY = 5.0


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
    """
    if len(points) != len(projection.coordinates):
        raise ArtifactError("points and projection do not match", where="projection")
    if not np.isfinite(new_points).all():
        raise DegenerateError("points are not finite", where="projection")
    if not len(new_points):
        return np.empty((0, 2), np.float32)
    report_step(report, 0, 1, "placing new chips")

    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    options = {"n_jobs": 1, "random_state": settings.seed}
    reference = metric_space(points, settings.metric)
    affinities = PerplexityBasedNN(reference, perplexity, method="exact", **options)
    existing = TSNEEmbedding(
        projection.coordinates, affinities, negative_gradient_method="bh", **options
    )
    queries = metric_space(np.asarray(new_points, np.float32), settings.metric)
    placed = existing.transform(queries, perplexity=perplexity)
    report_step(report, 1, 1, "placing new chips")
    return np.ascontiguousarray(placed, np.float32)
