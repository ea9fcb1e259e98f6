"""k-means and Ward's hierarchy, behind the same labelling as mixtures and density."""

import numpy as np

from core.clusters.labelling import Fact, Labelling, labelled
from core.errors import ArtifactError, DegenerateError, SettingsError, TooFewError
from core.settings import KMeansSettings, WardSettings
from core.types import DoubleArray, FloatArray, IntArray

# Memory grows with the square of the chips: 20,000 have 1.6 GB of distances, 3 GB with the copy.
WARD_LIMIT = 20_000


def fit_kmeans(points: FloatArray, settings: KMeansSettings) -> Labelling:
    """Cluster by k-means (Lloyd; Arthur and Vassilvitskii's starts, 2007).

    Parameters
    ----------
    points : float32 array, (n, d)
        Principal components, strongest first.
    settings : KMeansSettings

    Raises
    ------
    TooFewError
        For fewer different chips than clusters.
    DegenerateError
        For values that are not finite.
    """
    data = _data(points, settings.n_dims, settings.n_clusters, "k-means")

    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    model = KMeans(settings.n_clusters, n_init=settings.n_init, random_state=settings.seed)
    # One thread: the sums of several come in another order at each run.
    with threadpool_limits(limits=1):
        raw = model.fit_predict(data)
    facts = _facts(settings.n_clusters, data, float(model.inertia_))
    return labelled(raw, margin(data, raw), "kmeans", facts)


def fit_ward(points: FloatArray, settings: WardSettings) -> Labelling:
    """Cluster by Ward's hierarchy; arguments and errors as in `ward_tree` and `cut_ward`."""
    return cut_ward(ward_tree(points, settings), points, settings)


def ward_tree(points: FloatArray, settings: WardSettings) -> DoubleArray:
    """Ward's hierarchy (Ward, JASA 1963; Murtagh and Legendre, 2014), whatever its cut.

    Parameters
    ----------
    points : float32 array, (n, d)
        Principal components, strongest first.
    settings : WardSettings

    Returns
    -------
    float64 array, (n - 1, 4)
        Two clusters that join, the height at which they do, chips in the new one; as in scipy.

    Raises
    ------
    SettingsError
        For more than 20,000 chips, whose distances take too much memory.
    DegenerateError
        For values that are not finite.
    """
    n = len(points)
    if n > WARD_LIMIT:
        raise SettingsError(
            f"Ward compares each chip with each other: {n:,} chips would take "
            f"{n * (n - 1) / 2 * 8 / 2**30:.0f} GB of memory, {WARD_LIMIT:,} are the most",
            where="method ward",
            remedy="Take k-means, HDBSCAN or a mixture, or fewer chips.",
        )
    data = _data(points, settings.n_dims, 1, "Ward")
    if n < 2:
        return np.empty((0, 4))

    from scipy.cluster.hierarchy import ward

    merged: DoubleArray = ward(data)
    return merged


def cut_ward(tree: DoubleArray, points: FloatArray, settings: WardSettings) -> Labelling:
    """Cut Ward's tree at a number of clusters, in milliseconds.

    Parameters
    ----------
    tree : float64 array, (n - 1, 4)
        From `ward_tree`.
    points : float32 array, (n, d)
        What it was built from.
    settings : WardSettings

    Raises
    ------
    TooFewError
        For fewer different chips than clusters.
    ArtifactError
        If tree and points are of different chips.
    """
    if len(tree) != max(len(points) - 1, 0):
        raise ArtifactError("tree and points are of different chips", where="Ward")
    data = _data(points, settings.n_dims, settings.n_clusters, "Ward")
    if len(points) == 1:
        return labelled(np.zeros(1, np.int32), np.ones(1), "ward", _facts(1, data, 0.0))

    from scipy.cluster.hierarchy import fcluster

    raw = fcluster(tree, settings.n_clusters, "maxclust") - 1
    inside = float(sum(((data[raw == j] - data[raw == j].mean(0)) ** 2).sum() for j in set(raw)))
    found = len(np.unique(raw))
    notes: tuple[str, ...] = ()
    if found < settings.n_clusters:
        notes = (f"{settings.n_clusters} clusters asked, ties leave {found}.",)
    facts = _facts(found, data, inside)
    return labelled(raw, margin(data, raw), "ward", facts, notes)


def margin(data: DoubleArray, raw: IntArray) -> FloatArray:
    """How much nearer each chip's own centre is than the next one, 0..1; 1 for one cluster."""
    names, numbers = np.unique(raw, return_inverse=True)
    if len(names) == 1:
        return np.ones(len(data), np.float32)
    centres = np.array([data[numbers == j].mean(axis=0) for j in range(len(names))])

    from scipy.spatial.distance import cdist

    distance = cdist(data, centres)
    own = np.take_along_axis(distance, numbers[:, None], axis=1)[:, 0]
    np.put_along_axis(distance, numbers[:, None], np.inf, axis=1)
    other = np.maximum(distance.min(axis=1), np.finfo(np.float32).tiny)
    nearer: FloatArray = np.clip(1 - own / other, 0, 1).astype(np.float32)
    return nearer


def _data(points: FloatArray, n_dims: int, n_clusters: int, where: str) -> DoubleArray:
    """The first components as float64, checked."""
    data = np.ascontiguousarray(points[:, :n_dims], dtype=np.float64)
    if not np.isfinite(data).all():
        raise DegenerateError("points are not finite", where=where)
    distinct = len(np.unique(data, axis=0)) if len(data) >= n_clusters else len(data)
    if distinct < n_clusters:
        raise TooFewError(
            f"{n_clusters} clusters need {n_clusters} different chips, there are {distinct}",
            where=where,
            remedy=f"Set n_clusters to {max(distinct, 1)} or less.",
        )
    return data


def _facts(n_clusters: int, data: DoubleArray, inertia: float) -> dict[str, Fact]:
    return {"n_clusters": n_clusters, "n_dims": data.shape[1], "inertia": inertia}
