"""The settings of each stage: one frozen dataclass per stage, with its bounds and defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.input_settings import SceneSettings, ScreenSettings
from core.reduction_settings import ProjectionSettings, ReductionSettings
from core.tables import Checked, bounded, one_of
from core.types import Align, Background, BandsRule, Covariance, CutMethod, NoiseMethod, Precision


@dataclass(frozen=True)
class ChipSettings(Checked):
    """How a chip is cut around its annotation.

    Attributes
    ----------
    size : int, default=64
        Side of the chip in pixels, from 16 to 512.
    margin : float, default=0.15
        Context on each side of the annotation's box, as a fraction of the box's longer side, from
        0 to 5.
    extent : float, default=0
        Side of the chip on the ground in metres, up to 100,000; a common scale keeps differences
        in size visible. With 0 each annotation's box, with its margin, fills its chip.
    align : {"north", "long-axis"}, default="north"
        Chip orientation. With "north", grid north of the scene's CRS is up, however the scene is
        turned or mirrored; without a CRS, chips are as in the scene. "long-axis" turns each chip so
        that the annotation's long axis points up, and clusters do not depend on its heading.
    background : {"keep", "mask"}, default="keep"
        Whether pixels outside the footprint are kept or masked.
    point_size : float, default=20
        Side on the ground in metres of the square around an annotation without extent (a point),
        from 0.01 to 100,000. Not used if `extent` is set.
    bands : tuple of str, default=()
        Names of the bands to keep; if empty, the bands that all scenes have.
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
    """Which encoder embeds the chips, and how.

    Attributes
    ----------
    encoder : str, default="texture"
        Name of an encoder in the registry, names joined by "+", or "raster:PATH".
    weights : str, default=""
        Path of a local weight file or folder. If empty, the workspace's weights/ folder is
        searched, then the Hugging Face hub and its cache.
    input_size : int, default=0
        Side in pixels that chips are resized to before encoding, up to 1024; 0 lets the encoder
        choose.
    statistics : {"card", "data"}, default="card"
        Whether pixels are normalised with the statistics on the encoder's card or with those of
        the chips.
    sample : int, default=5000
        Largest number of chips that encoders and pixel scalings are fitted to, from 10 to
        1,000,000.
    refit : bool, default=False
        Fit the encoder again to all chips, instead of keeping the fit made before scenes were
        added.
    bands_rule : {"first", "triples"}, default="first"
        How a three-band network handles chips with more bands. "first" uses the bands named red,
        green and blue. "triples" encodes three bands at a time and concatenates the embeddings; an
        incomplete last triple is completed with the bands before it.
    precision : {"auto", "full"}, default="auto"
        "auto" computes in half precision on a CUDA device and in float32 elsewhere; "full" always
        computes in float32.
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
class GmmSettings(Checked):
    """A Gaussian mixture model.

    Attributes
    ----------
    n_components : int, default=8
        Number of Gaussians, from 1 to 200.
    covariance : {"auto", "shrunk", "full", "tied", "diag", "spherical"}, default="auto"
        Shape of the covariance matrices, as in scikit-learn's GaussianMixture, or "shrunk": full
        matrices, each averaged with the covariance within all clusters. "auto" uses "shrunk" or
        "tied", whichever makes chips that were left out of the fit more likely.
    n_dims : int, default=0
        Number of principal components to use, up to 2000. 0 chooses 8, 12 or 18 in the same way.
    n_init : int, default=5
        Number of initialisations, from 1 to 100, the first by Ward's method and the others by
        k-means; the fit with the best likelihood is used.
    regularisation : float, default=0.001
        Value added to the diagonal of each covariance matrix, from 0 to 1, in units of the mean
        variance of the data.
    seed : int, default=0
        Seed of the initialisations by k-means, from 0 to 2**31 - 1.
    """

    n_components: int = bounded(8, 1, 200)
    covariance: Covariance = one_of("auto", Covariance)
    n_dims: int = bounded(0, 0, 2000)
    n_init: int = bounded(5, 1, 100)
    regularisation: float = bounded(1e-3, 0, 1)
    seed: int = bounded(0, 0, 2**31 - 1)


@dataclass(frozen=True)
class TreeSettings(Checked):
    """HDBSCAN's minimum spanning tree, which is expensive to build.

    Attributes
    ----------
    n_dims : int, default=0
        Number of principal components in which density is measured, up to 2000; density estimates
        become unreliable in many dimensions. With 0 it is measured in the graph of each chip's
        nearest neighbours in all components.
    min_samples : int, default=0
        Number of neighbours that define the density at a chip, up to 1000. The chip itself is not
        counted: 5 here is 6 in scikit-learn. 0 chooses it from the number of chips, and 5 if
        `n_dims` is set.
    """

    n_dims: int = bounded(0, 0, 2000)
    min_samples: int = bounded(0, 0, 1000)


@dataclass(frozen=True)
class CutSettings(Checked):
    """A cut of HDBSCAN's tree, which is cheap to change.

    Attributes
    ----------
    min_cluster_size : int, default=0
        Smallest number of chips that form a cluster, up to 1,000,000. 0 uses the value suggested
        for the tree, or a thirtieth of the chips if `tree.n_dims` is set.
    selection : {"eom", "leaf"}, default="eom"
        How clusters are selected: by excess of mass (few large ones) or as the leaves of the
        condensed tree (many small ones).
    epsilon : float, default=0
        Distance in the clustered space, up to 1e9, below which clusters are not split.
    max_cluster_size : int, default=0
        Largest number of chips in a cluster, up to 100,000,000, for "eom" only: a larger cluster
        is replaced by its children. 0 sets no limit. Clusters that `epsilon` joins may exceed it.
    allow_single_cluster : bool, default=False
        Whether a single cluster, apart from noise, is a valid result.
    """

    min_cluster_size: int = bounded(0, 0, 1_000_000)
    selection: CutMethod = one_of("eom", CutMethod)
    epsilon: float = bounded(0.0, 0, 1e9)
    max_cluster_size: int = bounded(0, 0, 100_000_000)
    allow_single_cluster: bool = False


@dataclass(frozen=True)
class KMeansSettings(Checked):
    """k-means: round clusters of similar extent, without noise.

    Attributes
    ----------
    n_clusters : int, default=8
        Number of clusters, from 1 to 1000.
    n_dims : int, default=10
        Number of principal components to use, from 1 to 2000.
    n_init : int, default=10
        Number of initialisations by k-means++, from 1 to 100; the fit with the lowest inertia is
        used.
    seed : int, default=0
        Seed of the initialisations, from 0 to 2**31 - 1.
    """

    n_clusters: int = bounded(8, 1, 1000)
    n_dims: int = bounded(10, 1, 2000)
    n_init: int = bounded(10, 1, 100)
    seed: int = bounded(0, 0, 2**31 - 1)


@dataclass(frozen=True)
class WardSettings(Checked):
    """Ward's hierarchy: one tree for every number of clusters, for at most 20,000 chips.

    Attributes
    ----------
    n_clusters : int, default=8
        Number of clusters that the tree is cut into, from 1 to 1000.
    n_dims : int, default=20
        Number of principal components to use, from 1 to 2000.
    """

    n_clusters: int = bounded(8, 1, 1000)
    n_dims: int = bounded(20, 1, 2000)


@dataclass(frozen=True)
class NoiseSettings(Checked):
    """How chips that HDBSCAN labels as noise are displayed; exports keep the label -1 as well.

    Attributes
    ----------
    method : {"keep", "nearest", "soft"}, default="keep"
        "keep" displays them as noise, "nearest" in the cluster of the nearest clustered chip, and
        "soft" in the cluster in which their membership is strongest.
    threshold : float, default=0.1
        Smallest membership strength for which "soft" assigns a cluster, from 0 to 1.
    """

    method: NoiseMethod = one_of("keep", NoiseMethod)
    threshold: float = bounded(0.1, 0, 1)


@dataclass(frozen=True)
class RunSettings(Checked):
    """The settings of all stages.

    Attributes
    ----------
    method : str, default="gmm"
        Clustering method: "gmm", "hdbscan", "kmeans" or "ward". Only its own settings apply.
        `core.clusters.methods.method_table` lists the methods and checks the name.
    """

    method: str = "gmm"
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


# The settings of the pipeline that Chipscape replaces: location and size added, full covariance.
_SEED = {
    "reduction": {"n_dims": 50, "longitude": 1.0, "latitude": 1.0, "width": 1.0, "height": 1.0},
    "gmm": {"covariance": "full", "n_dims": 50},
}
PRESETS: Mapping[str, Mapping[str, Any]] = {"default": {}, "seed": _SEED}
