"""Names, colours and symbols by cluster id, the same in the app and in every export.

The colours are fixed and safe for colour-blind readers; noise is grey. The first seven are those of
Okabe and Ito (2008, "Color universal design"). The others were added one by one: each is the colour
with the largest distance in OKLab (Ottosson, 2020) to the nearest colour before it, in the worst
case of normal vision, deuteranopia and protanopia (Machado et al., 2009). A test measures these
distances.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.clusters.labelling import EXCLUDED, NOISE

COLOURS: tuple[str, ...] = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#6C0C24"),
    *("#301890", "#60E4B4", "#785460", "#8478FC", "#B4180C", "#3C3C60", "#9CD8FC", "#0048C0"),
    *("#00CC78", "#B43C90", "#5460E4", "#6C90D8", "#3C6024", "#3CCCCC", "#F0546C", "#F0C000"),
)
SYMBOLS: tuple[str, ...] = ("circle", "diamond", "square", "triangle-up")
NOISE_COLOUR, EXCLUDED_COLOUR = "#A9AFB8", "#DCE0E6"


def cluster_colour(cluster: int) -> str:
    """Return the colour of a cluster, repeating after 24; noise and excluded chips are grey."""
    if cluster == EXCLUDED:
        return EXCLUDED_COLOUR
    return NOISE_COLOUR if cluster < 0 else COLOURS[cluster % len(COLOURS)]


def cluster_symbol(cluster: int) -> str:
    """Return the marker of a cluster: its shape changes after every 24 clusters."""
    return "circle" if cluster < 0 else SYMBOLS[(cluster // len(COLOURS)) % len(SYMBOLS)]


def cluster_name(cluster: int) -> str:
    """Return the default name of a cluster."""
    return {NOISE: "Noise", EXCLUDED: "Excluded"}.get(cluster, f"Cluster {cluster}")


@dataclass(frozen=True)
class Look:
    """Names and colours of clusters: those that the user chose, else the defaults."""

    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, str] = field(default_factory=dict)

    def name(self, cluster: int) -> str:
        """Return the name of a cluster."""
        return self.names.get(cluster, cluster_name(cluster))

    def colour(self, cluster: int) -> str:
        """Return the colour of a cluster."""
        return self.colours.get(cluster, cluster_colour(cluster))
