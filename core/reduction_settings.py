"""Settings of the reduction of embeddings, and of the projection to two dimensions."""

from dataclasses import dataclass

from core.tables import Checked, bounded, one_of
from core.types import Harmonisation, Initialisation, Metric, Nuisance


@dataclass(frozen=True)
class ReductionSettings(Checked):
    """How embeddings become the principal components that are clustered.

    Attributes
    ----------
    n_dims : int, default=50
        Number of principal components, from 1 to 2000; fewer if there are too few chips or columns.
    longitude, latitude, width, height : float, default=0
        Weight of each of these chip measurements, from 0 to 100. With weight 1 a measurement counts
        as much as an average column of the embedding; 0 leaves it out. Adding coordinates makes
        clusters follow location.
    harmonisation : {"none", "centre"}, default="none"
        "centre" subtracts the mean embedding of each scene, so that clusters do not follow
        differences between scenes; scenes with few chips are corrected less. It also removes what
        distinguishes classes that occur in different scenes.
    nuisance : {"none", "brightness", "sharpness"}, default="none"
        Measure of the chips' appearance whose linear effect on the embeddings is removed.
    """

    n_dims: int = bounded(50, 1, 2000)
    longitude: float = bounded(0.0, 0, 100)
    latitude: float = bounded(0.0, 0, 100)
    width: float = bounded(0.0, 0, 100)
    height: float = bounded(0.0, 0, 100)
    harmonisation: Harmonisation = one_of("none", Harmonisation)
    nuisance: Nuisance = one_of("none", Nuisance)


@dataclass(frozen=True)
class ProjectionSettings(Checked):
    """The two-dimensional projection by t-SNE.

    Attributes
    ----------
    perplexity : float, default=0
        Effective number of neighbours of each chip (van der Maaten and Hinton, 2008), from 2 to a
        third of the number of chips. 0 uses the smaller of 30 and that third.
    n_iter : int, default=500
        Number of iterations after the 250 of early exaggeration, from 50 to 10,000.
    exaggeration : float, default=1
        Factor by which attraction is multiplied after early exaggeration, from 1 to 50; values
        above 1 make clusters more compact.
    seed : int, default=0
        Seed of the initial positions, or of the noise added to them, from 0 to 2**31 - 1.
    initialisation : {"pca", "spectral", "random"}, default="pca"
        Initial positions: the first two principal components, the first two coordinates of a
        random walk on the neighbour graph, or random ones. A random start often puts related
        groups far apart (Kobak and Linderman, Nature Biotechnology 2021).
    metric : {"euclidean", "cosine"}, default="euclidean"
        How the distance of two chips is measured. "cosine" compares directions only, so that chips
        with unusually large values do not end up at the edge.
    """

    perplexity: float = bounded(0.0, 0, 10_000)
    n_iter: int = bounded(500, 50, 10_000)
    exaggeration: float = bounded(1.0, 1, 50)
    seed: int = bounded(0, 0, 2**31 - 1)
    initialisation: Initialisation = one_of("pca", Initialisation)
    metric: Metric = one_of("euclidean", Metric)
