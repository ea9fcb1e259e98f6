"""The meaning of each measure of a labelling, and when it is misleading."""

MEASURES: dict[str, str] = {
    "silhouette": (
        "How much nearer a chip is to its own cluster than to the next one, -1 to 1. It favours "
        "round clusters of similar size: long or nested clusters score low even if they are real."
    ),
    "dbcv": (
        "How much denser the clusters are than the gaps between them, -1 to 1. A single outlier in "
        "a cluster, or a single chip between two clusters, can spoil it, and noise lowers it."
    ),
    "persistence": (
        "How long a cluster survives as the density threshold rises, 0 to 1. It is relative "
        "to the highest density in the data, so compare only clusters of the same cut."
    ),
    "stability": (
        "How much of the cluster is found again when resampled chips are clustered, 0 to 1: above "
        "0.85 it is stable, below 0.6 unstable. A stable cluster can still be just one scene."
    ),
    "size": (
        "Number of chips in the cluster. It counts annotations, not objects: a ship that is "
        "annotated twice counts twice."
    ),
    "area": (
        "Ground covered by the cluster's footprints, in hectares. Overlapping footprints count "
        "twice, and chips without a CRS have no area."
    ),
    "noise_fraction": (
        "Share of the chips that belong to no cluster, 0 to 1. A low value is not good in itself: "
        "mixtures and k-means have no noise because they put every chip into a cluster."
    ),
    "ari": (
        "Share of chip pairs on which cluster and attribute agree, corrected for chance: 1 is full "
        "agreement, 0 is chance. Clusters that are finer than the classes lower it, even if pure."
    ),
    "ami": (
        "Information that clusters and attribute share, corrected for chance: 1 is full agreement, "
        "0 is chance. Small classes have more weight than in the Rand index."
    ),
    "nmi": (
        "Information that clusters and attribute share, 0 to 1. It rises with the number of "
        "clusters alone, so compare it only between equal numbers of clusters."
    ),
    "v_measure": (
        "Harmonic mean of homogeneity (each cluster holds one class) and completeness (each class "
        "lies in one cluster), 0 to 1. It equals the NMI and is not corrected for chance."
    ),
}
