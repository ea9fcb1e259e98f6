"""One frozen dataclass a stage; every bound checked at birth, every default stated once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.input_settings import SceneSettings, ScreenSettings
from core.tables import Checked, bounded, one_of
from core.types import (
    Align,
    Background,
    BandsRule,
    Clustering,
    Covariance,
    CutMethod,
    NoiseMethod,
    Precision,
)


@dataclass(frozen=True)
class ChipSettings(Checked):
    """How a chip is cut around its annotation.

    Attributes
    ----------
    size : int
        Pixels along one side of the chip, 16 to 512.
    margin : float
        Context around the annotation's box, as a fraction of the box's longer side on each side.
    extent : float
        0: each box fills its chip ("fit"). Otherwise the chip's side on the ground in metres, so
        that size shows.
    align : {"north", "long-axis"}
        "long-axis" turns each chip so that the annotation's long axis points up and heading does
        not drive the clusters.
    background : {"keep", "mask"}
        "mask" hides what lies outside the footprint.
    point_size : float
        Side on the ground in metres of the square around an annotation that has no extent.
    bands : tuple of str
        Names of the bands to keep; empty for those common to all scenes.
    """

    size: int = bounded(64, 16, 512)
    margin: float = bounded(0.15, 0, 5)
    extent: float = bounded(0.0, 0, 100_000)
    align: Align = one_of("north", Align)
    background: Background = one_of("keep", Background)
    point_size: float = bounded(20.0, 0.01, 100_000)
    bands: tuple[str, ...] = ()


@dataclass(frozen=True)
class EmbedSettings(Checked):
    """Which encoder runs, with which weights.

    Attributes
    ----------
    encoder : str
        A name from the registry.
    weights : str
        A local weight file or folder; empty for the workspace's weights/ folder, then the hub.
    input_size : int
        Pixels that chips are resized to before encoding; 0 for the encoder's own default.
    statistics : str
        "card" for the normalisation on the encoder's card, "data" for that of these chips.
    sample : int
        Chips that an encoder which learns from the data is fitted on.
    bands_rule : {"first", "triples"}
        What a network for three bands does with more: "first" takes those named red, green and
        blue; "triples" runs it over three bands at a time and joins the embeddings. A last triple
        that is not full takes the bands before it as well.
    precision : {"auto", "full"}
        "auto" computes in half precision on a CUDA device, "full" in float32 everywhere. Where
        there is none, both are float32.
    refit : bool
        Learn anew from all chips instead of keeping what was learnt before scenes were added.
    """

    encoder: str = "texture"
    weights: str = ""
    input_size: int = bounded(0, 0, 1024)
    statistics: str = field(default="card", metadata={"choices": ("card", "data")})
    sample: int = bounded(5000, 10, 1_000_000)
    refit: bool = False
    bands_rule: BandsRule = one_of("first", BandsRule)
    precision: Precision = one_of("auto", Precision)


@dataclass(frozen=True)
class ReductionSettings(Checked):
    """How embeddings become the space in which clusters are sought.

    Attributes
    ----------
    n_dims : int
        Principal components kept, or what the number of chips allows.
    longitude, latitude, width, height : float
        Weight of each property beside the embedding, 0 to leave it out (the default, because place
        makes clusters of place). At weight 1 it counts as much as one average embedding column.
    """

    n_dims: int = bounded(50, 1, 2000)
    longitude: float = bounded(0.0, 0, 100)
    latitude: float = bounded(0.0, 0, 100)
    width: float = bounded(0.0, 0, 100)
    height: float = bounded(0.0, 0, 100)


@dataclass(frozen=True)
class GmmSettings(Checked):
    """A Gaussian mixture.

    Attributes
    ----------
    n_components : int
        Number of Gaussians.
    covariance : {"auto", "full", "tied", "diag", "spherical"}
        "auto" takes the richest one whose parameters stay below a fifth of the chips.
    n_dims : int
        Principal components that the mixture sees; 0 for as many as its parameters allow, 10 at
        most.
    n_init : int
        Cold starts; the best likelihood is kept.
    regularisation : float
        Added to the diagonal of each covariance, in units of the data's mean variance.
    seed : int
    """

    n_components: int = bounded(8, 1, 200)
    covariance: Covariance = one_of("auto", Covariance)
    n_dims: int = bounded(0, 0, 2000)
    n_init: int = bounded(5, 1, 100)
    regularisation: float = bounded(1e-3, 0, 1)
    seed: int = bounded(0, 0, 2**31 - 1)


@dataclass(frozen=True)
class TreeSettings(Checked):
    """HDBSCAN's minimum spanning tree: what is dear to change.

    Attributes
    ----------
    n_dims : int
        Principal components that HDBSCAN sees; density thins out in many dimensions.
    min_samples : int
        Neighbours that make a point dense, not counting the point itself.
    """

    n_dims: int = bounded(10, 1, 2000)
    min_samples: int = bounded(5, 1, 1000)


@dataclass(frozen=True)
class CutSettings(Checked):
    """A cut of HDBSCAN's tree: what is cheap to change.

    Attributes
    ----------
    min_cluster_size : int
        The smallest group of chips called a cluster.
    selection : {"eom", "leaf"}
        Excess of mass (few large clusters) or leaves (many small ones).
    epsilon : float
        Clusters nearer to each other than this distance are not split.
    max_cluster_size : int
        Larger clusters give way to what is inside them ("eom" only); 0 for no limit. An epsilon
        that joins clusters goes before it.
    allow_single_cluster : bool
        Whether all chips may be one cluster and noise.
    """

    min_cluster_size: int = bounded(15, 2, 1_000_000)
    selection: CutMethod = one_of("eom", CutMethod)
    epsilon: float = bounded(0.0, 0, 1e9)
    max_cluster_size: int = bounded(0, 0, 100_000_000)
    allow_single_cluster: bool = False


@dataclass(frozen=True)
class KMeansSettings(Checked):
    """k-means: round clusters of like width, no noise.

    Attributes
    ----------
    n_clusters : int
    n_dims : int
        Principal components that it sees.
    n_init : int
        Cold starts (k-means++); the least inertia is kept.
    seed : int
    """

    n_clusters: int = bounded(8, 1, 1000)
    n_dims: int = bounded(10, 1, 2000)
    n_init: int = bounded(10, 1, 100)
    seed: int = bounded(0, 0, 2**31 - 1)


@dataclass(frozen=True)
class WardSettings(Checked):
    """Ward's hierarchy: one tree for all numbers of clusters, no noise; 20,000 chips at most.

    Attributes
    ----------
    n_clusters : int
        Where the tree is cut.
    n_dims : int
        Principal components that it sees.
    """

    n_clusters: int = bounded(8, 1, 1000)
    n_dims: int = bounded(10, 1, 2000)


@dataclass(frozen=True)
class NoiseSettings(Checked):
    """What is shown of chips that HDBSCAN calls noise; -1 is always kept beside.

    Attributes
    ----------
    method : {"keep", "nearest", "soft"}
        "nearest" gives each to the cluster of the nearest clustered chip, "soft" to the one with
        the strongest membership.
    threshold : float
        Least membership that "soft" asks for, 0..1.
    """

    method: NoiseMethod = one_of("keep", NoiseMethod)
    threshold: float = bounded(0.1, 0, 1)


@dataclass(frozen=True)
class ProjectionSettings(Checked):
    """The two-dimensional picture.

    Attributes
    ----------
    perplexity : float
        Neighbours that each point feels, from 2 to a third of the chips (van der Maaten, 2008); 0
        for 30, or for the most that fewer chips carry.
    n_iter : int
        Iterations after the 250 of early exaggeration.
    exaggeration : float
        Attraction after the early phase; above 1 clusters contract.
    seed : int
    """

    perplexity: float = bounded(0.0, 0, 10_000)
    n_iter: int = bounded(500, 50, 10_000)
    exaggeration: float = bounded(1.0, 1, 50)
    seed: int = bounded(0, 0, 2**31 - 1)


@dataclass(frozen=True)
class RunSettings(Checked):
    """All stages of the main job."""

    method: Clustering = one_of("gmm", Clustering)
    chips: ChipSettings = field(default_factory=ChipSettings)
    embed: EmbedSettings = field(default_factory=EmbedSettings)
    reduction: ReductionSettings = field(default_factory=ReductionSettings)
    gmm: GmmSettings = field(default_factory=GmmSettings)
    tree: TreeSettings = field(default_factory=TreeSettings)
    cut: CutSettings = field(default_factory=CutSettings)
    kmeans: KMeansSettings = field(default_factory=KMeansSettings)
    ward: WardSettings = field(default_factory=WardSettings)
    noise: NoiseSettings = field(default_factory=NoiseSettings)
    projection: ProjectionSettings = field(default_factory=ProjectionSettings)
    scenes: SceneSettings = field(default_factory=SceneSettings)
    screen: ScreenSettings = field(default_factory=ScreenSettings)


# What the pipeline that this one starts from did: place and size mixed in, full covariance.
_SEED = {
    "reduction": {"n_dims": 50, "longitude": 1.0, "latitude": 1.0, "width": 1.0, "height": 1.0},
    "gmm": {"covariance": "full", "n_dims": 50},
}
PRESETS: Mapping[str, Mapping[str, Any]] = {"default": {}, "seed": _SEED}
