"""k-means: round clusters of similar extent, without noise."""

from core.clusters.labelling import Labelling, make_labelling
from core.clusters.methods.centres import centre_facts, centre_margin, checked_components
from core.settings import KMeansSettings
from core.types import FloatArray


def fit_kmeans(points: FloatArray, settings: KMeansSettings) -> Labelling:
    """Cluster by k-means (Lloyd's algorithm; k-means++ starts, Arthur and Vassilvitskii, 2007).

    The points, (n, d), are principal components, strongest first. Errors are those of
    `checked_components`.
    """
    components = checked_components(points, settings.n_dims, settings.n_clusters, "k-means")

    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    model = KMeans(settings.n_clusters, n_init=settings.n_init, random_state=settings.seed)
    # With several threads, sums are added in a different order on each run.
    with threadpool_limits(limits=1):
        numbers = model.fit_predict(components)
    facts = centre_facts(settings.n_clusters, components, float(model.inertia_))
    return make_labelling(numbers, centre_margin(components, numbers), "kmeans", facts)
