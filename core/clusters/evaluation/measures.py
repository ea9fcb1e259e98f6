"""What each measure of a labelling means, and when it misleads."""

MEASURES: dict[str, str] = {
    "silhouette": (
        "How much nearer a chip is to its own cluster than to the next, -1 to 1. It favours round "
        "clusters of one size: long or nested ones score low though they are real."
    ),
    "dbcv": (
        "How much denser the clusters are than the gaps between them, -1 to 1. One outlying chip "
        "inside a cluster or one chip between two can spoil it, and noise lowers it."
    ),
    "persistence": (
        "How long a cluster lasts as the density threshold rises, 0 to 1. Compare clusters of one "
        "cut only: it depends on the densest spot of all the data."
    ),
    "stability": (
        "How much of the cluster comes back when it is clustered again on resampled chips, 0 to "
        "1: above 0.85 firm, below 0.6 not there. A cluster can be stable and still be one scene."
    ),
    "size": (
        "Chips in the cluster. It counts annotations, not objects: one ship annotated twice "
        "counts as two."
    ),
    "area": (
        "Ground under the cluster's footprints, in hectares. Footprints that overlap count twice, "
        "and chips without a CRS have no area."
    ),
    "noise_fraction": (
        "Share of the chips in no cluster, 0 to 1. Low is not good in itself: mixtures and k-means "
        "have none because they put every chip somewhere."
    ),
    "ari": (
        "Pairs of chips on which clusters and property agree, beyond chance; 1 is equal, 0 chance. "
        "Finer clusters than classes lower it, however pure they are."
    ),
    "ami": (
        "Information that clusters and property share, beyond chance; 1 is equal, 0 chance. Small "
        "classes weigh more in it than in the Rand index."
    ),
    "nmi": (
        "Information that clusters and property share, 0 to 1. It rises with the number of "
        "clusters alone: compare it at like numbers only."
    ),
    "v_measure": (
        "Mean of homogeneity (each cluster one class) and completeness (each class one cluster), 0 "
        "to 1; the same number as NMI. Not corrected for chance."
    ),
}
"""What each measure means and when it misleads, in a sentence or two."""
