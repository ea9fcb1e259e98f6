"""Functions shared by the methods that use cluster centres: k-means, Ward and mixtures."""

import numpy as np

from core.clusters.labelling import Fact
from core.errors import DegenerateError, TooFewError
from core.types import AnyArray, DoubleArray, FloatArray, IntArray


def checked_components(
    points: FloatArray, n_dims: int, n_clusters: int, method: str
) -> DoubleArray:
    """Return the first principal components as float64; check that they can be clustered.

    The points, (n, d), are principal components, strongest first; the method's name is used in
    messages. Raises TooFewError if there are fewer distinct chips than clusters, and
    DegenerateError if values are not finite.
    """
    components = np.ascontiguousarray(points[:, :n_dims], dtype=np.float64)
    if not np.isfinite(components).all():
        raise DegenerateError("points are not finite", where=method)
    n_distinct = count_distinct(components, n_clusters)
    if n_distinct < n_clusters:
        raise TooFewError(
            f"{n_clusters} clusters need {n_clusters} different chips; there are {n_distinct}",
            where=method,
            remedy=f"Set n_clusters to {max(n_distinct, 1)} or less.",
        )
    return components


def count_distinct(components: AnyArray, n_clusters: int) -> int:
    """Return the number of different chips.

    If there are fewer chips than clusters, return the number of chips without comparing them.
    """
    n = len(components)
    return n if n < n_clusters else len(np.unique(components, axis=0))


def centre_margin(components: DoubleArray, cluster_numbers: IntArray) -> FloatArray:
    """Return how much nearer each chip is to its own centre than to the next one, (n,), 0..1.

    One minus the ratio of the two distances; 1 if there is only one cluster.
    """
    names, numbers = np.unique(cluster_numbers, return_inverse=True)
    if len(names) == 1:
        return np.ones(len(components), np.float32)
    centres = np.array([components[numbers == j].mean(axis=0) for j in range(len(names))])

    from scipy.spatial.distance import cdist

    distances = cdist(components, centres)
    to_own = np.take_along_axis(distances, numbers[:, None], axis=1)[:, 0]
    np.put_along_axis(distances, numbers[:, None], np.inf, axis=1)
    to_next = np.maximum(distances.min(axis=1), np.finfo(np.float32).tiny)
    margin: FloatArray = np.clip(1 - to_own / to_next, 0, 1).astype(np.float32)
    return margin


def centre_facts(n_clusters: int, components: DoubleArray, inertia: float) -> dict[str, Fact]:
    """Return the facts of a centre-based labelling; inertia is the sum of squared distances."""
    return {"n_clusters": n_clusters, "n_dims": components.shape[1], "inertia": inertia}
