"""Ward's hierarchy: one tree that can be cut into any number of clusters, without noise."""

import numpy as np

from core.clusters.labelling import Labelling, make_labelling
from core.clusters.methods.centres import centre_facts, centre_margin, checked_components
from core.errors import ArtifactError, SettingsError
from core.settings import WardSettings
from core.types import DoubleArray, FloatArray

# Memory grows with the square of the number of chips: 20,000 chips have 1.6 GB of distances, 3 GB
# with scipy's copy.
WARD_LIMIT = 20_000


def build_ward_tree(points: FloatArray, settings: WardSettings) -> DoubleArray:
    """Build Ward's hierarchy (Ward, JASA 1963; Murtagh and Legendre, 2014).

    The points, (n, d), are principal components, strongest first; only `n_dims` of the settings is
    used. Returns an array, (n - 1, 4), of the two clusters that join, their height, and the
    number of chips in the new cluster, as `scipy.cluster.hierarchy.linkage` does. Raises
    SettingsError if there are more than 20,000 chips, and DegenerateError if values are not finite.
    """
    n = len(points)
    if n > WARD_LIMIT:
        gigabytes = n * (n - 1) / 2 * 8 / 2**30
        raise SettingsError(
            f"Ward's hierarchy compares every pair of chips: {n:,} chips would take "
            f"{gigabytes:.0f} GB of memory; the limit is {WARD_LIMIT:,} chips",
            where="method ward",
            remedy="Use k-means, HDBSCAN or a Gaussian mixture, or fewer chips.",
        )
    components = checked_components(points, settings.n_dims, 1, "Ward")
    if n < 2:
        return np.empty((0, 4))

    from scipy.cluster.hierarchy import ward

    tree: DoubleArray = ward(components)
    return tree


def cut_ward_tree(tree: DoubleArray, points: FloatArray, settings: WardSettings) -> Labelling:
    """Cut Ward's hierarchy into a number of clusters, in milliseconds.

    Raises TooFewError if there are fewer distinct chips than clusters, and ArtifactError if the
    tree was not built from these points.
    """
    if len(tree) != max(len(points) - 1, 0):
        raise ArtifactError("tree and points are of different chips", where="Ward")
    components = checked_components(points, settings.n_dims, settings.n_clusters, "Ward")

    from scipy.cluster.hierarchy import fcluster

    k = settings.n_clusters
    numbers = fcluster(tree, k, "maxclust") - 1 if len(tree) else np.zeros(1, np.int32)
    members = [components[numbers == j] for j in np.unique(numbers)]
    inertia = float(sum(((part - part.mean(0)) ** 2).sum() for part in members))
    note = f"{k} clusters were requested, but because of ties there are {len(members)}."
    notes = (note,) if len(members) < k else ()
    facts = centre_facts(len(members), components, inertia)
    return make_labelling(numbers, centre_margin(components, numbers), "ward", facts, notes)


def fit_ward(points: FloatArray, settings: WardSettings) -> Labelling:
    """Build Ward's hierarchy and cut it; see `build_ward_tree` and `cut_ward_tree`."""
    return cut_ward_tree(build_ward_tree(points, settings), points, settings)
