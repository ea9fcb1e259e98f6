"""Colours of the app: those of clusters, which exports use too, and those of charts."""

from core.clusters.cluster_colours import (
    COLOURS,
    EXCLUDED_COLOUR,
    NOISE_COLOUR,
    SYMBOLS,
    Look,
    cluster_colour,
    cluster_name,
    cluster_symbol,
)
from core.clusters.labelling import EXCLUDED, NOISE

__all__ = [
    "COLOURS",
    "EXCLUDED",
    "EXCLUDED_COLOUR",
    "MISSING_COLOUR",
    "NOISE",
    "NOISE_COLOUR",
    "RULE",
    "SEQUENTIAL",
    "SYMBOLS",
    "Look",
    "cluster_colour",
    "cluster_name",
    "cluster_symbol",
]

MISSING_COLOUR = "#C9CED6"
GREYS = (NOISE_COLOUR, EXCLUDED_COLOUR, MISSING_COLOUR)
# The colour of a chip in a gallery without groups, as CSS.
RULE = "var(--cs-rule)"
# Cividis (Nuñez et al., 2018) suits colour-blind readers; its lightest colours are left out.
SEQUENTIAL: tuple[tuple[float, str], ...] = (
    (0.0, "#00224E"),
    (0.2, "#35456C"),
    (0.4, "#666970"),
    (0.6, "#948E77"),
    (0.8, "#C8B866"),
    (1.0, "#F6D93F"),
)
